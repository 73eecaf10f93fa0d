/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The forward pass of the optimiser: constants, copies, sums with a constant, comparisons and widths, followed through
 * each basic block. What it may not do stands in opt.c.
 */
#include "ir/opt_private.h"
#include "ir/ops.h"

static bool fits_s32(int64_t v)
{
	return v == (int32_t)v;
}

/* ---- facts ---- */

static const struct fact *fact_of(const struct optimizer *o, uint32_t v)
{
	static const struct fact nothing = { .bits = 64, .sign_bits = 64 };
	const struct fact *k = &o->facts[v];

	if (!v || k->epoch != o->epoch)
		return &nothing;
	if (k->kind >= FACT_COPY && o->version[k->a] != k->version_a)
		return &nothing;
	if (k->kind == FACT_COMPARE && k->b && o->version[k->b] != k->version_b)
		return &nothing;
	return k;
}

static bool get_const(const struct optimizer *o, uint32_t v, int64_t *out)
{
	const struct fact *k = fact_of(o, v);

	if (k->kind == FACT_CONST)
		*out = k->imm;
	else if (v && o->is_constant[v])
		*out = o->constant[v];
	else
		return false;
	return true;
}

static uint32_t follow_copy(const struct optimizer *o, uint32_t v)
{
	const struct fact *k = fact_of(o, v);

	return k->kind == FACT_COPY ? k->a : v;
}

/* ---- folding ---- */

static bool eval_cc(unsigned cc, uint64_t a, uint64_t b)
{
	int64_t sa = (int64_t)a, sb = (int64_t)b;

	switch (cc) {
	case CC_EQ: return a == b;
	case CC_NE: return a != b;
	case CC_LT: return a < b;
	case CC_LE: return a <= b;
	case CC_GT: return a > b;
	case CC_GE: return a >= b;
	case CC_SLT: return sa < sb;
	case CC_SLE: return sa <= sb;
	case CC_SGT: return sa > sb;
	case CC_SGE: return sa >= sb;
	default: return a & b;
	}
}

/* division as eBPF has it; the one signed quotient that overflows wraps */
static uint64_t eval_divide(unsigned op, uint64_t a, uint64_t b)
{
	bool is_mod = op == IR_MOD || op == IR_SMOD;

	if (b == 0)
		return is_mod ? a : 0;
	if (op == IR_DIV || op == IR_MOD)
		return is_mod ? a % b : a / b;
	if (b == UINT64_MAX)
		return is_mod ? 0 : 0 - a;
	return (uint64_t)(is_mod ? (int64_t)a % (int64_t)b : (int64_t)a / (int64_t)b);
}

static uint64_t eval_arith(unsigned op, uint64_t a, uint64_t b)
{
	switch (op) {
	case IR_ADD: return a + b;
	case IR_SUB: return a - b;
	case IR_MUL: return a * b;
	case IR_AND: return a & b;
	case IR_OR: return a | b;
	case IR_XOR: return a ^ b;
	case IR_SHL: return a << (b & 63);
	case IR_SHR: return a >> (b & 63);
	case IR_SAR: return (uint64_t)((int64_t)a >> (b & 63));
	default: return eval_divide(op, a, b);
	}
}

static uint64_t eval_unary(const struct ir_insn *in, uint64_t a)
{
	unsigned up = 64 - 8u * in->size;

	switch (in->op) {
	case IR_NEG: return 0 - a;
	case IR_ZEXT: return a << up >> up;
	case IR_SEXT: return (uint64_t)((int64_t)(a << up) >> up);
	case IR_BOUND: return a > (uint64_t)in->imm ? (uint64_t)in->imm : a;
	default: /* BSWAP */
		return in->size == 2   ? __builtin_bswap16((uint16_t)a)
		       : in->size == 4 ? __builtin_bswap32((uint32_t)a)
				       : __builtin_bswap64(a);
	}
}

static bool is_arith(unsigned op)
{
	return op >= IR_ADD && op <= IR_SAR;
}

static bool is_commutative(unsigned op)
{
	return op == IR_ADD || op == IR_MUL || op == IR_AND || op == IR_OR || op == IR_XOR;
}

static void make_imm(struct optimizer *o, struct ir_insn *in, uint64_t value)
{
	in->op = IR_IMM;
	in->a = in->b = in->c = 0;
	in->flags = 0;
	in->imm = (int64_t)value;
	o->changed = true;
}

static void make_mov(struct optimizer *o, struct ir_insn *in)
{
	in->op = IR_MOV;
	in->b = 0;
	in->flags = 0;
	in->imm = 0;
	o->changed = true;
}

