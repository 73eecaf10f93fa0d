/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The checker: from a parsed script to a *unit*, in which every name is resolved, every expression
 * typed, every implicit conversion an explicit NODE_CAST, macros and compile-time parts are gone,
 * and each clause stands once per probe shape. ir reads the unit and asks no questions of its own.
 *
 * Passes, in order (one file each):
 *   imports    merge imported scripts (sema_import: before the C types are made)
 *   config     config block and environment -> struct sema_config
 *   macro      expand macros, hygienically
 *   expand     match attach points into shapes (through struct sema_world), clone a clause for each shape
 *   resolve    names -> builtins, constants, variables (scopes), maps, fns; fold operators on literals
 *   infer*, calls*   types of variables, maps, expressions, in rounds to a fixed point
 *   comptime   sizeof, typeinfo, comptime branches; then infer again
 *   infer*, calls* once more: report what does not fit, put in casts (coerce)
 *   resources  limits: max_probes, sizes of keys and values
 *
 * What ir may rely on, when no error was reported:
 *   - builtin variables are NODE_CALL with builtin set and n_args 0 (argN: call.info is (void
 *     *)(uintptr_t)N)
 *   - both operands of arithmetic, bit and comparison operators on integers have one size; signed
 *     operations are those whose operands are signed; node.type of comparisons and logical
 *     operators is bool
 *   - pointer + integer is left as it is: ir scales by the size of the target
 *   - the value of an assignment, the key of a map access, the branches of ?: and if-values,
 *     arguments and results of fns have exactly the type wanted (a NODE_CAST with NODE_F_IMPLICIT
 *     was put in where needed: integer to integer, integer to bool, string[n] to string[m], tuple
 *     and record element by element, castable aggregation to integer, char array to string, array
 *     of bytes to integer and back, pointer to integer and back, enum to integer)
 *   - compound assignments and ++/-- keep their form; the value has the type of the target
 *   - conditions (if, while, ?:, !, &&, ||, predicates) are bool, integer, pointer or a castable
 *     aggregation cast to integer
 *   - a NODE_FIELD has field resolved; its .a is a struct, tuple or record *value or place*
 *     (pointers are dereferenced by an explicit NODE_UNARY OP_DEREF put in by sema), its space is
 *     that of the place
 *   - NODE_INDEX on a pointer stays (ir scales); on an array or string .a is a place or a value
 *   - positional parameters, sizeof, offsetof, typeinfo, getopt, enumerators, defines, comptime are
 *     NODE_INT, NODE_BOOL, NODE_STRING, tuples or records of these; branches not taken by comptime
 *     carry NODE_F_DEAD or are removed
 *   - compound string operations are calls
 *   - delete: args[0] is the NODE_MAP without key, args[1] the key (none for a scalar map);
 *     call.info is not NULL when the result is used; has_key the same; len of a map: the NODE_MAP,
 *     else a stack (len of an array is a literal)
 *   - addresses for str, buf, join, macaddr, memcmp, ... are pointers whose space is said
 *   - pton's argument is a NODE_STRING of the 4 or 16 bytes of the address; signal's an integer;
 *     write_user's second the value to be written, all of it
 *   - BUILTIN_TARGET_VAR: call.info is (void *)(uintptr_t)N, a number in shape.vars that has a
 *     location at every point of the shape; BUILTIN_VIEW: call.info is struct call_view, its
 *     argument a place. A NODE_CAST to a TYPE_CAPTURE captures the value under it
 *   - pid, tid, nsecs, kstack, ustack keep the words in their arguments (NODE_IDENT); what they
 *     mean is in call.info or the type
 */
#ifndef SONDE_SEMA_SEMA_H
#define SONDE_SEMA_SEMA_H

#include "lang/ast.h"
#include "lang/builtins.h"
#include "lang/parse.h"
#include "probe/point.h"
#include "types/view.h"

/* ---- results ---- */

struct variable {
	struct str name; /* without $ */
	const struct type *type;
	uint32_t id; /* index into the owner's vars: one number per declaration and scope */
	bool is_address_taken; /* &$x */
	bool is_loop_var;      /* declared by a for loop */
	struct span at;        /* first definition */
	uint32_t loop; /* number of the innermost callback loop (for) in which it is declared; 0: none */
	bool is_shared; /* also used in a callback loop inside of its scope: must live in memory */
};

enum map_kind { MAP_KIND_HASH, MAP_KIND_LRUHASH, MAP_KIND_PERCPUHASH, MAP_KIND_PERCPULRUHASH };

struct map_info {
	struct str name;               /* with @ */
	const struct type *key_type;   /* NULL: scalar */
	const struct type *value_type; /* may be an aggregation */
	enum map_kind kind;            /* from `let @m = ...`; default by value type */
	bool is_declared;
	uint32_t max_entries; /* scalar: 1 */
	uint32_t index;       /* into unit.maps */
	struct span at;
	const struct node *first_key, *first_value; /* for messages */
};

/* a clause for one shape */
struct clause_inst {
	const struct clause *clause;
	const struct probe_shape *shape;
	struct node *predicate; /* own copies */
	struct node *body;
	struct variable **vars;
	uint32_t n_vars, cap_vars;
	uint32_t index; /* into unit.insts; programs are made in this order */
};

struct sema_fn {
	struct fn_def *def;
	struct variable **vars;
	uint32_t n_vars, cap_vars;
};

