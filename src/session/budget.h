/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --budget: watches what user probes cost, and lowers or ends what costs too much. Owned by the run; the engine and the image are
 * borrowed and outlive it. See docs/internals/budget.md.
 */
#ifndef SONDE_SESSION_BUDGET_H
#define SONDE_SESSION_BUDGET_H

#include "base/vec.h"
#include "engine/engine.h"

struct budget;

struct budget_opts {
	double share; /* of one processor; 0: NULL is made */
	struct image *image;
	const struct engine_ops *ops;
	struct engine *engine;
	bool is_quiet; /* nothing is said but that counts are scaled or cut off: that always */
};

/* before anything is attached: the ways to the programs are measured. The functions take NULL */
struct budget *budget_new(const struct budget_opts *o);
void budget_begin(struct budget *b); /* now it is attached */
/* to be called often; looks at the counts ten times a second */
struct err *budget_round(struct budget *b) ERR_MUST;
void budget_end(struct budget *b); /* still attached: the last counts are read */
void budget_report(
	struct budget
		*b); /* on stderr, behind the maps: from when to when switched off probes counted */
void budget_free(struct budget *b);

/* ---- budget_image.c ---- */

/* may hits of this clause be left out and the others count for them? It must only add to maps in which that has a meaning */
bool budget_can_sample(const struct image *im, uint32_t clause);
/* do two clauses work together through a map, so that one without the other makes no sense? */
bool budget_is_joined(const struct image *im, uint32_t clause, uint32_t other);
struct budget_maps {
	VEC(uint32_t) v;
};

/*
 * Clauses that were off, all members: may they be on again, though they have missed hits? They must only add to maps, or forget
 * what they keep for another hit: ret gets those maps, to be emptied
 */
bool budget_can_resume(const struct image *im, const bool member[IMAGE_BUDGET_CLAUSES],
		       struct budget_maps *ret);
/* its maps show that values are scaled */
void budget_mark_maps(struct image *im, uint32_t clause);

#endif
