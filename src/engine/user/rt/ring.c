/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rings; see ring.h. A record never wraps: where it would, the rest of the ring is filled by one that is skipped. head and tail
 * count bytes for ever, their difference is what is in the ring.
 */
#include "engine/user/rt/ring.h"

enum { HEADER = sizeof(struct rt_record) };

static uint64_t padded(uint64_t n)
{
	return (n + 7) & ~7ull;
}

static struct rt_record *at(struct rt_ring *r, uint64_t position)
{
	return (struct rt_record *)((char *)r + r->data + (position & (r->size - 1)));
}

void rt_ring_init(struct rt_ring *r, void *data, uint64_t size)
{
	*r = (struct rt_ring){ .size = size, .data = (int64_t)((uintptr_t)data - (uintptr_t)r) };
}

uint64_t rt_ring_pending(const struct rt_ring *r)
{
	return __atomic_load_n(&r->head, __ATOMIC_RELAXED) -
	       __atomic_load_n(&r->tail, __ATOMIC_RELAXED);
}

/* ---- writers ---- */

static void put_length(struct rt_record *rec, uint32_t length)
{
	__atomic_store_n(&rec->length, length, __ATOMIC_RELEASE);
}

/* length and owner at once: a reservation that has no header yet is all zeroes */
static void put_header(struct rt_record *rec, uint32_t length, uint32_t owner)
{
	__atomic_store_n((uint64_t *)(void *)rec, (uint64_t)owner << 32 | length, __ATOMIC_RELEASE);
}

void *rt_ring_reserve(struct rt_ring *r, uint32_t owner, uint32_t length, uint64_t time,
		      uint64_t headroom)
{
	uint64_t need = HEADER + padded(length), head, filler;
	struct rt_record *rec;

	head = __atomic_load_n(&r->head, __ATOMIC_RELAXED);
	do {
		uint64_t tail = __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
		uint64_t rest = r->size - (head & (r->size - 1));

		filler = rest < need ? rest : 0;
		if (length > RT_RING_LENGTH || need > r->size / 2 ||
		    head + filler + need + headroom - tail > r->size) {
			__atomic_add_fetch(&r->n_refused, 1, __ATOMIC_RELAXED);
			return 0;
		}
	} while (!__atomic_compare_exchange_n(&r->head, &head, head + filler + need, true,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	/* the rest of the ring may be 8 bytes: too few for a header, and known by that */
	if (filler >= HEADER)
		put_header(at(r, head), RT_RING_SKIP | (uint32_t)(filler - HEADER), owner);
	rec = at(r, head + filler);
	put_header(rec, RT_RING_BUSY | length, owner);
	rec->time = time;
	return rec + 1;
}

void rt_ring_commit(void *payload, bool is_wanted)
{
	struct rt_record *rec = (struct rt_record *)payload - 1;
	uint32_t length = rec->length & RT_RING_LENGTH;

	put_length(rec, length | (is_wanted ? RT_RING_READY : RT_RING_SKIP));
}

/* ---- the reader ---- */

static void zero(struct rt_ring *r, uint64_t from, uint64_t n)
{
	volatile uint64_t *words = (volatile uint64_t *)at(r, from);

	for (uint64_t i = 0; i < n / 8; i++)
		words[i] = 0;
}

static void take(struct rt_ring *r, uint64_t n)
{
	uint64_t tail = r->tail;

	zero(r, tail, n);
	__atomic_store_n(&r->tail, tail + n, __ATOMIC_RELEASE);
}

/* a record never wraps; whatever its length says, the process can have written there by mistake */
static uint64_t bytes_of(const struct rt_ring *r, uint32_t length)
{
	uint64_t n = HEADER + padded(length & RT_RING_LENGTH);
	uint64_t rest = r->size - (r->tail & (r->size - 1)), pending = rt_ring_pending(r);

	rest = pending < rest ? pending : rest;
	return n < rest ? n : rest;
}

const void *rt_ring_peek(struct rt_ring *r, uint32_t *length, uint64_t *time)
{
	while (rt_ring_pending(r)) {
		uint64_t tail = r->tail, rest = r->size - (tail & (r->size - 1));
		struct rt_record *rec = at(r, tail);
		uint32_t got;

		if (rest < HEADER) {
			take(r, rest);
			continue;
		}
		got = __atomic_load_n(&rec->length, __ATOMIC_ACQUIRE);
		if (!(got & (RT_RING_READY | RT_RING_SKIP)))
			return 0;
		if (got & RT_RING_SKIP) {
			take(r, bytes_of(r, got));
			continue;
		}
		if (HEADER + padded(got & RT_RING_LENGTH) > rest) {
			__atomic_add_fetch(&r->n_refused, 1, __ATOMIC_RELAXED);
			take(r, bytes_of(r, got));
			continue;
		}
		*length = got & RT_RING_LENGTH;
		*time = rec->time;
		return rec + 1;
	}
	return 0;
}

void rt_ring_advance(struct rt_ring *r)
{
	take(r, bytes_of(r, at(r, r->tail)->length));
}

bool rt_ring_is_blocked(const struct rt_ring *r, uint32_t *owner)
{
	const struct rt_record *rec = at((struct rt_ring *)r, r->tail);
	uint32_t length;

	if (!rt_ring_pending(r) || r->size - (r->tail & (r->size - 1)) < HEADER)
		return false;
	length = __atomic_load_n(&rec->length, __ATOMIC_ACQUIRE);
	*owner = length ? rec->owner : 0;
	return !(length & (RT_RING_READY | RT_RING_SKIP));
}

/* bytes in front without a header: up to the first word that is something, which is the next record's */
static uint64_t without_header(struct rt_ring *r)
{
	uint64_t n = 0, rest = r->size - (r->tail & (r->size - 1)), pending = rt_ring_pending(r);

	rest = pending < rest ? pending : rest;
	while (n < rest &&
	       !__atomic_load_n((uint64_t *)(void *)at(r, r->tail + n), __ATOMIC_ACQUIRE))
		n += 8;
	return n;
}

uint64_t rt_ring_abandon(struct rt_ring *r, uint32_t owner)
{
	uint64_t n = 0, time;
	uint32_t length, whose;

	while (!rt_ring_peek(r, &length, &time) && rt_ring_is_blocked(r, &whose)) {
		/* killed between the reservation and its header: how long it is, nobody knows */
		if (owner && whose != owner)
			break;
		n++;
		take(r, whose || at(r, r->tail)->length ? bytes_of(r, at(r, r->tail)->length)
							: without_header(r));
	}
	return n;
}
