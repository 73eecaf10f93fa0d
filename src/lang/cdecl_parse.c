/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Specifiers and declarators of C. A declarator is read from the inside out: what stands in parentheses is passed over
 * first, the arrays and parameters behind it are applied, and then it is read with the type that gives.
 */
#include "lang/cdecl_private.h"

#include "lang/const_expr.h"
#include "lang/constants.h"
#include "lang/ctypes.h"

#define MAX_DEPTH 100
#define MAX_POINTERS 16

const struct token *c_peek(struct c_parser *p)
{
	static const struct token end = { .kind = TOKEN_END };

	return p->i < p->n ? &p->t[p->i] : &end;
}

bool c_accept(struct c_parser *p, enum token_kind kind)
{
	if (c_peek(p)->kind != kind || kind == TOKEN_END)
		return false;
	p->i++;
	return true;
}

bool c_accept_word(struct c_parser *p, const char *word)
{
	if (!token_is(c_peek(p), word))
		return false;
	p->i++;
	return true;
}

void c_error(struct c_parser *p, enum diag_code code, struct span at, const char *fmt, ...)
{
	STRBUF_AUTO msg = { 0 };
	va_list ap;

	if (p->failed)
		return;
	p->failed = true;
	va_start(ap, fmt);
	strbuf_vprintf(&msg, fmt, ap);
	va_end(ap);
	/* behind the last token there is no place: the last one's end is it */
	if (at.end == 0 && p->n) {
		at = p->t[p->n - 1].at;
		at.start = at.end;
	}
	diag_error(p->d->o.diags, code, at, "%s", strbuf_cstr(&msg));
}

bool c_expect(struct c_parser *p, enum token_kind kind, const char *where)
{
	const struct token *t = c_peek(p);

	if (c_accept(p, kind))
		return true;
	if (t->kind == TOKEN_END)
		c_error(p, D_C_SYNTAX, t->at, "expected %s %s, found the end of the C text",
			token_kind_words(kind), where);
	else
		c_error(p, D_C_SYNTAX, t->at, "expected %s %s, found '%.*s'",
			token_kind_words(kind), where, t->text.n > 40 ? 40 : (int)t->text.n,
			t->text.p);
	return false;
}

void c_skip_balanced(struct c_parser *p)
{
	unsigned depth = 0;

	do {
		switch (c_peek(p)->kind) {
		case TOKEN_LPAREN:
		case TOKEN_LBRACE:
		case TOKEN_LBRACKET: depth++; break;
		case TOKEN_RPAREN:
		case TOKEN_RBRACE:
		case TOKEN_RBRACKET: depth--; break;
		case TOKEN_END: return;
		default: break;
		}
		p->i++;
	} while (depth);
}

void c_sync(struct c_parser *p)
{
	for (;;) {
		switch (c_peek(p)->kind) {
		case TOKEN_END:
		case TOKEN_RBRACE: return;
		case TOKEN_SEMICOLON: p->i++; return;
		case TOKEN_LBRACE:
			c_skip_balanced(p);
			c_accept(p, TOKEN_SEMICOLON);
			return;
		case TOKEN_LPAREN: c_skip_balanced(p); break;
		default: p->i++; break;
		}
	}
}

/* ---- attributes ---- */

/* one name inside __attribute__((...)), with its arguments */
static void parse_attribute(struct c_parser *p, struct c_attributes *a)
{
	const struct token *t = c_peek(p);

	p->i++;
	if (str_is(t->text, "packed") || str_is(t->text, "__packed__")) {
		a->packed = true;
	} else if (str_is(t->text, "aligned") || str_is(t->text, "__aligned__")) {
		int64_t n = 16; /* alone: the strictest of the machine */

		if (c_accept(p, TOKEN_LPAREN)) {
			if (!c_parse_constant(p, &n, "an alignment"))
				return;
			c_expect(p, TOKEN_RPAREN, "behind the alignment");
		}
		if (n < 1 || n > 1 << 16 || (n & (n - 1)))
			c_error(p, D_C_BAD_LAYOUT, t->at,
				"an alignment must be a power of two up to 65536");
		else if ((uint32_t)n > a->aligned)
			a->aligned = (uint32_t)n;
	}
	if (c_peek(p)->kind == TOKEN_LPAREN)
		c_skip_balanced(p);
}

