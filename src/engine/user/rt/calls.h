/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls that are open: functions whose return is noticed are called through the trampoline, and where they would have returned to is
 * kept here, under the address of the stack slot that held it. In memory that is private to the process, and which a fork copies: a
 * child's open calls return rightly, too. Nothing waits: buckets of eight are searched whole, entries claimed by compare-and-exchange.
 *
 * An entry whose call was left by longjmp, or by the end of its thread, is found when its slot is a return address again: then what the slot
 * holds is the program's own address, and not one of the trampolines', unless the call was a tail call of one that is open.
 *
 * Freestanding, as map.h.
 */
#ifndef SONDE_ENGINE_USER_RT_CALLS_H
#define SONDE_ENGINE_USER_RT_CALLS_H

#include <stddef.h>
#include <stdint.h>

enum {
	RT_CALLS_OF_BUCKET = 8,
	/* where trampolines are returned to: by this their addresses are told from (most) others */
	RT_BACK_ALIGN = 64,
	RT_BACK_REST = 59,
};

struct rt_call {
	/* 0: never used; with bit 0: closed, and kept until it is needed, for functions that return twice */
	uint64_t slot;
	uint64_t address; /* where the call returns to in the end */
	uint32_t back;    /* low half of where it returns to first */
	uint16_t n;       /* calls: a function that jumps to its own entry. And RT_CALL_COVERED */
	uint16_t order;   /* of one slot: the higher, the later */
};
enum { RT_CALL_COVERED = 1 << 15 }; /* there is a later one of the same slot */

struct rt_calls_bucket {
	struct rt_call v[RT_CALLS_OF_BUCKET];
};

struct rt_calls {
	uint32_t mask; /* number of buckets, a power of two, minus 1: the one word that is not 0 at first */
	uint32_t padding[15];
	struct rt_calls_bucket buckets[];
};

static inline size_t rt_calls_bytes(uint32_t n_buckets)
{
	return sizeof(struct rt_calls) + n_buckets * sizeof(struct rt_calls_bucket);
}

/*
 * A call whose return address stands in *slot will return to `back`, which is RT_BACK_REST modulo RT_BACK_ALIGN: remembers where to it would have. 0:
 * no room, the call must be let through as it is.
 */
uint64_t rt_call_open(struct rt_calls *c, uint64_t *slot, uint64_t back);
/* it came to back: where it goes on. 0: nothing is known of it */
uint64_t rt_call_close(struct rt_calls *c, uint64_t *slot, uint64_t back);

#endif
