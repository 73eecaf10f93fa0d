/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * eBPF's helpers inside of the traced process; see area.h. This file is compiled for the process only (blob.py), without libc, without
 * vector registers, and independent of where it lies. Every function named rt_* here is found by the JIT.
 */
#include "engine/user/rt/inside.h"

enum {
	SYS_KILL = 62,
	SYS_GETUID = 102,
	SYS_GETGID = 104,
	SYS_PRCTL = 157,
	SYS_CLOCK_GETTIME = 228,
	SYS_TGKILL = 234,
	MONOTONIC = 1,
	BOOTTIME = 7,
	TAI = 11,
	PR_GET_NAME = 16,
	COMM_BYTES = 16,
	MAX_LOOPS = 1 << 23, /* BPF_MAX_LOOPS */
	MAX_KEY_COPY = 64,
	CLOCK_TRIES = 4
};

__attribute__((section(".constants"), used))
const struct rt_area *const volatile rt_area_at = (void *)1;
__attribute__((section(".constants"), used))
const struct rt_private *const volatile rt_private_at = (void *)1;
__attribute__((section(".constants"), used)) const uint32_t volatile rt_has_rdpid = 1;

/* ---- maps ---- */

uint64_t rt_map_lookup_elem(struct rt_map *m, const void *key)
{
	return (uint64_t)(uintptr_t)rt_map_lookup(m, key, m->n_tables > 1 ? processor() : 0);
}

uint64_t rt_map_lookup_percpu_elem(struct rt_map *m, const void *key, uint32_t cpu)
{
	/* a key is there for all processors, or for none: programs add up until there is none */
	return (uint64_t)(uintptr_t)rt_map_lookup(m, key, cpu);
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

/* ---- callbacks: functions of the same program, with the System V convention as the JIT makes them ---- */

typedef uint64_t loop_fn(uint64_t index, uint64_t ctx);
typedef uint64_t each_fn(struct rt_map *m, const void *key, void *value, uint64_t ctx);

uint64_t rt_loop(uint32_t n, loop_fn *fn, uint64_t ctx, uint64_t flags)
{
	if (flags)
		return (uint64_t)(int64_t)RT_EINVAL;
	if (n > MAX_LOOPS)
		return (uint64_t)(int64_t)RT_E2BIG;
	for (uint32_t i = 0; i < n; i++)
		if (fn(i, ctx))
			return i + 1;
	return n;
}

static bool is_in_earlier(struct rt_map *m, const void *key, uint32_t table)
{
	for (uint32_t t = 0; t < table; t++)
		if (rt_map_lookup_in(m, key, t))
			return true;
	return false;
}

struct walk {
	struct rt_map *map;
	each_fn *fn;
	uint64_t ctx, n;
	uint32_t mine; /* table of this processor */
};

/* false: the callback has had enough. The key is copied, because its slot may be given to another one meanwhile */
static bool visit(struct walk *w, uint32_t table, const struct rt_element *e)
{
	uint32_t size = w->map->key_size;
	uint64_t kept[MAX_KEY_COPY / 8];
	const void *key = e->key;
	void *value = e->value;

	if (size <= sizeof(kept)) {
		for (uint32_t i = 0; i < size; i++)
			((volatile uint8_t *)kept)[i] = ((const uint8_t *)e->key)[i];
		key = kept;
	}
	if (!e->is_first || is_in_earlier(w->map, key, table) || !rt_map_is_same(w->map, e))
		return true;
	if (w->map->n_tables > 1)
		value = rt_map_lookup(w->map, key, w->mine);
	if (!value)
		return true;
	w->n++;
	return !w->fn(w->map, key, value, w->ctx);
}

/* every key once, with the value that this processor has of it */
uint64_t rt_for_each_map_elem(struct rt_map *m, each_fn *fn, uint64_t ctx, uint64_t flags)
{
	struct walk w = { .map = m, .fn = fn, .ctx = ctx };
	uint32_t tables = m->kind == RT_ARRAY ? 1 : m->n_tables, at;
	struct rt_element e;

	if (flags)
		return (uint64_t)(int64_t)RT_EINVAL;
	if (m->n_tables > 1)
		w.mine = processor();
	for (uint32_t t = 0; t < tables; t++)
		for (at = 0; rt_map_next(m, t, &at, &e);)
			if (!visit(&w, t, &e))
				return w.n;
	return w.n;
}

/* ---- when ---- */

static uint64_t ask_clock(int64_t clock)
{
	uint64_t ts[2] = { 0, 0 };

	syscall3(SYS_CLOCK_GETTIME, clock, (int64_t)(uintptr_t)ts, 0);
	return ts[0] * 1000000000u + ts[1];
}

enum rt_offset { OFFSET_NONE, OFFSET_BOOT, OFFSET_TAI };

/* read again if it was written meanwhile: that is a fraction of a second of two changes, and we have waited as long somewhere */
static uint64_t clock_ns(int64_t clock, enum rt_offset which)
{
	const struct rt_area *a = area();
	uint64_t ns = 0, now;

	for (unsigned tries = 0; tries < CLOCK_TRIES; tries++) {
		const struct rt_clock *c;

		now = __atomic_load_n(&a->clock_now, __ATOMIC_ACQUIRE);
		c = &a->clocks[now % 2];
		if (!c->scale)
			break;
		/* another processor may have published it a moment behind our stamp: the distance has a sign */
		ns = c->ns +
		     (uint64_t)((__int128)(int64_t)(time_stamp() - c->tsc) * (int64_t)c->scale >>
				32);
		if (which == OFFSET_BOOT)
			ns += c->boot_offset;
		if (which == OFFSET_TAI)
			ns += c->tai_offset;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&a->clock_now, __ATOMIC_RELAXED) == now)
			return ns;
	}
	return ask_clock(clock);
}

