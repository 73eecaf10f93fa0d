/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The JIT's loads, stores and atomics; see jit.h. */
#include "engine/user/code/jit_private.h"

#ifndef BPF_MEMSX
#define BPF_MEMSX 0x80 /* loads that extend the sign: version 4 of the instruction set */
#endif

/* R10 is not in a register: what it points to is at rsp + the frame's size */
static enum x86_reg base_of(struct jit *j, unsigned reg, int32_t *disp)
{
	if (reg != R10)
		return jit_reg(reg);
	if (j->env->fence)
		return jit_fence_base(j, X_R10, disp);
	*disp += (int32_t)j->stack;
	return X_RSP;
}

static enum x86_alu alu_of(int32_t op)
{
	switch (op & 0xf0) {
	case BPF_OR: return X_OR;
	case BPF_AND: return X_AND;
	case BPF_XOR: return X_XOR;
	default: return X_ADD;
	}
}

/* fetch-and-or and its like: the processor has no such instruction, so the exchange is tried until nobody came between */
static void put_fetch(struct jit *j, bool is_wide, enum x86_alu op, enum x86_reg base, int32_t disp,
		      enum x86_reg src)
{
	enum x86_reg fresh = src == X_RAX ? X_RCX : src, kept = src == X_RAX ? X_RCX : X_RAX;
	struct x86 *x = j->x;
	uint32_t again = x86_label(x);

	x86_lea(x, X_R10, base, disp);
	x86_mov(x, true, X_R11, src);
	x86_push(x, kept);
	x86_load(x, is_wide ? 8 : 4, X_RAX, X_R10, 0);
	x86_place(x, again);
	x86_mov(x, true, fresh, X_RAX);
	x86_alu(x, is_wide, op, fresh, X_R11);
	x86_lock_cmpxchg(x, is_wide, X_R10, 0, fresh);
	x86_jump(x, X_NE, again);
	if (src != X_RAX)
		x86_mov(x, is_wide, src, X_RAX);
	x86_pop(x, kept);
}

static bool put_atomic(struct jit *j, const struct bpf_insn *in)
{
	unsigned size = ebpf_size_bytes(in->code);
	bool is_wide = size == 8;
	int32_t disp = in->off;
	int32_t op = in->imm & ~BPF_FETCH;
	enum x86_reg base, src;

	if (size < 4 || in->src_reg > R9)
		return false;
	base = base_of(j, in->dst_reg, &disp);
	src = jit_reg(in->src_reg);
	if (in->imm == BPF_CMPXCHG) {
		x86_lock_cmpxchg(j->x, is_wide, base, disp, src);
		/* where it failed eax was loaded, where not rax may have an upper half */
		if (!is_wide)
			x86_mov(j->x, false, X_RAX, X_RAX);
		return true;
	}
	if (in->imm == BPF_XCHG) {
		x86_xchg_mem(j->x, is_wide, base, disp, src);
		return true;
	}
	if (op != BPF_ADD && op != BPF_OR && op != BPF_AND && op != BPF_XOR)
		return false;
	if (!(in->imm & BPF_FETCH))
		x86_lock_alu(j->x, is_wide, alu_of(op), base, disp, src);
	else if (op == BPF_ADD)
		x86_lock_xadd(j->x, is_wide, base, disp, src);
	else
		put_fetch(j, is_wide, alu_of(op), base, disp, src);
	return true;
}

static bool put_load(struct jit *j, const struct bpf_insn *in)
{
	unsigned size = ebpf_size_bytes(in->code);
	int32_t disp = in->off;
	enum x86_reg base = base_of(j, in->src_reg, &disp);

	if (in->dst_reg > R9)
		return false;
	switch (in->code & 0xe0) {
	case BPF_MEM: x86_load(j->x, size, jit_reg(in->dst_reg), base, disp); return true;
	case BPF_MEMSX:
		x86_load_signed(j->x, size, jit_reg(in->dst_reg), base, disp);
		return size < 8;
	default: return false;
	}
}

static bool put_store(struct jit *j, const struct bpf_insn *in)
{
	unsigned size = ebpf_size_bytes(in->code);
	int32_t disp = in->off;
	enum x86_reg base = base_of(j, in->dst_reg, &disp);

	if ((in->code & 0xe0) != BPF_MEM)
		return false;
	if (ebpf_class(in) == BPF_ST) {
		x86_store_imm(j->x, size, base, disp, in->imm);
	} else if (in->src_reg == R10) { /* the stack's own address */
		if (j->env->fence)
			jit_fence_frame(j, X_R11);
		else
			x86_lea(j->x, X_R11, X_RSP, (int32_t)j->stack);
		x86_store(j->x, size, base, disp, X_R11);
	} else {
		x86_store(j->x, size, base, disp, jit_reg(in->src_reg));
	}
	return true;
}

bool jit_memory(struct jit *j, const struct bpf_insn *in)
{
	if (ebpf_class(in) == BPF_LDX)
		return put_load(j, in);
	if (ebpf_class(in) == BPF_STX && (in->code & 0xe0) == BPF_ATOMIC)
		return put_atomic(j, in);
	return put_store(j, in);
}
