/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One traced process: the image's places in it are found, programs are made for where the process has our memory, and jumps to
 * them are written. All of it is done by the guardian.
 */
#ifndef SONDE_ENGINE_USER_TARGET_H
#define SONDE_ENGINE_USER_TARGET_H

#include "engine/engine.h"
#include "engine/user/place/job.h"

#include <sys/types.h>

struct target;
/* all places of the image that the process has. An error leaves the process as it was */
struct err *target_attach(struct target_job *j, pid_t pid, struct target **ret) ERR_MUST;
/* looks for code that was loaded since. False: the process has ended */
bool target_round(struct target *t, struct target_job *j);
/* engine_ops.hold: it stands until target_extend, or some rounds long at most: what it has just mapped is not to run before that has probes */
enum engine_hold target_hold(struct target *t, pid_t pid, uint64_t mapped_at);
/* the job has new places: those that the process has now are probed; what it maps later, by target_round */
void target_extend(struct target *t, struct target_job *j);
/* something of a file that is being mapped is not there yet */
bool target_is_partial(const struct target *t);
/* jumps to what has been switched off, or dropped from the job, are taken out */
void target_take_off(struct target *t, struct target_job *j);
pid_t target_pid(const struct target *t);
/* the process's code is the file's again; frees it */
void target_detach(struct target *t);

/* ---- --follow (target_follow.c): the process stays attached; it stands where nothing else is said ---- */

/* a command that waits at the gate: it goes on, and nothing is done in it before its exec */
struct err *target_start(struct target_job *j, pid_t pid, struct target **ret) ERR_MUST;
/* what parent (NULL: not known) has made; it may not stand yet */
struct target *target_fork(const struct target *parent, pid_t pid);
/* it stands at its first instruction, within a copy of its parent's memory or in that itself */
void target_born(struct target *t, struct target_job *j, pid_t parent, bool is_vfork);
/* it stands at the beginning of another program */
void target_execed(struct target *t, struct target_job *j);
/* its thread came to a breakpoint. True: that was ours, and the process goes on, probed. False: the thread stands */
bool target_trapped(struct target *t, struct target_job *j, pid_t tid);
/* on its way from its exec to its first instruction */
bool target_is_starting(const struct target *t);
/* the process has ended; frees it */
void target_forget(struct target *t);

#endif
