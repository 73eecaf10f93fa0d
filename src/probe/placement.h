/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where in the first instructions of a function a uprobe costs least. The kernel emulates a few instructions (push, nop, direct
 * jumps and calls) and single-steps all others, which costs twenty times as much on a virtual machine. A probe may
 * stand on a later instruction than the first when that one executes exactly as often, and all that the program reads
 * is there what it was at the entry, or differs by a known constant. What has to hold, and why: docs/internals/placement.md.
 *
 * placement_choose knows code only; what is known of its surroundings comes in struct placement_edges, which
 * placement_edges.c gathers. placement_run does both for the points of a shape.
 */
#ifndef SONDE_PROBE_PLACEMENT_H
#define SONDE_PROBE_PLACEMENT_H

#include "arch/x86_64/decode.h"
#include "base/vec.h"
#include "probe/match_private.h"

struct objfile;

/* what must be at the place as it was at the entry */
struct placement_needs {
	uint16_t regs; /* whole registers, as masks of decode.h; rsp is never among them: it is corrected by sp_delta */
	bool stack;    /* words at and above the return address */
	bool memory;   /* any other memory */
	bool fixed_sp; /* rsp itself: the kernel will read or write where it points */
	bool exact; /* also of calls that end in a fault before the place: nothing that can fault is passed */
	bool nothing_moves; /* what is read is not known: the entry it is */
	bool takes_nop5; /* of the function itself: the kernel calls there, which costs less than its trap */
};

/* ways into the function besides its entry and its own direct branches */
struct placement_edges {
	VEC(uint64_t) targets;
	bool is_complete; /* there are no others */
};

struct placement {
	uint64_t address;
	int32_t sp_delta;              /* rsp there minus rsp at the entry */
	bool is_cheap;                 /* the kernel emulates the instruction there */
	const struct code_insn *first; /* at from */
	const struct code_insn *insn;  /* there, or NULL when nothing was decoded */
	const struct code_insn
		*blocker;   /* why it is no later one; NULL when that was not the question */
	const char *reason; /* about blocker, or why nothing was tried */
};

/*
 * The cheapest place for a probe at from, which is the entry c->start or a place behind Go's stack check; from itself when there is none,
 * and then reason says why.
 */
void placement_choose(const struct code *c, uint64_t from, const struct placement_edges *e,
		      const struct placement_needs *needs, struct placement *ret);

/* ---- placement_edges.c ---- */

/* the other ways into the function that c is, from the file's symbols, the pieces it jumps to, and its jump tables */
void placement_edges_find(struct objfile *f, const struct code *c, struct placement_edges *ret);
static inline void placement_edges_free(struct placement_edges *e)
{
	vec_free(&e->targets);
}
/* size bytes of code from addr on; false when they cannot be read or are none. code_free. */
bool placement_decode(struct objfile *f, uint64_t addr, uint64_t size, struct code *ret);

/* ---- placement_foreign.c ---- */

/* a probe that was moved from one address to another of a function */
struct placement_window {
	uint64_t start, end; /* of the function */
	uint64_t from, to;
	uint32_t point;  /* for the caller: which one it is */
	bool is_entered; /* code elsewhere in the file may jump to (from, to] */
};

/* what was read of files; by probe_ctx_foreign and probe_ctx_free */
struct placement_foreign *placement_foreign_new(void);
void placement_foreign_free(struct placement_foreign *all);
/* sets is_entered. What was read of a file is kept. c: says which other functions will be asked about; or NULL */
void placement_foreign_find(struct placement_foreign *all, const struct probe_ctx *c,
			    struct objfile *f, struct placement_window *v, size_t n);

/* ---- placement_run.c ---- */

/* the code of the function at entry; false when its size is not known or its bytes cannot be read. code_free. */
bool placement_read(struct objfile *f, uint64_t entry, struct code *ret);
/*
 * Moves those points of the shape that stand at a function's entry, and those that stand where the kernel would do harm; takes out
 * what cannot stand anywhere, after saying so. The shape's points are in the arena already.
 */
void placement_run(struct match *m, struct probe_shape *shape);

/* ---- placement_nop5.c ---- */

/* a point in the middle of a function that stands on a 5-byte nop; false: refused, and that was said */
bool placement_avoid_nop5(struct match *m, struct objfile *f, struct probe_point *p);

#endif