/* x op imm by something cheaper, or by nothing */
static void simplify_imm(struct optimizer *o, struct ir_insn *in)
{
	uint64_t imm = (uint64_t)in->imm;
	bool is_power = imm && !(imm & (imm - 1)) && in->imm > 0;

	switch (in->op) {
	case IR_ADD:
	case IR_SUB:
	case IR_OR:
	case IR_XOR:
	case IR_SHL:
	case IR_SHR:
	case IR_SAR:
		if (imm == 0)
			make_mov(o, in);
		break;
	case IR_AND:
		if (imm == 0)
			make_imm(o, in, 0);
		else if (imm == UINT64_MAX)
			make_mov(o, in);
		break;
	case IR_MUL:
	case IR_DIV:
		if (imm == 1) {
			make_mov(o, in);
		} else if (imm == 0) {
			make_imm(o, in, 0); /* x / 0 is 0 too */
		} else if (is_power) {
			in->op = in->op == IR_MUL ? IR_SHL : IR_SHR;
			in->imm = __builtin_ctzll(imm);
			o->changed = true;
		}
		break;
	case IR_MOD:
		if (is_power) {
			in->op = IR_AND;
			in->imm = (int64_t)(imm - 1);
			o->changed = true;
		}
		break;
	}
}

/* b into the instruction when it is a constant that fits; a constant a changes places with b where that is the same */
static void take_imm(struct optimizer *o, struct ir_insn *in)
{
	static const uint8_t mirrored[] = {
		[CC_EQ] = CC_EQ,   [CC_NE] = CC_NE,   [CC_LT] = CC_GT,     [CC_LE] = CC_GE,
		[CC_GT] = CC_LT,   [CC_GE] = CC_LE,   [CC_SLT] = CC_SGT,   [CC_SLE] = CC_SGE,
		[CC_SGT] = CC_SLT, [CC_SGE] = CC_SLE, [CC_TEST] = CC_TEST,
	};
	bool is_compare = in->op == IR_SET || in->op == IR_BR;
	int64_t value;

	if (in->flags & IRF_IMM)
		return;
	if ((is_compare || is_commutative(in->op)) && get_const(o, in->a, &value) &&
	    !get_const(o, in->b, &value)) {
		uint32_t t = in->a;

		in->a = in->b;
		in->b = t;
		if (is_compare)
			in->cc = mirrored[in->cc];
		o->changed = true;
	}
	if (get_const(o, in->b, &value) && fits_s32(value)) {
		in->flags |= IRF_IMM;
		in->imm = value;
		in->b = IR_NO_VREG;
		o->changed = true;
	}
}

static bool get_operands(const struct optimizer *o, const struct ir_insn *in, int64_t *a,
			 int64_t *b)
{
	if (!get_const(o, in->a, a))
		return false;
	if (in->flags & IRF_IMM) {
		*b = in->imm;
		return true;
	}
	return get_const(o, in->b, b);
}

static const uint8_t opposite[] = {
	[CC_EQ] = CC_NE, [CC_NE] = CC_EQ,   [CC_LT] = CC_GE,   [CC_LE] = CC_GT,   [CC_GT] = CC_LE,
	[CC_GE] = CC_LT, [CC_SLT] = CC_SGE, [CC_SLE] = CC_SGT, [CC_SGT] = CC_SLE, [CC_SGE] = CC_SLT,
};

/* `v = a .cc b; if (v != 0) goto l` -> `if (a .cc b) goto l` */
static void fuse_compare(struct optimizer *o, struct ir_insn *in)
{
	const struct fact *k = fact_of(o, follow_copy(o, in->a));
	uint8_t cc;

	if (!(in->flags & IRF_IMM) || in->imm != 0 || (in->cc != CC_NE && in->cc != CC_EQ) ||
	    k->kind != FACT_COMPARE)
		return;
	if (in->cc == CC_EQ && k->cc == CC_TEST)
		return; /* "no bit in common" has no jump */
	cc = in->cc == CC_NE ? k->cc : opposite[k->cc];
	in->cc = cc;
	in->a = k->a;
	in->b = k->b;
	in->imm = k->imm;
	in->flags = (uint8_t)(k->b ? in->flags & ~IRF_IMM : in->flags | IRF_IMM);
	o->changed = true;
}

static void fold_branch(struct optimizer *o, struct ir_insn *in)
{
	int64_t a, b;

	take_imm(o, in);
	fuse_compare(o, in);
	take_imm(o, in);
	if (!get_operands(o, in, &a, &b))
		return;
	in->op = eval_cc(in->cc, (uint64_t)a, (uint64_t)b) ? IR_JMP : IR_NOP;
	in->flags = 0;
	in->a = in->b = 0;
	o->changed = true;
}

/* an address that is a sum goes into the offset */
static void fold_address(struct optimizer *o, uint32_t *base, int32_t *off)
{
	const struct fact *k = fact_of(o, *base);
	int64_t sum = k->imm + *off;

	if (k->kind != FACT_SUM || sum != (int16_t)sum)
		return;
	*base = k->a;
	*off = (int32_t)sum;
	o->changed = true;
}

static void fold_extension(struct optimizer *o, struct ir_insn *in)
{
	const struct fact *k = fact_of(o, in->a);

	if (in->op == IR_ZEXT && (in->size == 8 || k->bits <= 8 * in->size))
		make_mov(o, in);
	else if (in->op == IR_SEXT &&
		 (in->size == 8 || k->bits < 8 * in->size || k->sign_bits <= 8 * in->size))
		make_mov(o, in);
}

