/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The arithmetic of #if and #elif: integers of 64 bits, C's operators and precedence, defined(NAME); names that are no
 * define count as 0. The value of a part that C would not evaluate (behind ||, && and ?:) is computed but does not
 * matter, division by zero there included.
 */
#include "lang/cpp_impl.h"

#define MAX_DEPTH 200

struct cond {
	struct cpp *c;
	const struct token *t;
	size_t n, i;
	struct span at;
	unsigned depth;
	bool failed;
};

static const struct {
	enum token_kind kind;
	uint8_t level;
} levels[] = {
	{ TOKEN_OR_OR, 1 },	 { TOKEN_AND_AND, 2 }, { TOKEN_OR, 3 },	      { TOKEN_XOR, 4 },
	{ TOKEN_AND, 5 },	 { TOKEN_EQUAL_EQUAL, 6 }, { TOKEN_NOT_EQUAL, 6 }, { TOKEN_LESS, 7 },
	{ TOKEN_LESS_EQUAL, 7 }, { TOKEN_GREATER, 7 }, { TOKEN_GREATER_EQUAL, 7 }, { TOKEN_SHL, 8 },
	{ TOKEN_SHR, 8 },	 { TOKEN_PLUS, 9 },    { TOKEN_MINUS, 9 },    { TOKEN_STAR, 10 },
	{ TOKEN_SLASH, 10 },	 { TOKEN_PERCENT, 10 },
};

static int64_t fail(struct cond *x, const char *why)
{
	if (!x->failed)
		diag_error(x->c->o.diags, D_CPP_CONDITION, x->at, "#if: %s", why);
	x->failed = true;
	return 0;
}

static enum token_kind peek(const struct cond *x)
{
	return x->i < x->n ? x->t[x->i].kind : TOKEN_END;
}

static int64_t evaluate(struct cond *x, uint8_t level);

static int64_t evaluate_primary(struct cond *x)
{
	const struct token *t = x->i < x->n ? &x->t[x->i] : NULL;
	int64_t v;

	if (!t)
		return fail(x, "the expression ends too early");
	x->i++;
	switch (t->kind) {
	case TOKEN_INT:
		return (int64_t)t->integer;
	case TOKEN_NAME:
		if (peek(x) == TOKEN_LPAREN)
			return fail(x, "a call of something that is not defined");
		return 0;
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
		if (++x->depth > MAX_DEPTH)
			return fail(x, "nested too deep");
		v = evaluate_primary(x);
		x->depth--;
		return t->kind == TOKEN_NOT ? !v : t->kind == TOKEN_TILDE ? ~v : t->kind == TOKEN_MINUS ? (int64_t)(0 - (uint64_t)v) : v;
	default:
		return fail(x, "expected a number, a name or '('");
	}
}

static int64_t apply(struct cond *x, enum token_kind op, int64_t a, int64_t b)
{
	uint64_t ua = (uint64_t)a, ub = (uint64_t)b;

	switch (op) {
	case TOKEN_OR_OR:
		return a || b;
	case TOKEN_AND_AND:
		return a && b;
	case TOKEN_OR:
		return a | b;
	case TOKEN_XOR:
		return a ^ b;
	case TOKEN_AND:
		return a & b;
	case TOKEN_EQUAL_EQUAL:
		return a == b;
	case TOKEN_NOT_EQUAL:
		return a != b;
	case TOKEN_LESS:
		return a < b;
	case TOKEN_LESS_EQUAL:
		return a <= b;
	case TOKEN_GREATER:
		return a > b;
	case TOKEN_GREATER_EQUAL:
		return a >= b;
	case TOKEN_SHL:
		return (int64_t)(ub < 64 ? ua << ub : 0);
	case TOKEN_SHR:
		return ub < 64 ? a >> ub : (a < 0 ? -1 : 0);
	case TOKEN_PLUS:
		return (int64_t)(ua + ub);
	case TOKEN_MINUS:
		return (int64_t)(ua - ub);
	case TOKEN_STAR:
		return (int64_t)(ua * ub);
	default: /* '/' and '%' */
		if (b == 0)
			return 0;
		if (b == -1) /* the smallest number would trap */
			return op == TOKEN_SLASH ? (int64_t)(0 - ua) : 0;
		return op == TOKEN_SLASH ? a / b : a % b;
	}
}

/* level 0: with '?:'; else binary operators of at least that level */
static int64_t evaluate(struct cond *x, uint8_t level)
{
	int64_t a;

	if (++x->depth > MAX_DEPTH)
		return fail(x, "nested too deep");
	a = evaluate_primary(x);
	while (!x->failed) {
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
	if (level == 0 && peek(x) == TOKEN_QUESTION && !x->failed) {
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

/* defined NAME and defined(NAME) become 1 or 0 before anything is replaced */
static void resolve_defined(struct cond *x, const struct token *in, size_t n, struct cpp_tokens *out)
{
	for (size_t i = 0; i < n; i++) {
		struct token t = in[i];
		bool paren;

		if (token_is(&t, "defined")) {
			paren = i + 1 < n && in[i + 1].kind == TOKEN_LPAREN;
			i += paren ? 2 : 1;
			if (i >= n || in[i].kind != TOKEN_NAME || (paren && (i + 1 >= n || in[i + 1].kind != TOKEN_RPAREN))) {
				fail(x, "defined needs a name");
				return;
			}
			t.kind = TOKEN_INT;
			t.integer = cpp_find_define(x->c, in[i].name) != NULL;
			i += paren ? 1 : 0;
		}
		vec_push(out, t);
	}
}

bool cpp_evaluate(struct cpp *c, const struct token *in, size_t n, struct span at)
{
	struct cond x = { .c = c, .at = at };
	struct cpp_tokens resolved = { 0 }, expanded = { 0 };
	int64_t v = 0;

	resolve_defined(&x, in, n, &resolved);
	if (!x.failed) {
		c->budget = 1u << 16;
		c->overflow = false;
		cpp_expand_tokens(c, resolved.v, resolved.n, NULL, &expanded);
		if (c->overflow)
			fail(&x, "the defines in it grow too large");
		c->overflow = false;
		x.t = expanded.v;
		x.n = expanded.n;
		v = evaluate(&x, 0);
		if (x.i < x.n && !x.failed)
			fail(&x, "unexpected text behind the expression");
	}
	free(resolved.v);
	free(expanded.v);
	return !x.failed && v != 0;
}