uint64_t rt_ktime_get_ns(void)
{
	return clock_ns(MONOTONIC, OFFSET_NONE);
}

uint64_t rt_ktime_get_boot_ns(void)
{
	return clock_ns(BOOTTIME, OFFSET_BOOT);
}

uint64_t rt_ktime_get_tai_ns(void)
{
	return clock_ns(TAI, OFFSET_TAI);
}

/* ---- who and where ---- */

uint64_t rt_get_smp_processor_id(void)
{
	return processor();
}

uint64_t rt_get_numa_node_id(void)
{
	return processor_and_node() >> 12;
}

/* as the tracer numbers them. In another pid namespace it refuses programs that ask for threads */
uint32_t rt_tracers_tid(void)
{
	uint32_t tid = rt_thread_id();

	return tid == own()->own_pid ? own()->pid : tid;
}

uint64_t rt_get_current_pid_tgid(void)
{
	return (uint64_t)own()->pid << 32 | rt_tracers_tid();
}

/* struct bpf_pidns_info: pid (the thread), tgid */
uint64_t rt_get_ns_current_pid_tgid(uint64_t dev, uint64_t ino, uint32_t *info, uint32_t n)
{
	if (n != 8 || dev != own()->ns_dev || ino != own()->ns_ino) {
		rt_zero(info, n);
		return (uint64_t)(int64_t)RT_EINVAL;
	}
	info[0] = rt_tracers_tid();
	info[1] = own()->pid;
	return 0;
}

uint64_t rt_get_current_uid_gid(void)
{
	if (own()->has_other_users)
		return own()->uid_gid;
	return (uint64_t)syscall3(SYS_GETGID, 0, 0, 0) << 32 |
	       (uint32_t)syscall3(SYS_GETUID, 0, 0, 0);
}

uint64_t rt_get_current_cgroup_id(void)
{
	return own()->cgroup_id;
}

uint64_t rt_get_current_comm(char *to, uint32_t n)
{
	uint64_t name[COMM_BYTES / 8] = { 0, 0 };

	syscall3(SYS_PRCTL, PR_GET_NAME, (int64_t)(uintptr_t)name, 0);
	for (uint32_t i = 0; i < n; i++)
		((volatile char *)to)[i] = i < COMM_BYTES ? ((char *)name)[i] : 0;
	if (n && n < COMM_BYTES)
		to[n - 1] = 0;
	return 0;
}

uint64_t rt_get_prandom_u32(void)
{
	uint64_t z = __atomic_add_fetch(&own()->seed, 0x9e3779b97f4a7c15ull, __ATOMIC_RELAXED);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return (uint32_t)(z ^ z >> 31);
}

uint64_t rt_send_signal(uint32_t signal)
{
	return (uint64_t)syscall3(SYS_KILL, own()->own_pid, signal, 0);
}

uint64_t rt_send_signal_thread(uint32_t signal)
{
	return (uint64_t)syscall3(SYS_TGKILL, own()->own_pid, rt_thread_id(), signal);
}

uint64_t rt_strncmp(const char *a, uint32_t n, const char *b)
{
	for (uint32_t i = 0; i < n; i++) {
		if (a[i] != b[i])
			return (uint64_t)(int64_t)((uint8_t)a[i] < (uint8_t)b[i] ? -1 : 1);
		if (!a[i])
			break;
	}
	return 0;
}

/* ---- records ---- */

/* the number of an object's buffer stands where a map would; a script has one ring, and that is a map */
static void *reserve(const void *map, uint64_t n)
{
	void *to = rt_ring_reserve(ring(), area()->ring_size, own()->pid, (uint32_t)n, time_stamp(),
				   0);

	if (to && (uintptr_t)map < RT_RING_LINE && map)
		rt_ring_set_kind(to, (uint32_t)(uintptr_t)map);
	return to;
}

uint64_t rt_ringbuf_reserve(const void *map, uint64_t n, uint64_t flags)
{
	(void)flags;
	return (uint64_t)(uintptr_t)reserve(map, n);
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
	uint8_t *to = reserve(map, n);

	(void)flags;
	if (!to)
		return (uint64_t)(int64_t)RT_E2BIG;
	for (uint64_t i = 0; i < n; i++)
		to[i] = from[i];
	rt_ring_commit(to, true);
	return 0;
}

/* a perf buffer is the ring, too; whichever processor is asked for */
int64_t rt_perf_event_output(const void *ctx, const void *map, uint64_t flags, const void *bytes,
			     uint64_t n)
{
	(void)ctx;
	return (int64_t)rt_ringbuf_output(map, bytes, n, flags);
}

/* BPF_RB_AVAIL_DATA 0, BPF_RB_RING_SIZE 1: programs leave room for what must not be lost */
uint64_t rt_ringbuf_query(const void *map, uint64_t what)
{
	(void)map;
	return what == 0 ? rt_ring_pending(ring()) : what == 1 ? area()->ring_size : 0;
}