struct sema_config {
	/* the table of language.md "Config Variables"; sizes in bytes */
	int64_t max_strlen, max_map_keys, max_probes, max_bpf_progs, max_cat_bytes, max_memory;
	int64_t max_pending, max_stacks;
	int64_t log_size, perf_rb_pages, on_stack_limit; /* perf_rb_pages 0: by memory */
	bool cpp_demangle, lazy_symbolication, print_maps_on_exit, print_differences, show_debug_info;
	bool str_len_counts_nul; /* str(p, n) gives n - 1 bytes, as bpftrace does */
	enum { CACHE_DEFAULT, CACHE_PER_PROGRAM, CACHE_PER_PID, CACHE_NONE } cache_user_symbols;
	enum { MISSING_ERROR, MISSING_WARN, MISSING_IGNORE } missing_probes;
	enum { PLACEMENT_ON, PLACEMENT_EXACT, PLACEMENT_OFF } placement;
	enum stack_mode stack_mode;
	enum { RETURN_PROBE_AUTO, RETURN_PROBE_KERNEL, RETURN_PROBE_SITES } return_probe;
	struct str str_trunc_trailer, license, map_table, expected_files;
	bool stack_mode_set;
};

struct unit {
	struct arena *arena;
	struct type_table *types;
	struct sources *sources;
	struct sema_config config;
	struct clause_inst **insts;
	uint32_t n_insts, cap_insts;
	struct map_info **maps;
	uint32_t n_maps, cap_maps;
	struct sema_fn **fns;
	uint32_t n_fns, cap_fns;
};

/* ---- per-call results in node.call.info ---- */

/* pid(), tid() */
enum call_pid_ns { PID_NS_INIT, PID_NS_CURRENT };
/* nsecs(): call.info is (void *)(uintptr_t) of one of these */
enum call_clock { CALL_CLOCK_MONOTONIC, CALL_CLOCK_BOOT, CALL_CLOCK_TAI, CALL_CLOCK_SW_TAI };

/* print() */
struct call_print {
	enum { PRINT_VALUE, PRINT_MAP, PRINT_MAP_KEY } what;
	struct map_info *map; /* PRINT_MAP, PRINT_MAP_KEY; the NODE_MAP is args[0] */
	int64_t top, div;     /* -1: not given */
};

/* stream(), stream_iov() */
struct call_stream {
	struct str protocol; /* without "+tls" */
	bool is_tls;
};

/* uaddr("symbol"): where it is in the file, known at compile time */
struct call_uaddr {
	uint64_t address; /* in the file's address space */
	bool is_pie;
	uint32_t size;
};

/* a part of a value of the traced program's language: its length, its text, what it points to (types/view.h) */
struct call_view {
	struct view_path path;
	const struct type *type; /* of the number, or of what lies at the address; then the call is a place */
	bool is_place;
	bool is_test; /* is the number path.value (path.is_inverted: is it not)? */
};

/*
 * percpu_kaddr("variable"): its address as the symbol table gives it, and that of the table of
 * offsets by CPU
 */
struct call_percpu {
	uint64_t symbol, offsets;
};

/* ---- the world outside, asked through this table so that tests can fake it ---- */

struct sema_world {
	void *arg;
	/*
	 * Shapes of one attach point, chained by next; NULL when nothing matched: then either a
	 * diagnostic was reported, or the point is to be left out silently (missing_probes).
	 */
	struct probe_shape *(*match)(void *arg, const struct attach_point *ap,
				     struct diag_list *diags);
	bool (*kernel_symbol)(void *arg, struct str name, uint64_t *addr);
	bool (*cgroup_id)(void *arg, struct str path, uint64_t *id);
	/* symbol of the file that a uprobe point is in */
	bool (*user_symbol)(void *arg, const struct probe_point *p, struct str name,
			    struct call_uaddr *out);
	/* text of an import or -I include; NULL when missing */
	struct err *(*read_file)(void *arg, struct str path, struct span from, struct str *text);
	uint32_t n_cpus;
	/*
	 * feature by name: "kfunc:NAME", "boot_clock", "tai_clock", ...; see
	 * engine/kernel/features.h
	 */
	bool (*has_feature)(void *arg, const char *name);
	/*
	 * called once, before the first match: the configuration is known now (missing_probes); may
	 * be NULL
	 */
	void (*config_ready)(void *arg, const struct sema_config *config);
	/*
	 * is an attach point that matches nothing to stay all the same, because files that have it may come later? May be
	 * NULL: no
	 */
	bool (*waits)(void *arg, const struct attach_point *ap);
};

struct sema_opts {
	struct arena *arena;
	struct type_table *types;
	struct type_source *source; /* the script's own C types first, then the kernel's */
	struct type_source *script_source; /* the script's own alone: before those of a probed file */
	struct sources *sources;
	struct diag_list *diags;
	const struct sema_world *world;
	const struct str *positional; /* $1 ... */
	uint32_t n_positional;
	const struct str *named; /* "name=value" or "name" */
	uint32_t n_named;
	bool is_unsafe;
	bool is_test, is_bench; /* --test, --bench: which probes are kept */
	bool is_bpftrace;       /* behave as bpftrace where sonde differs */
	bool has_child;         /* -c */
	/* a later generation (session/generation.c): its clauses are numbered from here, 0 else */
	uint32_t first_index;
};

/*
 * Takes in what the script imports. To be called between the parser and sema_check, and before
 * cdecl_parse: imported headers are fed to po->cpp. Faults are in po->diags.
 */
void sema_import(struct script *script, const struct parse_opts *po,
		 const struct sema_world *world);

/* NULL result: diags has the errors */
struct unit *sema_check(struct script *script, const struct sema_opts *opts);

#endif
