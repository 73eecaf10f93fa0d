/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The logarithm that hist() takes (log2_floor in ir/build_aggregate.c): six halvings in some fifty instructions, for which the processor has one.
 * They are told by being exactly those; where they are any others, or somebody looks at what they leave in other registers than the
 * result's, nothing is replaced. Called by inline.c.
 */
#include "engine/user/trampoline/inline_private.h"

#include "ebpf/insn.h"

/* who is who: the number, its logarithm, what is left of the number, its upper half, 0 */
enum role { NUMBER, RESULT, REST, UPPER, ZERO, N_ROLES };
enum { NOBODY = 0xff, HIGHEST = 32 };

struct matching {
	const struct bpf_insn *at;
	uint32_t left; /* instructions */
	uint8_t regs[N_ROLES];
	bool is_equal;
};

static bool is_role(struct matching *m, enum role role, unsigned reg)
{
	for (unsigned i = 0; m->regs[role] == NOBODY && i < N_ROLES; i++)
		if (m->regs[i] == reg)
			return false;
	if (m->regs[role] == NOBODY)
		m->regs[role] = (uint8_t)reg;
	return m->regs[role] == reg;
}

static void want(struct matching *m, uint8_t op, enum role dst, enum role src)
{
	m->is_equal = m->is_equal && m->left && m->at->code == (BPF_ALU64 | op | BPF_X) &&
		      !m->at->off && is_role(m, dst, m->at->dst_reg) &&
		      is_role(m, src, m->at->src_reg);
	m->at += m->is_equal;
	m->left -= m->is_equal;
}

static void want_number(struct matching *m, uint8_t op, enum role dst, int32_t number)
{
	m->is_equal = m->is_equal && m->left && m->at->code == (BPF_ALU64 | op | BPF_K) &&
		      !m->at->off && m->at->imm == number && is_role(m, dst, m->at->dst_reg);
	m->at += m->is_equal;
	m->left -= m->is_equal;
}

/* by = (v >> shift ? shift : 0), in the register of `by` */
static void want_halving(struct matching *m, enum role by, int32_t shift)
{
	if (shift > 1)
		want(m, BPF_MOV, by, by == RESULT ? NUMBER : REST);
	want_number(m, BPF_RSH, by, shift);
	want_number(m, BPF_MOV, ZERO, 0);
	want(m, BPF_SUB, ZERO, by);
	want(m, BPF_MOV, by, ZERO);
	want_number(m, BPF_RSH, by, 63);
	if (shift > 1)
		want_number(m, BPF_LSH, by, __builtin_ctz((unsigned)shift));
}

/* the first sum is its first part; the last upper half is what is left */
static void want_all(struct matching *m)
{
	want_halving(m, RESULT, HIGHEST);
	want(m, BPF_MOV, REST, NUMBER);
	want(m, BPF_RSH, REST, RESULT);
	for (int32_t shift = HIGHEST / 2; shift > 1; shift /= 2) {
		want_halving(m, UPPER, shift);
		want(m, BPF_RSH, REST, UPPER);
		want(m, BPF_ADD, RESULT, UPPER);
	}
	want_halving(m, REST, 1);
	want(m, BPF_ADD, RESULT, REST);
}

/* what an instruction reads and writes, of R0 to R10; false: not known */
static bool uses_of(const struct bpf_insn *in, unsigned *reads, unsigned *writes)
{
	unsigned dst = 1u << in->dst_reg, src = 1u << in->src_reg;
	uint8_t class = ebpf_class(in);

	*reads = *writes = 0;
	switch (class) {
	case BPF_ALU:
	case BPF_ALU64:
		*writes = dst;
		*reads = (in->code & 0xf0) == BPF_MOV ? 0 : dst;
		*reads |= in->code & BPF_X && (in->code & 0xf0) != BPF_END ? src : 0;
		return true;
	case BPF_LD: *writes = dst; return ebpf_is_wide(in);
	case BPF_LDX:
		*writes = dst;
		*reads = src;
		return true;
	case BPF_ST: *reads = dst; return true;
	case BPF_STX: *reads = dst | src; return (in->code & 0xe0) == BPF_MEM;
	default: break;
	}
	*reads = 1u << R1 | 1u << R2 | 1u << R3 | 1u << R4 | 1u << R5;
	*writes = *reads | 1u << R0;
	return in->code == (BPF_JMP | BPF_CALL);
}

/* nobody reads them from there on before they are written; only the straight way is looked at */
static bool are_dead(const struct bpf_insn *in, const struct bpf_insn *end, unsigned regs)
{
	for (; in < end && regs; in++) {
		unsigned reads, writes;

		if (!uses_of(in, &reads, &writes) || reads & regs)
			return false;
		regs &= ~writes;
		in += ebpf_is_wide(in);
	}
	return !regs;
}

uint32_t inline_log2(const struct jit_place *p, struct x86 *x)
{
	struct matching m = { .at = &p->insns[p->i],
			      .left = p->room,
			      .regs = { NOBODY, NOBODY, NOBODY, NOBODY, NOBODY },
			      .is_equal = true };
	enum x86_reg result;

	want_all(&m);
	if (!m.is_equal || !are_dead(m.at, p->insns + p->end,
				     1u << m.regs[REST] | 1u << m.regs[UPPER] | 1u << m.regs[ZERO]))
		return 0;
	result = jit_reg(m.regs[RESULT]);
	/* of 0 it is 0, too */
	x86_mov(x, true, result, jit_reg(m.regs[NUMBER]));
	x86_alu_imm(x, true, X_OR, result, 1);
	x86_bsr(x, true, result, result);
	return p->room - m.left;
}
