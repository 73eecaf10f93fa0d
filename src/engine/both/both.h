/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of engine_both: an image whose programs are for two engines (image_prog.is_in_process), each of which has a view of it with the
 * programs and maps that it is to run (image.part); numbers of programs, maps, events and faults are the same for both. What they
 * counted is added up here; how programs were dealt out: groups.h.
 *
 *	engine.c	the operations, in the order in which the session calls them
 *	events.c	events of both, in the order in which they were made
 *	mapio.c		maps that one of them has, or both
 */
#ifndef SONDE_ENGINE_BOTH_BOTH_H
#define SONDE_ENGINE_BOTH_BOTH_H

#include "base/vec.h"
#include "engine/engine.h"

/* records of one engine that were read and not delivered yet: struct kept, then its bytes, one behind the other */
struct kept {
	uint64_t time; /* ns of CLOCK_MONOTONIC when it was made */
	size_t bytes;  /* of head and payload */
};

struct queue {
	VEC(uint64_t) words;
	size_t at; /* the first one that is not delivered */
};

struct engine {
	const struct image *image;
	struct image kernel_view, user_view;
	struct engine *kernel, *user;
	struct engine_opts opts;
	int32_t *kernel_pids;         /* of opts.pids, those that the kernel engine has */
	struct image_globals globals; /* what the session sees and sets: both_sync carries it over */
	struct image_fault_count *faults;
	struct queue kernel_queue, user_queue;
	uint64_t event_time; /* of the record that is being delivered */
	uint64_t idle;       /* rounds in which nothing came */
	bool is_detached;
};

static inline bool both_in_kernel(const struct image_map *m)
{
	return m->used_by & IMAGE_IN_KERNEL;
}

static inline bool both_in_process(const struct image_map *m)
{
	return m->used_by & IMAGE_IN_PROCESS;
}

/* ---- engine.c ---- */
/* what one engine's programs, or the session, have set counts for both */
void both_sync(struct engine *e);

/* ---- events.c: the operations of engine_ops of the same names ---- */
struct err *both_poll(struct engine *e, int timeout_ms, engine_event_fn *fn, void *arg) ERR_MUST;
void both_events_free(struct engine *e);

/* ---- mapio.c ---- */
struct err *both_map_each(struct engine *e, uint32_t map,
			  bool (*fn)(void *arg, const void *key, const void *value, uint32_t n_cpus),
			  void *arg) ERR_MUST;
struct err *both_map_lookup(struct engine *e, uint32_t map, const void *key, void *value) ERR_MUST;
struct err *both_map_update(struct engine *e, uint32_t map, const void *key,
			    const void *value) ERR_MUST;
struct err *both_map_delete(struct engine *e, uint32_t map, const void *key) ERR_MUST;
struct err *both_set_table(struct engine *e, uint32_t map, uint32_t index, const uint64_t *words,
			   uint32_t n) ERR_MUST;
struct err *both_map_clear(struct engine *e, uint32_t map) ERR_MUST;
struct err *both_map_zero(struct engine *e, uint32_t map) ERR_MUST;
/* the kernel's rows, then the user engine's */
uint32_t both_n_cpus(struct engine *e);

#endif
