/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of open calls against a model: a stack whose functions call, jump to one another, return, and are left by longjmp, at random. A
 * function that was opened must come back to where it was called from, however many of its slot were opened before it. A second test lets
 * threads do so with stacks of their own in one small table.
 */
#include "engine/user/rt/calls.h"

#include "random.h"
#include "tap.h"

#include <pthread.h>
#include <stdlib.h>

enum { DEPTH = 40, CHAIN = 12, STEPS = 300000, FUNCTIONS = 3, THREADS = 4, MAX_BUCKETS = 4 };

/* where functions' trampolines are returned to, as the table wants them */
static uint64_t back_of(unsigned function)
{
	return 0x7f0000100000ull + function * 4096ull * RT_BACK_ALIGN + RT_BACK_REST;
}

struct chain { /* of one slot: what each of its open calls returns to */
	uint64_t back[CHAIN], address[CHAIN];
	unsigned n;
};

struct model {
	struct rt_calls *calls;
	uint64_t stack[DEPTH];
	struct chain chains[DEPTH];
	unsigned depth; /* slots [DEPTH - depth, DEPTH) are in use */
	uint64_t random, n_opened, n_missed, n_wrong, n_left;
};

static uint64_t next(struct model *m)
{
	return random_next(&m->random);
}

static void open_at(struct model *m, unsigned at, uint64_t back)
{
	struct chain *c = &m->chains[at];

	if (c->n == CHAIN)
		return;
	if (!rt_call_open(m->calls, &m->stack[at], back)) {
		m->n_missed++;
		return;
	}
	m->n_opened++;
	c->back[c->n] = back;
	c->address[c->n++] = m->stack[at];
	m->stack[at] = back; /* as the call pushes it */
}

static void call(struct model *m)
{
	unsigned at;

	if (m->depth == DEPTH)
		return;
	at = DEPTH - ++m->depth;
	m->chains[at].n = 0;
	/* an address of the program; one in 64 looks like ours */
	m->stack[at] = 0x400000 + (next(m) & 0xffff);
	open_at(m, at, back_of((unsigned)(next(m) % FUNCTIONS)));
}

static void jump(struct model *m)
{
	if (m->depth)
		open_at(m, DEPTH - m->depth, back_of((unsigned)(next(m) % FUNCTIONS)));
}

static void come_back(struct model *m)
{
	struct chain *c = &m->chains[DEPTH - m->depth];
	uint64_t *slot = &m->stack[DEPTH - m->depth];

	if (!m->depth)
		return;
	while (c->n) {
		c->n--;
		if (*slot != c->back[c->n] ||
		    rt_call_close(m->calls, slot, *slot) != c->address[c->n])
			m->n_wrong++;
		*slot = c->address[c->n];
	}
	m->depth--;
}

static void step(struct model *m)
{
	switch (next(m) % 16) {
	case 0 ... 5: call(m); break;
	case 6 ... 8: jump(m); break;
	case 9:
		if (m->depth > 3 && !(next(m) & 7)) { /* longjmp */
			m->depth -= 3;
			m->n_left += 3;
		}
		break;
	default: come_back(m); break;
	}
}

static struct rt_calls *make(uint32_t n_buckets)
{
	struct rt_calls *c = aligned_alloc(64, (rt_calls_bytes(n_buckets) + 63) & ~63ull);

	memset(c, 0, rt_calls_bytes(n_buckets));
	c->mask = n_buckets - 1;
	return c;
}

TEST(as_the_model)
{
	for (uint32_t n_buckets = 1; n_buckets <= MAX_BUCKETS; n_buckets *= 2) {
		struct model m = { .calls = make(n_buckets), .random = RANDOM_SEED };

		for (unsigned i = 0; i < STEPS; i++)
			step(&m);
		while (m.depth)
			come_back(&m);
		CHECK_INT(m.n_wrong, 0);
		CHECK(m.n_opened > STEPS / 64 && m.n_left > 100);
		printf("# %u buckets: %llu calls, %llu without room, %llu left\n", n_buckets,
		       (unsigned long long)m.n_opened, (unsigned long long)m.n_missed,
		       (unsigned long long)m.n_left);
		free(m.calls);
	}
}

TEST(a_second_return)
{
	struct rt_calls *c = make(1);
	uint64_t slot = 0x401234;

	CHECK_INT(rt_call_open(c, &slot, back_of(0)), 1);
	CHECK_INT(rt_call_close(c, &slot, back_of(0)), 0x401234);
	CHECK_INT(rt_call_close(c, &slot, back_of(0)), 0x401234);
	CHECK_INT(rt_call_close(c, &slot, back_of(1)), 0);
	free(c);
}

static void *work(void *arg)
{
	struct model *m = arg;

	for (unsigned i = 0; i < STEPS; i++)
		step(m);
	while (m->depth)
		come_back(m);
	return NULL;
}

TEST(threads)
{
	static struct model models[THREADS];
	struct rt_calls *c = make(MAX_BUCKETS);
	uint64_t n_opened = 0;
	pthread_t t[THREADS];

	for (unsigned i = 0; i < THREADS; i++) {
		models[i] = (struct model){ .calls = c, .random = 0x9e3779b97f4a7c15ull * (i + 1) };
		pthread_create(&t[i], NULL, work, &models[i]);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
		CHECK_INT(models[i].n_wrong, 0);
		n_opened += models[i].n_opened;
	}
	/* one that is put aside may hold all the room while another one runs */
	CHECK(n_opened > 0);
	free(c);
}
