/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Places of a process that are probed together: those that it has when it is attached to, and later those of each library that it
 * loads. For target.c only.
 */
#ifndef SONDE_ENGINE_USER_BATCH_H
#define SONDE_ENGINE_USER_BATCH_H

#include "engine/user/remote.h"
#include "engine/user/sites.h"

struct area {
	struct remote_area remote;
	uint64_t blob;     /* address of the helpers, behind the table of patches */
	uint32_t first, n; /* of the sites */
};

struct batch {
	struct remote *remote; /* the process */
	bool is_held; /* it stands at its first instruction: one thread, stopped; it goes on when the jumps are written */
	struct sites sites;    /* the batch's */
	struct patch *patches; /* of the sites that have trampolines, in their order */
	size_t n_patches;
	VEC(struct area) areas;
	bool has_semaphores; /* they were raised */
	bool is_removed;     /* no jump leads to the areas any more */
};

/* remote, is_held and sites are set. What cannot be probed is told to the job; after an error nothing of it is in the process */
struct err *batch_install(struct batch *b, struct target_job *j) ERR_MUST;
/* takes out jumps that another tracer has put a breakpoint on */
void batch_check(struct batch *b);
/* batch_off.c: takes out jumps to what --budget has switched off */
void batch_take_off(struct batch *b, const struct target_job *j);
/* the bytes are the file's again; all threads must be stopped */
void batch_remove(struct batch *b);
/*
 * Later, when all threads are stopped again: areas that nobody is in, or can come back to, are unmapped. False: somebody is in one, which
 * may be over soon. An area in which a return was noticed stays, since the trampoline's address may be in a jmp_buf
 */
bool batch_give_back(struct batch *b);
void batch_free(struct batch *b);

#endif
