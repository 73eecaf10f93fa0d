/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What target.c and target_follow.c share; nobody else includes this. */
#ifndef SONDE_ENGINE_USER_TARGET_PRIVATE_H
#define SONDE_ENGINE_USER_TARGET_PRIVATE_H

#include "engine/user/batch/batch.h"
#include "engine/user/process/remote.h"
#include "engine/user/target/target.h"

enum target_state {
	TARGET_TRACED,
	TARGET_STARTING,  /* on the way from its exec to its first instruction */
	TARGET_BORROWING, /* a child of vfork, in its parent's memory */
	TARGET_LEFT,      /* nothing is done in it */
};

struct inherited_site {
	uint64_t address, jump;
	uint32_t len; /* from the jump on, of the instructions that it took */
};

/* what a fork's child has of its parent: it goes with the child's memory, and clean.h takes the jumps out of it in the end */
struct inherited {
	VEC(struct inherited_site) sites;
	VEC(uint64_t) semaphores, privates; /* addresses; the latter: of struct rt_private */
	struct rt_range sure[RT_SURE_RANGES];
};

struct target {
	pid_t pid;
	uint64_t start_time; /* with pid: the process, and no later one of that number */
	struct remote remote;
	uint64_t n_rounds;
	uint64_t covered_at;  /* what was mapped by then had its probes before it ran, CLOCK_MONOTONIC */
	uint64_t filters;     /* filters_sum, when it was looked at last */
	unsigned held_rounds; /* target_hold: 0: it runs; else for how many rounds it may stand */
	bool is_partial;      /* they were not all there yet */
	uint64_t code;        /* of its executable mappings, when places were looked for last */
	struct areas areas;
	VEC(struct batch) batches;
	VEC(struct site_refused) refused; /* and told */
	enum target_state state;
	struct remote_entry entry;  /* STARTING */
	struct inherited inherited; /* --follow */
};

/* places that are not probed yet. is_held: its threads are stopped, and go on in any case */
struct err *target_add_batch(struct target *t, struct target_job *j, const struct proc_maps *maps,
			     bool is_held) ERR_MUST;
/* a number that changes when code comes or goes */
uint64_t target_sum_code(const struct proc_maps *maps);
/* the process, or what it has loaded, is not probed at all. err goes; NULL: nothing is to be said */
void target_tell(const struct target *t, struct target_job *j, struct err *err);
/* what was in the memory that is gone: of a program that the process no longer is */
void target_clear(struct target *t);
void target_drop_inherited(struct target *t);
/* STARTING: as if nothing had been */
void target_stop_starting(struct target *t);

#endif
