/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Places in one object file that a uprobe can mean, from what is known of its functions: symbols, debug information (copies
 * inlined into others, source lines), what stands behind an IFUNC. Providers make points of them, listings lines. Nothing
 * is said to the user here: what is worth saying is kept as text. Strings live in the context's arena.
 */
#ifndef SONDE_PROBE_PLACES_H
#define SONDE_PROBE_PLACES_H

#include "base/vec.h"
#include "objfile/debuginfo.h"
#include "objfile/symtab.h"
#include "probe/match.h"

struct place {
	uint64_t addr;            /* where control enters what was asked for */
	uint64_t entry;           /* of the function or inlined instance that holds it */
	const struct symbol *sym; /* that covers it, or NULL */
	struct str func;          /* name of the function, as the programmer wrote it */
	struct str raw;  /* as the symbol table has it; empty: the function has no symbol */
	struct str also; /* other names of the same code ("same2, same3"), or empty */
	const struct di_func *fn; /* debug information: NULL when there is none, or it was not asked */
	const struct di_instance *inst;
	struct str inlined_into; /* "main at args.rs:15", or empty */
	bool is_approximate;
	const char *
		why; /* this place and not the symbol's: "what the IFUNC ... is in process 12"; or NULL */
	uint64_t shift; /* the probe stands so far behind what it is named after */
};

struct places {
	struct probe_ctx *c;
	struct objfile *f;
	struct str path; /* as it is shown */
	VEC(struct place) v;
	uint32_t *slots;        /* by address: index into v + 1 */
	size_t n_slots;         /* a power of two */
	struct debuginfo *info; /* NULL: none, or not yet asked for */
	bool is_info_asked;
	struct str trouble;  /* debug information that cannot be read: why; empty: nothing to say */
	uint32_t n_declared; /* functions that fit, but of which there is no code */
};

void places_init(struct places *p, struct probe_ctx *c, struct objfile *f, struct str path);
void places_free(struct places *p);
/* NULL without debug information (or when it cannot be read: see trouble) */
struct debuginfo *places_info(struct places *p);

struct place_query {
	struct str name, file; /* function, "f@file.c"; a pattern for the name */
	bool only_demangled;   /* "cpp": raw names do not count */
	bool no_inlined;       /* only code of its own: names with an offset */
};

/*
 * Functions by name: code of their own, clones under other names, and each entry of each inlined copy. Patterns of nothing but
 * wildcards ("*") mean code of its own alone.
 */
void places_by_name(struct places *p, const struct place_query *q);
/* where the statements of a source line begin; *nearest: the next line with code when there are none */
void places_by_line(struct places *p, struct str file, uint32_t line, uint32_t column,
		    uint32_t *nearest);
/* a symbol's name, or what debug information calls it where that says more */
struct str place_best_name(const struct symbol *s, struct str spelled, const struct di_func *fn);
/* debug information about the function at a place that has none yet */
void place_fill_info(struct places *p, struct place *place);

/* ---- ifunc.c ---- */

enum { IFUNC_MAX = 32 };
struct ifunc_targets {
	uint64_t addr[IFUNC_MAX]; /* of the file */
	uint32_t n;
	pid_t pid; /* whose tables said so; 0: all that the resolver can choose from */
};
/* the functions that calls of this IFUNC reach; n == 0: they could not be found out */
void ifunc_resolve(struct probe_ctx *c, struct objfile *f, const struct symbol *s,
		   struct ifunc_targets *ret);

#endif
