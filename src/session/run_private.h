/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of a run share: run.c (from the script to the exit status), run_open.c, run_events.c. Nobody else includes this. */
#ifndef SONDE_SESSION_RUN_PRIVATE_H
#define SONDE_SESSION_RUN_PRIVATE_H

#include "session/compile.h"

#include "session/absent.h"
#include "session/budget.h"
#include "session/calls.h"
#include "session/child.h"
#include "session/keeper.h"
#include "session/late.h"
#include "session/replaced.h"
#include "session/symbols.h"
#include "stream/stream.h"

struct run {
	const struct session_opts *o;
	struct compilation c;
	struct child child;
	const struct engine_ops *ops;
	struct engine *engine;
	struct output *out;
	struct output_symbols symbols;
	struct symbols names;
	struct calls *calls;
	struct budget *budget;     /* NULL: no --budget */
	struct late *late;         /* NULL: nothing is waited for */
	struct replaced *replaced; /* NULL: no file can be */
	struct keeper *keeper;     /* --pin */
	struct output_opts out_opts;
	int out_fd;
	bool is_attached;
	uint64_t stop_ns;   /* when Ctrl-C was seen; 0: not yet */
	uint64_t n_printed; /* events of --max-events */
	struct stream *stream;
	struct err *stream_err; /* of running clauses on messages */
	uint64_t n_skipped;     /* events that were waiting then and were not printed any more */
	bool is_ending;         /* the end programs have run: what they print is always shown */
	int status;
};

/* ---- run_engine.c: compile for the engine that is to run it. False: what is wrong was printed ---- */
bool run_compile(struct run *r);

/* ---- run_open.c: what a run needs before its first program ---- */
struct err *run_open_output(struct run *r) ERR_MUST;
struct err *run_open_engine(struct run *r) ERR_MUST;
/* before the first probe: a process that begins now is known from its first mapping on */
void run_watch_processes(struct run *r);
/* late.h: programs came, which may keep what none kept before */
void run_image_grown(void *run, pid_t pid);

/* ---- run_events.c ---- */
engine_event_fn run_on_event;
/* what is there now, or comes within timeout_ms */
struct err *run_drain(struct run *r, int timeout_ms) ERR_MUST;
/* at the end: what is missing in what was shown */
void run_say_missing(const struct run *r);

#endif
