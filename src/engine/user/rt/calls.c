/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tables of open calls; see calls.h. A slot is on the stack of one thread at a time, so entries of one slot are never worked on by two
 * threads, nor by a signal handler and what it interrupted (their slots are deeper). Only claiming has to be atomic: free entries are
 * everybody's.
 *
 * Each slot has one bucket in each table, and a home in it: that of the first table is looked at first. An entry of order 0 that is closed there says that the slot has no open calls at all: it was the
 * first of its chain of tail calls and so the last to return, and whoever opened a call since then would have taken it. So a loop that
 * calls a function looks at one entry.
 */
#include "engine/user/rt/calls.h"

#include <stdbool.h>

enum { CLOSED = 1, MOST_CALLS = RT_CALL_COVERED - 1 };

static uint64_t load(const struct rt_call *e)
{
	return __atomic_load_n(&e->slot, __ATOMIC_RELAXED);
}

static void release(struct rt_call *e)
{
	__atomic_store_n(&e->slot, e->slot | CLOSED, __ATOMIC_RELEASE);
}

static bool take(struct rt_call *e, uint64_t was, uint64_t key)
{
	return __atomic_compare_exchange_n(&e->slot, &was, key, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/* the slot's home */
static struct rt_call *home_of(struct rt_calls *c, uint64_t key)
{
	uint64_t h = (key >> c->shift) * 0x9e3779b97f4a7c15ull;

	return (struct rt_call *)c->buckets +
	       (((uint32_t)(key >> 3) ^ (uint32_t)(h >> 32)) & c->mask);
}

static struct rt_call *bucket_of(struct rt_calls *c, const struct rt_call *home)
{
	return c->buckets[(home - (struct rt_call *)c->buckets) / RT_CALLS_OF_BUCKET].v;
}

/* the latest entry of a slot (as it stands in the tables) that returns to back; 0: to anywhere */
static struct rt_call *latest(struct rt_calls *c, uint64_t key, uint64_t slot, uint32_t back)
{
	struct rt_call *found = NULL;

	for (; c; c = rt_calls_more(c)) {
		struct rt_call *v = bucket_of(c, home_of(c, key));

		for (struct rt_call *e = v; e < v + RT_CALLS_OF_BUCKET; e++)
			if (load(e) == slot && (!back || e->back == back) &&
			    (!found || e->order >= found->order))
				found = e;
	}
	return found;
}

/* an entry for the slot: its home, one that was never used, one that is closed; NULL: the bucket is full */
static struct rt_call *claim_in(struct rt_calls *c, uint64_t key)
{
	struct rt_call *home = home_of(c, key), *v = bucket_of(c, home);
	uint64_t was = load(home);

	if ((!was || was & CLOSED) && take(home, was, key))
		return home;
	for (unsigned closed = 0; closed < 2; closed++)
		for (struct rt_call *e = v; e < v + RT_CALLS_OF_BUCKET; e++) {
			was = load(e);
			if ((closed ? was & CLOSED : !was) && take(e, was, key))
				return e;
		}
	return NULL;
}

static struct rt_call *claim(struct rt_calls *c, uint64_t key, bool may_grow)
{
	may_grow = may_grow && c->can_grow;
	while (c) {
		struct rt_call *e = claim_in(c, key);

		if (e)
			return e;
		c = may_grow ? rt_calls_grow(c) : rt_calls_more(c);
	}
	return NULL;
}

static uint64_t fill(struct rt_call *e, uint64_t address, uint64_t back, uint16_t order)
{
	e->address = address;
	e->back = (uint32_t)back;
	e->n = 1;
	e->order = order;
	return 1;
}

/* everything but the usual */
static __attribute__((noinline)) uint64_t open_slowly(struct rt_calls *c, uint64_t key,
						      uint64_t address, uint64_t back)
{
	struct rt_call *old = latest(c, key, key, 0), *e;
	uint16_t order = 0;

	if (old && address % RT_BACK_ALIGN != RT_BACK_REST) {
		/* the slot was used for something else meanwhile: what was open there never returns */
		for (; old; old = latest(c, key, key, 0))
			release(old);
	} else if (old) {
		if (address == back && old->back == (uint32_t)back && old->n < MOST_CALLS) {
			old->n++;
			return 1;
		}
		order = old->order + 1;
	}
	e = order < UINT16_MAX ? claim(c, key, order < RT_CALLS_CHAIN) : NULL;
	if (!e)
		return 0;
	if (old)
		old->n |= RT_CALL_COVERED;
	return fill(e, address, back, order);
}

uint64_t rt_call_open(struct rt_calls *c, uint64_t *slot, uint64_t back)
{
	uint64_t address = *slot, key = (uint64_t)(uintptr_t)slot;
	struct rt_call *home = home_of(c, key);

	if (key & CLOSED) /* no stack is like that */
		return 0;
	if (load(home) == (key | CLOSED) && !home->order && take(home, key | CLOSED, key))
		return fill(home, address, back, 0);
	return open_slowly(c, key, address, back);
}

static __attribute__((noinline)) uint64_t close_slowly(struct rt_calls *c, uint64_t key,
						       uint64_t back)
{
	struct rt_call *e = latest(c, key, key, (uint32_t)back), *below;
	uint64_t address;

	if (!e) { /* it returns a second time */
		e = latest(c, key, key | CLOSED, (uint32_t)back);
		return e ? e->address : 0;
	}
	if ((e->n & ~RT_CALL_COVERED) > 1) {
		e->n--;
		return back;
	}
	address = e->address;
	release(e);
	below = latest(c, key, key, 0);
	if (below)
		below->n &= (uint16_t)~RT_CALL_COVERED;
	return address;
}

uint64_t rt_call_close(struct rt_calls *c, uint64_t *slot, uint64_t back)
{
	uint64_t key = (uint64_t)(uintptr_t)slot, address;
	struct rt_call *home = home_of(c, key);

	if (load(home) != key || home->back != (uint32_t)back || home->n != 1)
		return close_slowly(c, key, back);
	address = home->address;
	release(home);
	return address;
}
