/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Constant integer expressions of C: #if lines, sizes of arrays, widths of bit-fields, values of enumerators. What
 * names and parenthesised types mean is the caller's business.
 */
#ifndef SONDE_LANG_CONST_EXPR_H
#define SONDE_LANG_CONST_EXPR_H

#include "lang/lex.h"

struct const_expr {
	const struct token *t; /* tokens i..n are the expression; i moves behind what was read */
	size_t n, i;
	/* the value that begins with the name at t[i]; moves i. False: unknown (then .why may be set) */
	bool (*name)(void *arg, struct const_expr *x, int64_t *value);
	/* t[i] is '(': when a cast stands there, move i behind its ')'; may be NULL */
	bool (*skip_cast)(void *arg, struct const_expr *x);
	void *arg;
	const char *why; /* what is wrong, or NULL */
	unsigned depth;
};

/* false when x->why has been set. Stops at the first token that cannot go on the expression. */
bool const_expr_evaluate(struct const_expr *x, int64_t *value);

#endif
