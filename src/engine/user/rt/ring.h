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
/* which buffer of an object it was written to, or RT_RING_LINE (rt_ring_set_kind); 0 unless somebody says otherwise */
#define RT_RING_KIND (15u << RT_RING_KIND_SHIFT)
#define RT_RING_LENGTH ((1u << RT_RING_KIND_SHIFT) - 1)
enum { RT_RING_KIND_SHIFT = 25, RT_RING_LINE = 15 };

/* the payload of a RT_RING_LINE: what bpf_printk says, the text behind it up to its NUL, or to the record's end */
struct rt_line {
	uint32_t tid, n; /* the thread; bytes of the text */
	char comm[16];
};

/* the data follow: their size, a power of two, is not told here. Whoever uses the ring was told it by somebody it trusts */
struct rt_ring {
	uint64_t head; /* bytes reserved so far; only writers write here */
	char apart1[56];
	uint64_t tail;                 /* bytes read so far; only the reader writes here */
	uint64_t n_refused, n_dropped; /* no room; discarded by the writer itself */
	char apart2[40];
};

/* data: zeroed */
void rt_ring_init(struct rt_ring *r);

/* room for a record of length bytes (its payload), or NULL: refused and counted. headroom: bytes that must stay free behind it */
void *rt_ring_reserve(struct rt_ring *r, uint64_t size, uint32_t owner, uint32_t length,
		      uint64_t time, uint64_t headroom);
/* what rt_ring_reserve gave; is_wanted false: it is as if it had never been */
void rt_ring_commit(void *payload, bool is_wanted);
/* of a record that is not committed */
void rt_ring_set_kind(void *payload, uint32_t kind);
/* bytes that are not read yet, as the writers have it */
uint64_t rt_ring_pending(const struct rt_ring *r);

/* ---- the reader ---- */

/*
 * The only reader of a ring. It trusts nothing in there: how large the ring is and how far it was read stand here, and a record's header is
 * read once. Whatever somebody writes into the ring, the reader stays within it and comes to an end.
 */
struct rt_ring_reader {
	struct rt_ring *ring;
	uint64_t size;
	uint64_t tail;
	uint64_t record; /* bytes of what rt_ring_peek gave; 0: nothing */
	uint32_t kind;   /* of that */
};

/* of a ring from which nothing was read yet */
void rt_ring_open(struct rt_ring_reader *r, struct rt_ring *ring, uint64_t size);

/* the oldest record of a ring: its payload, *length bytes, which can change at any time; NULL: there is none that is complete */
const void *rt_ring_peek(struct rt_ring_reader *r, uint32_t *length, uint64_t *time);
/* what was peeked has been read */
void rt_ring_advance(struct rt_ring_reader *r);
/* is a record that is not complete in front of all others? Whose: 0 where that is not known yet */
bool rt_ring_is_blocked(const struct rt_ring_reader *r, uint32_t *owner);
/*
 * A process has ended: its records in front that were never completed are taken out. Their number. owner 0: nobody writes any more;
 * then also what was reserved by nobody knows whom, which counts as one.
 */
uint64_t rt_ring_abandon(struct rt_ring_reader *r, uint32_t owner);

#endif
