/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events of two engines in the order in which they were made. Each engine's are in order; records of both carry the time. In every round what is
 * there is taken out of the rings, and delivered up to the time when the round began, since of what is younger something may still be under way.
 * A program that needs longer than a round from making an event to committing it is the exception: what it says comes late.
 */
#include "engine/both/both.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

enum { NS_PER_MS = 1000000 };

/* where the records of one engine go */
struct keeping {
	const struct engine_ops *ops;
	struct engine *engine;
	struct queue *queue;
};

static size_t words(size_t bytes)
{
	return (bytes + sizeof(uint64_t) - 1) / sizeof(uint64_t);
}

static void keep(void *arg, const struct event_head *head, const void *payload, uint32_t size)
{
	struct keeping *k = arg;
	struct queue *q = k->queue;
	struct kept new = { .time = k->ops->event_time(k->engine), .bytes = sizeof(*head) + size };
	size_t n = words(sizeof(new)) + words(new.bytes);
	char *to;

	vec_reserve(&q->words, n);
	to = (char *)(q->words.v + q->words.n);
	memcpy(to, &new, sizeof(new));
	memcpy(to + sizeof(new), head, sizeof(*head));
	if (size)
		memcpy(to + sizeof(new) + sizeof(*head), payload, size);
	q->words.n += n;
}

/* the oldest one; NULL: there is none */
static const struct kept *first(const struct queue *q)
{
	return q->at < q->words.n ? (const struct kept *)(const void *)(q->words.v + q->at) : NULL;
}

static void deliver_first(struct engine *e, struct queue *q, engine_event_fn *fn, void *arg)
{
	const struct kept *k = first(q);
	const struct event_head *head = (const struct event_head *)(const void *)(k + 1);

	q->at += words(sizeof(*k)) + words(k->bytes);
	e->event_time = k->time;
	fn(arg, head, head + 1, (uint32_t)(k->bytes - sizeof(*head)));
	if (q->at == q->words.n)
		q->at = q->words.n = 0;
}

/* -> whether there was one */
static bool deliver(struct engine *e, uint64_t until, engine_event_fn *fn, void *arg)
{
	bool is_any = false;

	for (;;) {
		const struct kept *k = first(&e->kernel_queue), *u = first(&e->user_queue);
		bool is_kernels = k && (!u || k->time <= u->time);

		if ((!k && !u) || (is_kernels ? k : u)->time > until)
			return is_any;
		deliver_first(e, is_kernels ? &e->kernel_queue : &e->user_queue, fn, arg);
		is_any = true;
	}
}

static ERR_MUST struct err *take_all(struct engine *e)
{
	struct keeping kernel = { &engine_kernel, e->kernel, &e->kernel_queue },
		       user = { &engine_user, e->user, &e->user_queue };

	TRY(engine_kernel.poll(e->kernel, 0, keep, &kernel));
	return engine_user.poll(e->user, 0, keep, &user);
}

struct err *both_poll(struct engine *e, int timeout_ms, engine_event_fn *fn, void *arg)
{
	uint64_t start = clock_monotonic_ns(), now = start;

	for (;;) {
		struct pollfd p = { .fd = engine_kernel.poll_fd(e->kernel), .events = POLLIN };
		int wait, left;

		both_sync(e);
		TRY(take_all(e));
		/* nothing is under way when no probe is there any more */
		if (deliver(e, e->is_detached ? UINT64_MAX : now, fn, arg)) {
			e->idle = 0;
			return NULL;
		}
		now = clock_monotonic_ns();
		left = timeout_ms < 0 ? ENGINE_IDLE_MS
				      : timeout_ms - (int)((now - start) / NS_PER_MS);
		both_sync(e);
		if (left <= 0 || e->globals.exiting)
			return NULL;
		if (first(&e->kernel_queue) || first(&e->user_queue))
			continue;
		wait = engine_idle_ms(&e->idle);
		if (poll(&p, 1, wait < left ? wait : left) < 0)
			return errno == EINTR ? NULL : err_new(errno, "wait for events");
		now = clock_monotonic_ns();
	}
}

void both_events_free(struct engine *e)
{
	vec_free(&e->kernel_queue.words);
	vec_free(&e->user_queue.words);
}
