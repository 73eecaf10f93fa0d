/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The JIT's arithmetic; see jit.h. Division by zero gives 0 and the remainder by zero the dividend, as eBPF has it. */
#include "engine/user/code/jit_private.h"

/* which register holds the operand: the source, or r10 with the immediate in it */
static enum x86_reg operand(struct jit *j, const struct bpf_insn *in)
{
	if (in->code & BPF_X)
		return jit_reg(in->src_reg);
	x86_mov_imm(j->x, X_R10, (uint64_t)(int64_t)in->imm);
	return X_R10;
}

static void put_binary(struct jit *j, const struct bpf_insn *in, bool is_wide, enum x86_alu op)
{
	enum x86_reg dst = jit_reg(in->dst_reg);

	if (in->code & BPF_X)
		x86_alu(j->x, is_wide, op, dst, jit_reg(in->src_reg));
	else
		x86_alu_imm(j->x, is_wide, op, dst, in->imm);
}

static void put_shift(struct jit *j, const struct bpf_insn *in, bool is_wide, enum x86_shift op)
{
	enum x86_reg dst = jit_reg(in->dst_reg), src = jit_reg(in->src_reg);
	struct x86 *x = j->x;

	if (!(in->code & BPF_X)) {
		x86_shift_imm(x, is_wide, op, dst, (unsigned)in->imm & (is_wide ? 63 : 31));
		return;
	}
	if (src == X_RCX && dst != X_RCX) {
		x86_shift_cl(x, is_wide, op, dst);
		return;
	}
	/* the number of bits has to be in cl: rcx waits in r11, or is shifted there */
	x86_mov(x, true, X_R11, X_RCX);
	x86_mov(x, false, X_RCX, src);
	x86_shift_cl(x, is_wide, op, dst == X_RCX ? X_R11 : dst);
	x86_mov(x, is_wide || dst != X_RCX, X_RCX, X_R11);
}

/* rax / r10, signed, where the processor would trap or be slow to say the same: by 0 and by -1 */
static void put_special_divisors(struct jit *j, bool is_wide, bool is_mod, bool is_signed,
				 uint32_t done)
{
	struct x86 *x = j->x;
	uint32_t go_on = x86_label(x), not_zero = x86_label(x);

	x86_test(x, is_wide, X_R10, X_R10);
	x86_jump(x, X_NE, not_zero);
	if (is_mod)
		x86_mov(x, is_wide, X_R11, X_RAX);
	else
		x86_mov_imm(x, X_R11, 0);
	x86_jump(x, X_ALWAYS, done);
	x86_place(x, not_zero);
	if (is_signed) {
		x86_alu_imm(x, is_wide, X_CMP, X_R10, -1);
		x86_jump(x, X_NE, go_on);
		x86_mov(x, is_wide, X_R11, X_RAX);
		if (is_mod)
			x86_mov_imm(x, X_R11, 0);
		else
			x86_unary(x, is_wide, X_NEG, X_R11);
		x86_jump(x, X_ALWAYS, done);
	}
	x86_place(x, go_on);
}

static void put_division(struct jit *j, const struct bpf_insn *in, bool is_wide, bool is_mod)
{
	static const uint8_t cdq = 0x99, rex_w = 0x48;
	enum x86_reg dst = jit_reg(in->dst_reg);
	bool is_signed = in->off == 1;
	struct x86 *x = j->x;
	uint32_t done = x86_label(x);

	x86_mov(x, true, X_R10, operand(j, in));
	if (dst != X_RAX)
		x86_push(x, X_RAX);
	if (dst != X_RDX)
		x86_push(x, X_RDX);
	x86_mov(x, true, X_RAX, dst);
	put_special_divisors(j, is_wide, is_mod, is_signed, done);
	if (is_signed) {
		if (is_wide)
			x86_bytes(x, &rex_w, 1);
		x86_bytes(x, &cdq, 1);
	} else {
		x86_mov_imm(x, X_RDX, 0);
	}
	x86_unary(x, is_wide, is_signed ? X_IDIV : X_DIV, X_R10);
	x86_mov(x, is_wide, X_R11, is_mod ? X_RDX : X_RAX);
	x86_place(x, done);
	if (dst != X_RDX)
		x86_pop(x, X_RDX);
	if (dst != X_RAX)
		x86_pop(x, X_RAX);
	x86_mov(x, true, dst, X_R11);
}

