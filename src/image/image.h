/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The image: a compiled script as plain data, the waist between the compiler and the engines. Programs (eBPF), maps,
 * event layouts, fault sites, strings. Engines load and run it, output decodes by it; neither sees the script's tree.
 * Everything lives in the compile arena and is read-only once built.
 */
#ifndef SONDE_IMAGE_IMAGE_H
#define SONDE_IMAGE_IMAGE_H

#include "diag/diag.h"
#include "probe/point.h"
#include "types/type.h"

#include <linux/bpf.h>

/* ---- maps ---- */

enum image_map_role {
	MAP_SCRIPT,  /* an @map of the script */
	MAP_RING,    /* events to user space (BPF_MAP_TYPE_RINGBUF) */
	MAP_GLOBALS, /* one struct image_globals, mmapable array */
	MAP_FAULTS,  /* mmapable array of one element: struct image_fault_count per fault site */
	MAP_SCRATCH, /* per-CPU array of claimed work areas: struct image_scratch_head first */
	MAP_STACKS,  /* hash: u64 hash -> u64 frames[limit] of user and kernel stacks */
	MAP_CONST,   /* read-only tables (frozen after init) */
	MAP_PRIVATE, /* other state of the code generator (tseries rings, ...) */
};

struct image_map {
	struct str name; /* "@x" for script maps, else a short word */
	enum image_map_role role;
	uint32_t bpf_type; /* BPF_MAP_TYPE_* */
	uint32_t key_size, value_size, max_entries, flags;
	/* MAP_SCRIPT: types in stored form; key type NULL for a scalar map (its one key is 0, u32 or u64 by key_size).
	 * hist, lhist, tseries: key_size includes the u64 bucket that follows the key at key_pad_size */
	const struct type *key_type;
	const struct type *value_type;
	uint32_t bucket_offset; /* of the u64 bucket in the key; hist, lhist, tseries */
	bool is_per_cpu;
	bool is_scalar; /* no key in the script */
	bool print_at_exit;
	const void *init; /* MAP_CONST, MAP_GLOBALS: max_entries * value_size bytes, or NULL */
	struct span at;   /* first use */
};

struct image_globals {
	uint64_t exiting; /* set by exit(): every program but end tests it first */
	uint64_t exit_code;
	uint64_t start_ns; /* CLOCK_MONOTONIC (bpf_ktime_get_ns) when tracing began, for elapsed */
	uint64_t cpid;     /* pid of the -c child, 0: none */
};

struct image_scratch_head {
	uint64_t claimed; /* 0 free, 1 in use: taken by cmpxchg, because uprobe programs can be preempted */
			  /* bytes follow */
};

/* ---- faults at run time ---- */

enum fault_kind {
	FAULT_RING_FULL,    /* an event did not fit the ring: lost */
	FAULT_SCRATCH_BUSY, /* no free work area: the hit was lost */
	FAULT_MAP_FULL,     /* map update failed with E2BIG or ENOMEM */
	FAULT_MAP_UPDATE,   /* other failures of update */
	FAULT_MAP_DELETE,   /* delete(@m, k) of an absent key (reported as bpftrace does) */
	FAULT_MAP_LOOKUP,   /* -k only */
	FAULT_READ,         /* bpf_probe_read failed: -k only */
	FAULT_BOUNDS,       /* index outside of an array */
	FAULT_DIV_ZERO,
	FAULT_STACK, /* bpf_get_stack failed */
	FAULT_LOOP,  /* bpf_loop stopped early */
	FAULT_OTHER, /* info says which helper */
	FAULT_N_KINDS
};

struct image_fault {
	enum fault_kind kind;
	struct span at;
	uint32_t prog;     /* index into progs */
	struct str helper; /* "map_update_elem", ... for messages */
	uint32_t map;      /* index into maps, or UINT32_MAX */
	bool is_quiet;     /* counted, shown only with -k (or -kk) */
};

struct image_fault_count {
	uint64_t count;
	int64_t last_retcode;
};

/* ---- events ---- */

