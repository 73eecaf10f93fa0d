/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The expressions of #if and #elif: defined(NAME) is resolved, defines are replaced, and names that are none count as 0.
 */
#include "lang/cpp_private.h"

#include "lang/const_expr.h"

#define MAX_TOKENS (1u << 16)

/* defined NAME and defined(NAME) become 1 or 0 before anything is replaced; false when the name lacks */
static bool resolve_defined(const struct cpp *c, const struct token *in, size_t n,
			    struct cpp_tokens *out)
{
	for (size_t i = 0; i < n; i++) {
		struct token t = in[i];
		bool paren;

		if (token_is(&t, "defined")) {
			paren = i + 1 < n && in[i + 1].kind == TOKEN_LPAREN;
			i += paren ? 2 : 1;
			if (i >= n || in[i].kind != TOKEN_NAME ||
			    (paren && (i + 1 >= n || in[i + 1].kind != TOKEN_RPAREN)))
				return false;
			t.kind = TOKEN_INT;
			t.integer = cpp_find_define(c, in[i].name) != NULL;
			i += paren ? 1 : 0;
		}
		vec_push(out, t);
	}
	return true;
}

static bool name_value(void *arg, struct const_expr *x, int64_t *value)
{
	x->i++;
	*value = 0;
	if (x->i < x->n && x->t[x->i].kind == TOKEN_LPAREN) {
		x->why = "a call of something that is not defined";
		return false;
	}
	return true;
}

bool cpp_evaluate(struct cpp *c, const struct token *in, size_t n, struct span at)
{
	struct cpp_tokens resolved = { 0 }, expanded = { 0 };
	struct const_expr x = { .name = name_value };
	int64_t v = 0;

	if (!resolve_defined(c, in, n, &resolved)) {
		x.why = "'defined' needs a name";
	} else {
		c->budget = MAX_TOKENS;
		c->overflow = false;
		cpp_expand_tokens(c, resolved.v, resolved.n, NULL, &expanded);
		if (c->overflow)
			x.why = "the defines in it grow too large";
		c->overflow = false;
		x.t = expanded.v;
		x.n = expanded.n;
		if (!x.why && const_expr_evaluate(&x, &v) && x.i < x.n)
			x.why = "unexpected text behind the expression";
	}
	if (x.why)
		diag_error(c->o.diags, D_CPP_CONDITION, at, "#if: %s", x.why);
	free(resolved.v);
	free(expanded.v);
	return !x.why && v != 0;
}
