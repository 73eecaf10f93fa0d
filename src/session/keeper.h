/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs that go on without their command: --pin NAME. A process of its own session, the keeper, holds everything that is
 * attached, writes the output to a file and answers on a socket; --read NAME shows what there is so far, --unpin NAME ends it.
 * When the keeper dies, in whatever way, everything comes off as at the end of any run (docs/decisions/pinned-runs.md).
 *
 * A run's folder is /run/sonde/NAME, for others than root $XDG_RUNTIME_DIR/sonde/NAME: `output` (unless -o names a file),
 * `socket`, `path` (where the output is).
 */
#ifndef SONDE_SESSION_KEEPER_H
#define SONDE_SESSION_KEEPER_H

#include "session/session.h"

struct keeper;

/*
 * Forks. In the keeper *ret is set, and o->output_path when it was not. In the command *ret is NULL and *status what the command is
 * to end with: it has waited until the probes were attached or could not be.
 */
struct err *keeper_start(struct session_opts *o, struct keeper **ret, int *status) ERR_MUST;
/* the probes are attached: the command may end. k may be NULL, here and below */
void keeper_attached(struct keeper *k);
/* answers who asks; show writes what --read shows behind the output file to fd. True: the run is to end */
bool keeper_round(struct keeper *k, void (*show)(void *arg, int fd), void *arg);
void keeper_free(struct keeper *k);

/* --read, --unpin (stop), --pins: what they show goes to standard output */
struct err *keeper_read(const char *name, bool stop) ERR_MUST;
struct err *keeper_list(void) ERR_MUST;

#endif