void c_parse_attributes(struct c_parser *p, struct c_attributes *a)
{
	for (;;) {
		const struct token *t = c_peek(p);

		if (token_is(t, "__packed")) {
			a->packed = true;
			p->i++;
		} else if (token_is(t, "__randomize_layout") ||
			   token_is(t, "__no_randomize_layout") ||
			   token_is(t, "____cacheline_aligned_in_smp") ||
			   token_is(t, "____cacheline_aligned")) {
			p->i++;
		} else if (token_is(t, "__attribute__") || token_is(t, "__attribute")) {
			size_t end;

			p->i++;
			if (c_peek(p)->kind != TOKEN_LPAREN || p->i + 1 >= p->n ||
			    p->t[p->i + 1].kind != TOKEN_LPAREN) {
				c_error(p, D_C_SYNTAX, c_peek(p)->at,
					"expected '((' behind __attribute__");
				return;
			}
			end = p->i;
			c_skip_balanced(p);
			if (p->t[p->i - 1].kind != TOKEN_RPAREN) {
				c_error(p, D_C_SYNTAX, t->at, "__attribute__ without closing '))'");
				return;
			}
			{
				size_t behind = p->i;

				p->i = end + 2;
				while (p->i + 2 < behind && !p->failed) {
					if (c_peek(p)->kind == TOKEN_NAME)
						parse_attribute(p, a);
					else
						p->i++;
				}
				p->i = behind;
			}
		} else {
			return;
		}
	}
}

/* ---- constants ---- */

static bool at_type_name(struct c_parser *p, size_t i)
{
	const struct token *t = i < p->n ? &p->t[i] : NULL;

	if (!t || t->kind != TOKEN_NAME)
		return false;
	return token_is(t, "struct") || token_is(t, "union") || token_is(t, "enum") ||
	       ctype_is_word(t->name) || ctype_find_base(t->name) ||
	       hashmap_get(&p->d->typedefs, t->name);
}

/* "(type)" at x->i, read as a declaration without a name */
static const struct type *parse_type_name(struct c_parser *p, struct const_expr *x)
{
	struct c_attributes a = { 0 };
	struct str name = STR_NULL;
	const struct type *t;
	bool defines;

	p->i = x->i + 1;
	t = c_parse_specifiers(p, &a, &defines);
	t = c_parse_declarator(p, t, &name);
	c_expect(p, TOKEN_RPAREN, "behind a type");
	x->i = p->i;
	return t;
}

static bool constant_name(void *arg, struct const_expr *x, int64_t *value)
{
	struct c_parser *p = arg;
	struct cdecl *d = p->d;
	const struct token *t = &x->t[x->i];
	const struct c_constant *c;
	const struct type *type;
	bool is_enumerator;

	if (token_is(t, "sizeof")) {
		x->i++;
		if (x->i >= x->n || x->t[x->i].kind != TOKEN_LPAREN || !at_type_name(p, x->i + 1)) {
			x->why = "sizeof needs a type in parentheses";
			return false;
		}
		type = parse_type_name(p, x);
		if (type->kind == TYPE_STRUCT)
			type_complete(type);
		*value = type->size;
		return !p->failed;
	}
	x->i++;
	c = hashmap_get(&d->constants, t->name);
	if (c) {
		*value = c->value;
		return true;
	}
	if (constant_find(t->name, value, &is_enumerator))
		return true;
	return d->o.next && d->o.next->ops->find_constant &&
	       d->o.next->ops->find_constant(d->o.next, t->name, value, &type);
}

static bool skip_cast(void *arg, struct const_expr *x)
{
	struct c_parser *p = arg;

	if (!at_type_name(p, x->i + 1))
		return false;
	parse_type_name(p, x);
	return true;
}

