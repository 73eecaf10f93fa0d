/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A call that never returns (an exception passed, the thread was ended) leaves what was kept of it. Another call in the
 * same place takes its place over; what the threads of ended processes left is found here, by asking once a second
 * whether a thread still is. entries = returns + open + unwound holds at each moment that nothing happens in.
 */
#include "session/calls.h"

#include "base/log.h"
#include "base/vec.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* as build_return.c has it */
struct call_key {
	uint64_t frame;
	uint32_t tid;
	uint32_t function;
};

struct calls {
	const struct image *im;
	const struct engine_ops *ops;
	struct engine *engine;
	uint32_t stats;   /* map */
	uint64_t n_swept; /* entries taken out here */
	time_t looked;
	bool is_elsewhere; /* the tracer's process numbers are not the kernel's: threads cannot be asked for */
};

struct sweep {
	VEC(struct call_key) dead;
	uint64_t n_open;
	bool is_asking;
};

static bool is_own_pid_namespace(void)
{
	enum { INITIAL_PIDNS_INO = 0xEFFFFFFC };
	struct stat st;

	return stat("/proc/self/ns/pid", &st) || st.st_ino != INITIAL_PIDNS_INO;
}

struct calls *calls_new(const struct image *im, const struct engine_ops *ops, struct engine *e)
{
	struct calls *c;

	for (uint32_t i = 0; i < im->n_maps; i++) {
		if (!str_is(im->maps[i]->name, IMAGE_CALLS))
			continue;
		c = base_alloc(sizeof(*c));
		*c = (struct calls){ .im = im,
				     .ops = ops,
				     .engine = e,
				     .stats = i,
				     .is_elsewhere = is_own_pid_namespace() };
		return c;
	}
	return NULL;
}

static void read_stats(const struct calls *c, uint64_t stats[CALL_N_STATS])
{
	const uint32_t key = 0;

	memset(stats, 0, CALL_N_STATS * sizeof(*stats));
	err_free(c->ops->map_lookup(c->engine, c->stats, &key, stats));
	stats[CALL_UNWOUND] += c->n_swept;
}

static bool is_thread(uint32_t tid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%u",
		 tid); /* of threads, too, though they are not listed */
	return access(path, F_OK) == 0;
}

static bool visit(void *arg, const void *key, const void *value, uint32_t n_cpus)
{
	struct sweep *s = arg;
	struct call_key call;

	memcpy(&call, key, sizeof(call));
	s->n_open++;
	if (s->is_asking && !is_thread(call.tid))
		vec_push(&s->dead, call);
	return true;
}

/* all maps of calls; ask: those of threads that have ended go. The number that stay. */
static uint64_t walk(struct calls *c, bool ask)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < c->im->n_maps; i++) {
		bool is_go = str_starts(c->im->maps[i]->name, STR(IMAGE_CALLS_OF_GO));
		struct sweep s = { .is_asking = ask && !is_go };

		if (!is_go && !str_starts(c->im->maps[i]->name, STR(IMAGE_CALLS_OF)))
			continue;
		err_free(c->ops->map_each(c->engine, i, visit, &s));
		n += s.n_open;
		vec_each(call, &s.dead) {
			struct err *e = c->ops->map_delete(c->engine, i, call);

			c->n_swept += e == NULL;
			n -= e == NULL;
			err_free(e);
		}
		vec_free(&s.dead);
	}
	return n;
}

void calls_round(struct calls *c)
{
	uint64_t stats[CALL_N_STATS];
	time_t now = time(NULL);

	if (!c || c->is_elsewhere || now == c->looked)
		return;
	c->looked = now;
	read_stats(c, stats);
	if (c->im->has_no_books || stats[CALL_KEPT] > stats[CALL_TAKEN] + stats[CALL_UNWOUND])
		walk(c, true);
}

void calls_free(struct calls *c)
{
	uint64_t stats[CALL_N_STATS], n_open;

	if (!c)
		return;
	if (log_level >= 1 && !c->im->has_no_books) {
		n_open = walk(c, !c->is_elsewhere);
		read_stats(c, stats);
		log_verbose(
			"calls kept for their return: %llu entered = %llu returned + %llu open + %llu unwound",
			(unsigned long long)stats[CALL_KEPT], (unsigned long long)stats[CALL_TAKEN],
			(unsigned long long)n_open, (unsigned long long)stats[CALL_UNWOUND]);
	}
	free(c);
}
