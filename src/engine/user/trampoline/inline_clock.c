/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The clocks as code: what clock_ns in rt/helpers.c does at its first try. All else is the helper's, which is called then. Called by inline.c. */
#include "engine/user/trampoline/inline_private.h"

#include <linux/bpf.h>
#include <stddef.h>

enum {
	NOW = offsetof(struct rt_area, clock_now),
	CLOCKS = offsetof(struct rt_area, clocks),
	NO_OFFSET = -1,
	CLOCK_SHIFT = 6,
	/* of the scale's 32 bits behind the point; all of them would make it negative where a tick is longer than half a nanosecond */
	EARLY_SHIFT = 29,
};
_Static_assert(sizeof(struct rt_clock) == 1 << CLOCK_SHIFT, "shifted");

/* where what is added to CLOCK_MONOTONIC stands in struct rt_clock */
static int32_t offset_of(int32_t helper)
{
	switch (helper) {
	case BPF_FUNC_ktime_get_boot_ns: return offsetof(struct rt_clock, boot_offset);
	case BPF_FUNC_ktime_get_tai_ns: return offsetof(struct rt_clock, tai_offset);
	default: return NO_OFFSET;
	}
}

uint32_t inline_clock(const struct inline_at *at, struct x86 *x, int32_t helper)
{
	uint32_t slow = x86_label(x), done = x86_label(x);
	int32_t offset = offset_of(helper);

	/* rdi = the area, rsi = how often the clock was changed, r11 + CLOCKS = the clock */
	if (!x86_lea_at(x, X_RDI, at->env->area))
		return 0;
	x86_load(x, 8, X_RSI, X_RDI, NOW);
	x86_mov(x, false, X_R11, X_RSI);
	x86_alu_imm(x, false, X_AND, X_R11, 1);
	x86_shift_imm(x, false, X_SHL, X_R11, CLOCK_SHIFT);
	x86_alu(x, true, X_ADD, X_R11, X_RDI);
	x86_load(x, 8, X_RCX, X_R11, CLOCKS + (int32_t)offsetof(struct rt_clock, scale));
	x86_test(x, true, X_RCX, X_RCX);
	x86_jump(x, X_E, slow);
	x86_shift_imm(x, true, X_SHL, X_RCX, EARLY_SHIFT);
	x86_time_stamp(x);
	x86_alu_mem(x, true, X_SUB, X_RAX, X_R11, CLOCKS + (int32_t)offsetof(struct rt_clock, tsc));
	/* the product's bits 32 and above come out as its upper half: shifting both halves takes three times as long */
	x86_shift_imm(x, true, X_SHL, X_RAX, 32 - EARLY_SHIFT);
	x86_imul_both(x, X_RCX);
	x86_alu_mem(x, true, X_ADD, X_RDX, X_R11, CLOCKS + (int32_t)offsetof(struct rt_clock, ns));
	if (offset != NO_OFFSET)
		x86_alu_mem(x, true, X_ADD, X_RDX, X_R11, CLOCKS + offset);
	x86_mov(x, true, X_RAX, X_RDX);
	/* changed meanwhile: what was read may be of two changes */
	x86_alu_mem(x, true, X_CMP, X_RSI, X_RDI, NOW);
	x86_jump(x, X_E, done);
	x86_place(x, slow);
	if (!at->call(at->arg, x, helper))
		return 0;
	x86_place(x, done);
	x->written |= 1u << X_RAX | 1u << X_RCX | 1u << X_RDX | 1u << X_RSI | 1u << X_RDI |
		      1u << X_R8 | 1u << X_R9 | 1u << X_R10 | 1u << X_R11;
	return 1;
}
