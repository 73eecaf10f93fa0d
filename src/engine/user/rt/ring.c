/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rings; see ring.h. A record never wraps: where it would, the rest of the ring is filled by one that is skipped. head and tail
 * count bytes for ever, their difference is what is in the ring.
 *
 * Both sides may meet anything in there: a place is always made from a count by place_of, so it is a multiple of 8 within the data,
 * and `rest` bytes from there on are theirs.
 */
#include "engine/user/rt/ring.h"

enum { HEADER = sizeof(struct rt_record), MOST_TRIES = 1 << 16 };

static uint64_t padded(uint64_t n)
{
	return (n + 7) & ~7ull;
}

/* in the data */
static uint64_t place_of(uint64_t size, uint64_t position)
{
	return position & (size - 8);
}

static struct rt_record *at(struct rt_ring *r, uint64_t size, uint64_t position)
{
	return (struct rt_record *)(void *)((char *)(r + 1) + place_of(size, position));
}

void rt_ring_init(struct rt_ring *r)
{
	*r = (struct rt_ring){ .head = 0 };
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

void *rt_ring_reserve(struct rt_ring *r, uint64_t size, uint32_t owner, uint32_t length,
		      uint64_t time, uint64_t headroom)
{
	uint64_t need = HEADER + padded(length), head, filler;
	uint32_t tries = 0;
	struct rt_record *rec;

	head = __atomic_load_n(&r->head, __ATOMIC_RELAXED);
	do {
		uint64_t tail = __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
		uint64_t rest = size - place_of(size, head);

		filler = rest < need ? rest : 0;
		/* others get on each time that we do not; but one of them may do nothing else than to hinder us */
		if (length > RT_RING_LENGTH || need > size / 2 ||
		    head + filler + need + headroom - tail > size || tries++ > MOST_TRIES) {
			__atomic_add_fetch(&r->n_refused, 1, __ATOMIC_RELAXED);
			return 0;
		}
	} while (!__atomic_compare_exchange_n(&r->head, &head, head + filler + need, true,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	/* the rest of the ring may be 8 bytes: too few for a header, and known by that */
	if (filler >= HEADER)
		put_header(at(r, size, head), RT_RING_SKIP | (uint32_t)(filler - HEADER), owner);
	rec = at(r, size, head + filler);
	put_header(rec, RT_RING_BUSY | length, owner);
	rec->time = time;
	return rec + 1;
}

void rt_ring_set_kind(void *payload, uint32_t kind)
{
	struct rt_record *rec = (struct rt_record *)payload - 1;

	put_length(rec, rec->length | (kind << RT_RING_KIND_SHIFT & RT_RING_KIND));
}

void rt_ring_commit(void *payload, bool is_wanted)
{
	struct rt_record *rec = (struct rt_record *)payload - 1;
	uint32_t length = rec->length & (RT_RING_LENGTH | RT_RING_KIND);

	put_length(rec, length | (is_wanted ? RT_RING_READY : RT_RING_SKIP));
}

/* ---- the reader ---- */

void rt_ring_open(struct rt_ring_reader *r, struct rt_ring *ring, uint64_t size)
{
	*r = (struct rt_ring_reader){ .ring = ring, .size = size };
}

/* bytes that are not read yet: a multiple of 8, the ring's size at most */
static uint64_t rt_ring_unread(const struct rt_ring_reader *r)
{
	uint64_t n = __atomic_load_n(&r->ring->head, __ATOMIC_ACQUIRE) - r->tail;

	return n < r->size ? n & ~7ull : r->size;
}

/* the header in front, read once: length in the lower half, owner in the upper one */
static uint64_t header_of(const struct rt_ring_reader *r)
{
	return __atomic_load_n((uint64_t *)(void *)at(r->ring, r->size, r->tail), __ATOMIC_ACQUIRE);
}

/* from the front to the end of the data, as far as anything was written */
static uint64_t rest_of(const struct rt_ring_reader *r)
{
	uint64_t rest = r->size - place_of(r->size, r->tail), unread = rt_ring_unread(r);

	return unread < rest ? unread : rest;
}

/* n: of rest_of at most */
static void take(struct rt_ring_reader *r, uint64_t n)
{
	volatile uint64_t *words = (volatile uint64_t *)at(r->ring, r->size, r->tail);

	for (uint64_t i = 0; i < n / 8; i++)
		words[i] = 0;
	r->tail += n;
	__atomic_store_n(&r->ring->tail, r->tail, __ATOMIC_RELEASE);
}

/* a record never wraps, whatever its length says */
static uint64_t bytes_of(const struct rt_ring_reader *r, uint32_t length)
{
	uint64_t n = HEADER + padded(length & RT_RING_LENGTH), rest = rest_of(r);

	return n < rest ? n : rest;
}

const void *rt_ring_peek(struct rt_ring_reader *r, uint32_t *length, uint64_t *time)
{
	uint64_t start = r->tail;

	r->record = 0;
	/* once around at most: what is to be passed over can be put there as quickly as we take it */
	while (r->tail - start < r->size && rt_ring_unread(r)) {
		uint64_t rest = r->size - place_of(r->size, r->tail);
		struct rt_record *rec = at(r->ring, r->size, r->tail);
		uint32_t got;

		if (rest < HEADER) {
			take(r, rest_of(r));
			continue;
		}
		got = (uint32_t)header_of(r);
		if (!(got & (RT_RING_READY | RT_RING_SKIP)))
			return 0;
		if (got & RT_RING_SKIP) {
			take(r, bytes_of(r, got));
			continue;
		}
		if (HEADER + padded(got & RT_RING_LENGTH) > rest) {
			__atomic_add_fetch(&r->ring->n_refused, 1, __ATOMIC_RELAXED);
			take(r, bytes_of(r, got));
			continue;
		}
		*length = got & RT_RING_LENGTH;
		r->kind = (got & RT_RING_KIND) >> RT_RING_KIND_SHIFT;
		*time = __atomic_load_n(&rec->time, __ATOMIC_RELAXED);
		r->record = HEADER + padded(*length);
		return rec + 1;
	}
	return 0;
}

void rt_ring_advance(struct rt_ring_reader *r)
{
	uint64_t rest = rest_of(r);

	take(r, r->record < rest ? r->record : rest);
	r->record = 0;
}

bool rt_ring_is_blocked(const struct rt_ring_reader *r, uint32_t *owner)
{
	uint64_t header;

	if (!rt_ring_unread(r) || r->size - place_of(r->size, r->tail) < HEADER)
		return false;
	header = header_of(r);
	*owner = (uint32_t)header ? (uint32_t)(header >> 32) : 0;
	return !((uint32_t)header & (RT_RING_READY | RT_RING_SKIP));
}

/* bytes in front without a header: up to the first word that is something, which is the next record's */
static uint64_t without_header(const struct rt_ring_reader *r)
{
	const uint64_t *words = (const uint64_t *)(const void *)at(r->ring, r->size, r->tail);
	uint64_t n = 0, rest = rest_of(r);

	while (n < rest && !__atomic_load_n(&words[n / 8], __ATOMIC_ACQUIRE))
		n += 8;
	return n;
}

uint64_t rt_ring_abandon(struct rt_ring_reader *r, uint32_t owner)
{
	uint64_t n = 0, start = r->tail, time;
	uint32_t length, whose;

	while (r->tail - start < r->size && !rt_ring_peek(r, &length, &time) &&
	       rt_ring_is_blocked(r, &whose)) {
		uint64_t header = header_of(r), bytes;

		/* killed between the reservation and its header: how long it is, nobody knows */
		if (owner && whose != owner)
			break;
		bytes = header ? bytes_of(r, (uint32_t)header) : without_header(r);
		if (!bytes) /* somebody writes there after all */
			break;
		take(r, bytes);
		n++;
	}
	return n;
}
