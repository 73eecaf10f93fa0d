/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fence; see fence.h. The process's memory is never touched here but for the program's own: an address is compared, not followed.
 * Helpers follow what they are given, so their arguments are looked at by what each of them does with them.
 */
#include "engine/user/rt/fence.h"

#include "engine/user/rt/ring.h"

#include <linux/bpf.h>

enum {
	/* units: of a helper, of each so many bytes that it copies, of each so many slots that a search may look at */
	COST_OF_CALL = 32,
	BYTES_OF_UNIT = 8,
	SLOTS_OF_UNIT = 2,
	MOST_BYTES = 1 << 20,
	MOST_FORMAT = 1024,
	/* of struct pt_regs, what a walk of the stack begins with: from bp to sp */
	WALK_FROM = 4 * 8,
	WALK_END = 20 * 8,
};

static bool is_within(uint64_t at, uint64_t n, uint64_t from, uint64_t bytes)
{
	return at - from < bytes && n <= bytes - (at - from);
}

static bool is_on_stack(const struct rt_fence_run *r, uint64_t at, uint64_t n)
{
	return is_within(at, n, (uint64_t)(uintptr_t)(r + 1), r->stack_bytes);
}

static bool is_in_record(const struct rt_fence_run *r, uint64_t at, uint64_t n)
{
	for (unsigned i = 0; i < RT_FENCE_RECORDS; i++)
		if (is_within(at, n, r->records[i].at, r->records[i].n))
			return true;
	return false;
}

/* bytes from an address to the end of the value that it is in; 0: it is in none of this map */
static uint64_t rest_of_value(const struct rt_fence_map *m, uint64_t at)
{
	uint64_t off = at - m->slots;

	if (off >= m->table_bytes * m->n_tables)
		return 0;
	/* a division takes longer than all the rest */
	if (m->n_tables > 1)
		off %= m->table_bytes;
	if (off >= (uint64_t)m->stride * m->n_slots)
		return 0;
	if (m->n_slots > 1)
		off %= m->stride;
	off -= m->value_at;
	return off < m->value_size ? m->value_size - off : 0;
}

static bool is_in_map(const struct rt_fence_run *r, uint64_t at, uint64_t n, bool is_write)
{
	uint32_t closed = RT_FENCE_CLOSED | RT_FENCE_STACKS | (is_write ? RT_FENCE_CONSTANT : 0);

	for (uint32_t i = 0; i < r->fence->n_maps; i++) {
		const struct rt_fence_map *m = &r->fence->maps[i];

		if (!(m->ways & closed) && n <= rest_of_value(m, at))
			return true;
	}
	return false;
}

/* n: 1 at least */
static bool is_allowed(const struct rt_fence_run *r, uint64_t at, uint64_t n, bool is_write)
{
	return is_on_stack(r, at, n) || is_in_map(r, at, n, is_write) || is_in_record(r, at, n) ||
	       (!is_write && is_within(at, n, r->context_from, r->context_end - r->context_from));
}

/* ---- a program that has to end ---- */

