/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all processes of a run have in common: the programs, the places that they go to, and what the files say of each place, read once.
 * Made by attach.c before any process is stopped.
 */
#ifndef SONDE_ENGINE_USER_JOB_H
#define SONDE_ENGINE_USER_JOB_H

#include "engine/user/place/refusals.h"
#include "engine/user/place/target_places.h"
#include "probe/go_room.h"
#include "probe/patchable.h"

#include <sys/types.h>

struct shared;

/* a function that reaches into a block of its file's addresses */
struct job_function {
	const struct patchable_function *function;
	size_t number;              /* in the order in which they were read */
	struct job_function *older; /* in the same block */
};

/* those with places, as their files have them: read once for all processes */
struct job_functions {
	VEC(struct patchable_function *) v;
	struct hashmap blocks; /* file and block -> the newest function there */
	struct arena arena;
};

/* what the file says of a place */
struct place_verdict {
	const struct patchable_function *function; /* NULL: the file cannot be read */
	struct patchable place;
	struct go_room room; /* Go */
};

/* what several targets of one run have in common */
struct target_job {
	const struct image *image; /* its programs: those of generations too */
	const struct shared *shared;
	struct target_places places;
	VEC(struct place_verdict) verdicts; /* by place, of the first sets */
	size_t n_judged;                    /* sets */
	struct job_functions functions;
	int gate;             /* the process waits before its exec for a byte there; -1: it runs */
	pid_t held;           /* it has not begun, and is not to when the run fails; 0: all run */
	uint64_t released_at; /* engine_attach_result */
	bool *is_attached;    /* by place: in one process at least */
	struct refusals refusals; /* places that cannot be probed */
	struct strbuf maps;       /* code that processes have mapped (news.c), since it was taken */
};

/* home: the front end, whose paths the image has */
void target_job_init(struct target_job *j, const struct image *im, const struct shared *s,
		     pid_t home);
void target_job_free(struct target_job *j);
/* places that were added since are judged by their files */
void target_job_judge(struct target_job *j);
/* places of sets from here on, but for repeated ones */
uint32_t target_job_attached(const struct target_job *j, size_t from_set);
uint32_t target_job_possible(const struct target_job *j,
			     size_t from_set); /* whether they are in any or not */

#endif
