/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The clock that waits and durations go by, here and in programs (bpf_ktime_get_ns). */
#ifndef SONDE_BASE_CLOCK_H
#define SONDE_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* ns of CLOCK_MONOTONIC */
static inline uint64_t clock_monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ns of this thread's own time: what others do on its processor is not in it */
static inline uint64_t clock_thread_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ns that so many calls take: of a few batches the quickest, since the others were interrupted */
static inline uint64_t clock_time_calls(void (*f)(void), unsigned calls)
{
	uint64_t best = UINT64_MAX;

	for (int k = 0; k < 5; k++) {
		uint64_t start = clock_thread_ns(), ns;

		for (unsigned i = 0; i < calls; i++)
			f();
		ns = clock_thread_ns() - start;
		if (ns < best)
			best = ns;
	}
	return best;
}

#endif
