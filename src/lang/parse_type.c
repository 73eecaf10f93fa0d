/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types as they are written in casts, declarations, sizeof and friends; and the look ahead that tells a cast from a
 * parenthesised expression. Names are not resolved here: sema knows which exist.
 */
#include "lang/parse_private.h"

#include "lang/ctypes.h"

/* how far the look ahead goes for the ']' of a dimension */
#define MAX_DIM_TOKENS 32

static bool is_tag_keyword(const struct token *t)
{
	return token_is(t, "struct") || token_is(t, "union") || token_is(t, "enum");
}

/* names that are types wherever they stand: the language's own, C's, and the "_t" habit */
static bool is_type_name(const struct token *t)
{
	return t->kind == TOKEN_NAME &&
	       (ctype_is_language_type(t->name) || ctype_find_base(t->name) ||
		ctype_is_word(t->name) || str_ends(t->name, STR("_t")));
}

static bool is_builtin_variable(const struct token *t)
{
	static const char *const names[] = { "args", "ctx", "kstack", "nsecs",
					     "pid",  "tid", "ustack" };
	struct str rest = STR_NULL;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (token_is(t, names[i]))
			return true;
	if (str_starts(t->name, STR("arg")))
		rest = str_sub(t->name, 3, t->name.n);
	else if (str_starts(t->name, STR("sarg")))
		rest = str_sub(t->name, 4, t->name.n);
	else
		return str_starts(t->name, STR("__builtin_"));
	for (size_t i = 0; i < rest.n; i++)
		if (!lex_is_digit(rest.p[i]))
			return false;
	return rest.n > 0;
}

/*
 * The number of tokens that a type written from token n on takes, 0 when none is there: tag or name, then any of
 * '*' and [dimension]. *is_bare: a single name without suffix that could as well be an expression.
 */
static size_t scan_type(struct parser *p, size_t n, bool *is_bare)
{
	size_t start = n;

	*is_bare = false;
	if (is_tag_keyword(parser_peek(p, n))) {
		if (parser_peek(p, n + 1)->kind != TOKEN_NAME)
			return 0;
		n += 2;
	} else if (parser_peek(p, n)->kind == TOKEN_NAME) {
		if (is_builtin_variable(parser_peek(p, n)))
			return 0;
		*is_bare = !is_type_name(parser_peek(p, n));
		if (ctype_is_word(parser_peek(p, n)->name)) {
			while (parser_peek(p, n)->kind == TOKEN_NAME &&
			       ctype_is_word(parser_peek(p, n)->name))
				n++;
			/* "const struct x", "const foo" */
			if (is_tag_keyword(parser_peek(p, n)) &&
			    parser_peek(p, n + 1)->kind == TOKEN_NAME)
				n += 2;
			else if (parser_peek(p, n)->kind == TOKEN_NAME)
				n++;
		} else {
			n++;
		}
	} else {
		return 0;
	}
	for (;;) {
		if (parser_peek(p, n)->kind == TOKEN_STAR) {
			n++;
		} else if (parser_peek(p, n)->kind == TOKEN_LBRACKET) {
			size_t end = n + 1, depth = 0;

			while (end - n < MAX_DIM_TOKENS && parser_peek(p, end)->kind != TOKEN_END &&
			       (depth || parser_peek(p, end)->kind != TOKEN_RBRACKET)) {
				if (parser_peek(p, end)->kind == TOKEN_LBRACKET)
					depth++;
				else if (parser_peek(p, end)->kind == TOKEN_RBRACKET)
					depth--;
				end++;
			}
			if (parser_peek(p, end)->kind != TOKEN_RBRACKET)
				return 0;
			n = end + 1;
		} else {
			return n - start;
		}
		*is_bare = false;
	}
}

/* may an expression begin here, right behind a cast? operators: those that are prefix operators too */
static bool begins_operand(const struct token *t, bool *is_also_infix)
{
	*is_also_infix = false;
	switch (t->kind) {
	case TOKEN_MINUS:
	case TOKEN_STAR:
	case TOKEN_AND: *is_also_infix = true; return true;
	case TOKEN_INT:
	case TOKEN_STRING:
	case TOKEN_VAR:
	case TOKEN_MAP:
	case TOKEN_POSITIONAL:
	case TOKEN_PARAM_COUNT:
	case TOKEN_NAME:
	case TOKEN_LPAREN:
	case TOKEN_LBRACE:
	case TOKEN_NOT:
	case TOKEN_TILDE: return true;
	case TOKEN_MINUS_MINUS:
	case TOKEN_PLUS_PLUS: *is_also_infix = true; return true;
	default: return false;
	}
}

bool parser_at_cast(struct parser *p)
{
	bool is_bare, is_infix;
	size_t n;

	if (token_is(parser_peek(p, 0), "typeof"))
		return parser_peek(p, 1)->kind == TOKEN_LPAREN; /* decided in full when parsed */
	n = scan_type(p, 0, &is_bare);
	if (n == 0 || parser_peek(p, n)->kind != TOKEN_RPAREN ||
	    !begins_operand(parser_peek(p, n + 1), &is_infix))
		return false;
	/* (x) - 1, (x) * y: a name that nothing says is a type is a value there */
	return !(is_bare && is_infix);
}

