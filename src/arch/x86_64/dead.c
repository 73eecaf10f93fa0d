/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers that are free at a place of a function; see decode.h. Each is followed for itself along all ways from there. What is not
 * known (an indirect jump within the function, the end of its code) may read everything.
 */
#include "arch/x86_64/decode.h"

#include "base/arena.h"
#include "base/cleanup.h"

#include <stdlib.h>

struct ways {
	const struct code *c;
	uint32_t what, free_outside;
	uint32_t *todo; /* instructions, by index; each is there once */
	uint32_t n;
	bool *is_seen;
	bool is_read;
};

static void go_on(struct ways *w, const struct code_insn *i)
{
	uint32_t at = i ? (uint32_t)(i - w->c->insn) : w->c->n;

	if (at >= w->c->n || i->flags & CODE_AFTER_GAP) {
		w->is_read = true;
	} else if (!w->is_seen[at]) {
		w->is_seen[at] = true;
		w->todo[w->n++] = at;
	}
}

static bool is_flags(const struct ways *w)
{
	return w->what == CODE_FLAGS;
}

static bool reads(const struct ways *w, const struct code_insn *i)
{
	/* a system call reads what the kernel takes as arguments, and keeps the flags */
	if (i->kind == CODE_SYSCALL && !is_flags(w))
		return !(w->free_outside & w->what);
	return is_flags(w) ? i->flags & CODE_READS_FLAGS : i->reads & w->what;
}

static bool replaces(const struct ways *w, const struct code_insn *i)
{
	return is_flags(w) ? i->flags & CODE_WRITES_FLAGS && !(i->flags & CODE_REPEATED)
			   : i->replaces & w->what;
}

static void step(struct ways *w, const struct code_insn *i)
{
	bool is_jump = i->kind == CODE_JMP || i->kind == CODE_JCC;
	bool leaves = i->kind == CODE_RET || i->kind == CODE_CALL ||
		      i->kind == CODE_CALL_INDIRECT || (is_jump && code_is_jump_out(w->c, i)) ||
		      (i->kind == CODE_JMP_INDIRECT &&
		       code_indirect_kind(w->c, i) == CODE_INDIRECT_TAIL);

	if (reads(w, i) || (leaves && !(w->free_outside & w->what)) ||
	    (i->kind == CODE_JMP_INDIRECT && !leaves)) {
		w->is_read = true;
		return;
	}
	if (replaces(w, i) || i->kind == CODE_TRAP || (leaves && i->kind != CODE_JCC))
		return;
	if (is_jump && !leaves)
		go_on(w, code_at(w->c, i->target));
	if (code_falls_through(i))
		go_on(w, i + 1);
}

static bool is_free(const struct code *c, uint64_t addr, uint32_t what, uint32_t free_outside)
{
	FREE_AUTO uint32_t *todo = base_alloc((c->n + (size_t)1) * sizeof(*todo));
	FREE_AUTO bool *is_seen = base_alloc(c->n + (size_t)1);
	struct ways w = {
		.c = c, .what = what, .free_outside = free_outside, .todo = todo, .is_seen = is_seen
	};

	go_on(&w, code_at(c, addr));
	while (w.n && !w.is_read)
		step(&w, &c->insn[w.todo[--w.n]]);
	return !w.is_read;
}

uint32_t code_free_at(const struct code *c, uint64_t addr, uint32_t free_outside)
{
	uint32_t ret = 0;

	if (c->is_doubtful)
		return 0;
	for (uint32_t what = 1; what <= CODE_FLAGS; what <<= 1)
		if (what != 1u << CODE_RSP && is_free(c, addr, what, free_outside))
			ret |= what;
	return ret;
}
