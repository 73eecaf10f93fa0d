/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Replacing defines by their text. As in C a define is not replaced inside its own text, arguments are replaced before
 * they are put in, '#' makes a string and '##' one token of two. Unlike in C the text behind a use never becomes part
 * of a call that the replaced text only begins.
 *
 * A budget of tokens bounds what one use may grow to: defines that double each other reach any size within a few
 * lines.
 */
#include "lang/cpp_private.h"

#define MAX_TOKENS (1u << 16)
#define MAX_ACTIVE 200

struct argument {
	const struct token *raw;
	size_t n_raw;
	struct cpp_tokens expanded;
	bool is_expanded;
};

struct call {
	const struct cpp_define *def;
	struct argument *args; /* one for each parameter */
	const struct token *use;
};

static bool is_active(const struct cpp *c, const struct cpp_define *def)
{
	for (size_t i = 0; i < c->active.n; i++)
		if (c->active.v[i] == def)
			return true;
	return false;
}

static void emit(struct cpp *c, struct cpp_tokens *out, struct token t, const struct token *use)
{
	if (c->budget == 0) {
		c->overflow = true;
		return;
	}
	c->budget--;
	if (use)
		t.at = use->at;
	vec_push(out, t);
}

/* ---- the text of a function-like define with its arguments put in ---- */

static struct argument *find_argument(const struct call *call, const struct token *t)
{
	if (t->kind != TOKEN_NAME)
		return NULL;
	for (uint32_t i = 0; i < call->def->n_params; i++)
		if (str_eq(call->def->params[i], t->name))
			return &call->args[i];
	return NULL;
}

/* #arg */
static struct token stringize(struct cpp *c, const struct argument *arg, const struct token *use)
{
	struct token t = { .kind = TOKEN_STRING, .at = use->at, .space_before = true };
	STRBUF_AUTO b = { 0 };

	for (size_t i = 0; i < arg->n_raw; i++) {
		if (i && arg->raw[i].space_before)
			strbuf_putc(&b, ' ');
		strbuf_add_str(&b, arg->raw[i].text);
	}
	t.string = arena_str(c->o.arena, strbuf_str(&b));
	t.text = arena_printf(c->o.arena, "\"%.*s\"", STR_ARG(t.string));
	return t;
}

/* a ## b: one token out of both texts */
static struct token paste(struct cpp *c, const struct token *a, const struct token *b,
			  const struct token *use)
{
	struct lexer l = { .arena = c->o.arena, .is_c = true, .file = use->at.file };
	struct token t;

	l.text = arena_printf(c->o.arena, "%.*s%.*s", STR_ARG(a->text), STR_ARG(b->text));
	t = lex_next(&l);
	if (l.pos != l.text.n)
		diag_error(c->o.diags, D_CPP_EXPANSION, use->at,
			   "'##' makes no token of '%.*s' and '%.*s'", STR_ARG(a->text),
			   STR_ARG(b->text));
	t.space_before = a->space_before;
	t.at = use->at;
	t.error_at = use->at;
	return t;
}

/* the tokens of one element of the body: an argument, a '#arg' or the token itself; raw before and behind '##' */
static void add_element(struct cpp *c, const struct call *call, const struct token *body,
			uint32_t *i, bool raw, struct cpp_tokens *out)
{
	const struct token *t = &body[*i];
	struct argument *arg;

	if (t->kind == TOKEN_HASH && *i + 1 < call->def->n_body &&
	    (arg = find_argument(call, &body[*i + 1]))) {
		(*i)++;
		emit(c, out, stringize(c, arg, call->use), call->use);
		return;
	}
	arg = find_argument(call, t);
	if (!arg) {
		emit(c, out, *t, call->use);
		return;
	}
	if (!raw && !arg->is_expanded) {
		cpp_expand_tokens(c, arg->raw, arg->n_raw, call->use, &arg->expanded);
		arg->is_expanded = true;
	}
	for (size_t k = 0; k < (raw ? arg->n_raw : arg->expanded.n); k++)
		emit(c, out, raw ? arg->raw[k] : arg->expanded.v[k], call->use);
}

static void substitute(struct cpp *c, const struct call *call, struct cpp_tokens *out)
{
	const struct token *body = call->def->body;
	uint32_t n = call->def->n_body;

	for (uint32_t i = 0; i < n && !c->overflow; i++) {
		bool before_paste = i + 1 < n && body[i + 1].kind == TOKEN_HASH_HASH;
		size_t mark = out->n;

		if (body[i].kind == TOKEN_HASH_HASH && mark > 0 && i + 1 < n) {
			struct token left = out->v[mark - 1];

			i++;
			before_paste = i + 1 < n && body[i + 1].kind == TOKEN_HASH_HASH;
			add_element(c, call, body, &i, true, out);
			if (out->n > mark) {
				/* the first of the new tokens and the last of the old become one */
				out->v[mark - 1] = paste(c, &left, &out->v[mark], call->use);
				memmove(out->v + mark, out->v + mark + 1,
					(out->n - mark - 1) * sizeof(*out->v));
				out->n--;
			}
			continue;
		}
		add_element(c, call, body, &i, before_paste, out);
	}
}

