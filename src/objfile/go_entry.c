/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding the end of a Go function's stack check; see go_entry.h. The forms (cmd/internal/obj/x86, stacksplit), g being
 * r14, or loaded from thread-local memory in ABI0 functions and before Go 1.17:
 *
 *   small frames    cmp 0x10(g),%rsp; jbe more
 *   medium          lea -N(%rsp),%r12; cmp 0x10(g),%r12; jbe more
 *   large           mov %rsp,%r12; sub $N,%r12; jb more; cmp 0x10(g),%r12; jbe more
 *   large, <1.17    mov 0x10(g),%rsi; cmp $-0x522,%rsi; je more; lea ...,%rax; sub %rsi,%rax; cmp $N,%rax; jbe more
 *
 * They are not told apart: what makes a conditional jump part of the check is where it goes, a block that calls (runtime.
 * morestack) and then jumps to the function's entry again. No other code of Go does that, since a loop cannot begin before
 * its function's frame is made. The last such jump before anything is written ends the check.
 */
#include "objfile/go_entry.h"

enum { MAX_CHECK = 12 /* instructions */, MAX_MORE = 64 };

/* a block that saves registers, calls, takes them back and begins the function anew */
static bool is_more_block(const struct code *c, uint64_t addr, uint64_t entry)
{
	const struct code_insn *i = code_at(c, addr);
	bool called = false;

	for (int n = 0; i && n < MAX_MORE && i < c->insn + c->n; n++, i++) {
		if (i->kind == CODE_CALL)
			called = true;
		else if (i->kind == CODE_JMP)
			return called && i->target == entry;
		else if (!code_falls_through(i) || i->kind == CODE_JCC)
			return false;
	}
	return false;
}

bool go_entry_place(const struct code *c, uint64_t entry, uint64_t *ret)
{
	const struct code_insn *i = code_at(c, entry);
	bool found = false;

	*ret = entry;
	for (int n = 0; i && n < MAX_CHECK && i < c->insn + c->n; n++, i++) {
		if (i->kind == CODE_JCC && is_more_block(c, i->target, entry)) {
			*ret = i->addr + i->len;
			found = true;
		} else if (i->kind == CODE_JCC || !code_falls_through(i) || i->kind == CODE_CALL ||
			   i->kind == CODE_CALL_INDIRECT || (i->flags & CODE_MEM_WRITE) ||
			   (i->writes & 1u << CODE_RSP)) {
			break;
		}
	}
	return found;
}
