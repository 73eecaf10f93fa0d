/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of open calls; see calls.h. A slot is on the stack of one thread at a time, so entries of one slot are never worked on by two
 * threads, nor by a signal handler and what it interrupted (their slots are deeper). Only claiming has to be atomic: free entries are
 * everybody's.
 */
#include "engine/user/rt/calls.h"

#include <stdbool.h>

enum { NONE = RT_CALLS_OF_BUCKET, CLOSED = 1, MOST_CALLS = UINT16_MAX };

static struct rt_calls_bucket *bucket_of(struct rt_calls *c, const uint64_t *slot)
{
	uint64_t h = ((uint64_t)(uintptr_t)slot >> 3) * 0x9e3779b97f4a7c15ull;

	return &c->buckets[(uint32_t)(h >> 32) & c->mask];
}

static uint64_t load(const uint64_t *at)
{
	return __atomic_load_n(at, __ATOMIC_RELAXED);
}

static void release(struct rt_calls_bucket *b, unsigned i)
{
	__atomic_store_n(&b->slot[i], b->slot[i] | CLOSED, __ATOMIC_RELEASE);
}

/* one that was never used, else one that is closed; NONE: full */
static unsigned claim(struct rt_calls_bucket *b, uint64_t slot)
{
	for (unsigned closed = 0; closed < 2; closed++)
		for (unsigned i = 0; i < NONE; i++) {
			uint64_t was = load(&b->slot[i]);

			if ((closed ? was & CLOSED : !was) &&
			    __atomic_compare_exchange_n(&b->slot[i], &was, slot, false,
							__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
				return i;
		}
	return NONE;
}

/* the latest entry of a slot (as it stands in the table) that returns to back; 0: to anywhere */
static unsigned latest(const struct rt_calls_bucket *b, uint64_t slot, uint32_t back)
{
	unsigned found = NONE;

	for (unsigned i = 0; i < NONE; i++)
		if (load(&b->slot[i]) == slot && (!back || b->back[i] == back) &&
		    (found == NONE || b->order[i] >= b->order[found]))
			found = i;
	return found;
}

uint64_t rt_call_open(struct rt_calls *c, uint64_t *slot, uint64_t back)
{
	struct rt_calls_bucket *b = bucket_of(c, slot);
	uint64_t address = *slot, key = (uint64_t)(uintptr_t)slot;
	unsigned old, i;
	uint16_t order = 0;

	if (key & CLOSED) /* no stack is like that */
		return 0;
	old = latest(b, key, 0);
	if (old != NONE && address % RT_BACK_ALIGN != RT_BACK_REST) {
		/* the slot was used for something else meanwhile: what was open there never returns */
		do
			release(b, old);
		while ((old = latest(b, key, 0)) != NONE);
	} else if (old != NONE) {
		if (address == back && b->back[old] == (uint32_t)back && b->n[old] < MOST_CALLS) {
			b->n[old]++;
			return 1;
		}
		order = b->order[old] + 1;
	}
	i = order < UINT16_MAX ? claim(b, key) : NONE;
	if (i == NONE)
		return 0;
	b->address[i] = address;
	b->back[i] = (uint32_t)back;
	b->n[i] = 1;
	b->order[i] = order;
	return 1;
}

uint64_t rt_call_close(struct rt_calls *c, uint64_t *slot, uint64_t back)
{
	struct rt_calls_bucket *b = bucket_of(c, slot);
	uint64_t key = (uint64_t)(uintptr_t)slot, address;
	unsigned i = latest(b, key, (uint32_t)back);

	if (i == NONE) { /* it returns a second time */
		i = latest(b, key | CLOSED, (uint32_t)back);
		return i == NONE ? 0 : b->address[i];
	}
	if (b->n[i] > 1) {
		b->n[i]--;
		return back;
	}
	address = b->address[i];
	release(b, i);
	return address;
}
