/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events of the programs, read from the rings, and timers. Nobody wakes us: the rings are looked at every millisecond while something comes, less
 * often when nothing does.
 */
#include "engine/user/user.h"

#include "base/clock.h"
#include "objfile/proc.h"

#include <poll.h>
#include <string.h>

enum { NS_PER_MS = 1000000, BLOCKED_ROUNDS = 16 };

/* ---- timers ---- */

void user_add_timers(struct engine *e)
{
	uint64_t now = clock_monotonic_ns();

	for (uint32_t i = 0; i < e->image->n_progs; i++) {
		const struct probe_shape *s = e->image->progs[i]->shape;

		if (!image_runs(e->image, e->image->progs[i]))
			continue;
		for (uint32_t k = 0; s->kind == PROBE_INTERVAL && k < s->n_points; k++) {
			const struct probe_point *p = &s->points[k];
			uint64_t period = p->period      ? p->period
					  : p->frequency ? 1000000000 / p->frequency
							 : 0;

			if (period)
				vec_push(&e->timers,
					 ((struct user_timer){ i, period, now + period }));
		}
	}
}

/* -> ms until the next one, at most `most` */
static int run_timers(struct engine *e, int most)
{
	uint64_t now = clock_monotonic_ns();

	vec_each(t, &e->timers) {
		if (t->next <= now) {
			local_run(e->local, t->prog);
			/* those that were missed are not made up for */
			t->next += (1 + (now - t->next) / t->period) * t->period;
		}
		if ((t->next - now) / NS_PER_MS < (uint64_t)most)
			most = (int)((t->next - now) / NS_PER_MS);
	}
	return most;
}

/* ---- events ---- */

/* the ring whose oldest record is the oldest of all; NULL: nothing is there */
static struct rt_ring_reader *oldest(struct engine *e, const void **record, uint32_t *length,
				     uint64_t *when)
{
	struct rt_ring_reader *found = NULL;
	uint64_t best = UINT64_MAX;

	for (uint32_t i = 0; i < e->shared.n_cpus; i++) {
		struct rt_ring_reader *r = &e->readers[i];
		uint64_t time;
		uint32_t n;
		const void *p = rt_ring_peek(r, &n, &time);

		if (!p || (found && time >= best))
			continue;
		best = *when = time;
		found = r;
		*record = p;
		*length = n;
	}
	return found;
}

/* one of several processes has ended while it wrote a record: the others' events stand behind it */
static void unblock_rings(struct engine *e)
{
	for (uint32_t i = 0; i < e->shared.n_cpus; i++) {
		struct rt_ring_reader *r = &e->readers[i];
		uint32_t owner = 0;

		if (!rt_ring_is_blocked(r, &owner) || !owner)
			continue;
		if (!proc_is_alive((pid_t)owner))
			e->n_abandoned += rt_ring_abandon(r, owner);
	}
}

/*
 * What is delivered is a copy: a process can write anything into memory that it shares with us, also between two looks at it. Nor do we
 * read for ever what comes as quickly as it is read: as much as all rings hold is enough for what was there when we began.
 */
static uint32_t read_rings(struct engine *e, engine_event_fn *fn, void *arg)
{
	uint64_t most = e->shared.n_cpus * e->shared.ring_bytes, bytes = 0, time;
	struct rt_clock now = { 0 };
	struct rt_ring_reader *r;
	uint32_t n = 0, length, kind;
	struct event_head foreign = { 0 };
	const void *record;

	while (bytes < most && (r = oldest(e, &record, &length, &time))) {
		const struct event_head *head;

		/* records come while others are read; but a process can write there what it will, and nothing is of the future */
		if (e->image->has_times && time > now.tsc)
			now = shared_clock_now(&e->shared);
		e->event_time = time < now.tsc ? shared_clock_at(&now, time) : now.ns;
		vec_reserve(&e->record, length / sizeof(*e->record.v) + 1);
		head = (const struct event_head *)(const void *)e->record.v;
		memcpy(e->record.v, record, length);
		bytes += r->record;
		kind = r->kind;
		rt_ring_advance(r);
		n++;
		foreign.layout = kind == RT_RING_LINE ? EVENT_LINE : kind;
		if (e->image->is_foreign)
			fn(arg, &foreign, head, length);
		else if (length >= sizeof(*head) && head->layout < e->image->n_events &&
			 head->prog < e->image->n_progs)
			fn(arg, head, head + 1, length - (uint32_t)sizeof(*head));
	}
	return n;
}

static bool is_exiting(const struct engine *e)
{
	const struct image_globals *g = shared_values(&e->shared, e->image->globals_map);

	return g->exiting != 0;
}

struct err *user_poll(struct engine *e, int timeout_ms, engine_event_fn *fn, void *arg)
{
	struct pollfd wake = { .fd = e->wake_fd, .events = POLLIN };
	uint64_t start = clock_monotonic_ns();

	for (;;) {
		uint64_t spent = (clock_monotonic_ns() - start) / NS_PER_MS;
		int wait, left = timeout_ms < 0                 ? ENGINE_IDLE_MS
				 : spent < (uint64_t)timeout_ms ? timeout_ms - (int)spent
								: 0;

		shared_clock_round(&e->shared);
		left = run_timers(e, left);
		if (++e->n_rounds % BLOCKED_ROUNDS == 0)
			unblock_rings(e);
		if (read_rings(e, fn, arg)) {
			e->idle = 0;
			return NULL;
		}
		if (!left || is_exiting(e))
			return NULL;
		wait = engine_idle_ms(&e->idle);
		/* woken, or by a signal */
		if (poll(&wake, 1, wait < left ? wait : left))
			return NULL;
	}
}
