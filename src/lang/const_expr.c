/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Constant expressions by precedence climbing; integers of 64 bits, C's operators. The value of a part that C would not
 * evaluate (behind ||, && and ?:) is computed but does not matter, division by zero there included.
 */
#include "lang/const_expr.h"

#define MAX_DEPTH 200

static const struct {
	enum token_kind kind;
	uint8_t level;
} levels[] = {
	{ TOKEN_OR_OR, 1 },     { TOKEN_AND_AND, 2 },       { TOKEN_OR, 3 },
	{ TOKEN_XOR, 4 },       { TOKEN_AND, 5 },           { TOKEN_EQUAL_EQUAL, 6 },
	{ TOKEN_NOT_EQUAL, 6 }, { TOKEN_LESS, 7 },          { TOKEN_LESS_EQUAL, 7 },
	{ TOKEN_GREATER, 7 },   { TOKEN_GREATER_EQUAL, 7 }, { TOKEN_SHL, 8 },
	{ TOKEN_SHR, 8 },       { TOKEN_PLUS, 9 },          { TOKEN_MINUS, 9 },
	{ TOKEN_STAR, 10 },     { TOKEN_SLASH, 10 },        { TOKEN_PERCENT, 10 },
};

static int64_t fail(struct const_expr *x, const char *why)
{
	if (!x->why)
		x->why = why;
	return 0;
}

static enum token_kind peek(const struct const_expr *x)
{
	return x->i < x->n ? x->t[x->i].kind : TOKEN_END;
}

static int64_t evaluate(struct const_expr *x, uint8_t level);
static int64_t evaluate_primary(struct const_expr *x);

/* what a prefix operator or a cast applies to */
static int64_t evaluate_operand(struct const_expr *x)
{
	int64_t v;

	if (++x->depth > MAX_DEPTH)
		return fail(x, "nested too deep");
	v = evaluate_primary(x);
	x->depth--;
	return v;
}

static int64_t evaluate_primary(struct const_expr *x)
{
	const struct token *t = x->i < x->n ? &x->t[x->i] : NULL;
	int64_t v;

	if (!t)
		return fail(x, "the expression ends too early");
	if (t->kind == TOKEN_NAME) {
		if (!x->name(x->arg, x, &v))
			return fail(x, "a name that has no constant value");
		return v;
	}
	if (t->kind == TOKEN_LPAREN && x->skip_cast && x->skip_cast(x->arg, x))
		return evaluate_operand(x);
	x->i++;
	switch (t->kind) {
	case TOKEN_INT: return (int64_t)t->integer;
	case TOKEN_LPAREN:
		v = evaluate(x, 0);
		if (peek(x) != TOKEN_RPAREN)
			return fail(x, "')' is missing");
		x->i++;
		return v;
	case TOKEN_NOT:
	case TOKEN_MINUS:
	case TOKEN_PLUS:
	case TOKEN_TILDE:
		v = evaluate_operand(x);
		if (t->kind == TOKEN_MINUS)
			return (int64_t)(0 - (uint64_t)v);
		return t->kind == TOKEN_NOT ? !v : t->kind == TOKEN_TILDE ? ~v : v;
	default: return fail(x, "expected a number, a name or '('");
	}
}

static int64_t apply(struct const_expr *x, enum token_kind op, int64_t a, int64_t b)
{
	uint64_t ua = (uint64_t)a, ub = (uint64_t)b;

	switch (op) {
	case TOKEN_OR_OR: return a || b;
	case TOKEN_AND_AND: return a && b;
	case TOKEN_OR: return a | b;
	case TOKEN_XOR: return a ^ b;
	case TOKEN_AND: return a & b;
	case TOKEN_EQUAL_EQUAL: return a == b;
	case TOKEN_NOT_EQUAL: return a != b;
	case TOKEN_LESS: return a < b;
	case TOKEN_LESS_EQUAL: return a <= b;
	case TOKEN_GREATER: return a > b;
	case TOKEN_GREATER_EQUAL: return a >= b;
	case TOKEN_SHL: return (int64_t)(ub < 64 ? ua << ub : 0);
	case TOKEN_SHR: return ub < 64 ? a >> ub : (a < 0 ? -1 : 0);
	case TOKEN_PLUS: return (int64_t)(ua + ub);
	case TOKEN_MINUS: return (int64_t)(ua - ub);
	case TOKEN_STAR: return (int64_t)(ua * ub);
	default: /* '/' and '%' */
		if (b == 0)
			return 0;
		if (b == -1) /* the smallest number would trap */
			return op == TOKEN_SLASH ? (int64_t)(0 - ua) : 0;
		return op == TOKEN_SLASH ? a / b : a % b;
	}
}

/* level 0: with '?:'; else binary operators of at least that level */
static int64_t evaluate(struct const_expr *x, uint8_t level)
{
	int64_t a;

	if (++x->depth > MAX_DEPTH)
		return fail(x, "nested too deep");
	a = evaluate_primary(x);
	while (!x->why) {
		enum token_kind op = peek(x);
		uint8_t found = 0;

		for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++)
			if (levels[i].kind == op)
				found = levels[i].level;
		if (found == 0 || found < level)
			break;
		x->i++;
		a = apply(x, op, a, evaluate(x, found + 1));
	}
	if (level == 0 && peek(x) == TOKEN_QUESTION && !x->why) {
		int64_t then, other;

		x->i++;
		then = evaluate(x, 0);
		if (peek(x) != TOKEN_COLON)
			return fail(x, "':' is missing");
		x->i++;
		other = evaluate(x, 0);
		a = a ? then : other;
	}
	x->depth--;
	return a;
}

bool const_expr_evaluate(struct const_expr *x, int64_t *value)
{
	*value = evaluate(x, 0);
	return !x->why;
}
