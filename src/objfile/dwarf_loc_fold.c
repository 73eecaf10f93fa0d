/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Code of locations, folded while it is written: what can be computed now is a constant, sums of constants are one, so that
 * most locations end as "register + number" and places that differ in the number only have one form
 * (location_same_form). The stack machine and its meaning are types/location.h's.
 */
#include "objfile/dwarf_loc.h"

#include "arch/x86_64/regs.h"

/* DWARF's numbers of the 16 integer registers and the return address (System V ABI, figure 3.36) */
int dwarf_reg_offset(uint64_t number)
{
	static const char *const names[] = { "rax", "rdx", "rcx", "rbx", "rsi", "rdi",
					     "rbp", "rsp", "r8",  "r9",  "r10", "r11",
					     "r12", "r13", "r14", "r15", "rip" };
	const struct arch_reg *r;

	if (number >= sizeof(names) / sizeof(names[0]))
		return -1;
	r = arch_reg_find(str_from(names[number]));
	return r ? r->offset : -1;
}

int dwarf_reg_vector(uint64_t number)
{
	if (number >= 17 && number <= 32)
		return (int)number - 17;
	if (number >= 67 && number <= 82)
		return (int)number - 67 + 16;
	return -1;
}

static int64_t extend(uint64_t v, uint8_t size, bool is_signed)
{
	unsigned unused = size && size < 8 ? 64 - 8U * size : 0;

	if (is_signed)
		return (int64_t)(v << unused) >> unused;
	return (int64_t)(v << unused >> unused);
}

/* false: not a pure function of its two operands */
static bool fold_binary(enum loc_op_kind op, uint64_t a, uint64_t b, uint64_t *out)
{
	int64_t x = (int64_t)a, y = (int64_t)b;

	switch (op) {
	case LOC_OP_ADD: *out = a + b; break;
	case LOC_OP_SUB: *out = a - b; break;
	case LOC_OP_MUL: *out = a * b; break;
	case LOC_OP_DIV: *out = y == 0 ? 0 : y == -1 ? -a : (uint64_t)(x / y); break;
	case LOC_OP_MOD: *out = b == 0 ? 0 : a % b; break;
	case LOC_OP_AND: *out = a & b; break;
	case LOC_OP_OR: *out = a | b; break;
	case LOC_OP_XOR: *out = a ^ b; break;
	case LOC_OP_SHL: *out = b < 64 ? a << b : 0; break;
	case LOC_OP_SHR: *out = b < 64 ? a >> b : 0; break;
	case LOC_OP_SAR: *out = (uint64_t)(x >> (b < 64 ? b : 63)); break;
	case LOC_OP_EQ: *out = x == y; break;
	case LOC_OP_NE: *out = x != y; break;
	case LOC_OP_LT: *out = x < y; break;
	case LOC_OP_LE: *out = x <= y; break;
	case LOC_OP_GT: *out = x > y; break;
	case LOC_OP_GE: *out = x >= y; break;
	default: return false;
	}
	return true;
}

static void append(struct dwarf_expr *e, enum loc_op_kind op, uint8_t size, uint16_t reg,
		   int64_t value)
{
	if (e->n_ops == LOC_MAX_OPS) {
		e->why = "its location is too long";
		return;
	}
	e->ops[e->n_ops++] =
		(struct loc_op){ .op = (uint8_t)op, .size = size, .reg = reg, .value = value };
}

/* the n-th operation from the end, when it is of this kind */
static struct loc_op *last(struct dwarf_expr *e, uint32_t n, enum loc_op_kind op)
{
	struct loc_op *o = e->n_ops > n ? &e->ops[e->n_ops - 1 - n] : NULL;

	return o && o->op == op ? o : NULL;
}

static void add_const(struct dwarf_expr *e, int64_t value)
{
	static const enum loc_op_kind absorbs[] = { LOC_OP_CONST, LOC_OP_FILE_ADDR,
						    LOC_OP_ADD_CONST };

	for (unsigned i = 0; i < sizeof(absorbs) / sizeof(absorbs[0]); i++) {
		struct loc_op *o = last(e, 0, absorbs[i]);

		if (!o)
			continue;
		o->value = (int64_t)((uint64_t)o->value + (uint64_t)value);
		if (o->op == LOC_OP_ADD_CONST && o->value == 0)
			e->n_ops--;
		return;
	}
	if (value)
		append(e, LOC_OP_ADD_CONST, 0, 0, value);
}

/* one operand, or size alone */
static bool fold_unary(struct dwarf_expr *e, enum loc_op_kind op, uint8_t size)
{
	struct loc_op *c = last(e, 0, LOC_OP_CONST);

	if (!c)
		return false;
	switch (op) {
	case LOC_OP_NEG: c->value = (int64_t) - (uint64_t)c->value; return true;
	case LOC_OP_NOT: c->value = ~c->value; return true;
	case LOC_OP_SEXT: c->value = extend((uint64_t)c->value, size, true); return true;
	case LOC_OP_ZEXT: c->value = extend((uint64_t)c->value, size, false); return true;
	case LOC_OP_DROP: e->n_ops--; return true;
	default: return false;
	}
}

void dwarf_expr_emit(struct dwarf_expr *e, enum loc_op_kind op, uint8_t size, uint16_t reg,
		     int64_t value)
{
	struct loc_op *b = last(e, 0, LOC_OP_CONST), *a = b ? last(e, 1, LOC_OP_CONST) : NULL;
	uint64_t folded;

	if (op == LOC_OP_ADD_CONST) {
		add_const(e, value);
		return;
	}
	if (a && fold_binary(op, (uint64_t)a->value, (uint64_t)b->value, &folded)) {
		a->value = (int64_t)folded;
		e->n_ops--;
		return;
	}
	if (b && (op == LOC_OP_ADD || op == LOC_OP_SUB)) {
		int64_t k = op == LOC_OP_ADD ? b->value : (int64_t) - (uint64_t)b->value;

		e->n_ops--;
		add_const(e, k);
		return;
	}
	if ((op == LOC_OP_SEXT || op == LOC_OP_ZEXT) && size >= 8)
		return;
	if (fold_unary(e, op, size))
		return;
	/* of two extensions only the narrower one shows */
	while ((op == LOC_OP_SEXT || op == LOC_OP_ZEXT) && e->n_ops &&
	       (e->ops[e->n_ops - 1].op == LOC_OP_SEXT || e->ops[e->n_ops - 1].op == LOC_OP_ZEXT) &&
	       e->ops[e->n_ops - 1].size >= size)
		e->n_ops--;
	append(e, op, size, reg, value);
}