/* ---- uses ---- */

/* cut the arguments of a call: args are the tokens from '(' to ')'; false after a diagnostic */
static bool split_arguments(struct cpp *c, struct call *call, const struct token *in, size_t n)
{
	const struct cpp_define *def = call->def;
	uint32_t count = 0;
	unsigned depth = 0;
	size_t start = 1;

	call->args = arena_array(c->o.arena, struct argument, def->n_params + 1);
	for (size_t i = 0; i < n; i++) {
		bool last = i + 1 == n;

		if (in[i].kind == TOKEN_LPAREN)
			depth++;
		if (in[i].kind == TOKEN_RPAREN)
			depth--;
		if (!last && !(in[i].kind == TOKEN_COMMA && depth == 1 &&
			       !(def->is_variadic && count + 1 >= def->n_params)))
			continue;
		if (count < def->n_params)
			call->args[count] = (struct argument){ .raw = in + start,
							       .n_raw = i - start };
		if (i > start || count > 0 || def->n_params > 0 || !last)
			count++;
		start = i + 1;
	}
	if (n < 2 || in[n - 1].kind != TOKEN_RPAREN) {
		diag_error(c->o.diags, D_CPP_EXPANSION, call->use->at,
			   "the arguments of '%.*s' are not closed by ')'", STR_ARG(def->name));
		return false;
	}
	if (count != def->n_params && !(def->is_variadic && count + 1 == def->n_params)) {
		diag_error(c->o.diags, D_CPP_EXPANSION, call->use->at,
			   "'%.*s' takes %u argument%s, %u given", STR_ARG(def->name),
			   def->n_params, def->n_params == 1 ? "" : "s", count);
		return false;
	}
	return true;
}

/* the tokens of one use, replaced through and through; args only for function-like defines */
static bool expand_use(struct cpp *c, const struct cpp_define *def, const struct token *use,
		       const struct token *args, size_t n_args, const struct token *place,
		       struct cpp_tokens *out)
{
	struct call call = { .def = def, .use = place ? place : use };
	struct cpp_tokens text = { 0 };
	bool ok = true;

	if (c->active.n >= MAX_ACTIVE) {
		c->overflow = true;
		return false;
	}
	if (def->is_function)
		ok = split_arguments(c, &call, args, n_args);
	if (ok) {
		substitute(c, &call, &text);
		vec_push(&c->active, def);
		cpp_expand_tokens(c, text.v, text.n, call.use, out);
		c->active.n--;
	}
	for (uint32_t i = 0; call.args && i < def->n_params; i++)
		free(call.args[i].expanded.v);
	free(text.v);
	return ok;
}

/* the number of tokens from '(' at in[0] to its ')'; 0 when it is not there */
static size_t measure_call(const struct token *in, size_t n)
{
	unsigned depth = 0;

	if (n == 0 || in[0].kind != TOKEN_LPAREN)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (in[i].kind == TOKEN_LPAREN)
			depth++;
		else if (in[i].kind == TOKEN_RPAREN && --depth == 0)
			return i + 1;
	}
	return 0;
}

void cpp_expand_tokens(struct cpp *c, const struct token *in, size_t n, const struct token *use,
		       struct cpp_tokens *out)
{
	for (size_t i = 0; i < n && !c->overflow; i++) {
		const struct cpp_define *def = NULL;
		struct token t = in[i];
		size_t n_args = 0;

		if (t.kind == TOKEN_NAME && !t.no_expand)
			def = cpp_find_define(c, t.name);
		if (def && is_active(c, def)) {
			t.no_expand = true; /* for good: also where this text is looked at again */
			def = NULL;
		}
		if (def && def->is_function) {
			n_args = measure_call(in + i + 1, n - i - 1);
			if (n_args == 0)
				def = NULL;
		}
		if (!def) {
			emit(c, out, t, use);
			continue;
		}
		/* only the outermost use has a budget of its own */
		expand_use(c, def, &in[i], in + i + 1, n_args, use, out);
		i += n_args;
	}
}

void cpp_expand(struct cpp *c, const struct cpp_define *def, const struct token *use,
		const struct cpp_tokens *args, struct cpp_tokens *out)
{
	size_t mark = out->n;

	c->budget = MAX_TOKENS;
	c->overflow = false;
	if (!expand_use(c, def, use, args->v, args->n, use, out) && !c->overflow)
		out->n = mark;
	if (c->overflow) {
		diag_error(c->o.diags, D_CPP_EXPANSION, use->at,
			   "the define '%.*s' becomes more than %u tokens or %d defines deep",
			   STR_ARG(def->name), MAX_TOKENS, MAX_ACTIVE);
		out->n = mark;
	}
	c->overflow = false;
}
