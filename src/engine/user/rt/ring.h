/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records from a traced process to the tracer, through memory that they share: one ring for each processor. Writers reserve room, fill it
 * and commit; they never wait, a full ring counts what it refuses. The reader takes records in the order of their times over all
 * rings; one that was reserved but never committed (its thread was killed, or is stopped in between) holds up its own ring only, until
 * the reader is told that the process has ended. Freestanding, as map.h.
 *
 * The reader zeroes what it has read, so that a length of 0 means: not written yet.
 */
#ifndef SONDE_ENGINE_USER_RT_RING_H
#define SONDE_ENGINE_USER_RT_RING_H

#include <stdbool.h>
#include <stdint.h>

struct rt_record {
	uint32_t length; /* of the payload, with one of the bits below; 0: not there yet */
	uint32_t owner;  /* the process that writes it, by the tracer's number */
	uint64_t time;   /* of the reservation; from one clock for all processors */
			 /* payload follows, padded to 8 bytes */
};

/* being written, there, or to be passed over */
#define RT_RING_BUSY (1u << 31)
#define RT_RING_SKIP (1u << 30)
#define RT_RING_READY (1u << 29)
#define RT_RING_LENGTH (RT_RING_READY - 1)

struct rt_ring {
	uint64_t head; /* bytes reserved so far; only writers write here */
	char apart1[56];
	uint64_t tail;                 /* bytes read so far; only the reader */
	uint64_t n_refused, n_dropped; /* no room; discarded by the writer itself */
	char apart2[40];
	uint64_t size; /* of the data, a power of two */
	int64_t data;  /* bytes from this struct to them */
	char apart3[48];
};

/* data: size zeroed bytes, a power of two, 8-aligned */
void rt_ring_init(struct rt_ring *r, void *data, uint64_t size);

/* room for a record of length bytes (its payload), or NULL: refused and counted. headroom: bytes that must stay free behind it */
void *rt_ring_reserve(struct rt_ring *r, uint32_t owner, uint32_t length, uint64_t time,
		      uint64_t headroom);
/* what rt_ring_reserve gave; is_wanted false: it is as if it had never been */
void rt_ring_commit(void *payload, bool is_wanted);
/* bytes that are not read yet */
uint64_t rt_ring_pending(const struct rt_ring *r);

/* ---- the reader ---- */

/* the oldest record of a ring: its payload, *length bytes; NULL: there is none that is complete */
const void *rt_ring_peek(struct rt_ring *r, uint32_t *length, uint64_t *time);
/* it has been read */
void rt_ring_advance(struct rt_ring *r);
/* is a record that is not complete in front of all others? Whose: 0 where that is not known yet */
bool rt_ring_is_blocked(const struct rt_ring *r, uint32_t *owner);
/*
 * A process has ended: its records in front that were never completed are taken out. Their number. owner 0: nobody writes any more;
 * then also what was reserved by nobody knows whom, which counts as one.
 */
uint64_t rt_ring_abandon(struct rt_ring *r, uint32_t owner);

#endif