bool c_parse_constant(struct c_parser *p, int64_t *value, const char *what)
{
	struct const_expr x = { .t = p->t,
				.n = p->n,
				.i = p->i,
				.name = constant_name,
				.skip_cast = skip_cast,
				.arg = p };
	struct span at = c_peek(p)->at;
	bool ok;

	*value = 0;
	if (p->failed)
		return false;
	if (p->depth >= MAX_DEPTH) {
		c_error(p, D_C_SYNTAX, at, "types and constants are nested too deep");
		return false;
	}
	p->depth++;
	ok = const_expr_evaluate(&x, value);
	p->depth--;
	p->i = x.i > p->n ? p->n : x.i;
	if (!ok)
		c_error(p, D_C_SYNTAX, at, "%s must be a constant: %s", what, x.why);
	return ok && !p->failed;
}

/* ---- specifiers ---- */

static const struct type *base_type(const struct ctype_base *b)
{
	if (b->is_void)
		return type_void();
	return b->is_bool ? type_bool() : type_int(b->size, b->is_signed);
}

/* a name that is no word of C: typedef of the text, known base, or whatever the next source says */
static const struct type *named_type(struct c_parser *p, struct str name)
{
	struct cdecl *d = p->d;
	const struct type *t = hashmap_get(&d->typedefs, name);
	const struct ctype_base *b;

	if (t)
		return t;
	b = ctype_find_base(name);
	if (b)
		return base_type(b);
	return d->o.next ? d->o.next->ops->find(d->o.next, 't', name) : NULL;
}

static const struct type *words_type(struct c_parser *p, const struct ctype_words *w,
				     struct span at)
{
	struct str name = ctype_words_name(w);

	/* there is no floating point in BPF: such members are their bits */
	if (str_is(name, "float"))
		return type_int(4, false);
	if (str_is(name, "double"))
		return type_int(8, false);
	if (name.n == 0 || str_is(name, "long double")) {
		c_error(p, D_C_UNKNOWN_TYPE, at,
			name.n ? "long double is not supported" : "these words make no type");
		return type_int(4, true);
	}
	return base_type(ctype_find_base(name));
}

/* specifiers: (storage | qualifier | attribute | struct | union | enum | word | typedef-name)+ */
const struct type *c_parse_specifiers(struct c_parser *p, struct c_attributes *a, bool *defines)
{
	struct ctype_words words = { 0 };
	const struct type *t = NULL;
	struct span at = c_peek(p)->at;

	*defines = false;
	if (p->depth >= MAX_DEPTH) {
		c_error(p, D_C_SYNTAX, at, "types are nested too deep");
		c_sync(p);
		return type_int(4, true);
	}
	p->depth++;
	for (;;) {
		const struct token *n;

		c_parse_attributes(p, a);
		n = c_peek(p);
		if (n->kind != TOKEN_NAME || p->failed)
			break;
		if (token_is(n, "struct") || token_is(n, "union") || token_is(n, "enum")) {
			if (t || words.n_base)
				break;
			p->i++;
			t = token_is(n, "enum") ? c_parse_enum(p, defines)
						: c_parse_struct(p, token_is(n, "union"), defines);
		} else if (ctype_add_word(&words, n->name)) {
			if (t && words.n_base)
				c_error(p, D_C_SYNTAX, n->at, "a second type in one declaration");
			p->i++;
		} else if (!t && !words.n_base) {
			t = named_type(p, n->name);
			if (!t)
				c_error(p, D_C_UNKNOWN_TYPE, n->at, "unknown type name '%.*s'",
					STR_ARG(n->name));
			p->i++;
		} else {
			break;
		}
	}
	p->depth--;
	if (!t && words.n_base)
		t = words_type(p, &words, at);
	if (!t) {
		const struct token *n = c_peek(p);

		if (n->kind == TOKEN_END)
			c_error(p, D_C_SYNTAX, n->at,
				"expected a type, found the end of the C text");
		else
			c_error(p, D_C_SYNTAX, n->at, "expected a type, found '%.*s'",
				n->text.n > 40 ? 40 : (int)n->text.n, n->text.p);
		return type_int(4, true);
	}
	return t;
}

