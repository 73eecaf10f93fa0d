/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of open calls against a model: a stack whose functions call, jump to one another, return, and are left by longjmp, at random. A
 * function that was opened must come back to where it was called from, however many of its slot were opened before it. Other tests let
 * threads do so with stacks of their own in one small table, and recursion add tables.
 */
#include "engine/user/rt/calls.h"

#include "random.h"
#include "tap.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
	DEPTH = 40,
	CHAIN = 12,
	STEPS = 300000,
	FUNCTIONS = 3,
	THREADS = 4,
	MAX_BUCKETS = 4,
	DEEP = 200000, /* calls */
	FRAME = 3      /* words of the stack each */
};

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
	*c = rt_calls_head(n_buckets);
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

static void give_back(struct rt_calls *c)
{
	struct rt_calls *next = rt_calls_more(c);

	free(c);
	while (next) {
		struct rt_calls *t = next;

		next = rt_calls_more(t);
		munmap(t, rt_calls_bytes((t->mask + 1) / RT_CALLS_OF_BUCKET));
	}
}

static unsigned tables_of(const struct rt_calls *c)
{
	unsigned n = 0;

	for (; c; c = rt_calls_more(c))
		n++;
	return n;
}

/* down and up again: calls that could not be opened, and those that did not come back right */
static uint64_t go_deep(struct rt_calls *c, uint64_t *stack, uint64_t *n_missed)
{
	uint64_t n_wrong = 0;

	for (unsigned i = DEEP; i--;) {
		stack[i * FRAME] = 0x400000 + i * 16ull;
		if (rt_call_open(c, &stack[i * FRAME], back_of(i % FUNCTIONS)))
			stack[i * FRAME] = back_of(i % FUNCTIONS);
		else
			++*n_missed;
	}
	for (unsigned i = 0; i < DEEP; i++)
		if (stack[i * FRAME] == back_of(i % FUNCTIONS))
			n_wrong += rt_call_close(c, &stack[i * FRAME], back_of(i % FUNCTIONS)) !=
				   0x400000 + i * 16ull;
	return n_wrong;
}

TEST(tables_are_added)
{
	struct rt_calls *c = make(MAX_BUCKETS);
	uint64_t *stack = calloc((size_t)DEEP * FRAME, sizeof(*stack)), n_missed = 0;
	unsigned n_tables;

	CHECK_INT(go_deep(c, stack, &n_missed), 0);
	CHECK(n_missed >= DEEP - 2 * MAX_BUCKETS * RT_CALLS_OF_BUCKET);
	CHECK_INT(tables_of(c), 1);
	c->can_grow = 1;
	n_missed = 0;
	CHECK_INT(go_deep(c, stack, &n_missed), 0);
	CHECK_INT(n_missed, 0);
	n_tables = tables_of(c);
	CHECK(n_tables > 3);
	/* no more of them, however often */
	for (unsigned i = 0; i < 3; i++)
		CHECK_INT(go_deep(c, stack, &n_missed), 0);
	CHECK_INT(n_missed, 0);
	CHECK_INT(tables_of(c), n_tables);
	give_back(c);
	free(stack);
}

/* tail calls from one to the other without end: no memory is wanted for all of them */
TEST(an_endless_row_of_tail_calls)
{
	struct rt_calls *c = make(MAX_BUCKETS);
	uint64_t slot = 0x401234;
	unsigned n = 0;

	c->can_grow = 1;
	for (unsigned i = 0; i < DEEP; i++)
		if (rt_call_open(c, &slot, back_of(i % 2))) {
			slot = back_of(i % 2);
			n++;
		}
	CHECK(n >= RT_CALLS_CHAIN);
	CHECK(tables_of(c) <= 3);
	/* each that was noticed returns once */
	for (; n && slot != 0x401234; n--)
		slot = rt_call_close(c, &slot, slot);
	CHECK_INT(slot, 0x401234);
	CHECK_INT(n, 0);
	give_back(c);
}

struct diver {
	struct rt_calls *calls;
	uint64_t n_wrong, n_missed;
};

static void *dive(void *arg)
{
	uint64_t *stack = calloc((size_t)DEEP * FRAME, sizeof(*stack));
	struct diver *d = arg;

	d->n_wrong = go_deep(d->calls, stack, &d->n_missed);
	free(stack);
	return NULL;
}

TEST(threads_add_tables)
{
	for (unsigned round = 0; round < 5; round++) {
		struct rt_calls *c = make(MAX_BUCKETS);
		struct diver d[THREADS] = { 0 };
		pthread_t t[THREADS];

		c->can_grow = 1;
		for (unsigned i = 0; i < THREADS; i++) {
			d[i].calls = c;
			pthread_create(&t[i], NULL, dive, &d[i]);
		}
		for (unsigned i = 0; i < THREADS; i++) {
			pthread_join(t[i], NULL);
			CHECK_INT(d[i].n_wrong + d[i].n_missed, 0);
		}
		give_back(c);
	}
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
