/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arithmetic, comparisons and bounds for the emitter. R0 and R1 are free here, in signed division (heavy, see alloc.h)
 * R2 and R3 too.
 */
#include "ebpf/emit_private.h"

static uint8_t alu_code(uint8_t op)
{
	static const uint8_t codes[IR_N_OPS] = {
		[IR_ADD] = BPF_ADD, [IR_SUB] = BPF_SUB, [IR_MUL] = BPF_MUL,  [IR_DIV] = BPF_DIV,
		[IR_MOD] = BPF_MOD, [IR_AND] = BPF_AND, [IR_OR] = BPF_OR,    [IR_XOR] = BPF_XOR,
		[IR_SHL] = BPF_LSH, [IR_SHR] = BPF_RSH, [IR_SAR] = BPF_ARSH,
	};

	return codes[op];
}

static uint8_t jump_code(uint8_t cc)
{
	static const uint8_t codes[] = {
		[CC_EQ] = BPF_JEQ,   [CC_NE] = BPF_JNE,   [CC_LT] = BPF_JLT,    [CC_LE] = BPF_JLE,
		[CC_GT] = BPF_JGT,   [CC_GE] = BPF_JGE,   [CC_SLT] = BPF_JSLT,  [CC_SLE] = BPF_JSLE,
		[CC_SGT] = BPF_JSGT, [CC_SGE] = BPF_JSGE, [CC_TEST] = BPF_JSET,
	};

	return codes[cc];
}

/* b as an immediate: given as one, or a constant that is made where it is used */
static bool get_imm(const struct emitter *e, const struct ir_insn *in, int32_t *imm)
{
	if (!(in->flags & IRF_IMM))
		return emit_is_const(e, in->b, imm);
	*imm = (int32_t)in->imm;
	return true;
}

static bool is_commutative(uint8_t op)
{
	return op == IR_ADD || op == IR_MUL || op == IR_AND || op == IR_OR || op == IR_XOR;
}

/*
 * The verifier refuses division by a constant 0 and shifts by a constant of 64 or more, which at run time are defined:
 * x / 0 = 0, x % 0 = x, shift counts modulo 64.
 */
static void emit_alu_imm(struct emitter *e, const struct ir_insn *in, int32_t imm)
{
	unsigned d = emit_def(e, in->dst, R0);

	if (in->op == IR_DIV && imm == 0) {
		emit_imm(e, d, 0);
	} else if (in->op == IR_MOD && imm == 0) {
		emit_use_in(e, in->a, d);
	} else {
		if (in->op == IR_SHL || in->op == IR_SHR || in->op == IR_SAR)
			imm &= 63;
		emit_use_in(e, in->a, d);
		emit_insn(e, ebpf_alu_imm(alu_code(in->op), d, imm));
	}
	emit_def_done(e, in->dst, d);
}

void emit_alu(struct emitter *e, const struct ir_insn *in)
{
	unsigned d, b;
	int32_t imm;

	if (get_imm(e, in, &imm)) {
		emit_alu_imm(e, in, imm);
		return;
	}
	d = emit_def(e, in->dst, R0);
	b = emit_use(e, in->b, R1);
	if (d != b) {
		emit_use_in(e, in->a, d);
		emit_insn(e, ebpf_alu_reg(alu_code(in->op), d, b));
	} else if (is_commutative(in->op)) {
		/* the result is to be where b is */
		emit_insn(e, ebpf_alu_reg(alu_code(in->op), d, emit_use(e, in->a, R0)));
	} else {
		emit_use_in(e, in->a, R0);
		emit_insn(e, ebpf_alu_reg(alu_code(in->op), R0, b));
		emit_move_reg(e, d, R0);
	}
	emit_def_done(e, in->dst, d);
}

/* reg = -reg if (test s< 0) */
static void emit_negate_if(struct emitter *e, unsigned reg, unsigned test)
{
	uint32_t over = emit_new_label(e);

	emit_jump_imm(e, BPF_JSGE, test, 0, over);
	emit_insn(e, ebpf_alu_imm(BPF_NEG, reg, 0));
	emit_label(e, over);
}

/*
 * Truncating signed division by way of absolute values, since signed division came with cpu v4. The most negative number
 * is its own absolute value as unsigned, so it needs no case of its own. Division by 0 follows from the unsigned one:
 * |a| / 0 = 0, and |a| % 0 = |a|, which gets a's sign back.
 */
