/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types of script values and of the memory that scripts read.
 *
 * Types are interned in a struct type_table: equal types are one pointer, so they are compared with ==.
 * Structs and unions are the exception: each definition is its own type (two targets may lay out one name
 * differently). All types live in the table's arena. The fields of a struct are filled when first asked for
 * (type_complete), because the kernel's types form one large cyclic graph.
 *
 * "Stored form" is how a value stands in BPF memory: map keys and values, event payloads, stack slots. It is the
 * contract between the code generator and the printers; type.size and type.align describe it:
 *
 *   void                none
 *   bool                1 byte, 0 or 1
 *   int, enum           1, 2, 4 or 8 bytes little endian
 *   pointer             8 bytes
 *   struct, array       their bytes as in the traced memory
 *   string              size bytes: up to size - 1 characters, then NULs to the end; the last byte is 0, or 1 when the
 *                       text was cut to fit (printers then append str_trunc_trailer)
 *   buffer              u32 length, then count bytes (NULs behind length); size = 4 + count rounded up to 4
 *   tuple, record       fields at natural alignment as a C struct, padding zeroed
 *   kstack, ustack      struct stored_stack
 *   ksym                u64 address
 *   usym                struct stored_usym
 *   inet                struct stored_inet
 *   macaddr             6 bytes
 *   timestamp           struct stored_timestamp
 *   cgroup_path         struct stored_cgroup_path
 *   username            u32 uid
 *   typename            struct stored_usym: of what tells the dynamic type (Go's type word, a table of virtual functions)
 *   float               4, 8 or 16 bytes (16: x87's 80 bits); nothing computes with it, it is printed
 *   wide int            16 bytes, little endian
 *   capture             struct stored_capture and its segments (capture.h)
 *   blob                struct stored_blob: bytes that the consumer has, of any length; they are only printed
 *   count, sum          u64 / i64
 *   min, max            struct stored_minmax
 *   avg, stats          struct stored_avg
 *   hist, lhist         one u64 counter per (key, bucket): the bucket (u64) is appended to the map's key.
 *                       hist with k bits: bucket 0 is n < 0; n < 2^k is bucket n + 1; else, with l = floor(log2(n)),
 *                       ((l - k + 1) << k) + ((n >> (l - k)) - 2^k) + 1. lhist: 0 is n < min, 1 + (n - min) / step,
 *                       and 1 + (max - min) / step for n >= max
 *   tseries             struct stored_tseries per (key, slot): the slot (u64) is appended to the key and is
 *                       the interval's number modulo the number of intervals kept; .interval says which it holds
 */
#ifndef SONDE_TYPES_TYPE_H
#define SONDE_TYPES_TYPE_H

#include "base/arena.h"
#include "base/hashmap.h"

#include "base/strbuf.h"

struct capture; /* capture.h */

enum type_kind {
	TYPE_NONE, /* not known yet, or no value: the type of statements and of void functions */
	TYPE_VOID, /* only behind pointers */
	TYPE_BOOL,
	TYPE_INT,
	TYPE_ENUM,
	TYPE_POINTER,
	TYPE_STRUCT, /* struct or union, from C text, BTF or DWARF */
	TYPE_ARRAY,
	TYPE_FUNCTION, /* only behind pointers */
	TYPE_STRING,
	TYPE_BUFFER,
	TYPE_TUPLE,
	TYPE_RECORD, /* a tuple with named fields: (a=1, b="x") */
	TYPE_KSTACK,
	TYPE_USTACK,
	TYPE_KSYM,
	TYPE_USYM,
	TYPE_INET,
	TYPE_MACADDR,
	TYPE_TIMESTAMP,
	TYPE_CGROUP_PATH,
	TYPE_USERNAME,
	TYPE_TYPENAME,
	/* of traced programs' languages */
	TYPE_FLOAT,
	TYPE_WIDE_INT, /* 128 bits */
	TYPE_CAPTURE,  /* a value with what it points to, captured for printing; elem: its type */
	TYPE_BLOB,     /* args.data of a message */
	/* aggregations: only as the value type of a map */
	TYPE_COUNT,
	TYPE_SUM,
	TYPE_AVG,
	TYPE_MIN,
	TYPE_MAX,
	TYPE_STATS,
	TYPE_HIST,
	TYPE_LHIST,
	TYPE_TSERIES,
	TYPE_N_KINDS
};

/* which memory a pointer points into; decides bpf_probe_read_user or _kernel, or a direct load */
enum space {
	SPACE_NONE, /* not said: chosen by the probe type when dereferenced */
	SPACE_USER,
	SPACE_KERNEL,
	SPACE_BPF, /* memory that a BPF program may load from directly: scratch, map values, context */
};

enum stack_mode { STACK_MODE_BPFTRACE, STACK_MODE_PERF, STACK_MODE_RAW, STACK_MODE_BUILD_ID };
enum tseries_agg { TSERIES_LAST, TSERIES_AVG, TSERIES_MAX, TSERIES_MIN, TSERIES_SUM };

struct type_field {
	struct str name; /* empty: anonymous struct or union member; tuples: empty */
	const struct type *type;
	uint32_t offset; /* bytes from the start of the parent */
	uint8_t bit_offset; /* bit-fields: from the least significant bit of the storage unit at offset */
	uint8_t bit_size; /* 0: not a bit-field */
	bool is_data_loc; /* tracepoint __data_loc: the u32 holds offset | length << 16 from the context's start */
	bool is_user; /* pointer marked __user in BTF */
};

struct type_enumerator {
	struct str name;
	int64_t value;
};

/* language of the program that a type comes from: decides how values are written */
enum type_lang { LANG_NONE, LANG_C, LANG_CXX, LANG_RUST, LANG_GO };

/*
 * One alternative of a Rust enum (DWARF variant part). The value whose discriminant fits none of the others is of the one
 * without values.
 */
struct type_variant {
	struct str name;
	bool has_value; /* false: the one for everything else, or the only one */
	uint64_t value; /* of the discriminant, masked to its size */
	const struct type *
		type; /* struct with the alternative's fields, offsets from the enum's start; NULL: none */
};

/* a type parameter of a generic type or template: what stands for T */
struct type_param {
	struct str name;
	const struct type *type;
};

/* how a struct travels through calls, where its fields alone do not decide */
enum type_abi {
	TYPE_ABI_FIELDS, /* by its fields */
	TYPE_ABI_REFERENCE, /* C++: not trivially copyable, always by the address of a copy */
	TYPE_ABI_VECTOR,  /* one vector register: __m128, __float128 */
	TYPE_ABI_UNKNOWN, /* nothing may be concluded */
};

struct type {
	enum type_kind kind;
	uint32_t size; /* stored form, bytes; 0 for void, function, none, and structs not complete yet */
	uint32_t align; /* 1, 2, 4 or 8 */
	bool is_signed; /* int, enum; sum, avg, min, max, stats: of the value collected */
	bool is_union;
	bool is_complete;        /* struct: fields are filled */
	bool is_flex;            /* array of unknown length ([]) */
	enum space space;        /* pointer */
	const struct type *elem; /* pointer: target; array: element; function: result */
	uint32_t count; /* array: elements; string: size; buffer: capacity; stacks: frame limit */
	struct str name; /* struct and enum tag (without the keyword); int: C name when it came from C or BTF */
	struct type_field *fields; /* struct (when complete), tuple, record; function: parameters */
	uint32_t n_fields;
	const struct type_enumerator *enumerators;
	uint32_t n_enumerators;
	enum stack_mode stack_mode;
	/* hist: bits; lhist: min, max, step; tseries: interval (ns), number of intervals, tseries_agg */
	int64_t param[3];
	/* for structs: who fills the fields, and its own handle on the type */
	struct type_source *source;
	uint64_t source_id;
	/* ---- types of traced programs ---- */
	enum type_lang lang; /* structs, enums, and pointers with a name */
	bool is_char;        /* enum without enumerators: a code point (Rust char, char32_t) */
	bool has_vtable;     /* C++ class with virtual functions */
	enum type_abi abi;   /* structs from DWARF */
	uint8_t go_kind;     /* Go's reflect.Kind, 0: none */
	uint64_t go_type;    /* Go: address (of the file) of the run-time type word, 0: not known */
	/* pointers: name as the language writes it ("&i32", "*const u8", "alloc::boxed::Box<i32>") is in name */
	/* structs, when complete */
	const struct type_variant *variants;
	uint32_t n_variants;
	struct type_field discr; /* of variants: type NULL when there is only one */
	const struct type_param *params;
	uint32_t n_params;
	const struct type *go_elem, *go_key; /* Go: of slices, maps, channels */
	/* capture: how it was captured */
	const struct capture *capture;
};

/* ---- stored forms shared with generated code ---- */

struct stored_stack {
	uint64_t hash; /* key into the stack map (see image.h); 0 when n is 0 */
	uint32_t n_frames;
	uint32_t pid; /* ustack: tgid in the initial namespace; kstack: 0 */
};

struct stored_usym {
	uint64_t addr;
	uint32_t pid;
	uint32_t pad;
};

struct stored_inet {
	uint32_t family; /* AF_INET or AF_INET6 */
	uint8_t addr[16];
};

struct stored_timestamp {
	uint32_t format; /* index of a string in image.strings */
	uint32_t clock;  /* enum stored_clock: which clock ns was read from */
	uint64_t ns;
};

enum stored_clock { CLOCK_STORED_MONOTONIC, CLOCK_STORED_BOOT, CLOCK_STORED_TAI };

struct stored_cgroup_path {
	uint64_t id;
	uint32_t filter; /* index of a string in image.strings; UINT32_MAX: none */
	uint32_t pad;
};

struct stored_blob {
	uint64_t id;     /* number of the message that it is of */
	uint64_t length; /* bytes that the consumer has */
};

struct stored_minmax {
	uint64_t value;
	uint64_t is_set;
};

struct stored_avg {
	uint64_t total;
	uint64_t count;
};

struct stored_tseries {
	uint64_t value; /* last, min, max, sum; for avg the total */
	uint64_t count; /* of values; last: time of the write (ns). 0: nothing in this interval */
	uint64_t interval; /* number of the interval: time / interval length */
};

/* ---- tables and constructors ---- */

struct type_table {
	struct arena *arena;
	struct hashmap interned; /* spelled key -> struct type * */
};

void type_table_init(struct type_table *tt, struct arena *arena);
void type_table_free(struct type_table *tt); /* not the arena */

const struct type *type_none(void);
const struct type *type_void(void);
const struct type *type_bool(void);
/* size 1, 2, 4, 8 */
const struct type *type_int(uint32_t size, bool is_signed);
const struct type *type_pointer(struct type_table *tt, const struct type *elem, enum space space);
/* a pointer as a traced program's language names it: "&str" is not "*const str"; see struct type */
const struct type *type_pointer_named(struct type_table *tt, const struct type *elem,
				      enum space space, enum type_lang lang, struct str name);
/* size 4, 8, 16 */
const struct type *type_float(uint32_t size);
const struct type *type_wide_int(bool is_signed);
/* never interned; size: bytes of the stored form at most. Callers keep one for each elem (view_capture does) */
const struct type *type_capture(struct type_table *tt, const struct type *elem,
				const struct capture *capture, uint32_t size);
const struct type *type_array(struct type_table *tt, const struct type *elem, uint32_t count);
const struct type *type_string(struct type_table *tt,
			       uint32_t size); /* size counts the last (NUL/cut) byte, >= 1 */
const struct type *type_buffer(struct type_table *tt, uint32_t capacity);
/* names NULL: tuple, else record */
const struct type *type_tuple(struct type_table *tt, const struct type *const *elems,
			      const struct str *names, uint32_t n);
const struct type *type_stack(struct type_table *tt, enum type_kind kind, enum stack_mode mode,
			      uint32_t limit);
/* kinds without parameters: ksym, usym, inet, macaddr, timestamp, cgroup_path, username, blob, count */
const struct type *type_simple(enum type_kind kind);
/* sum, avg, min, max, stats, hist, lhist, tseries */
const struct type *type_aggregate(struct type_table *tt, enum type_kind kind, bool is_signed,
				  const int64_t param[3]);
/* a struct or union that is not complete; never interned */
struct type *type_new_struct(struct type_table *tt, struct str name, bool is_union);
struct type *type_new_enum(struct type_table *tt, struct str name, uint32_t size, bool is_signed,
			   const struct type_enumerator *e, uint32_t n);

/* ---- questions ---- */

bool type_is_integer(const struct type *t); /* bool, int, enum */
bool type_is_scalar(const struct type *t);  /* fits a register: integer, pointer */
bool type_is_aggregation(const struct type *t);
bool type_is_stack(const struct type *t);
/* counters that may be read as a number by cast or comparison: count, sum, min, max, avg */
bool type_is_castable_aggregation(const struct type *t);
/* array of int8 (char): string-like */
bool type_is_char_array(const struct type *t);
/* struct: fill fields if needed; false when the definition is missing (only declared) */
bool type_complete(const struct type *t);
/*
 * Field by name, through anonymous members. On success *out has the offset relative to t (anonymous parents
 * added). False when there is none or t is not complete.
 */
bool type_find_field(const struct type *t, struct str name, struct type_field *out);
/* as bpftrace spells it: "uint64", "string[64]", "struct task_struct *", "(int64,string[3])" */
void type_spell(const struct type *t, struct strbuf *out);
struct str type_spelling(struct arena *a, const struct type *t);

/* ---- where named types come from ---- */

/* A provider of named types: the script's own C text, the kernel's BTF, a target's DWARF. */
struct type_source {
	const struct type_source_ops *ops;
	struct type_table *table;
};

struct type_source_ops {
	/* keyword: 's' struct, 'u' union, 'e' enum, 't' typedef or base type; NULL when unknown */
	const struct type *(*find)(struct type_source *src, char keyword, struct str name);
	/* enumerator or integer constant by name */
	bool (*find_constant)(struct type_source *src, struct str name, int64_t *value,
			      const struct type **type);
	/* fill fields, size, align, is_complete */
	bool (*complete)(struct type_source *src, struct type *t);
	/* prototype of a function: TYPE_FUNCTION with named parameters; NULL when unknown */
	const struct type *(*find_function)(struct type_source *src, struct str name);
	/* visit names of structs, unions and enums ("struct x") for -l; may be NULL */
	void (*each)(struct type_source *src,
		     void (*visit)(void *arg, struct str name, const struct type *t), void *arg);
};

#endif