enum event_kind {
	EVENT_PRINTF,
	EVENT_ERRORF,
	EVENT_WARNF,
	EVENT_DEBUGF,
	EVENT_CAT,       /* format makes a path */
	EVENT_SYSTEM,    /* format makes a command */
	EVENT_PRINT,     /* print(value): one field */
	EVENT_PRINT_MAP, /* print(@m[, top[, div]]): map, param[0] top, param[1] div; no fields */
	EVENT_PRINT_MAP_KEY, /* print(@m[k]): fields key, value */
	EVENT_CLEAR,         /* map */
	EVENT_ZERO,          /* map */
	EVENT_TIME,          /* format is a strftime format; no fields */
	EVENT_JOIN, /* format is the separator; fields: strings in order (empty ones are absent) */
	EVENT_EXIT, /* wakes the consumer; code is in globals */
	EVENT_SKB,  /* format is the pcap path */
	EVENT_UNWATCH, /* one field: address */
	EVENT_NOTE, /* one field: u32 process id, seen for the first time: its mappings are to be remembered */
	EVENT_N_KINDS
};

struct event_field {
	const struct type *type;
	uint32_t offset; /* in the payload, behind struct event_head */
};

/*
 * A record in the ring: struct event_head, then the payload. Fields are at fixed offsets in stored form. When the last
 * field is a string or buffer the record may end early (its true length): bytes beyond the record read as NUL.
 */
struct event_head {
	uint32_t layout; /* index into image.events */
	uint32_t prog;   /* index into image.progs */
};

struct event_layout {
	enum event_kind kind;
	struct span at;
	struct str format; /* unescaped */
	struct event_field *fields;
	uint32_t n_fields;
	uint32_t size;    /* payload bytes at most */
	uint32_t map;     /* index into image.maps, where the kind says so */
	int64_t param[2]; /* -1: not given */
};

/* ---- programs ---- */

/* which place of an instruction is patched with what at load */
enum image_reloc_kind {
	RELOC_MAP, /* ld_imm64: fd of map index */
	RELOC_MAP_VALUE, /* ld_imm64: address in map index, byte offset in the second imm (already there) */
};

struct image_reloc {
	uint32_t insn;
	enum image_reloc_kind kind;
	uint32_t index;
};

struct image_func_info {
	uint32_t insn;    /* first instruction */
	uint32_t type_id; /* BTF_KIND_FUNC in image.btf */
};

struct image_line {
	uint32_t insn;
	uint32_t ir; /* index of the IR instruction in its function, for -v */
	struct span at;
};

struct image_prog {
	struct str name;                 /* C identifier: "uprobe_redis_1" */
	uint32_t prog_type;              /* BPF_PROG_TYPE_* */
	uint32_t attach_type;            /* expected_attach_type, or 0 */
	uint32_t flags;                  /* BPF_F_SLEEPABLE ... */
	const struct probe_shape *shape; /* where to attach */
	struct span at;                  /* the clause */
	uint64_t drops_fault; /* index of this program's FAULT_RING_FULL site, or UINT32_MAX */
	struct bpf_insn *insns;
	uint32_t n_insns;
	uint32_t stack_bytes; /* deepest combined stack, for -v and lint */
	struct image_reloc *relocs;
	uint32_t n_relocs;
	struct image_func_info *funcs; /* first is the entry */
	uint32_t n_funcs;
	struct image_line *lines;
	uint32_t n_lines;
};

struct image {
	struct arena *arena;
	struct image_prog **progs;
	uint32_t n_progs;
	struct image_map **maps;
	uint32_t n_maps, cap_maps;
	struct event_layout **events;
	uint32_t n_events, cap_events;
	struct image_fault *faults;
	uint32_t n_faults, cap_faults;
	struct str *strings; /* strftime formats, cgroup filters */
	uint32_t n_strings, cap_strings;
	uint32_t ring_map, globals_map, faults_map; /* indices into maps; always present */
	uint32_t scratch_map, stacks_map;           /* UINT32_MAX when not needed */
	uint32_t stack_limit;                       /* frames per entry of the stack map */
	void *btf;                                  /* minimal BTF for functions, or NULL */
	uint32_t btf_size;
	struct str license;
};

#define IMAGE_NONE UINT32_MAX
/* --follow: the name of the map whose one value is a bitmap over process ids, and how many (PID_MAX_LIMIT) */
#define IMAGE_FOLLOWED "followed"
#define IMAGE_FOLLOWED_PIDS 4194304

struct image *image_new(struct arena *arena);
uint32_t image_add_map(struct image *im, struct image_map m);
uint32_t image_add_event(struct image *im, struct event_layout e);
uint32_t image_add_fault(struct image *im, struct image_fault f);
uint32_t image_add_string(struct image *im, struct str s); /* shared when equal */
/* text form of everything, for -d image */
void image_dump(const struct image *im, struct sources *s, struct strbuf *out);

#endif