/* dimension: '[' ']' | '[' expr ']' */
static void parse_dimension(struct parser *p, struct type_expr *t)
{
	struct node *dim = NULL;
	int64_t size = -1;
	struct span at = parser_take(p).at;

	if (parser_at(p, TOKEN_INT) && parser_peek(p, 1)->kind == TOKEN_RBRACKET) {
		struct token number = parser_take(p);

		size = (int64_t)number.integer;
		if (size < 0 || size > INT32_MAX) {
			parser_error(p, D_PARSE_UNEXPECTED, number.at,
				     "array size %llu is too large",
				     (unsigned long long)number.integer);
			size = 1;
		}
	} else if (!parser_at(p, TOKEN_RBRACKET)) {
		dim = parse_expr(p);
		size = 0;
	}
	parser_expect(p, TOKEN_RBRACKET, "to close the array size");
	if (t->n_dims == 4) {
		parser_error(p, D_PARSE_TOO_DEEP, span_join(at, p->last),
			     "a type may have at most four dimensions");
		return;
	}
	t->dims[t->n_dims] = size;
	t->dim_exprs[t->n_dims++] = dim;
}

/* suffixes: '*'* dimension* '*'* */
static void parse_type_suffixes(struct parser *p, struct type_expr *t)
{
	for (;;) {
		if (parser_at(p, TOKEN_STAR)) {
			uint8_t *count = t->n_dims ? &t->n_outer_pointers : &t->n_pointers;
			struct span at = parser_take(p).at;

			if (*count == UINT8_MAX)
				parser_error(p, D_PARSE_TOO_DEEP, at, "too many '*' in a type");
			else
				(*count)++;
		} else if (parser_at(p, TOKEN_LBRACKET)) {
			if (t->n_outer_pointers)
				parser_error(
					p, D_PARSE_TOO_DEEP, parser_peek(p, 0)->at,
					"arrays of pointers to arrays cannot be written; use a struct");
			parse_dimension(p, t);
		} else {
			break;
		}
	}
}

/* "unsigned long", "const struct x": one type of C out of its words */
static void parse_c_words(struct parser *p, struct type_expr *t)
{
	struct ctype_words words = { 0 };

	while (parser_at(p, TOKEN_NAME) && ctype_is_word(parser_peek(p, 0)->name))
		ctype_add_word(&words, parser_take(p).name);
	t->name = ctype_words_name(&words);
	if (words.n_base == 0 && parser_at(p, TOKEN_NAME)) {
		/* only const and volatile so far: the name follows */
		if (is_tag_keyword(parser_peek(p, 0)))
			t->keyword = parser_take(p).name.p[0];
		t->name = parser_take(p).name;
	} else if (t->name.n == 0) {
		parser_error(p, D_PARSE_UNEXPECTED, p->last, "these words name no type");
		t->name = STR("int");
	}
}

/*
 * type: ("struct" | "union" | "enum") NAME suffixes | NAME suffixes | C-words suffixes
 *     | "typeof" '(' (type | expr) ')' suffixes | '(' type (',' type)* ','? ')'
 */
struct type_expr *parse_type(struct parser *p)
{
	struct type_expr *t = arena_new(p->arena, struct type_expr);
	struct span start = parser_peek(p, 0)->at;

	t->at = start;
	t->name = STR("int64"); /* stands in after a fault */
	if (!parser_enter(p))
		return t;
	if (parser_at_word(p, "typeof") && parser_peek(p, 1)->kind == TOKEN_LPAREN) {
		struct type_expr *inner = NULL;
		struct node *expr = NULL;

		parser_take(p);
		parser_take(p);
		parse_type_or_expr(p, &inner, &expr);
		parser_expect(p, TOKEN_RPAREN, "to close 'typeof('");
		if (inner) {
			*t = *inner;
		} else {
			t->form = TE_TYPEOF;
			t->expr = expr;
		}
	} else if (parser_accept(p, TOKEN_LPAREN)) {
		struct type_expr **tail = &t->elems;

		t->form = TE_TUPLE;
		while (!parser_at(p, TOKEN_RPAREN) && !p->panic) {
			*tail = parse_type(p);
			tail = &(*tail)->next;
			if (!parser_accept(p, TOKEN_COMMA))
				break;
		}
		parser_expect(p, TOKEN_RPAREN, "to close the types of a tuple");
	} else if (is_tag_keyword(parser_peek(p, 0))) {
		t->keyword = parser_take(p).name.p[0];
		if (parser_at(p, TOKEN_NAME))
			t->name = parser_take(p).name;
		else
			parser_error_expected(p, "the name of a struct, union or enum");
	} else if (parser_at(p, TOKEN_NAME) && ctype_is_word(parser_peek(p, 0)->name)) {
		parse_c_words(p, t);
	} else if (parser_at(p, TOKEN_NAME)) {
		t->name = parser_take(p).name;
	} else {
		parser_error_expected(p, "a type");
	}
	parse_type_suffixes(p, t);
	t->at = span_join(start, p->last);
	parser_leave(p);
	return t;
}

/*
 * A bare name that is no known type is given as an expression (NODE_IDENT): it may be a builtin, a constant, a
 * macro's parameter or a typedef, and only sema can say.
 */
void parse_type_or_expr(struct parser *p, struct type_expr **type, struct node **expr)
{
	bool is_bare;
	size_t n = scan_type(p, 0, &is_bare);
	enum token_kind next = n ? parser_peek(p, n)->kind : TOKEN_END;

	*type = NULL;
	*expr = NULL;
	if (token_is(parser_peek(p, 0), "typeof") ||
	    (n && !is_bare && (next == TOKEN_RPAREN || next == TOKEN_COMMA)))
		*type = parse_type(p);
	else
		*expr = parse_expr(p);
}
