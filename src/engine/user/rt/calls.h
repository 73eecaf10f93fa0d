/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls that are open: functions whose return is noticed are called through the trampoline, and where they would have returned to is
 * kept here, under the address of the stack slot that held it. In memory that is private to the process, and which a fork copies: a
 * child's open calls return rightly, too. Nothing waits: buckets of eight are searched whole, entries claimed by compare-and-exchange.
 *
 * A stack lies in a table as in memory: neighbouring slots have neighbouring entries. Where a bucket is full, a larger table is added behind
 * the first (calls_grow.c), so recursion is as deep as the stack is long.
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

/* one table; the fields that the tracer sets are written before the first call */
struct rt_calls {
	uint32_t mask; /* number of entries, a power of two, minus 1 */
	uint32_t shift; /* log2 of the bytes of stack that it covers: addresses that differ above are spread */
	uint32_t can_grow; /* of the first one: the process may be given more memory, nothing in it forbids that */
	uint32_t unused;
	uint64_t more; /* address of the next table; 0: there is none */
	uint64_t padding[5];
	struct rt_calls_bucket buckets[];
};
_Static_assert(sizeof(struct rt_calls) == 64, "a line of the cache");

enum {
	RT_CALLS_TABLES =
		10, /* at most; each has RT_CALLS_GROWTH times the entries of the one before */
	RT_CALLS_GROWTH = 4,
	/* tail calls in a row, of one slot, for which tables are added: such a row may be endless, as no stack can */
	RT_CALLS_CHAIN = 16,
};

static inline size_t rt_calls_bytes(uint32_t n_buckets)
{
	return sizeof(struct rt_calls) + n_buckets * sizeof(struct rt_calls_bucket);
}

/* of a table in zeroed memory; n_buckets is a power of two */
static inline struct rt_calls rt_calls_head(uint32_t n_buckets)
{
	const uint32_t n = n_buckets * RT_CALLS_OF_BUCKET;

	return (struct rt_calls){ .mask = n - 1, .shift = (uint32_t)__builtin_ctz(n) + 3 };
}

/*
 * A call whose return address stands in *slot will return to `back`, which is RT_BACK_REST modulo RT_BACK_ALIGN: remembers where to it would have. 0:
 * no room, the call must be let through as it is.
 */
uint64_t rt_call_open(struct rt_calls *c, uint64_t *slot, uint64_t back);
/* it came to back: where it goes on. 0: nothing is known of it */
uint64_t rt_call_close(struct rt_calls *c, uint64_t *slot, uint64_t back);

/* the table behind c, which is made if there is none yet; NULL: none can be had. For calls.c */
struct rt_calls *rt_calls_grow(struct rt_calls *c);

static inline struct rt_calls *rt_calls_more(const struct rt_calls *c)
{
	return (struct rt_calls *)(uintptr_t)__atomic_load_n(&c->more, __ATOMIC_ACQUIRE);
}

#endif
