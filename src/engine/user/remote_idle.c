/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether nobody is in, or will come back to, code of ours that nothing leads to any more. What trampolines run calls nothing but code of
 * the same area, so a thread that is in one stands there itself, or was interrupted there by a signal: then the address is in the frame
 * that the kernel put on the stack of the handler, which lies above the thread's stack pointer now. All words there are
 * looked at. A program that parks the contexts of interrupted code elsewhere (threads of its own, switched by a timer's
 * signal) is the one that this does not see.
 */
#include "engine/user/remote_private.h"

#include "base/cleanup.h"

#include <stdlib.h>

enum { CHUNK = 65536 };
#define STACK_MAX \
	(16ull << 20) /* more than that of one stack is not looked at: then the code stays */

static bool is_inside(const struct remote_area *a, uint64_t address)
{
	return address - a->code < a->code_bytes;
}

static bool stack_is_free(const struct remote *r, const struct remote_area *a,
			  const struct proc_maps *maps, uint64_t sp)
{
	FREE_AUTO uint64_t *words = base_alloc(CHUNK);
	const struct proc_map *m = proc_maps_find(maps, sp);
	uint64_t at = sp & ~7ull; /* below it is what was, or what the thread itself put there */

	if (!m || m->end - sp > STACK_MAX)
		return false;
	while (at < m->end) {
		size_t n = m->end - at < CHUNK ? m->end - at : CHUNK;

		if (!remote_read(r, at, words, n))
			return false;
		for (size_t i = 0; i < n / sizeof(*words); i++)
			if (is_inside(a, words[i]))
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
				  stack_is_free(r, a, &maps, t->regs.rsp);
	proc_maps_free(&maps);
	return is_idle;
}
