/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * eBPF's helpers inside of the traced process; see area.h. This file is compiled for the process only (blob.py), without libc, without
 * vector registers, and independent of where it lies. Every function named rt_* here is found by the JIT.
 */
#include "engine/user/rt/area.h"

enum {
	SYS_GETTID = 186,
	SYS_CLOCK_GETTIME = 228,
	SYS_PROCESS_VM_READV = 310,
	MONOTONIC = 1,
	EFAULT_RESULT = -14
};

/* filled in when this code is copied: lies with the code, readable only */
__attribute__((section(".rodata.area"), used))
const struct rt_area *const volatile rt_area_at = (void *)1;
__attribute__((section(".rodata.area"), used))
const struct rt_private *const volatile rt_private_at = (void *)1;

static struct rt_area *area(void)
{
	return (struct rt_area *)rt_area_at;
}

static struct rt_private *own(void)
{
	return (struct rt_private *)rt_private_at;
}

static long syscall6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

/* the limit of a segment that the kernel makes for this: the processor's number in its low 12 bits. As rdpid, on all processors */
static uint32_t processor(void)
{
	uint32_t limit, n = area()->n_cpus;

	__asm__("lsl %1, %0" : "=r"(limit) : "r"(0x7bu) : "cc");
	limit &= 0xfff;
	return limit < n ? limit : n - 1;
}

/* ---- maps ---- */

uint64_t rt_map_lookup_elem(struct rt_map *m, const void *key)
{
	return (uint64_t)(uintptr_t)rt_map_lookup(m, key, m->n_tables > 1 ? processor() : 0);
}

uint64_t rt_map_lookup_percpu_elem(struct rt_map *m, const void *key, uint32_t cpu)
{
	return (uint64_t)(uintptr_t)rt_map_lookup_in(m, key, cpu);
}

uint64_t rt_map_update_elem(struct rt_map *m, const void *key, const void *value, uint64_t flags)
{
	return (uint64_t)(int64_t)rt_map_update(m, key, value, (uint32_t)flags,
						m->n_tables > 1 ? processor() : 0);
}

uint64_t rt_map_delete_elem(struct rt_map *m, const void *key)
{
	return (uint64_t)(int64_t)rt_map_delete(m, key);
}

/* ---- who and when ---- */

static uint64_t time_stamp(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

uint64_t rt_ktime_get_ns(void)
{
	const struct rt_area *a = area();
	uint64_t since, ts[2];

	if (!a->clock_scale) {
		syscall6(SYS_CLOCK_GETTIME, MONOTONIC, (long)ts, 0, 0, 0, 0);
		return ts[0] * 1000000000u + ts[1];
	}
	since = time_stamp() - a->start_tsc;
	return a->start_ns + (uint64_t)((unsigned __int128)since * a->clock_scale >> 32);
}

uint64_t rt_get_smp_processor_id(void)
{
	return processor();
}

uint64_t rt_get_current_pid_tgid(void)
{
	return (uint64_t)own()->pid << 32 | (uint32_t)syscall6(SYS_GETTID, 0, 0, 0, 0, 0, 0);
}

/* ---- the process's own memory, by the kernel: an address that is not there is an error, not a fault ---- */

struct piece {
	void *at;
	uint64_t n;
};

static int64_t read_user(void *to, uint64_t n, const void *from)
{
	struct piece local = { to, n }, remote = { (void *)from, n };

	return syscall6(SYS_PROCESS_VM_READV, own()->own_pid, (long)&local, 1, (long)&remote, 1,
			0);
}

static void zero(void *at, uint64_t n)
{
	volatile uint8_t *p = at;

	while (n--)
		*p++ = 0;
}

uint64_t rt_probe_read_user(void *to, uint32_t n, const void *from)
{
	if (n == 0 || read_user(to, n, from) == (int64_t)n)
		return 0;
	zero(to, n);
	return (uint64_t)(int64_t)EFAULT_RESULT;
}

/* up to the end of the text or of the page, page by page: what lies behind the text need not be there */
uint64_t rt_probe_read_user_str(char *to, uint32_t n, const char *from)
{
	uint32_t done = 0;

	while (done < n) {
		uint64_t rest = 4096 - ((uintptr_t)(from + done) & 4095);
		uint32_t want = rest < n - done ? (uint32_t)rest : n - done;

		if (read_user(to + done, want, from + done) != (int64_t)want) {
			zero(to, n);
			return (uint64_t)(int64_t)EFAULT_RESULT;
		}
		for (uint32_t i = 0; i < want; i++)
			if (!to[done + i])
				return done + i + 1;
		done += want;
	}
	if (n)
		to[n - 1] = 0;
	return n;
}

/* ---- records ---- */

static struct rt_ring *ring(void)
{
	struct rt_area *a = area();

	return (struct rt_ring *)((char *)a + a->rings + a->ring_stride * processor());
}

uint64_t rt_ringbuf_reserve(const void *map, uint64_t n, uint64_t flags)
{
	(void)map;
	(void)flags;
	return (uint64_t)(uintptr_t)rt_ring_reserve(ring(), (uint32_t)n, time_stamp(), 0);
}

uint64_t rt_ringbuf_submit(void *record, uint64_t flags)
{
	(void)flags;
	rt_ring_commit(record, true);
	return 0;
}

uint64_t rt_ringbuf_discard(void *record, uint64_t flags)
{
	(void)flags;
	rt_ring_commit(record, false);
	return 0;
}

uint64_t rt_ringbuf_output(const void *map, const void *bytes, uint64_t n, uint64_t flags)
{
	const volatile uint8_t *from = bytes;
	uint8_t *to = rt_ring_reserve(ring(), (uint32_t)n, time_stamp(), 0);

	(void)map;
	(void)flags;
	if (!to)
		return (uint64_t)(int64_t)RT_E2BIG;
	for (uint64_t i = 0; i < n; i++)
		to[i] = from[i];
	rt_ring_commit(to, true);
	return 0;
}

/* BPF_RB_AVAIL_DATA 0, BPF_RB_RING_SIZE 1: programs leave room for what must not be lost */
uint64_t rt_ringbuf_query(const void *map, uint64_t what)
{
	(void)map;
	return what == 0 ? rt_ring_pending(ring()) : what == 1 ? ring()->size : 0;
}
