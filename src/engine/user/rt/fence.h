/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fence around a program that nobody has verified: what its code calls before it touches memory, or calls a helper. Whatever the program
 * computes, it reads its context, its stack, values of maps and records that it has reserved, and writes the last three; anything else
 * ends it, for this hit. So does running for too long. docs/internals/user-fence.md is the long form. code/jit_fence.c makes the code that calls
 * this.
 *
 * Freestanding, as map.h: tests run it in the tracer.
 */
#ifndef SONDE_ENGINE_USER_RT_FENCE_H
#define SONDE_ENGINE_USER_RT_FENCE_H

#include "engine/user/rt/map.h"

/* of a map */
enum rt_fence_way {
	RT_FENCE_CONSTANT = 1, /* read only */
	RT_FENCE_STACKS = 2,   /* programs have only numbers of what is in there */
	RT_FENCE_CLOSED = 4,   /* no program's */
};

struct rt_fence_map {
	uint64_t at;    /* of its struct rt_map */
	uint64_t slots; /* of its first slot */
	uint64_t table_bytes;
	uint32_t stride, n_slots, n_tables;
	uint32_t value_at, value_size, key_size;
	uint32_t kind; /* enum rt_kind */
	uint32_t ways; /* enum rt_fence_way */
};

/* what a program may touch; stands behind its code, where nothing is writable */
struct rt_fence {
	uint64_t report; /* address of the program's struct rt_fence_report */
	uint32_t n_maps, padding;
	struct rt_fence_map maps[];
};

enum rt_fence_why {
	RT_FENCE_READ = 1, /* outside of what it may read */
	RT_FENCE_WRITE,
	RT_FENCE_CALL,  /* an argument that its helper must not be given */
	RT_FENCE_SPENT, /* it ran for too long */
	RT_FENCE_LEFT, /* a record was neither submitted nor discarded; the program had come to its end */
};

/* of one program, over all processes: an element of a map that the tracer reads */
struct rt_fence_report {
	uint64_t n_ended; /* hits whose program was ended */
	uint64_t first;   /* why << 32 | instruction, of the first; 0: there is none */
	uint64_t n_spent; /* of them, those that ran for too long */
	uint32_t is_off;  /* which was often enough: it does not run any more */
	uint32_t padding;
};

enum {
	RT_FENCE_RECORDS = 4,     /* that a program can have reserved at a time */
	RT_FENCE_UNITS = 1 << 20, /* of time, for one hit: an instruction is one, a helper more */
	RT_FENCE_MOST_SPENT = 4,
	RT_FENCE_FRAME = 512,
	RT_FENCE_FRAMES = 8, /* functions that call one another */
	/* what code hands over with an address: size, and these; and with a call: the helper. Above: the instruction's number */
	RT_FENCE_SIZE = 15,
	RT_FENCE_WRITES = 16,
	RT_FENCE_ATOMIC = 32,
	RT_FENCE_HELPER_BITS = 12,
};

/* one hit of a program, on the thread's stack; the frames of its functions follow, the first one's is the highest */
struct rt_fence_run {
	uint64_t fp;                                 /* R10 of the function that runs */
	uint64_t units;                              /* left */
	uint64_t context, context_from, context_end; /* R1; what of it may be read */
	const struct rt_fence *fence;
	uint64_t stack_bytes;
	uint64_t wanted; /* bytes of the record that is being reserved */
	uint64_t n_records;
	struct {
		uint64_t at, n;
	} records[RT_FENCE_RECORDS]; /* n 0: none */
	uint64_t is_over;            /* it was ended */
	uint64_t shadow, apart; /* the shadow stack's pointer at the beginning, 0: there is none */
};
_Static_assert(sizeof(struct rt_fence_run) % 16 == 0, "the stack behind it");

/* all of them: 0, or the program has to end. what: as above */
uint64_t rt_fence_access(struct rt_fence_run *r, uint64_t at, uint64_t what);
/* before a helper is called, with R1 to R5 */
uint64_t rt_fence_call(struct rt_fence_run *r, const uint64_t *args, uint64_t what);
/* the units have come to an end */
uint64_t rt_fence_spent(struct rt_fence_run *r, uint64_t unused, uint64_t what);

/* what the helper that reserves has returned: the same */
uint64_t rt_fence_reserved(struct rt_fence_run *r, uint64_t record);
/* however it has ended: what is reserved still is given up */
void rt_fence_leave(struct rt_fence_run *r);

#endif
