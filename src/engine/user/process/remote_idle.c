/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether nobody is in, or will come back to, code of ours that nothing leads to any more. What trampolines run calls nothing but code of
 * the same area, so a thread that is in one stands there itself, or was interrupted there by a signal: then the address is in the frame
 * that the kernel put on the stack of the handler, which lies above the thread's stack pointer now. All words there are
 * looked at. Helpers that were called left their return addresses in what became frames of the program: such words are told from an interrupted
 * place by what stands before the address, and beside the word. A program that parks the contexts of interrupted code elsewhere (threads of its own, switched by a timer's
 * signal) is the one that this does not see.
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

/* is the instruction before it a call of code of ours? */
static bool is_behind_call(const struct remote *r, const struct remote_area *a, uint64_t address)
{
	uint8_t b[5];
	int32_t distance;

	if (address - a->code < sizeof(b) || !remote_read(r, address - sizeof(b), b, sizeof(b)))
		return false;
	memcpy(&distance, b + 1, sizeof(distance));
	return (b[0] == 0xe8 && is_inside(a, address + (uint64_t)(int64_t)distance)) ||
	       (b[3] == 0xff && (b[4] & 0xf8) == 0xd0);
}

/* the word at `at` as the kernel puts rip into a signal's frame: flags and the code segment follow */
static bool is_in_signal_frame(const struct remote *r, uint64_t at)
{
	uint64_t flags_and_segments[2];

	return !remote_read(r, at + 8, flags_and_segments, sizeof(flags_and_segments)) ||
	       (flags_and_segments[0] >> 22 == 0 && (flags_and_segments[0] & FLAGS_ALWAYS) &&
		(flags_and_segments[1] & 0xffff) == USER_CODE_SEGMENT);
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
			if (is_inside(a, words[i]) && (!is_behind_call(r, a, words[i]) ||
						       is_in_signal_frame(r, at + 8 * i)))
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
