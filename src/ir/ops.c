/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts about IR operations, out of ops.def and ir/ops.h: names and which operands are read and written. */
#include "ir/ops.h"

static const char *const op_names[IR_N_OPS] = {
#define IR_OP(name, text, form) [IR_##name] = text,
#include "ir/ops.def"
#undef IR_OP
};

const char *ir_op_name(enum ir_op op)
{
	return (unsigned)op < IR_N_OPS ? op_names[op] : "?";
}

const char *ir_cc_name(enum ir_cc cc)
{
	static const char *const names[] = {
		[CC_EQ] = "==",  [CC_NE] = "!=",   [CC_LT] = "<",   [CC_LE] = "<=",
		[CC_GT] = ">",   [CC_GE] = ">=",   [CC_SLT] = "s<", [CC_SLE] = "s<=",
		[CC_SGT] = "s>", [CC_SGE] = "s>=", [CC_TEST] = "&",
	};

	return (unsigned)cc < sizeof(names) / sizeof(names[0]) ? names[cc] : "?";
}

const char *ir_atomic_name(enum ir_atomic a)
{
	static const char *const names[] = {
		[ATOMIC_ADD] = "add", [ATOMIC_AND] = "and",   [ATOMIC_OR] = "or",
		[ATOMIC_XOR] = "xor", [ATOMIC_XCHG] = "xchg", [ATOMIC_CMPXCHG] = "cmpxchg",
	};

	return (unsigned)a < sizeof(names) / sizeof(names[0]) ? names[a] : "?";
}

unsigned ir_arity(const struct ir_insn *in)
{
	switch (in->op) {
	case IR_MOV:
	case IR_NEG:
	case IR_BSWAP:
	case IR_ZEXT:
	case IR_SEXT:
	case IR_LOAD:
	case IR_ZERO:
	case IR_BOUND:
	case IR_RET: return 1;
	case IR_ADD:
	case IR_SUB:
	case IR_MUL:
	case IR_DIV:
	case IR_MOD:
	case IR_SDIV:
	case IR_SMOD:
	case IR_AND:
	case IR_OR:
	case IR_XOR:
	case IR_SHL:
	case IR_SHR:
	case IR_SAR:
	case IR_SET:
	case IR_BR:
	case IR_STORE:
	case IR_COPY: return 2;
	case IR_ATOMIC: return in->cc == ATOMIC_CMPXCHG ? 3 : 2;
	case IR_CALL:
	case IR_CALL_FN: return in->n_args;
	default: return 0;
	}
}

bool ir_is_call(const struct ir_insn *in)
{
	return in->op == IR_CALL || in->op == IR_CALL_FN;
}

bool ir_can_use_imm(const struct ir_insn *in)
{
	switch (in->op) {
	case IR_ADD:
	case IR_SUB:
	case IR_MUL:
	case IR_DIV:
	case IR_MOD:
	case IR_SDIV:
	case IR_SMOD:
	case IR_AND:
	case IR_OR:
	case IR_XOR:
	case IR_SHL:
	case IR_SHR:
	case IR_SAR:
	case IR_SET:
	case IR_BR:
	case IR_STORE: return true;
	default: return false;
	}
}

unsigned ir_uses(const struct ir_insn *in, uint32_t use[IR_MAX_USES])
{
	unsigned arity = ir_arity(in), n = 0;
	bool has_imm = (in->flags & IRF_IMM) && ir_can_use_imm(in);

	for (unsigned i = 0; i < arity && i < IR_MAX_USES; i++) {
		if (in->src[i] == IR_NO_VREG || (i == 1 && has_imm))
			continue;
		use[n++] = in->src[i];
	}
	return n;
}

uint32_t ir_def(const struct ir_insn *in)
{
	switch (in->op) {
	case IR_NOP:
	case IR_LABEL:
	case IR_JMP:
	case IR_BR:
	case IR_STORE:
	case IR_ZERO:
	case IR_COPY:
	case IR_RET: return IR_NO_VREG;
	default: return in->dst;
	}
}

bool ir_is_pure(const struct ir_insn *in)
{
	switch (in->op) {
	case IR_LABEL:
	case IR_JMP:
	case IR_BR:
	case IR_STORE:
	case IR_ZERO:
	case IR_COPY:
	case IR_ATOMIC:
	case IR_CALL:
	case IR_CALL_FN:
	case IR_RET: return false;
	default: return true;
	}
}

bool ir_is_remat(const struct ir_insn *in)
{
	switch (in->op) {
	case IR_IMM:
	case IR_SLOT:
	case IR_MAP:
	case IR_MAP_VALUE:
	case IR_FUNC: return true;
	default: return false;
	}
}

bool ir_ends_block(const struct ir_insn *in)
{
	return in->op == IR_JMP || in->op == IR_BR || in->op == IR_RET;
}
