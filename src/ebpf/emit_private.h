/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the emitter share: its state and how operands get into registers. Private to src/ebpf/emit*.c. */
#ifndef SONDE_EBPF_EMIT_PRIVATE_H
#define SONDE_EBPF_EMIT_PRIVATE_H

#include "ebpf/emit.h"

struct emitter {
	const struct ir_func *f;
	const struct ebpf_alloc *al;
	struct ebpf_code *code;
	uint32_t i; /* the IR instruction being emitted */
	/* by vreg: 1 + the instruction that alone defines it, or 0; to see what an address is made of */
	uint32_t *single_def;
};

/* ---- appending (emit.c) ---- */

void emit_insn(struct emitter *e, struct bpf_insn in);
void emit_imm(struct emitter *e, unsigned reg, int64_t imm);
void emit_move_reg(struct emitter *e, unsigned dst, unsigned src); /* nothing when equal */
uint32_t emit_new_label(struct emitter *e);
void emit_label(struct emitter *e, uint32_t label);
void emit_jump(struct emitter *e, uint32_t label);
/* if (a .op b) goto label; op is BPF_JEQ ... */
void emit_jump_reg(struct emitter *e, uint8_t op, unsigned a, unsigned b, uint32_t label);
void emit_jump_imm(struct emitter *e, uint8_t op, unsigned a, int32_t imm, uint32_t label);

/* ---- operands (emit.c) ---- */

/* the register that holds a vreg; one that has none is brought into scratch */
unsigned emit_use(struct emitter *e, uint32_t vreg, unsigned scratch);
/* the vreg's value into exactly this register */
void emit_use_in(struct emitter *e, uint32_t vreg, unsigned reg);
/* the register in which to compute a vreg: its own or scratch; behind that emit_def_done */
unsigned emit_def(struct emitter *e, uint32_t vreg, unsigned scratch);
void emit_def_done(struct emitter *e, uint32_t vreg, unsigned reg);
/* is the vreg a constant that fits an immediate? */
bool emit_is_const(const struct emitter *e, uint32_t vreg, int32_t *value);

/* ---- memory (emit_mem.c) ---- */

void emit_mem_load(struct emitter *e, const struct ir_insn *in);
void emit_mem_store(struct emitter *e, const struct ir_insn *in);
void emit_mem_atomic(struct emitter *e, const struct ir_insn *in);
struct err *emit_mem_zero(struct emitter *e, const struct ir_insn *in) ERR_MUST;
struct err *emit_mem_copy(struct emitter *e, const struct ir_insn *in) ERR_MUST;

/* ---- arithmetic (emit_alu.c) ---- */

void emit_alu(struct emitter *e, const struct ir_insn *in);
void emit_alu_divide_signed(struct emitter *e, const struct ir_insn *in);
void emit_alu_unary(struct emitter *e, const struct ir_insn *in);
void emit_alu_set(struct emitter *e, const struct ir_insn *in);
void emit_alu_branch(struct emitter *e, const struct ir_insn *in);
void emit_alu_bound(struct emitter *e, const struct ir_insn *in);

#endif