static void use_copies(struct optimizer *o, struct ir_insn *in)
{
	if (in->op == IR_BR)
		return; /* see the head of this file */
	for (unsigned i = 0, n = ir_arity(in); i < n; i++) {
		uint32_t to;

		if (!in->src[i] || (i == 1 && (in->flags & IRF_IMM)))
			continue;
		to = follow_copy(o, in->src[i]);
		if (to != in->src[i]) {
			in->src[i] = to;
			o->changed = true;
		}
	}
}

static void fold_insn(struct optimizer *o, struct ir_insn *in)
{
	int64_t a, b;

	use_copies(o, in);
	switch (in->op) {
	case IR_BR: fold_branch(o, in); return;
	case IR_LOAD:
	case IR_STORE:
	case IR_ZERO:
	case IR_ATOMIC: fold_address(o, &in->a, &in->off); return;
	case IR_COPY:
		fold_address(o, &in->a, &in->off);
		fold_address(o, &in->b, &in->off2);
		return;
	case IR_MOV:
		if (get_const(o, in->a, &a))
			make_imm(o, in, (uint64_t)a);
		return;
	case IR_NEG:
	case IR_BSWAP:
	case IR_ZEXT:
	case IR_SEXT:
	case IR_BOUND:
		if (get_const(o, in->a, &a))
			make_imm(o, in, eval_unary(in, (uint64_t)a));
		else
			fold_extension(o, in);
		return;
	}
	if (!is_arith(in->op) && in->op != IR_SET)
		return;
	take_imm(o, in);
	if (get_operands(o, in, &a, &b))
		make_imm(o, in,
			 in->op == IR_SET ? eval_cc(in->cc, (uint64_t)a, (uint64_t)b)
					  : eval_arith(in->op, (uint64_t)a, (uint64_t)b));
	else if (in->flags & IRF_IMM)
		simplify_imm(o, in);
}

/* ---- learning ---- */

static unsigned bits_of(uint64_t v)
{
	return v ? 64 - (unsigned)__builtin_clzll(v) : 0;
}

static struct fact learn(const struct optimizer *o, const struct ir_insn *in)
{
	struct fact k = { .epoch = o->epoch, .bits = 64, .sign_bits = 64 };

	switch (in->op) {
	case IR_IMM:
		k.kind = FACT_CONST;
		k.imm = in->imm;
		k.bits = (uint8_t)bits_of((uint64_t)in->imm);
		break;
	case IR_MOV:
		k.bits = fact_of(o, in->a)->bits;
		k.sign_bits = fact_of(o, in->a)->sign_bits;
		k.kind = FACT_COPY;
		k.a = in->a;
		break;
	case IR_ADD:
	case IR_SUB:
		if (!(in->flags & IRF_IMM))
			break;
		k.kind = FACT_SUM;
		k.a = in->a;
		k.imm = in->op == IR_ADD ? in->imm : -in->imm;
		break;
	case IR_AND:
		if ((in->flags & IRF_IMM) && in->imm >= 0)
			k.bits = (uint8_t)bits_of((uint64_t)in->imm);
		break;
	case IR_LOAD:
		if (in->flags & IRF_SIGNED)
			k.sign_bits = (uint8_t)(8 * in->size);
		else
			k.bits = (uint8_t)(8 * in->size);
		break;
	case IR_ZEXT:
	case IR_BSWAP: k.bits = (uint8_t)(8 * in->size); break;
	case IR_SEXT: k.sign_bits = (uint8_t)(8 * in->size); break;
	case IR_BOUND: k.bits = (uint8_t)bits_of((uint64_t)in->imm); break;
	case IR_SET:
		k.kind = FACT_COMPARE;
		k.cc = in->cc;
		k.a = in->a;
		k.b = in->flags & IRF_IMM ? IR_NO_VREG : in->b;
		k.imm = in->flags & IRF_IMM ? in->imm : 0;
		k.bits = 1;
		break;
	}
	return k;
}

static void define(struct optimizer *o, const struct ir_insn *in)
{
	uint32_t def = ir_def(in);
	struct fact k;

	/* what is compared is what the verifier learns about: behind it a copy stays itself */
	if (in->op == IR_BR)
		for (unsigned i = 0; i < 2; i++)
			if (in->src[i] && fact_of(o, in->src[i])->kind == FACT_COPY)
				o->facts[in->src[i]].kind = FACT_NONE;
	if (!def)
		return;
	k = learn(o, in);
	o->version[def]++;
	/* `x = x + 1` says nothing about the new x in terms of itself */
	if (k.kind >= FACT_COPY && (k.a == def || (k.kind == FACT_COMPARE && k.b == def)))
		k.kind = FACT_NONE;
	k.version_a = o->version[k.a];
	k.version_b = o->version[k.b];
	o->facts[def] = k;
}

void opt_fold(struct optimizer *o)
{
	for (uint32_t i = 0; i < o->f->n; i++) {
		struct ir_insn *in = &o->f->insn[i];

		if (in->op == IR_LABEL)
			o->epoch++;
		fold_insn(o, in);
		define(o, in);
		/* behind a branch the block's facts still hold on the way that falls through: nothing else comes in there */
	}
	o->epoch++;
}
