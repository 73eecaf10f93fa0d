/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Places of a process that are probed together: those that it has when it is attached to, and later those of each library that it
 * loads. For target/ only.
 */
#ifndef SONDE_ENGINE_USER_BATCH_H
#define SONDE_ENGINE_USER_BATCH_H

#include "engine/user/batch/area.h"
#include "engine/user/place/sites.h"

/* sites that lie within reach of one area */
struct cluster {
	struct area *area;
	uint32_t first, n; /* of the sites */
};

struct batch {
	struct remote *remote; /* the process */
	struct areas *areas;   /* the process's */
	bool may_grow;         /* filters_allow_growth */
	bool is_held; /* it stands at its first instruction: one thread, stopped; it goes on when the jumps are written */
	bool must_jump; /* held: without a jump in it the run fails, and it is killed before it begins */
	struct sites sites;    /* the batch's */
	struct patch *patches; /* batch_patch_of */
	size_t n_patches;
	VEC(struct cluster) clusters;
	bool is_removed; /* no jump leads to the areas any more */
};

/*
 * The patch of a site; NULL: it has no trampoline. Patches are those of the sites that have one, in their order, so sites are asked one after
 * the other, with *at 0 for the first
 */
static inline struct patch *batch_patch_of(const struct batch *b, const struct site *s, size_t *at)
{
	return s->patch.trampoline && *at < b->n_patches ? &b->patches[(*at)++] : NULL;
}

/* remote, areas, is_held and sites are set. What cannot be probed is told to the job; after an error nothing of it is in the process */
struct err *batch_install(struct batch *b, struct target_job *j) ERR_MUST;
/* takes out jumps that another tracer has put a breakpoint on; -> the file's bytes stand where a jump of ours should: see batch_review */
bool batch_check(struct batch *b);
/* batch_off.c: takes out jumps to what --budget has switched off, and puts them back when it is on again */
void batch_take_off(struct batch *b, const struct target_job *j);
/* the bytes are the file's again; all threads must be stopped */
void batch_remove(struct batch *b);
/*
 * batch_review.c. Libraries come and go: jumps that went with their mapping are forgotten, and written again where the same file is mapped
 * again at the same address, or has lost them. maps: the process's, now. is_stopped: its threads are, and stay so
 */
void batch_review(struct batch *b, const struct proc_maps *maps, bool is_stopped);
/* before batch_remove: what is not mapped any more is not to be restored, nor a semaphore there to be lowered */
void batch_forget(struct batch *b, const struct proc_maps *maps);
/* by 1 or -1: what the program tests before it comes to a place of USDT. It is noted already, or settled */
void batch_raise(const struct batch *b, struct semaphore *s, int by);
struct err *batch_raise_all(struct batch *b, bool is_up) ERR_MUST;
/* batch_jumps.c: the jumps of all sites that have trampolines; those that had to wait too long are not installed */
struct err *batch_write_jumps(struct batch *b) ERR_MUST;
void batch_free(struct batch *b);

/* batch_claim.c: from before the threads stop until the jumps are written */
struct err *batch_claim(const struct batch *b) ERR_MUST;
void batch_unclaim(const struct batch *b);

#endif