/* ---- declarators ---- */

static const struct type *function_type(struct c_parser *p, const struct type *result)
{
	struct type *f = arena_new(p->d->arena, struct type);

	*f = (struct type){ .kind = TYPE_FUNCTION, .align = 1, .is_complete = true, .elem = result };
	return f;
}

/* suffixes: ('[' constant? ']')* | '(' ... ')'    the dimensions apply from the last to the first */
static const struct type *parse_suffixes(struct c_parser *p, const struct type *t)
{
	int64_t count = 0;
	struct span at = c_peek(p)->at;

	if (c_peek(p)->kind == TOKEN_LPAREN) {
		c_skip_balanced(p);
		return function_type(p, t);
	}
	if (p->depth >= MAX_DEPTH || !c_accept(p, TOKEN_LBRACKET))
		return t;
	if (c_peek(p)->kind != TOKEN_RBRACKET &&
	    !c_parse_constant(p, &count, "the size of an array"))
		return t;
	c_expect(p, TOKEN_RBRACKET, "to close the size of an array");
	p->depth++;
	t = parse_suffixes(p, t);
	p->depth--;
	if (p->failed)
		return t;
	if (t->kind == TYPE_VOID || t->kind == TYPE_FUNCTION ||
	    (t->kind == TYPE_STRUCT && !type_complete(t))) {
		c_error(p, D_C_BAD_LAYOUT, at, "an array of a type of unknown size");
		return t;
	}
	if (count < 0 || count > INT32_MAX ||
	    (uint64_t)count * (t->size ? t->size : 1) > INT32_MAX) {
		c_error(p, D_C_BAD_LAYOUT, at, "the size of an array must be from 0 to 2 GiB");
		return t;
	}
	return type_array(p->d->o.table, t, (uint32_t)count);
}

/* is the '(' here around a declarator, and not before parameters? */
static bool at_inner_declarator(struct c_parser *p)
{
	const struct token *next = p->i + 1 < p->n ? &p->t[p->i + 1] : NULL;

	if (c_peek(p)->kind != TOKEN_LPAREN || !next)
		return false;
	return next->kind == TOKEN_STAR || next->kind == TOKEN_LPAREN ||
	       token_is(next, "__attribute__") ||
	       (next->kind == TOKEN_NAME && !at_type_name(p, p->i + 1));
}

const struct type *c_parse_declarator(struct c_parser *p, const struct type *base, struct str *name)
{
	struct c_attributes ignored = { 0 };
	struct ctype_words qualifiers = { 0 };
	const struct type *t = base;
	unsigned n_pointers = 0;

	if (p->depth >= MAX_DEPTH) {
		c_error(p, D_C_SYNTAX, c_peek(p)->at, "declarators are nested too deep");
		return t;
	}
	p->depth++;
	for (;;) {
		c_parse_attributes(p, &ignored);
		if (c_accept(p, TOKEN_STAR)) {
			if (n_pointers++ == MAX_POINTERS) {
				c_error(p, D_C_SYNTAX, c_peek(p)->at,
					"more than %d '*' in a declarator", MAX_POINTERS);
				break;
			}
			t = type_pointer(p->d->o.table, t, SPACE_NONE);
		} else if (n_pointers && c_peek(p)->kind == TOKEN_NAME &&
			   ctype_is_word(c_peek(p)->name) &&
			   ctype_add_word(&qualifiers, c_peek(p)->name)) {
			p->i++;
		} else {
			break;
		}
	}
	if (at_inner_declarator(p)) {
		size_t inner = p->i + 1, behind;

		c_skip_balanced(p);
		t = parse_suffixes(p, t);
		behind = p->i;
		p->i = inner;
		t = c_parse_declarator(p, t, name);
		c_expect(p, TOKEN_RPAREN, "in a declarator");
		p->i = behind > p->i ? behind : p->i;
	} else {
		if (c_peek(p)->kind == TOKEN_NAME) {
			*name = c_peek(p)->name;
			p->i++;
		}
		t = parse_suffixes(p, t);
	}
	p->depth--;
	return t;
}
