/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Code around the instructions of a program that nobody has verified (fence.h, rt/fence.h). r12 holds its struct rt_fence_run, which lies at the bottom
 * of the first function's stack; behind it are the frames of all functions that can be open, without anything else between them:
 * return addresses and kept registers are on the machine's stack below, where the program has no address for. In front of what may lead
 * elsewhere a function of rt/fence.c is called; when it says no, rsp is r12 again and the program is over.
 *
 * It must not write a register of the program's but for r10, r11 and flags, which nothing keeps from one instruction to the next.
 */
#include "engine/user/code/jit_private.h"

#include "engine/user/rt/fence.h"

#include <stddef.h>

#define RUN(field) ((int32_t)offsetof(struct rt_fence_run, field))

enum {
	CLOBBERED = 1 << X_RAX | 1 << X_RCX | 1 << X_RDX | 1 << X_RSI | 1 << X_RDI | 1 << X_R8 |
		    1 << X_R9 | 1 << X_R10 | 1 << X_R11
};

static const struct jit_fence *fence_of(const struct jit *j)
{
	return j->env->fence;
}

/* functions of rt/fence.c may be anywhere */
static void call_address(struct jit *j, uint64_t address)
{
	static const uint8_t call_r11[] = { 0x41, 0xff, 0xd3 };

	x86_mov_imm(j->x, X_R11, address);
	x86_bytes(j->x, call_r11, sizeof(call_r11));
	j->x->written |= CLOBBERED;
}

static uint32_t stack_bytes(const struct jit *j)
{
	return j->n_frames * RT_FENCE_FRAME;
}

uint32_t jit_fence_bytes(const struct jit *j)
{
	return (uint32_t)sizeof(struct rt_fence_run) + stack_bytes(j);
}

void jit_fence_labels(struct jit *j)
{
	j->fence_access = x86_label(j->x);
	j->fence_call = x86_label(j->x);
	j->fence_spent = x86_label(j->x);
	j->fence_over = x86_label(j->x);
	j->fence_table = x86_label(j->x);
}

/* ---- the stack ---- */

enum x86_reg jit_fence_base(struct jit *j, enum x86_reg scratch, int32_t *disp)
{
	if (j->start) {
		x86_load(j->x, 8, scratch, X_R12, RUN(fp));
		return scratch;
	}
	*disp += (int32_t)jit_fence_bytes(j);
	return X_R12;
}

void jit_fence_frame(struct jit *j, enum x86_reg dst)
{
	int32_t disp = 0;
	enum x86_reg base = jit_fence_base(j, dst, &disp);

	if (base != dst || disp)
		x86_lea(j->x, dst, base, disp);
}

static void move_frame(struct jit *j, int32_t by)
{
	x86_load(j->x, 8, X_R10, X_R12, RUN(fp));
	x86_lea(j->x, X_R10, X_R10, by);
	x86_store(j->x, 8, X_R12, RUN(fp), X_R10);
}

/* ---- time ---- */

static uint32_t what_of(uint32_t insn, uint32_t low)
{
	return insn << RT_FENCE_HELPER_BITS | low;
}

static void charge(struct jit *j, uint32_t units, uint32_t insn)
{
	struct x86 *x = j->x;
	uint32_t go_on = x86_label(x);

	x86_load(x, 8, X_R10, X_R12, RUN(units));
	x86_alu_imm(x, true, X_SUB, X_R10, (int32_t)units);
	x86_store(x, 8, X_R12, RUN(units), X_R10);
	x86_jump(x, X_AE, go_on);
	x86_mov_imm(x, X_R10, what_of(insn, 0));
	x86_jump(x, X_ALWAYS, j->fence_spent);
	x86_place(x, go_on);
}

/* without loops and calls a program is as long as it is */
void jit_fence_branch(struct jit *j, uint32_t i, uint32_t to)
{
	if (to <= i)
		charge(j, i - to + 1, i);
}

/* ---- functions ---- */

