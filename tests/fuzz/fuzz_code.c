/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzer of the decoder and of placement: the first byte chooses what the program reads, the rest is machine code. What is decoded
 * must tile the bytes, and a place must be an emulated instruction that nothing jumps to.
 */
#include "probe/placement.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { START = 0x401000 };

static void check_tiles(const struct code *c, size_t n)
{
	uint64_t at = START, known = 0;

	for (uint32_t k = 0; k < c->n; k++) {
		const struct code_insn *i = &c->insn[k];

		if (i->addr < at || i->len == 0 || (i->addr > at && !(i->flags & CODE_AFTER_GAP)))
			__builtin_trap();
		at = i->addr + i->len;
		known += i->len;
		code_indirect_kind(c, i);
		if (code_at(c, i->addr) != i || code_is_boundary(c, i->addr) != CODE_BOUNDARY_YES)
			__builtin_trap();
	}
	if (at > START + n || known + c->n_bad != n)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t what = size ? data[0] : 0;
	struct placement_needs needs = { .regs = what & 1 ? 0x3c6 : 0,
					 .stack = what & 2,
					 .memory = what & 4,
					 .fixed_sp = what & 8,
					 .exact = what & 16 };
	struct placement_edges e = { .is_complete = what & 32 };
	const struct code_insn *from;
	struct placement to;
	CODE_AUTO c;
	uint32_t it = 0;

	if (!size)
		return 0;
	code_decode(data + 1, size - 1, START, &c);
	check_tiles(&c, size - 1);
	while (code_next_pred(&c, START, &it, &from))
		;
	placement_choose(&c, START, &e, &needs, &to);
	if (to.address != START && (!to.is_cheap || to.insn->addr != to.address ||
				    to.insn->flags & (CODE_TARGET | CODE_NOP5 | CODE_AFTER_GAP)))
		__builtin_trap();
	if (to.address != START && needs.fixed_sp && to.sp_delta)
		__builtin_trap();
	return 0;
}