static uint64_t end(struct rt_fence_run *r, enum rt_fence_why why, uint64_t insn)
{
	struct rt_fence_report *rep = (struct rt_fence_report *)(uintptr_t)r->fence->report;
	uint64_t none = 0;

	r->is_over = 1;
	__atomic_compare_exchange_n(&rep->first, &none, (uint64_t)why << 32 | (uint32_t)insn, false,
				    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	__atomic_add_fetch(&rep->n_ended, 1, __ATOMIC_RELAXED);
	if (why == RT_FENCE_SPENT &&
	    __atomic_add_fetch(&rep->n_spent, 1, __ATOMIC_RELAXED) >= RT_FENCE_MOST_SPENT)
		__atomic_store_n(&rep->is_off, 1, __ATOMIC_RELAXED);
	return 1;
}

uint64_t rt_fence_access(struct rt_fence_run *r, uint64_t at, uint64_t what)
{
	uint64_t n = what & RT_FENCE_SIZE;
	bool is_write = what & RT_FENCE_WRITES;

	/* a locked access over two lines stops the machine's other processors, or is a fault */
	if (is_allowed(r, at, n, is_write) && (!(what & RT_FENCE_ATOMIC) || at % n == 0))
		return 0;
	return end(r, is_write ? RT_FENCE_WRITE : RT_FENCE_READ, what >> RT_FENCE_HELPER_BITS);
}

uint64_t rt_fence_spent(struct rt_fence_run *r, uint64_t unused, uint64_t what)
{
	(void)unused;
	return end(r, RT_FENCE_SPENT, what >> RT_FENCE_HELPER_BITS);
}

/* ---- arguments of helpers ---- */

/* they may last, and what they take is counted before */
static bool takes(struct rt_fence_run *r, uint64_t units)
{
	if (r->units < units) {
		r->units = 0;
		return false;
	}
	r->units -= units;
	return true;
}

static const struct rt_fence_map *map_of(const struct rt_fence_run *r, uint64_t at)
{
	for (uint32_t i = 0; i < r->fence->n_maps; i++)
		if (r->fence->maps[i].at == at && !(r->fence->maps[i].ways & RT_FENCE_CLOSED))
			return &r->fence->maps[i];
	return 0;
}

/* helpers take a size of 0 for nothing to be done, wherever that is */
static bool is_buffer(const struct rt_fence_run *r, uint64_t at, uint64_t n, bool is_write)
{
	return !n || (n <= MOST_BYTES && is_allowed(r, at, n, is_write));
}

/* what no other thread can change while it is looked at: the stack, and constants */
static uint64_t rest_of_fixed(const struct rt_fence_run *r, uint64_t at)
{
	uint64_t on_stack = at - (uint64_t)(uintptr_t)(r + 1), rest;

	if (on_stack < r->stack_bytes)
		return r->stack_bytes - on_stack;
	for (uint32_t i = 0; i < r->fence->n_maps; i++) {
		if (r->fence->maps[i].ways != RT_FENCE_CONSTANT)
			continue;
		rest = rest_of_value(&r->fence->maps[i], at);
		if (rest)
			return rest;
	}
	return 0;
}

/* a text that ends within n bytes, or n bytes */
static bool is_text(const struct rt_fence_run *r, uint64_t at, uint64_t n)
{
	uint64_t rest = rest_of_fixed(r, at);

	for (uint64_t i = 0; i < rest && i < n; i++)
		if (!((const volatile char *)(uintptr_t)at)[i])
			return true;
	return n <= rest;
}

static bool is_format(const struct rt_fence_run *r, uint64_t at, uint64_t n)
{
	return n && n <= MOST_FORMAT && n <= rest_of_fixed(r, at);
}

/* how far a search in the map may have to go, which keys that were chosen for it can make long */
static uint64_t search_units(const struct rt_fence_map *m)
{
	uint64_t units = (m->key_size + m->value_size) / BYTES_OF_UNIT;

	for (uint32_t t = 0; m->kind == RT_HASH && t < m->n_tables; t++) {
		const uint64_t *head = (const uint64_t *)(uintptr_t)(m->slots - RT_TABLE_HEAD +
								     m->table_bytes * t);
		uint64_t reach = __atomic_load_n(&head[RT_TABLE_REACH], __ATOMIC_RELAXED);

		units += 1 + (reach < m->n_slots ? reach : m->n_slots) / SLOTS_OF_UNIT;
	}
	return units;
}

/* lookup, update, delete: map, key, value */
static bool is_map_call(struct rt_fence_run *r, const uint64_t *a, bool has_value)
{
	const struct rt_fence_map *m = map_of(r, a[0]);

	if (!m || m->ways & RT_FENCE_STACKS || !is_allowed(r, a[1], m->key_size, false) ||
	    !takes(r, search_units(m)))
		return false;
	return !has_value ||
	       (!(m->ways & RT_FENCE_CONSTANT) && is_allowed(r, a[2], m->value_size, false));
}

/* a stack is walked from the context: nothing else may be taken for one */
static bool is_walk(struct rt_fence_run *r, uint64_t context)
{
	return context == r->context && takes(r, RT_FENCE_UNITS / 64) &&
	       is_within(context + WALK_FROM, WALK_END - WALK_FROM, r->context_from,
			 r->context_end - r->context_from);
}

static bool is_ring(uint64_t map)
{
	return map < RT_RING_LINE;
}

static bool is_output(struct rt_fence_run *r, uint64_t map, uint64_t from, uint64_t n)
{
	return is_ring(map) && is_buffer(r, from, n, false) && takes(r, n / BYTES_OF_UNIT);
}

static bool is_read(struct rt_fence_run *r, uint64_t to, uint64_t n)
{
	/* the kernel may have to be asked, once for each page of a text */
	return is_buffer(r, to, n, true) && takes(r, 4 * COST_OF_CALL + n / BYTES_OF_UNIT);
}

/* a record that is given back is not the program's any more */
static bool gives_back(struct rt_fence_run *r, uint64_t record)
{
	for (unsigned i = 0; i < RT_FENCE_RECORDS; i++) {
		if (!r->records[i].at || r->records[i].at != record)
			continue;
		r->records[i].at = r->records[i].n = 0;
		r->n_records--;
		return true;
	}
	return false;
}

static bool can_reserve(struct rt_fence_run *r, uint64_t map, uint64_t n)
{
	r->wanted = n;
	return is_ring(map) && n && n <= RT_RING_LENGTH && r->n_records < RT_FENCE_RECORDS;
}

/* what stands here is what code/fence.c lets through */
static bool is_call(struct rt_fence_run *r, const uint64_t *a, uint32_t helper)
{
	switch (helper) {
	case BPF_FUNC_map_lookup_elem:
	case BPF_FUNC_map_lookup_percpu_elem:
	case BPF_FUNC_map_delete_elem: return is_map_call(r, a, false);
	case BPF_FUNC_map_update_elem: return is_map_call(r, a, true);
	case BPF_FUNC_probe_read:
	case BPF_FUNC_probe_read_str:
	case BPF_FUNC_probe_read_user:
	case BPF_FUNC_probe_read_kernel:
	case BPF_FUNC_probe_read_user_str:
	case BPF_FUNC_probe_read_kernel_str:
	case BPF_FUNC_copy_from_user: return is_read(r, a[0], a[1]);
	case BPF_FUNC_get_current_comm: return is_buffer(r, a[0], a[1], true);
	case BPF_FUNC_get_ns_current_pid_tgid: return is_buffer(r, a[2], a[3], true);
	case BPF_FUNC_strncmp:
		return is_buffer(r, a[0], a[1], false) && is_text(r, a[2], a[1]) &&
		       takes(r, a[1] / BYTES_OF_UNIT);
	case BPF_FUNC_trace_printk:
		return is_format(r, a[0], a[1]) && takes(r, RT_FENCE_UNITS / 256);
	case BPF_FUNC_trace_vprintk:
		return is_format(r, a[0], a[1]) && is_buffer(r, a[2], a[3], false) &&
		       takes(r, RT_FENCE_UNITS / 256);
	case BPF_FUNC_ringbuf_output: return is_output(r, a[0], a[1], a[2]);
	case BPF_FUNC_perf_event_output: return is_output(r, a[1], a[3], a[4]);
	case BPF_FUNC_ringbuf_reserve: return can_reserve(r, a[0], a[1]);
	case BPF_FUNC_ringbuf_submit:
	case BPF_FUNC_ringbuf_discard: return gives_back(r, a[0]);
	case BPF_FUNC_get_stackid: {
		const struct rt_fence_map *m = map_of(r, a[1]);

		return m && m->ways & RT_FENCE_STACKS && is_walk(r, a[0]);
	}
	case BPF_FUNC_get_stack: return is_walk(r, a[0]) && is_buffer(r, a[1], a[2], true);
	/* no addresses */
	case BPF_FUNC_ringbuf_query:
	case BPF_FUNC_ktime_get_ns:
	case BPF_FUNC_ktime_get_boot_ns:
	case BPF_FUNC_ktime_get_tai_ns:
	case BPF_FUNC_get_prandom_u32:
	case BPF_FUNC_get_smp_processor_id:
	case BPF_FUNC_get_numa_node_id:
	case BPF_FUNC_get_current_pid_tgid:
	case BPF_FUNC_get_current_uid_gid:
	case BPF_FUNC_get_current_cgroup_id:
	case BPF_FUNC_get_attach_cookie:
	case BPF_FUNC_get_func_ip: return true;
	default: return false;
	}
}

uint64_t rt_fence_call(struct rt_fence_run *r, const uint64_t *args, uint64_t what)
{
	uint32_t helper = (uint32_t)what & ((1 << RT_FENCE_HELPER_BITS) - 1);
	uint64_t insn = what >> RT_FENCE_HELPER_BITS;

	if (takes(r, COST_OF_CALL) && is_call(r, args, helper))
		return 0;
	return end(r, r->units ? RT_FENCE_CALL : RT_FENCE_SPENT, insn);
}

/* ---- records ---- */

uint64_t rt_fence_reserved(struct rt_fence_run *r, uint64_t record)
{
	for (unsigned i = 0; record && i < RT_FENCE_RECORDS; i++) {
		if (r->records[i].at)
			continue;
		r->records[i].at = record;
		r->records[i].n = r->wanted;
		r->n_records++;
		break;
	}
	return record;
}

void rt_fence_leave(struct rt_fence_run *r)
{
	for (unsigned i = 0; i < RT_FENCE_RECORDS; i++) {
		if (!r->records[i].at)
			continue;
		rt_ring_commit((void *)(uintptr_t)r->records[i].at, false);
		if (!r->is_over)
			end(r, RT_FENCE_LEFT, 0);
		r->records[i].at = 0;
	}
	r->n_records = 0;
}
