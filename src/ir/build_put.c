/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One call, one IR instruction, appended to the function being built. Nothing here knows about types or scripts.
 */
#include "ir/build_private.h"

#include <linux/bpf.h>

struct ir_insn *put_raw(struct builder *b, struct ir_insn insn)
{
	struct ir_func *f = b->fn->f;

	if (f->n == f->cap) {
		uint32_t cap = f->cap ? f->cap * 2 : 64;
		struct ir_insn *grown = arena_array(b->arena, struct ir_insn, cap);

		if (f->n)
			memcpy(grown, f->insn, f->n * sizeof(*grown));
		f->insn = grown;
		f->cap = cap;
	}
	insn.at = b->at;
	f->insn[f->n] = insn;
	return &f->insn[f->n++];
}

uint32_t new_vreg(struct builder *b)
{
	return ++b->fn->f->n_vregs;
}

uint32_t new_label(struct builder *b)
{
	return b->fn->f->n_labels++;
}

void put_label(struct builder *b, uint32_t label)
{
	put_raw(b, (struct ir_insn){ .op = IR_LABEL, .target = label });
}

void put_imm_to(struct builder *b, uint32_t dst, int64_t imm)
{
	put_raw(b, (struct ir_insn){ .op = IR_IMM, .dst = dst, .imm = imm });
}

uint32_t put_imm(struct builder *b, int64_t imm)
{
	uint32_t dst = new_vreg(b);

	put_imm_to(b, dst, imm);
	return dst;
}

void put_mov_to(struct builder *b, uint32_t dst, uint32_t a)
{
	put_raw(b, (struct ir_insn){ .op = IR_MOV, .dst = dst, .a = a });
}

uint32_t put_op(struct builder *b, enum ir_op op, uint32_t a, uint32_t bb)
{
	uint32_t dst = new_vreg(b);

	put_raw(b, (struct ir_insn){ .op = op, .size = 8, .dst = dst, .a = a, .b = bb });
	return dst;
}

static bool fits_imm32(int64_t imm)
{
	return imm >= INT32_MIN && imm <= INT32_MAX;
}

uint32_t put_op_imm(struct builder *b, enum ir_op op, uint32_t a, int64_t imm)
{
	uint32_t dst;

	if (!fits_imm32(imm))
		return put_op(b, op, a, put_imm(b, imm));
	dst = new_vreg(b);
	put_raw(b, (struct ir_insn){
			   .op = op, .size = 8, .flags = IRF_IMM, .dst = dst, .a = a, .imm = imm });
	return dst;
}

uint32_t put_unary(struct builder *b, enum ir_op op, uint32_t a, uint32_t size)
{
	uint32_t dst = new_vreg(b);

	put_raw(b, (struct ir_insn){ .op = op, .size = (uint8_t)size, .dst = dst, .a = a });
	return dst;
}

uint32_t put_ext(struct builder *b, uint32_t a, uint32_t size, bool is_signed)
{
	return size >= 8 ? a : put_unary(b, is_signed ? IR_SEXT : IR_ZEXT, a, size);
}

uint32_t put_set(struct builder *b, enum ir_cc cc, uint32_t a, uint32_t bb)
{
	uint32_t dst = new_vreg(b);

	put_raw(b,
		(struct ir_insn){ .op = IR_SET, .size = 8, .cc = cc, .dst = dst, .a = a, .b = bb });
	return dst;
}

uint32_t put_set_imm(struct builder *b, enum ir_cc cc, uint32_t a, int64_t imm)
{
	uint32_t dst;

	if (!fits_imm32(imm))
		return put_set(b, cc, a, put_imm(b, imm));
	dst = new_vreg(b);
	put_raw(b, (struct ir_insn){ .op = IR_SET,
				     .size = 8,
				     .cc = cc,
				     .flags = IRF_IMM,
				     .dst = dst,
				     .a = a,
				     .imm = imm });
	return dst;
}

void put_jmp(struct builder *b, uint32_t label)
{
	put_raw(b, (struct ir_insn){ .op = IR_JMP, .target = label });
}

void put_br(struct builder *b, enum ir_cc cc, uint32_t a, uint32_t bb, uint32_t label)
{
	put_raw(b, (struct ir_insn){
			   .op = IR_BR, .size = 8, .cc = cc, .a = a, .b = bb, .target = label });
}

void put_br_imm(struct builder *b, enum ir_cc cc, uint32_t a, int64_t imm, uint32_t label)
{
	if (!fits_imm32(imm)) {
		put_br(b, cc, a, put_imm(b, imm), label);
		return;
	}
	put_raw(b, (struct ir_insn){ .op = IR_BR,
				     .size = 8,
				     .cc = cc,
				     .flags = IRF_IMM,
				     .a = a,
				     .imm = imm,
				     .target = label });
}

uint32_t put_load(struct builder *b, uint32_t base, int32_t off, uint32_t size, bool is_signed)
{
	uint32_t dst = new_vreg(b);

	put_raw(b, (struct ir_insn){ .op = IR_LOAD,
				     .size = (uint8_t)size,
				     .flags = is_signed ? IRF_SIGNED : 0,
				     .dst = dst,
				     .a = base,
				     .off = off });
	return dst;
}

