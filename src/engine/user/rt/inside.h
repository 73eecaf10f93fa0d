/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files share that are compiled for traced processes only (helpers.c, thread.c, read.c): where things are, the processor.
 * No libc, no vector registers, no variables.
 */
#ifndef SONDE_ENGINE_USER_RT_INSIDE_H
#define SONDE_ENGINE_USER_RT_INSIDE_H

#include "engine/user/rt/area.h"
#include "engine/user/rt/syscall.h"

enum { RT_EPERM = -1, RT_EFAULT = -14, RT_PAGE = 4096 };

/* filled in when this code is copied: they lie with the code, readable only */
#pragma GCC visibility push( \
	hidden) /* clang reaches others by a table, which ld makes absolute addresses of */
extern const struct rt_area *const volatile rt_area_at;
extern const struct rt_private *const volatile rt_private_at;
extern const uint32_t volatile rt_has_rdpid; /* the processors of this machine have that instruction */
#pragma GCC visibility pop

static inline struct rt_area *area(void)
{
	return (struct rt_area *)rt_area_at;
}

static inline struct rt_private *own(void)
{
	return (struct rt_private *)rt_private_at;
}

/* own()->has_fsgsbase */
static inline uint64_t fs_base(void)
{
	uint64_t base;

	__asm__ volatile("rdfsbase %0" : "=r"(base));
	return base;
}

static inline uint64_t stack_pointer(void)
{
	uint64_t sp;

	__asm__ volatile("mov %%rsp, %0" : "=r"(sp));
	return sp;
}

/* of the traced program, at the place: where this runs on a stack of ours, the pointer is kept there */
static inline uint64_t program_sp(void)
{
	uint64_t sp = stack_pointer(), end = own()->stacks_end;
	uint64_t first = own()->stacks + sizeof(struct rt_stack) - RT_STACK_BYTES;
	const struct rt_stack *s;

	if (!end || sp - first >= end - first)
		return sp;
	s = (const struct rt_stack *)(uintptr_t)((sp | (RT_STACK_BYTES - 1)) + 1 - sizeof(*s));
	return s->rsp;
}

/* what the kernel keeps for this, as a number of the processor or as the limit of a segment: node and number of the processor */
static inline uint32_t processor_and_node(void)
{
	uint32_t limit;

	if (rt_has_rdpid) { /* lsl takes ten times as long */
		uint64_t both;

		__asm__ volatile("rdpid %0" : "=r"(both));
		return (uint32_t)both;
	}
	__asm__ volatile("lsl %1, %0" : "=r"(limit) : "r"(0x7bu) : "cc");
	return limit;
}

static inline uint32_t processor(void)
{
	uint32_t number = processor_and_node() & 0xfff, n = area()->n_cpus;

	return number < n ? number : n - 1;
}

static inline uint64_t time_stamp(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static inline struct rt_ring *ring(void)
{
	struct rt_area *a = area();

	return (struct rt_ring *)((char *)a + a->rings + a->ring_stride * processor());
}

/* ---- helpers.c ---- */

uint32_t rt_tracers_tid(void); /* of this thread, as the tracer numbers it */

/* ---- read.c ---- */

/* the process's memory, by the kernel: an address that is not there is an error. Bytes, or a negative number */
int64_t rt_read_by_kernel(void *to, uint64_t n, const void *from);
void rt_zero(void *at, uint64_t n);
/* the helpers of these names */
uint64_t rt_probe_read_user(void *to, uint32_t n, const void *from);
uint64_t rt_probe_read_user_str(char *to, uint32_t n, const char *from);
uint64_t rt_get_current_comm(char *to, uint32_t n);

/* ---- thread.c ---- */

uint32_t rt_thread_id(void); /* as the process numbers it */

#endif