void emit_alu_divide_signed(struct emitter *e, const struct ir_insn *in)
{
	bool is_mod = in->op == IR_SMOD;
	int32_t imm;

	emit_use_in(e, in->a, R0);
	if (in->flags & IRF_IMM) {
		imm = (int32_t)in->imm;
		emit_imm(e, R1, imm);
	} else {
		emit_use_in(e, in->b, R1);
	}
	emit_insn(e, ebpf_alu_reg(BPF_MOV, R2, R0)); /* sign of the result in R2 */
	if (!is_mod)
		emit_insn(e, ebpf_alu_reg(BPF_XOR, R2, R1));
	emit_negate_if(e, R0, R0);
	emit_negate_if(e, R1, R1);
	emit_insn(e, ebpf_alu_reg(is_mod ? BPF_MOD : BPF_DIV, R0, R1));
	emit_negate_if(e, R0, R2);
	emit_def_done(e, in->dst, R0);
}

void emit_alu_unary(struct emitter *e, const struct ir_insn *in)
{
	unsigned d = emit_def(e, in->dst, R0), shift = 64 - 8u * in->size;

	if (in->op == IR_ZEXT && in->size == 4) {
		emit_insn(e, ebpf_insn(BPF_ALU | BPF_MOV | BPF_X, d, emit_use(e, in->a, d), 0, 0));
		emit_def_done(e, in->dst, d);
		return;
	}
	emit_use_in(e, in->a, d);
	switch (in->op) {
	case IR_NEG: emit_insn(e, ebpf_alu_imm(BPF_NEG, d, 0)); break;
	case IR_BSWAP: /* "to big endian" on a little-endian machine, which zeroes what is above too */
		emit_insn(e, ebpf_insn(BPF_ALU | BPF_END | BPF_TO_BE, d, 0, 0, 8 * in->size));
		break;
	case IR_ZEXT:
		if (in->size < 8)
			emit_insn(e, ebpf_alu_imm(BPF_AND, d, in->size == 1 ? 0xff : 0xffff));
		break;
	case IR_SEXT:
		if (shift) {
			emit_insn(e, ebpf_alu_imm(BPF_LSH, d, (int32_t)shift));
			emit_insn(e, ebpf_alu_imm(BPF_ARSH, d, (int32_t)shift));
		}
		break;
	}
	emit_def_done(e, in->dst, d);
}

/* if (a .cc b) goto label; reads a through R0 and b through R1 */
static void emit_compare(struct emitter *e, const struct ir_insn *in, uint32_t label)
{
	unsigned a = emit_use(e, in->a, R0);
	int32_t imm;

	if (get_imm(e, in, &imm))
		emit_jump_imm(e, jump_code(in->cc), a, imm, label);
	else
		emit_jump_reg(e, jump_code(in->cc), a, emit_use(e, in->b, R1), label);
}

static bool is_in_reg(const struct emitter *e, uint32_t vreg, unsigned reg)
{
	return vreg && e->al->places[vreg].kind == PLACE_REG && e->al->places[vreg].reg == reg;
}

void emit_alu_set(struct emitter *e, const struct ir_insn *in)
{
	unsigned d = emit_def(e, in->dst, R0);
	uint32_t is_true = emit_new_label(e), done;
	bool has_b = !(in->flags & IRF_IMM);

	/* `d = 1; if (a .cc b) goto over; d = 0` is shorter, but only where writing d first harms neither operand */
	if (d != R0 && !is_in_reg(e, in->a, d) && !(has_b && is_in_reg(e, in->b, d))) {
		emit_imm(e, d, 1);
		emit_compare(e, in, is_true);
		emit_imm(e, d, 0);
		emit_label(e, is_true);
		return;
	}
	done = emit_new_label(e);
	emit_compare(e, in, is_true);
	emit_imm(e, d, 0);
	emit_jump(e, done);
	emit_label(e, is_true);
	emit_imm(e, d, 1);
	emit_label(e, done);
	emit_def_done(e, in->dst, d);
}

void emit_alu_branch(struct emitter *e, const struct ir_insn *in)
{
	emit_compare(e, in, in->target);
}

/* compare and clamp the copy that is used from here on, and only then spill it: the verifier learns from the compare */
void emit_alu_bound(struct emitter *e, const struct ir_insn *in)
{
	unsigned d = emit_def(e, in->dst, R0);
	uint32_t over = emit_new_label(e);

	emit_use_in(e, in->a, d);
	if (ebpf_fits_s32(in->imm)) {
		emit_jump_imm(e, BPF_JLE, d, (int32_t)in->imm, over);
		emit_imm(e, d, in->imm);
	} else {
		emit_imm(e, R1, in->imm);
		emit_jump_reg(e, BPF_JLE, d, R1, over);
		emit_move_reg(e, d, R1);
	}
	emit_label(e, over);
	emit_def_done(e, in->dst, d);
}
