/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --follow: the processes of a run are those that are named, what descends from them, and what they make while it goes on. For the
 * guardian. What a process forks is probed from its first instruction on, what it executes from the program's first.
 */
#ifndef SONDE_ENGINE_USER_FOLLOW_H
#define SONDE_ENGINE_USER_FOLLOW_H

#include "base/vec.h"
#include "engine/user/target/target.h"

struct followed {
	pid_t pid;
	pid_t parent;
	struct target *target; /* NULL: nobody has said yet who made it */
	bool is_vfork, is_born;
	unsigned n_rounds; /* since its birth, as long as that is so */
};

struct follow {
	struct target_job *job;
	VEC(struct followed) v;
	pid_t first;    /* the command of -c */
	bool has_begun; /* it came to its first instruction; it may have ended since */
};

struct follow_names {
	const int32_t *pids;
	uint32_t n;
	pid_t held; /* one of them: a command that waits before its exec at job->gate; 0: none */
};

/* follow_start.c: processes that are named must be probed; one of the others that cannot be is told to the job */
struct err *follow_start(struct follow *f, const struct follow_names *names) ERR_MUST;
/* what has happened; to be called when SIGCHLD comes */
void follow_events(struct follow *f);
/* programs that have just been executed come to their first instruction; not longer than so */
void follow_settle(struct follow *f, unsigned timeout_ms);
/* every 50 ms. False: no process is left */
bool follow_round(struct follow *f);
/* all code is the file's again, but for what children have from their parents (clean.h) */
void follow_stop(struct follow *f);

/* for follow_start.c; NULL: it is none of ours */
struct followed *follow_find(struct follow *f, pid_t pid);

#endif
