/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * More room for open calls, made by the traced process itself at the moment at which a call has none: recursion fills the first table in less time
 * than the tracer needs to hear of it. The kernel gives memory where it likes, which is touched where calls are open only. Tables stay until the area
 * is taken out (batch/area_calls.c). Freestanding, as map.h.
 *
 * Two threads may make the same table: who comes second gives his back. One that is killed between has left addresses without memory.
 */
#include "engine/user/rt/calls.h"
#include "engine/user/rt/syscall.h"

#include <stdbool.h>

enum {
	SYS_MMAP = 9,
	SYS_MUNMAP = 11,
	READ_AND_WRITE = 3,
	PRIVATE_ANONYMOUS_NORESERVE = 0x4022,
	LEAST_ADDRESS = 4096, /* less, as a result, is an error */
};

struct rt_calls *rt_calls_grow(struct rt_calls *c)
{
	uint64_t n = (c->mask + 1ull) / RT_CALLS_OF_BUCKET * RT_CALLS_GROWTH, none = 0;
	struct rt_calls *more = rt_calls_more(c);
	int64_t got;

	if (more || n * RT_CALLS_OF_BUCKET > UINT32_MAX)
		return more;
	got = syscall6(SYS_MMAP, 0, (int64_t)rt_calls_bytes((uint32_t)n), READ_AND_WRITE,
		       PRIVATE_ANONYMOUS_NORESERVE, -1, 0);
	if (got < LEAST_ADDRESS)
		return NULL;
	more = (struct rt_calls *)(uintptr_t)got;
	*more = rt_calls_head((uint32_t)n);
	if (__atomic_compare_exchange_n(&c->more, &none, (uint64_t)got, false, __ATOMIC_RELEASE,
					__ATOMIC_ACQUIRE))
		return more;
	syscall3(SYS_MUNMAP, got, (int64_t)rt_calls_bytes((uint32_t)n), 0);
	return (struct rt_calls *)(uintptr_t)none;
}
