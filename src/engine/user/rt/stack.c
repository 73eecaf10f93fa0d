/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stacks of the traced program for programs of others (bpf_get_stackid, bpf_get_stack): walked by frame pointers, as the kernel does it for
 * them, and so with the kernel's gaps where code is compiled without. One gap is less: at entries and returns the caller is known by
 * where rsp points. Nothing is read but through read.c: what a frame pointer holds can be anything.
 */
#include "engine/user/rt/inside.h"

enum {
	/* of struct pt_regs */
	WORD_BP = 4,
	WORD_IP = 16,
	WORD_SP = 19,
	/* flags, numbered as BPF_F_* */
	SKIP = 0xff,
	USER_STACK = 1 << 8,
	KNOWN_FLAGS = SKIP | USER_STACK | 1 << 9 | 1 << 10,
	MOST_TRIES = 16, /* places that a stack can have in a map */
	MOST_WAITS = 256,
};

struct stack {
	uint32_t n, most, skip;
	uint64_t frames[RT_STACK_FRAMES];
};

static void add(struct stack *s, uint64_t address)
{
	if (s->skip)
		s->skip--;
	else if (s->n < s->most)
		s->frames[s->n++] = address;
}

static void walk(struct stack *s, const uint64_t *regs, uint64_t from)
{
	uint64_t frame[2], fp = regs[WORD_BP], before = regs[WORD_SP];

	s->n = 0;
	if (from & RT_FROM_IP)
		add(s, regs[WORD_IP]);
	if (from & RT_FROM_SLOT) {
		if (rt_probe_read_user(frame, sizeof(*frame), (const void *)(uintptr_t)before))
			return;
		add(s, frame[0]);
	}
	/* frames lie one above the other; what does not is no frame pointer */
	while (s->n < s->most && fp >= before && !(fp & 7)) {
		if (rt_probe_read_user(frame, sizeof(frame), (const void *)(uintptr_t)fp) ||
		    !frame[1])
			return;
		add(s, frame[1]);
		before = fp + sizeof(frame);
		fp = frame[0];
	}
}

static uint64_t hash_of(const struct stack *s, uint32_t pid)
{
	uint64_t h = RT_HASH_START ^ pid;

	for (uint32_t i = 0; i < s->n; i++) {
		h = (h ^ s->frames[i]) * RT_HASH_FACTOR;
		h ^= h >> 32;
	}
	return h > RT_STACK_BUSY ? h : RT_STACK_BUSY + 1;
}

static bool is_same(const struct rt_kept_stack *k, const struct stack *s, uint32_t pid)
{
	if (k->n != s->n || k->pid != pid)
		return false;
	for (uint32_t i = 0; i < s->n; i++)
		if (k->frames[i] != s->frames[i])
			return false;
	return true;
}

static void keep(struct rt_kept_stack *k, const struct stack *s, uint32_t pid, uint64_t hash)
{
	k->pid = pid;
	k->n = s->n;
	for (uint32_t i = 0; i < s->n; i++)
		((volatile uint64_t *)k->frames)[i] = s->frames[i];
	__atomic_store_n(&k->state, hash, __ATOMIC_RELEASE);
}

/* one that another thread is about to write may be this very stack; but it can have been killed there */
static uint64_t settled(const struct rt_kept_stack *k)
{
	uint64_t state = __atomic_load_n(&k->state, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < MOST_WAITS && state == RT_STACK_BUSY; i++) {
		__asm__ volatile("pause");
		state = __atomic_load_n(&k->state, __ATOMIC_ACQUIRE);
	}
	return state;
}

/* the number of the stack in the map; none that is there makes way */
static int64_t number_of(struct rt_map *m, const struct stack *s)
{
	uint32_t pid = own()->pid;
	uint64_t hash = hash_of(s, pid);

	for (uint32_t i = 0; i < MOST_TRIES && i < m->max_entries; i++) {
		uint32_t at = (uint32_t)(((uint32_t)(hash >> 32) + (uint64_t)i) % m->max_entries);
		struct rt_kept_stack *k = rt_map_lookup_in(m, &at, 0);
		uint64_t state = k ? settled(k) : RT_STACK_BUSY;

		if (state == RT_STACK_FREE &&
		    __atomic_compare_exchange_n(&k->state, &state, RT_STACK_BUSY, false,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
			keep(k, s, pid, hash);
			return at;
		}
		if (state == RT_STACK_BUSY && k)
			state = settled(k);
		if (state == hash && is_same(k, s, pid))
			return at;
	}
	return RT_EEXIST;
}

/* from: RT_FROM_*, put there by the place (trampoline/inline.c) */
int64_t rt_get_stackid(const uint64_t *regs, struct rt_map *m, uint64_t flags, uint64_t from)
{
	struct stack s;

	if (flags & ~(uint64_t)KNOWN_FLAGS)
		return RT_EINVAL;
	if (!(flags & USER_STACK)) /* of the kernel's stack a process knows nothing */
		return RT_EFAULT;
	s.skip = flags & SKIP;
	s.most = (m->value_size - (uint32_t)sizeof(struct rt_kept_stack)) / sizeof(uint64_t);
	if (s.most > RT_STACK_FRAMES)
		s.most = RT_STACK_FRAMES;
	walk(&s, regs, from);
	return s.n ? number_of(m, &s) : RT_EFAULT;
}

int64_t rt_get_stack(const uint64_t *regs, uint64_t *to, uint32_t n, uint64_t flags, uint64_t from)
{
	struct stack s;

	if (flags & ~(uint64_t)(SKIP | USER_STACK) || n % sizeof(*to) || !(flags & USER_STACK)) {
		rt_zero(to, n);
		return n % sizeof(*to) || flags & USER_STACK ? RT_EINVAL : RT_EFAULT;
	}
	s.skip = flags & SKIP;
	s.most = n / sizeof(*to) < RT_STACK_FRAMES ? n / sizeof(*to) : RT_STACK_FRAMES;
	walk(&s, regs, from);
	for (uint32_t i = 0; i < s.n; i++)
		((volatile uint64_t *)to)[i] = s.frames[i];
	return (int64_t)(s.n * sizeof(*to));
}
