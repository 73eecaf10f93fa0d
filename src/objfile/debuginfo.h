/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an object file's debug information (DWARF) says about its code: functions and the places where they were inlined,
 * variables and where they lie at an address, source lines, types. Found through .gnu_debuglink, build-id files, dwz, split
 * DWARF, compressed sections.
 *
 * DWARF is read by libdw in a worker process with limits on CPU and memory, one for each file, started at the first question
 * (dwarf_worker.c): a malformed file costs an error that names it, never the tracer. Answers are copied into the arena that
 * the question names; nothing is parsed that was not asked for. Not thread-safe.
 *
 * Addresses are the file's own (vaddr). An id is the worker's name of a DIE: its offset in .debug_info (with marks for
 * other files in the upper bits), the same in each run over the same file.
 */
#ifndef SONDE_OBJFILE_DEBUGINFO_H
#define SONDE_OBJFILE_DEBUGINFO_H

#include "base/arena.h"
#include "base/err.h"
#include "objfile/elf.h"
#include "types/location.h"
#include "types/type.h"

struct debuginfo;

/* *ret NULL without an error: the file has no debug information. It belongs to the objfile and lives as long. */
struct err *objfile_debuginfo(struct objfile *f, struct debuginfo **ret) ERR_MUST;

/* ---- functions (dwarf_func.c) ---- */

struct di_range {
	uint64_t start, end; /* [start, end) */
};

/* a place where a function's code is: its own, or a copy inlined into another function */
struct di_instance {
	uint64_t id; /* of the DIE with the ranges: subprogram or inlined_subroutine */
	bool is_inlined;
	const uint64_t *
		entries; /* one for own code; inlined: each place where control enters it (docs/internals/debuginfo.md) */
	uint32_t n_entries;
	bool is_approximate; /* entries were added by line (unrolled copies): see 1.3 */
	const struct di_range
		*ranges; /* not empty; the first has the lowest address; .cold parts included */
	uint32_t n_ranges;
	/* inlined: into what, from where */
	struct str caller; /* name of the function that contains it: the innermost, itself perhaps inlined */
	struct str call_file;
	uint32_t call_line, call_column;
	uint64_t outer_entry; /* lowest address of the function with code of its own that contains it */
};

struct di_func {
	uint64_t id; /* abstract DIE, or the only one */
	struct str name; /* as the programmer writes it, qualified: args::hello, main.(*P).Set, app::Srv::handle(int) */
	struct str plain;   /* without parameters and without type arguments of the last part */
	struct str linkage; /* symbol name, or empty */
	struct str file;    /* of the declaration */
	uint32_t line;
	enum type_lang lang;
	bool is_nocall; /* DW_CC_nocall: arguments and result do not follow the calling convention */
	bool is_noreturn, is_external;
	bool is_declared_inline;
	const struct di_instance *instances; /* own code first; none: declared, never compiled */
	uint32_t n_instances;
};

/*
 * Functions whose name fits: as the programmer writes it, bare names for all overloads and instantiations, raw linkage
 * names, wildcards. file: empty, or the file of the declaration ("f@file.c": compared by its last components). Order: by
 * lowest address. visit returns false to stop.
 */
struct err *debuginfo_functions(struct debuginfo *d, struct str pattern, struct str file,
				struct arena *a, bool (*visit)(void *arg, const struct di_func *f),
				void *arg) ERR_MUST;
/* the function with own code at this address (its entry, or any address inside); false: none known */
struct err *debuginfo_function_at(struct debuginfo *d, uint64_t addr, struct arena *a,
				  struct di_func *out, bool *found) ERR_MUST;

/* ---- lines (dwarf_line.c) ---- */

struct di_line {
	uint64_t addr;
	struct str file;
	uint32_t line, column;
	bool is_stmt, is_prologue_end;
};

/* every place where statement rows of file:line[:column] begin (column 0: any), one for each entry into it; nearest
 * line with code: *nearest when there is none */
struct err *debuginfo_lines(struct debuginfo *d, struct str file, uint32_t line, uint32_t column,
			    struct arena *a, const struct di_line **rows, uint32_t *n,
			    uint32_t *nearest) ERR_MUST;
/* rows of [start, end) in address order */
struct err *debuginfo_rows(struct debuginfo *d, uint64_t start, uint64_t end, struct arena *a,
			   const struct di_line **rows, uint32_t *n) ERR_MUST;

/* frames at an address, innermost first: inlined functions, then the one with code of its own */
struct di_frame {
	struct str func; /* as the programmer writes it, without parameters */
	struct str file; /* where in it: of the innermost the address's line, of the others the call's */
	uint32_t line, column;
	bool is_inlined;
};
struct err *debuginfo_frames(struct debuginfo *d, uint64_t addr, struct arena *a,
			     const struct di_frame **frames, uint32_t *n) ERR_MUST;

/* ---- variables (dwarf_var.c, dwarf_loc.c) and types (dwarf_type.c) ---- */

/*
 * Types read from this file. Named types for casts are found by their C or C++ name. Structs are completed when first asked for.
 * The source belongs to the debuginfo, its types to the table; one table for each debuginfo.
 */
struct type_source *debuginfo_types(struct debuginfo *d, struct type_table *tt);

/*
 * Rust: the type whose table of methods (of a dyn Trait) is at this address of the file, as the language writes it; empty
 * when there is none. Copied into the arena.
 */
struct err *debuginfo_vtable(struct debuginfo *d, uint64_t addr, struct arena *a,
			     struct str *type) ERR_MUST;

enum di_role { DI_PARAM, DI_LOCAL, DI_RESULT };

struct di_var {
	struct str name;
	const struct type *type;
	enum di_role role;
	bool is_artificial;
	uint32_t line;
	struct location loc; /* at the address asked for; n_pieces 0: optimized out */
	bool is_by_abi;      /* by the calling convention, not by DWARF */
};

/*
 * Parameters, locals in scope (innermost scope first when names repeat), and for at_return the result, of the function or inlined
 * instance, as they lie at pc. pc is the instruction at which the probe stands. At entry (pc an entry of the instance) the
 * rules of docs/internals/variables.md decide between DWARF and the calling convention. at_return: pc is a RET (or, for kernel
 * uretprobes, 0): the result lies where the convention says; parameters are not offered unless they still have a
 * location there.
 */
struct err *debuginfo_vars(struct debuginfo *d, const struct di_func *f,
			   const struct di_instance *i, uint64_t pc, bool at_return,
			   struct type_table *tt, struct arena *a, const struct di_var **vars,
			   uint32_t *n) ERR_MUST;
/* of an inlined instance: addresses just behind it at which it has returned, and the caller's variable that then holds
 * the result, if there is one (docs/internals/debuginfo.md). They live as long as d */
struct err *debuginfo_inline_exits(struct debuginfo *d, const struct di_func *f,
				   const struct di_instance *i, const uint64_t **exits,
				   uint32_t *n) ERR_MUST;
/* the function's signature for listings: "i: i32, len: usize) -> i32" parts with types, no locations */
struct err *debuginfo_signature(struct debuginfo *d, const struct di_func *f, struct type_table *tt,
				struct arena *a, const struct di_var **vars, uint32_t *n) ERR_MUST;

#endif