void put_store(struct builder *b, uint32_t base, int32_t off, uint32_t v, uint32_t size)
{
	put_raw(b, (struct ir_insn){
			   .op = IR_STORE, .size = (uint8_t)size, .a = base, .b = v, .off = off });
}

void put_store_imm(struct builder *b, uint32_t base, int32_t off, int64_t imm, uint32_t size)
{
	if (!fits_imm32(imm)) {
		put_store(b, base, off, put_imm(b, imm), size);
		return;
	}
	put_raw(b, (struct ir_insn){ .op = IR_STORE,
				     .size = (uint8_t)size,
				     .flags = IRF_IMM,
				     .a = base,
				     .off = off,
				     .imm = imm });
}

/* beyond this a helper call is less code than stores, and quicker */
enum { MAX_INLINE_BYTES = 512 };

/*
 * Helpers that read kernel memory clear their destination when the address is no good, and address 0 never is: the shortest
 * way to clear much memory.
 */
void put_zero(struct builder *b, uint32_t base, int32_t off, uint32_t n)
{
	if (n > MAX_INLINE_BYTES)
		put_helper(b, BPF_FUNC_probe_read_kernel, put_op_imm(b, IR_ADD, base, off),
			   put_imm(b, n), put_imm(b, 0));
	else if (n)
		put_raw(b, (struct ir_insn){ .op = IR_ZERO, .a = base, .off = off, .imm = n });
}

void put_copy(struct builder *b, uint32_t to, int32_t to_off, uint32_t from, int32_t from_off,
	      uint32_t n)
{
	if (n > MAX_INLINE_BYTES)
		put_helper(b, BPF_FUNC_probe_read_kernel, put_op_imm(b, IR_ADD, to, to_off),
			   put_imm(b, n), put_op_imm(b, IR_ADD, from, from_off));
	else if (n)
		put_raw(b, (struct ir_insn){ .op = IR_COPY,
					     .a = to,
					     .off = to_off,
					     .b = from,
					     .off2 = from_off,
					     .imm = n });
}

void put_atomic_add(struct builder *b, uint32_t base, int32_t off, uint32_t v)
{
	put_raw(b, (struct ir_insn){ .op = IR_ATOMIC,
				     .size = 8,
				     .cc = ATOMIC_ADD,
				     .a = base,
				     .b = v,
				     .off = off });
}

uint32_t put_fetch_add(struct builder *b, uint32_t base, int32_t off, uint32_t v)
{
	uint32_t dst = new_vreg(b);

	put_raw(b, (struct ir_insn){ .op = IR_ATOMIC,
				     .size = 8,
				     .cc = ATOMIC_ADD,
				     .dst = dst,
				     .a = base,
				     .b = v,
				     .off = off });
	return dst;
}

uint32_t put_cmpxchg(struct builder *b, uint32_t base, int32_t off, uint32_t expected,
		     uint32_t new_value)
{
	uint32_t dst = new_vreg(b);

	put_raw(b, (struct ir_insn){ .op = IR_ATOMIC,
				     .size = 8,
				     .cc = ATOMIC_CMPXCHG,
				     .dst = dst,
				     .a = base,
				     .b = new_value,
				     .c = expected,
				     .off = off });
	return dst;
}

uint32_t put_call(struct builder *b, int helper, uint32_t n_args, const uint32_t *args)
{
	struct ir_insn insn = { .op = IR_CALL, .n_args = (uint8_t)n_args, .imm = helper };

	insn.dst = new_vreg(b);
	if (n_args)
		memcpy(insn.src, args, n_args * sizeof(*args));
	return put_raw(b, insn)->dst;
}

static uint32_t put_address(struct builder *b, enum ir_op op, int64_t imm, int32_t off)
{
	uint32_t dst = new_vreg(b);

	put_raw(b, (struct ir_insn){ .op = op, .dst = dst, .imm = imm, .off = off });
	return dst;
}

uint32_t put_map(struct builder *b, uint32_t map)
{
	return put_address(b, IR_MAP, map, 0);
}

uint32_t put_map_value(struct builder *b, uint32_t map, int32_t off)
{
	return put_address(b, IR_MAP_VALUE, map, off);
}

uint32_t put_slot(struct builder *b, uint32_t slot)
{
	return put_address(b, IR_SLOT, slot, 0);
}

uint32_t put_param(struct builder *b, uint32_t n)
{
	return put_address(b, IR_PARAM, n, 0);
}

uint32_t put_func(struct builder *b, uint32_t func)
{
	return put_address(b, IR_FUNC, func, 0);
}

uint32_t put_bound(struct builder *b, uint32_t a, int64_t max)
{
	uint32_t dst = new_vreg(b);

	put_raw(b, (struct ir_insn){ .op = IR_BOUND, .size = 8, .dst = dst, .a = a, .imm = max });
	return dst;
}

void put_ret(struct builder *b, uint32_t v)
{
	put_raw(b, (struct ir_insn){ .op = IR_RET, .a = v });
}

uint32_t put_current_tgid(struct builder *b)
{
	return put_op_imm(b, IR_SHR, put_call(b, BPF_FUNC_get_current_pid_tgid, 0, NULL), 32);
}
