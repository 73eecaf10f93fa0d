/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the return of a function is noticed without harm, and where: by probes on the instructions that leave it, or by the
 * kernel's way, which replaces the return address and so kills programs that unwind, move or switch stacks
 * (docs/internals/returns.md). A plan is made from code and from what the file and its libraries import; it lives in the
 * arena that it is asked for.
 *
 * returns.c decides, return_code.c finds the exits, return_evidence.c says what the program may do with its stacks.
 */
#ifndef SONDE_PROBE_RETURNS_H
#define SONDE_PROBE_RETURNS_H

#include "arch/x86_64/decode.h"
#include "base/vec.h"
#include "objfile/elf.h"
#include "probe/match.h"

struct return_range {
	uint64_t start, end; /* [start, end) */
};

/* what the program may do with its stacks: found when first needed, kept by the caller for all functions of a file */
struct return_evidence {
	bool is_known;
	uint8_t danger;   /* enum return_danger */
	bool only_throws; /* and nothing else of what a replaced return address must not meet */
	const char *why;
};

struct return_func {
	struct objfile *f;
	struct return_evidence *evidence;
	struct str name; /* as the symbol table has it */
	const struct return_range *
		ranges; /* its code; the first begins with its entry; .cold parts may be left out */
	uint32_t n_ranges;
	enum type_lang lang; /* LANG_NONE when not known */
	bool reads_result;   /* the program wants retval */
	enum return_choice choice;
};

struct return_exit {
	uint64_t addr;
	uint8_t kind;      /* enum exit_kind */
	uint8_t condition; /* as probe_point.exit_condition */
};

struct return_plan {
	enum return_way way;
	const char *why;     /* a half sentence, for -v */
	const char *refusal; /* why there is no return probe, or NULL: nothing else counts then */
	bool is_endless;     /* refused because it never returns: nothing is missed */
	const char *warning; /* what the user has to know, or NULL */
	const struct return_exit *exits; /* RETURN_SITES; no address twice with the same kind */
	uint32_t n_exits;
	bool has_parts; /* code of it lies elsewhere and may jump back */
	bool only_follows; /* every way out is a tail jump that is followed */
};

void returns_plan(const struct return_func *fn, struct arena *a, struct return_plan *ret);

/* setjmp and its like: they come back more often than they are called */
bool returns_is_twice(struct str symbol);

/* ---- return_points.c: plans become points ---- */

struct match;
struct match_shape;
/*
 * The driver's, when all points of an attach point are there: those of uretprobes stand at the entries of their functions
 * and become the points at which the functions return; where the kernel's way is chosen, in a shape of their own. Points
 * of inlined instances stay as they are. What is to be known is said: refusals and warnings for a function that was
 * named, one sentence for those of a wildcard, a line for each with -v.
 */
void returns_run(struct match *m);
/* entry_regs.c: values computed from what registers held at the entry, at points that are elsewhere; before returns_finish */
void entry_regs_run(struct match *m, struct match_shape *s);
/* call_frame: fills in where the frame of each point begins, where nobody did; placement has been done */
void frames_run(struct match *m, struct probe_shape *shape);
/* what the points need besides, before the shape goes to others */
void returns_finish(struct match *m, struct match_shape *s);

/* ---- return_code.c: the ways out of a function ---- */

struct exits {
	VEC(struct return_exit) found;
	uint32_t n_rets, n_followed,
		n_lost;     /* own RETs, tail jumps followed, tail jumps that nothing can follow */
	struct str lost_to; /* where one of those goes, or empty */
	bool has_parts;     /* pieces besides the given ranges */
	bool is_leaf;       /* calls nothing */
	bool begins_cheaply; /* with what the kernel emulates: then its way costs a tenth of that of a ret */
	const char *undecided; /* why the ways out are not all known, or NULL */
};

/*
 * follow: functions of the same file that a tail jump goes to are read, too, and their RETs become TAIL_RET; else any
 * tail jump is counted as lost (and has a JUMP).
 */
void exits_find(const struct return_func *fn, bool follow, struct exits *ret);
void exits_free(struct exits *e);

/* ---- return_layout.c: what the file says about its code besides instructions ---- */

struct symbol;
/* the function, or the part of one, that holds addr; *symbol NULL: known by the unwinding table alone. Not of stubs. */
bool layout_range_at(struct objfile *f, uint64_t addr, struct return_range *ret,
		     const struct symbol **symbol);
/* does it offer its functions to others? (The C library can be run, too.) */
bool layout_is_library(struct objfile *f);
/* what a slot of the global offset table will hold when that is in the same file; else 0 */
uint64_t layout_slot_target(struct objfile *f, uint64_t slot);

/* ---- return_evidence.c: may a replaced return address meet an unwinder, or another stack? ---- */

enum return_danger {
	DANGER_NONE,  /* the whole program is known, and nothing of the kind is in it */
	DANGER_MAYBE, /* a library, whose users are not known; a program that loads plugins */
	DANGER_YES,
};
/* fills the evidence; why: a half sentence about the program, static */
void evidence_find(struct objfile *f, struct return_evidence *ret);

#endif