static bool put_swap(struct jit *j, const struct bpf_insn *in)
{
	/* to little endian: that is what we are, the number is cut; of class ALU64: swapped whatever we are */
	bool is_cut = ebpf_class(in) == BPF_ALU && !(in->code & BPF_X);
	enum x86_reg dst = jit_reg(in->dst_reg);

	switch (in->imm) {
	case 16:
		if (!is_cut)
			x86_rol16_8(j->x, dst);
		x86_zero_extend16(j->x, dst, dst);
		return true;
	case 32:
		if (is_cut)
			x86_mov(j->x, false, dst, dst);
		else
			x86_bswap(j->x, false, dst);
		return true;
	case 64:
		if (!is_cut)
			x86_bswap(j->x, true, dst);
		return true;
	default: return false;
	}
}

static bool put_move(struct jit *j, const struct bpf_insn *in, bool is_wide)
{
	enum x86_reg dst = jit_reg(in->dst_reg);

	if (!(in->code & BPF_X)) {
		x86_mov_imm(j->x, dst,
			    is_wide ? (uint64_t)(int64_t)in->imm : (uint64_t)(uint32_t)in->imm);
	} else if (in->src_reg == R10) {
		if (!is_wide || in->off)
			return false;
		if (j->env->fence)
			jit_fence_frame(j, dst);
		else
			x86_lea(j->x, dst, X_RSP, (int32_t)j->stack);
	} else if (in->off == 8 || in->off == 16 || (in->off == 32 && is_wide)) {
		x86_sign_extend(j->x, is_wide, dst, jit_reg(in->src_reg), (unsigned)in->off / 8);
	} else if (in->off) {
		return false;
	} else {
		x86_mov(j->x, is_wide, dst, jit_reg(in->src_reg));
	}
	return true;
}

static void put_product(struct jit *j, const struct bpf_insn *in, bool is_wide)
{
	enum x86_reg dst = jit_reg(in->dst_reg);

	if (in->code & BPF_X)
		x86_imul(j->x, is_wide, dst, jit_reg(in->src_reg));
	else
		x86_imul_imm(j->x, is_wide, dst, dst, in->imm);
}

bool jit_alu(struct jit *j, const struct bpf_insn *in)
{
	bool is_wide = ebpf_class(in) == BPF_ALU64;
	uint8_t op = in->code & 0xf0;

	if (in->dst_reg > R9 || (in->src_reg > R9 && op != BPF_MOV))
		return false;
	if (in->off && op != BPF_MOV && op != BPF_DIV && op != BPF_MOD)
		return false;
	switch (op) {
	case BPF_ADD: put_binary(j, in, is_wide, X_ADD); break;
	case BPF_SUB: put_binary(j, in, is_wide, X_SUB); break;
	case BPF_OR: put_binary(j, in, is_wide, X_OR); break;
	case BPF_AND: put_binary(j, in, is_wide, X_AND); break;
	case BPF_XOR: put_binary(j, in, is_wide, X_XOR); break;
	case BPF_LSH: put_shift(j, in, is_wide, X_SHL); break;
	case BPF_RSH: put_shift(j, in, is_wide, X_SHR); break;
	case BPF_ARSH: put_shift(j, in, is_wide, X_SAR); break;
	case BPF_NEG: x86_unary(j->x, is_wide, X_NEG, jit_reg(in->dst_reg)); break;
	case BPF_MUL: put_product(j, in, is_wide); break;
	case BPF_DIV: put_division(j, in, is_wide, false); break;
	case BPF_MOD: put_division(j, in, is_wide, true); break;
	case BPF_MOV: return put_move(j, in, is_wide);
	case BPF_END: return put_swap(j, in);
	default: return false;
	}
	return true;
}
