/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which thread this is. The kernel would say so for 105 ns; mostly it has said so before, and the proof that it is still
 * true costs 2 ns. docs/internals/user-threads.md is the long form.
 *
 * A thread is known again by three things at once: where its fs register points, the page that its stack pointer is in (the program's, where
 * this runs on a stack of ours), and a word that
 * the kernel itself keeps for that thread. The word is the one that the thread named by set_tid_address or clone
 * (CLONE_CHILD_CLEARTID, as glibc does, static or not): the kernel zeroes it before anybody can learn that the thread is gone, and
 * glibc has the kernel write the new tid there before a thread with the same control block runs. So while the word holds the tid, that
 * thread lives; and of two threads that live, one that was made without a control block of its own (clone without CLONE_SETTLS
 * copies fs) runs on another page of stack, so that it finds no entry and asks the kernel, who gives another number than the
 * word: nothing is kept of it.
 *
 * Between vfork and exec a child runs on its parent's stack with its parent's control block: it is taken for its parent's thread.
 */
#include "engine/user/rt/inside.h"

enum {
	SYS_PRCTL = 157,
	SYS_GETTID = 186,
	PR_GET_TID_ADDRESS = 40,
	TID_BITS = RT_TID_BITS,
	TID_MASK = (1 << TID_BITS) - 1,
	ALIGN_BITS = RT_THREAD_ALIGN_BITS,
	ADDRESS_BITS = 47,
	PAGE_BITS = RT_PAGE_BITS,
	MAX_TRIES = 64 /* of finding the word; then this is a program without */
};

static inline struct rt_thread *entry_of(struct rt_private *p, uint64_t base, uint64_t page)
{
	return &p->threads[rt_thread_hash(base, page)];
}

static inline uint32_t load_word(uint64_t at)
{
	return __atomic_load_n((const uint32_t *)(uintptr_t)at, __ATOMIC_RELAXED);
}

/* where the kernel keeps the tid of this thread, as bytes from base, on the same page. 0: not there */
static uint32_t find_word(uint64_t base, uint32_t tid)
{
	uint64_t at = 0;
	uint32_t word = 0;

	if (syscall3(SYS_PRCTL, PR_GET_TID_ADDRESS, (int64_t)(uintptr_t)&at, 0) < 0 || at <= base ||
	    at >> PAGE_BITS != base >> PAGE_BITS || at % sizeof(word))
		return 0;
	if (rt_read_by_kernel(&word, sizeof(word), (const void *)(uintptr_t)at) != sizeof(word))
		return 0;
	return word == tid ? (uint32_t)(at - base) : 0;
}

static __attribute__((noinline)) uint32_t ask(uint64_t base, uint64_t page)
{
	uint32_t tid = (uint32_t)syscall3(SYS_GETTID, 0, 0, 0), offset, none = 0;
	struct rt_private *p = own();
	struct rt_thread *e;

	if (!base || base >> ADDRESS_BITS || base & ((1 << ALIGN_BITS) - 1) || tid > TID_MASK ||
	    __atomic_load_n(&p->n_thread_misses, __ATOMIC_RELAXED) > MAX_TRIES)
		return tid;
	offset = find_word(base, tid);
	if (offset)
		__atomic_compare_exchange_n(&p->thread_offset, &none, offset, false,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	if (!offset || (none && none != offset)) {
		/* a program where it was found once has it for all of its own threads: those without are strangers */
		if (!__atomic_load_n(&p->thread_offset, __ATOMIC_RELAXED))
			__atomic_add_fetch(&p->n_thread_misses, 1, __ATOMIC_RELAXED);
		return tid;
	}
	e = entry_of(p, base, page);
	__atomic_store_n(&e->base_tid, base >> ALIGN_BITS << TID_BITS | tid, __ATOMIC_RELAXED);
	__atomic_store_n(&e->page_tid, page << TID_BITS | tid, __ATOMIC_RELAXED);
	return tid;
}

/*
 * The two words of an entry may come from two threads that write it at the same time. Each of them says something that is true of the tid
 * in it, so together they are true when both name the same one.
 */
uint32_t rt_thread_id(void)
{
	struct rt_private *p = own();
	uint64_t base, page = program_sp() >> PAGE_BITS, base_tid, page_tid;
	struct rt_thread *e;
	uint32_t tid;

	if (!p->has_fsgsbase)
		return ask(0, 0);
	base = fs_base();
	e = entry_of(p, base, page);
	base_tid = __atomic_load_n(&e->base_tid, __ATOMIC_RELAXED);
	page_tid = __atomic_load_n(&e->page_tid, __ATOMIC_RELAXED);
	tid = base_tid & TID_MASK;
	if (tid && (base_tid ^ page_tid) << (64 - TID_BITS) == 0 &&
	    base_tid >> TID_BITS == base >> ALIGN_BITS && page_tid >> TID_BITS == page &&
	    base % (1 << ALIGN_BITS) == 0 && load_word(base + p->thread_offset) == tid)
		return tid;
	return ask(base, page);
}