/* r10 = the shadow stack's pointer, 0: the thread has none (then the instruction does nothing) */
static void read_shadow(struct jit *j)
{
	static const uint8_t rdsspq_r10[] = { 0xf3, 0x49, 0x0f, 0x1e, 0xca };

	x86_mov_imm(j->x, X_R10, 0);
	x86_bytes(j->x, rdsspq_r10, sizeof(rdsspq_r10));
}

/* calls that will not return are taken off it, or the next return would be a fault. They are few */
static void leave_calls(struct jit *j)
{
	static const uint8_t incsspq_r11[] = { 0xf3, 0x49, 0x0f, 0xae, 0xeb };
	uint32_t has_none = x86_label(j->x);

	read_shadow(j);
	x86_load(j->x, 8, X_R11, X_R12, RUN(shadow));
	x86_alu(j->x, true, X_SUB, X_R11, X_R10);
	x86_jump(j->x, X_E, has_none);
	x86_shift_imm(j->x, true, X_SHR, X_R11, 3);
	x86_bytes(j->x, incsspq_r11, sizeof(incsspq_r11));
	x86_place(j->x, has_none);
}

static void begin_run(struct jit *j)
{
	const struct jit_fence *f = fence_of(j);
	struct x86 *x = j->x;

	x86_mov(x, true, X_R12, X_RSP);
	x86_store(x, 8, X_R12, RUN(context), X_RDI);
	x86_lea(x, X_R10, X_RDI, f->context_from);
	x86_store(x, 8, X_R12, RUN(context_from), X_R10);
	x86_lea(x, X_R10, X_RDI, f->context_end);
	x86_store(x, 8, X_R12, RUN(context_end), X_R10);
	x86_lea_label(x, X_R10, j->fence_table);
	x86_store(x, 8, X_R12, RUN(fence), X_R10);
	x86_lea(x, X_R10, X_R12, (int32_t)jit_fence_bytes(j));
	x86_store(x, 8, X_R12, RUN(fp), X_R10);
	x86_store_imm(x, 8, X_R12, RUN(units), RT_FENCE_UNITS);
	x86_store_imm(x, 8, X_R12, RUN(stack_bytes), (int32_t)stack_bytes(j));
	x86_store_imm(x, 8, X_R12, RUN(wanted), 0);
	x86_store_imm(x, 8, X_R12, RUN(n_records), 0);
	x86_store_imm(x, 8, X_R12, RUN(is_over), 0);
	read_shadow(j);
	x86_store(x, 8, X_R12, RUN(shadow), X_R10);
	for (int32_t i = 0; i < RT_FENCE_RECORDS; i++) {
		x86_store_imm(x, 8, X_R12, RUN(records) + 16 * i, 0);
		x86_store_imm(x, 8, X_R12, RUN(records) + 16 * i + 8, 0);
	}
	/* what ran for too long too often does not run any more */
	x86_mov_imm(x, X_R10, f->is_off);
	x86_cmp_mem_imm(x, false, X_R10, 0, 0);
	x86_jump(x, X_NE, j->fence_over);
}

void jit_fence_begin(struct jit *j, uint32_t end)
{
	if (!j->start) {
		begin_run(j);
		return;
	}
	move_frame(j, -RT_FENCE_FRAME);
	charge(j, end - j->start, j->start);
}

void jit_fence_end(struct jit *j)
{
	uint32_t has_none;
	struct x86 *x = j->x;

	if (j->start) {
		move_frame(j, RT_FENCE_FRAME);
		return;
	}
	has_none = x86_label(x);
	x86_place(x, j->fence_over);
	x86_mov(x, true, X_RSP, X_R12);
	leave_calls(j);
	x86_cmp_mem_imm(x, false, X_R12, RUN(n_records), 0);
	x86_jump(x, X_E, has_none);
	x86_push(x, X_RAX);
	x86_mov(x, true, X_RDI, X_R12);
	call_address(j, fence_of(j)->leave);
	x86_pop(x, X_RAX);
	x86_place(x, has_none);
}

/* ---- memory and helpers ---- */

