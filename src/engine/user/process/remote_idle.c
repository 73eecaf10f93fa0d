/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether nobody is in, or will come back to, code of ours that nothing leads to any more. What trampolines run calls nothing but code of
 * the same area, so a thread that is in one stands there itself, or was interrupted there by a signal: then the address is in the frame
 * that the kernel put on the stack of the handler, which lies above the thread's stack pointer now. All words there are
 * looked at. Addresses that stand there otherwise are left-overs in frames of the program: return addresses of helpers, of this attachment or of earlier
 * ones that had areas at the same place. A thread that sleeps keeps them for hours. They are told from an interrupted place by what the kernel
 * always writes beside that. A program that parks the contexts of interrupted code elsewhere (threads of its own, switched by a timer's
 * signal) is the one that this does not see. Calls that return to a trampoline: area_calls.c.
 *
 * Go's threads run on stacks in its heap, a mapping of any size. Where such a stack ends Go itself says, and its handlers run on stacks of that kind.
 */
#include "engine/user/process/remote_private.h"

#include "base/cleanup.h"

#include <stdlib.h>

enum { CHUNK = 65536, FLAGS_ALWAYS = 2, USER_CODE_SEGMENT = 0x33 };
#define STACK_MAX \
	(16ull << 20) /* more than that of one stack is not looked at: then the code stays */

static bool is_inside(const struct remote_area *a, uint64_t address)
{
	return address - a->code < a->code_bytes;
}

/* the word at `at` as the kernel puts rip into a signal's frame: flags and the code segment follow */
static bool is_in_signal_frame(const struct remote *r, uint64_t at)
{
	uint64_t flags_and_segments[2];

	return !remote_read(r, at + 8, flags_and_segments, sizeof(flags_and_segments)) ||
	       (flags_and_segments[0] >> 22 == 0 && (flags_and_segments[0] & FLAGS_ALWAYS) &&
		(flags_and_segments[1] & 0xffff) == USER_CODE_SEGMENT);
}

/* the first words of Go's struct g, and of its struct m: the same in all versions since 1.4 */
struct go_g {
	uint64_t low, high, guards[2], panics, defers, m;
};

static bool read_g(const struct remote *r, uint64_t at, struct go_g *ret)
{
	return remote_read(r, at, ret, sizeof(*ret));
}

/* the end of Go's stack that a thread is on; 0: it is none. A g whose m has a g0 of the same m: nothing else looks like that */
static uint64_t go_stack_end(const struct remote *r, const struct user_regs_struct *regs)
{
	uint64_t at, own;
	struct go_g g, own_g;

	if (!regs->fs_base || !remote_read(r, regs->fs_base - 8, &at, sizeof(at)) ||
	    !read_g(r, at, &g) || regs->rsp - g.low >= g.high - g.low)
		return 0;
	return remote_read(r, g.m, &own, sizeof(own)) && read_g(r, own, &own_g) && own_g.m == g.m
		       ? g.high
		       : 0;
}

/* 0: not known, or too far */
static uint64_t stack_end(const struct remote *r, const struct proc_maps *maps,
			  const struct user_regs_struct *regs)
{
	const struct proc_map *m = proc_maps_find(maps, regs->rsp);
	uint64_t end = m ? m->end : 0;

	if (m && end - regs->rsp > STACK_MAX)
		end = go_stack_end(r, regs);
	return m && end <= m->end && end - regs->rsp <= STACK_MAX ? end : 0;
}

static bool stack_is_free(const struct remote *r, const struct remote_area *a,
			  const struct proc_maps *maps, const struct user_regs_struct *regs)
{
	FREE_AUTO uint64_t *words = base_alloc(CHUNK);
	uint64_t end = stack_end(r, maps, regs);
	uint64_t at = regs->rsp &
		      ~7ull; /* below it is what was, or what the thread itself put there */

	if (!end)
		return false;
	while (at < end) {
		size_t n = end - at < CHUNK ? end - at : CHUNK;

		if (!remote_read(r, at, words, n))
			return false;
		for (size_t i = 0; i < n / sizeof(*words); i++)
			if (is_inside(a, words[i]) && is_in_signal_frame(r, at + 8 * i))
				return false;
		at += n;
	}
	return true;
}

bool remote_area_is_idle(const struct remote *r, const struct remote_area *a)
{
	struct proc_maps maps;
	struct err *e = proc_maps_read(r->leader, &maps);
	bool is_idle = !e && r->threads.n;

	err_free(e);
	if (e)
		return false;
	vec_each(t, &r->threads)
		if (t->tid && is_idle)
			is_idle = t->is_stopped && !is_inside(a, t->regs.rip) &&
				  stack_is_free(r, a, &maps, &t->regs);
	proc_maps_free(&maps);
	return is_idle;
}
