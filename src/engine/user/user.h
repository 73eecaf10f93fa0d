/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of the user engine, shared by its files only. The engine runs an image's programs inside of traced processes, where
 * jumps lead from the probed places to them, and in the tracer itself those that have no place: begin, end, interval. Both are the
 * same code over the same memory (shared.h).
 *
 *	engine.c	the operations, in the order in which the session calls them
 *	attach.c	the guardian's work, and what it tells
 *	events.c	rings and timers
 *	local.c		programs that run here
 *	mapio.c		reading and changing maps
 *	grow.c		generations: programs and places that come later
 *	way.c		what the way to a program costs
 *	user_refusal.c	what cannot run in a process, and why
 *
 * The rest is in folders, which do not know this one: docs/internals/user-engine.md names them.
 * All that touches processes is done by the guardian, a child that outlives us (guardian.h).
 */
#ifndef SONDE_ENGINE_USER_USER_H
#define SONDE_ENGINE_USER_USER_H

#include "base/vec.h"
#include "engine/engine.h"
#include "engine/user/guardian/guardian.h"
#include "engine/user/guardian/handover.h"
#include "engine/user/memory/shared.h"
#include "engine/user/target/follow.h"
#include "engine/user/target/target.h"

struct local; /* code of ours that runs here */

/* a timer of an interval probe */
struct user_timer {
	uint32_t prog;
	uint64_t period, next; /* ns of CLOCK_MONOTONIC */
};

struct engine {
	const struct image *image;
	struct sources *sources;
	struct engine_opts opts;
	struct shared shared;
	struct local *local;
	struct rt_ring_reader *readers; /* of the rings, one for each processor */
	VEC(uint64_t) record;           /* the event that is being delivered */
	VEC(struct user_timer) timers;
	struct guardian *guardian;    /* NULL: nothing is attached */
	VEC(struct target *) targets; /* the guardian's, as is the job */
	struct target_job job;
	struct follow follow;     /* --follow: it has the targets */
	struct image grown;       /* the guardian's image, when there are later generations */
	struct handover handover; /* what the guardian is told */
	int wake_fd;              /* poll returns when it can be read; -1: none */
	uint64_t event_time;      /* of the record that is being delivered */
	uint64_t idle;            /* rounds in which nothing came */
	uint64_t way_ns;          /* way.c: 0: not measured yet */
	uint64_t n_rounds;        /* of looking at the rings */
	uint64_t n_abandoned;     /* records that a process began and never completed */
};

/* ---- attach.c ---- */
/* lines of places that cannot be probed, unless they are not to be told */
void user_warn_refused(struct engine *e, const char *text);
struct err *user_attach(struct engine *e, struct engine_attach_result *res) ERR_MUST;
void user_detach(struct engine *e);
void user_stop_guardian(struct engine *e);

/* ---- events.c ---- */
void user_add_timers(struct engine *e);
struct err *user_poll(struct engine *e, int timeout_ms, engine_event_fn *fn, void *arg) ERR_MUST;

/* ---- local.c ---- */
struct err *local_make(const struct image *im, const struct shared *s, struct local **ret) ERR_MUST;
void local_free(struct local *l);
/* runs a program of the image with a context of zeroes; -> its result */
uint64_t local_run(const struct local *l, uint32_t prog);

/* ---- mapio.c: the operations of engine_ops of the same names ---- */
struct err *user_map_each(struct engine *e, uint32_t map,
			  bool (*fn)(void *arg, const void *key, const void *value, uint32_t n_cpus),
			  void *arg) ERR_MUST;
struct err *user_map_lookup(struct engine *e, uint32_t map, const void *key, void *value) ERR_MUST;
struct err *user_map_update(struct engine *e, uint32_t map, const void *key,
			    const void *value) ERR_MUST;
struct err *user_map_delete(struct engine *e, uint32_t map, const void *key) ERR_MUST;
struct err *user_map_clear(struct engine *e, uint32_t map) ERR_MUST;
struct err *user_map_zero(struct engine *e, uint32_t map) ERR_MUST;

/* ---- way.c ---- */
uint64_t user_way_ns(struct engine *e, uint32_t prog);

#endif