void jit_fence_access(struct jit *j, const struct bpf_insn *in, uint32_t i)
{
	bool is_load = ebpf_class(in) == BPF_LDX;
	bool is_atomic = ebpf_class(in) == BPF_STX && (in->code & 0xe0) == BPF_ATOMIC;
	unsigned base = is_load ? in->src_reg : in->dst_reg;
	uint32_t what = ebpf_size_bytes(in->code) | (is_load ? 0 : RT_FENCE_WRITES) |
			(is_atomic ? RT_FENCE_ATOMIC : 0);
	int32_t disp = in->off;
	enum x86_reg at;

	/* fence_check has seen to it that it is in the frame */
	if (base == R10 && !is_atomic)
		return;
	at = base == R10 ? jit_fence_base(j, X_R11, &disp) : jit_reg(base);
	x86_lea(j->x, X_R11, at, disp);
	x86_mov_imm(j->x, X_R10, what_of(i, what));
	x86_call(j->x, j->fence_access);
	j->x->written |= CLOBBERED;
}

void jit_fence_helper(struct jit *j, const struct bpf_insn *in, uint32_t i)
{
	x86_mov_imm(j->x, X_R10, what_of(i, (uint32_t)in->imm));
	x86_call(j->x, j->fence_call);
	j->x->written |= CLOBBERED;
}

void jit_fence_helper_done(struct jit *j, const struct bpf_insn *in)
{
	if (in->imm != BPF_FUNC_ringbuf_reserve)
		return;
	x86_mov(j->x, true, X_RDI, X_R12);
	x86_mov(j->x, true, X_RSI, X_RAX);
	call_address(j, fence_of(j)->reserved);
}

bool jit_fence_inlines(const struct bpf_insn *in)
{
	if (in->code != (BPF_JMP | BPF_CALL) || in->src_reg)
		return false;
	switch (in->imm) {
	case BPF_FUNC_get_attach_cookie:
	case BPF_FUNC_get_func_ip:
	case BPF_FUNC_get_current_pid_tgid:
	case BPF_FUNC_ktime_get_ns:
	case BPF_FUNC_ktime_get_boot_ns:
	case BPF_FUNC_ktime_get_tai_ns:
	case BPF_FUNC_get_stackid:
	case BPF_FUNC_get_stack: return true;
	default: return false;
	}
}

/* ---- behind the program ---- */

static const uint8_t kept[] = { X_R8, X_RCX, X_RDX, X_RSI, X_RDI };
enum { N_KEPT = sizeof(kept) };

/* a stub: the arguments in r11 and r10, all registers of the program kept; it does not come back from a no */
static void put_stub(struct jit *j, uint32_t label, uint64_t function, bool has_args)
{
	struct x86 *x = j->x;

	x86_place(x, label);
	x86_push(x, X_RAX);
	for (unsigned i = 0; i < N_KEPT; i++) /* from the lowest on they are R1 to R5 */
		x86_push(x, (enum x86_reg)kept[i]);
	x86_mov(x, true, X_RDI, X_R12);
	x86_mov(x, true, X_RSI, has_args ? X_RSP : X_R11);
	x86_mov(x, true, X_RDX, X_R10);
	call_address(j, function);
	x86_test(x, false, X_RAX, X_RAX);
	for (unsigned i = N_KEPT; i; i--)
		x86_pop(x, (enum x86_reg)kept[i - 1]);
	x86_pop(x, X_RAX);
	x86_jump(x, X_NE, j->fence_over);
	x86_ret(x);
}

void jit_fence_finish(struct jit *j)
{
	static const uint8_t zero[8];
	const struct jit_fence *f = fence_of(j);
	struct x86 *x = j->x;

	put_stub(j, j->fence_access, f->access, false);
	put_stub(j, j->fence_call, f->call, true);
	x86_place(x, j->fence_spent);
	x86_mov(x, true, X_RDI, X_R12);
	x86_mov(x, true, X_RDX, X_R10);
	call_address(j, f->spent);
	x86_jump(x, X_ALWAYS, j->fence_over);
	x86_bytes(x, zero, -(uint32_t)(x->base + x86_here(x)) & 7);
	x86_place(x, j->fence_table);
	x86_bytes(x, f->table, f->table_bytes);
}
