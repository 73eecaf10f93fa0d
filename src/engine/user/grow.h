/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Generations of an image (image/extend.c) under the user engine: what is new is copied to where the guardian finds it (handover.h), and the
 * guardian, which was forked before, adds the places to its job and probes the processes that have them. What processes map later is found in
 * its rounds, as all places are.
 */
#ifndef SONDE_ENGINE_USER_GROW_H
#define SONDE_ENGINE_USER_GROW_H

#include "engine/user/user.h"

/* ---- the front end: engine_ops of the same names ---- */
struct err *user_extend(struct engine *e, uint32_t group,
			struct engine_attach_result *res) ERR_MUST;
void user_drop_group(struct engine *e, uint32_t group);
void user_drop_file(struct engine *e, struct str path);
/* a process has mapped a file that may be probed: it stands until that is done, or for the time of some rounds */
enum engine_hold user_hold(struct engine *e, pid_t pid, uint64_t mapped_at);
/* the guardian is not to wait for its next round; -> it should be asked again soon */
bool user_look(struct engine *e);

/* ---- the guardian ---- */
/* question: a pointer into the handover */
struct err *grow_answer(struct engine *e, struct str question,
			struct guardian_report *out) ERR_MUST;

#endif
