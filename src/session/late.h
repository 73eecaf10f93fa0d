/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Probes for files that processes map after tracing began: new programs, libraries that are opened later, files in memory, in
 * containers, deleted ones. The kernel tells of each executable mapping (perf_rings.h); each file is looked at once, and gets
 * probes if it has what the script names (generation.h). docs/decisions/late-attachment.md has the figures.
 */
#ifndef SONDE_SESSION_LATE_H
#define SONDE_SESSION_LATE_H

#include "engine/engine.h"
#include "output/event.h"
#include "session/compile.h"

struct late;
struct probe_late;

/* groups of links (engine_ops.extend): those of replaced.c from here on */
enum { REPLACED_GROUPS = 1 << 30 };

struct late_opts {
	struct compilation *c;
	const struct engine_ops *ops;
	struct engine *engine;
	struct output *out;
	/* the image has grown; what the session makes of an image has to follow */
	void (*grown)(void *arg, pid_t pid); /* pid: by whose mapping, 0: not known */
	void *arg;
};

/* NULL: the script waits for nothing. All of the following take NULL */
struct late *late_new(const struct late_opts *o);
void late_free(struct late *l);
/* what the command of -c has mapped by then had its probes before it ran (engine_attach_result.released_at) */
void late_released(struct late *l, uint64_t at);
/* how many files got probes after programs had mapped them, and how long after, at most */
uint32_t late_files(const struct late *l, uint64_t *worst_ns);
/* how often a process that is traced had ended before what it had mapped got probes */
uint32_t late_missed(const struct late *l);
/* wait for events or for files, whichever comes first */
void late_wait(struct late *l, int timeout_ms);
/* how long an engine that waits for both (wake_by) may do so */
int late_patience(const struct late *l, int timeout_ms);
/* attach to what has come */
void late_round(struct late *l);
/* what has come since and ended is counted (late_missed) */
void late_end(struct late *l);

struct late_result {
	uint32_t n_probes;
	bool is_kept; /* what was made of the file is in use until the end; else its probes alone are there */
};

/* for replaced.c, too: compile for a file, load, attach */
struct err *late_attach(const struct late_opts *o, const struct probe_late *late, uint32_t group,
			struct late_result *res) ERR_MUST;
/* "WARNING: PATH what: why"; frees err, which may be NULL */
void late_warn(const struct late_opts *o, struct str path, struct err *err, const char *what);

#endif
