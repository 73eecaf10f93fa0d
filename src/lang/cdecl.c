/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The script's own C types as a source of types (see cdecl.h), and its declarations one by one. Types are complete as
 * soon as their definition has been read, so there is nothing to fill later.
 */
#include "lang/cdecl_private.h"

#include "lang/constants.h"
#include "lang/cpp.h"
#include "lang/ctypes.h"

/* ---- the source ---- */

static const struct type *source_find(struct type_source *src, char keyword, struct str name)
{
	struct cdecl *d = (struct cdecl *)src;
	const struct ctype_base *b;
	const struct type *t;

	if (keyword != 't') {
		char buf[256];
		struct str key = str_make(buf, name.n + 1);

		if (name.n + 1 > sizeof(buf))
			return NULL;
		buf[0] = keyword;
		memcpy(buf + 1, name.p, name.n);
		t = hashmap_get(&d->tags, key);
		/* only declared here: the next source may have it */
		return t && (t->is_complete || t->kind == TYPE_ENUM || !d->o.next) ? t : NULL;
	}
	t = hashmap_get(&d->typedefs, name);
	if (t)
		return t;
	b = ctype_find_base(name);
	if (!b)
		return NULL;
	return b->is_void   ? type_void()
	       : b->is_bool ? type_bool()
			    : type_int(b->size, b->is_signed);
}

static bool source_find_constant(struct type_source *src, struct str name, int64_t *value,
				 const struct type **type)
{
	struct cdecl *d = (struct cdecl *)src;
	const struct c_constant *c = hashmap_get(&d->constants, name);
	const struct type *enum_type = NULL;
	bool is_enumerator;

	if (c) {
		*value = c->value;
		enum_type = c->type;
	} else if (!constant_find(name, value, &is_enumerator)) {
		return false;
	} else if (is_enumerator && d->o.next && d->o.next->ops->find_constant) {
		/* *value stays as it is where the next source does not know it */
		d->o.next->ops->find_constant(d->o.next, name, value, &enum_type);
	}
	if (type)
		*type = enum_type;
	return true;
}

/* asked for structs that the text declares and does not define: take what the next source knows by that name */
static bool source_complete(struct type_source *src, struct type *t)
{
	struct cdecl *d = (struct cdecl *)src;
	const struct type *other;

	if (t->is_complete || !d->o.next || t->name.n == 0)
		return t->is_complete;
	other = d->o.next->ops->find(d->o.next, t->is_union ? 'u' : 's', t->name);
	if (!other || other == t || !type_complete(other))
		return false;
	t->fields = other->fields;
	t->n_fields = other->n_fields;
	t->size = other->size;
	t->align = other->align;
	t->is_complete = true;
	return true;
}

static void source_each(struct type_source *src,
			void (*visit)(void *arg, struct str name, const struct type *t), void *arg)
{
	struct cdecl *d = (struct cdecl *)src;

	for (size_t i = 0; i < d->tags.n; i++) {
		const struct type *t = d->tags.entries[i].value;

		if (t && (t->kind == TYPE_ENUM || t->is_complete))
			visit(arg, t->name, t);
	}
}

static const struct type_source_ops cdecl_ops = {
	.find = source_find,
	.find_constant = source_find_constant,
	.complete = source_complete,
	.each = source_each,
};

struct type_source *cdecl_new(const struct cdecl_opts *opts)
{
	struct cdecl *d = base_alloc(sizeof(*d));

	d->base.ops = &cdecl_ops;
	d->base.table = opts->table;
	d->o = *opts;
	d->arena = opts->table->arena;
	return &d->base;
}

void cdecl_free(struct type_source *src)
{
	struct cdecl *d = (struct cdecl *)src;

	if (!d)
		return;
	hashmap_free(&d->tags);
	hashmap_free(&d->typedefs);
	hashmap_free(&d->constants);
	free(d);
}

/* ---- declarations ---- */

static void add_typedef(struct c_parser *p, struct str name, const struct type *t, struct span at)
{
	const struct type *old = hashmap_get(&p->d->typedefs, name);

	if (name.n == 0) {
		c_error(p, D_C_SYNTAX, at, "a typedef needs a name");
		return;
	}
	/* typedef.type is const: the map holds plain pointers */
	if (!old)
		hashmap_put(&p->d->typedefs, name, (void *)(uintptr_t)t);
	else if (old != t)
		c_error(p, D_C_REDEFINED, at,
			"the typedef '%.*s' is defined already, as another type", STR_ARG(name));
}

/*
 * declaration: "typedef" specifiers declarator (',' declarator)* ';' | specifiers ';'? | anything up to ';' or a block
 * The ';' behind a struct, union or enum may lack, as in scripts.
 */
static void parse_declaration(struct c_parser *p)
{
	struct c_attributes a = { 0 };
	bool is_typedef = c_accept_word(p, "typedef");
	bool defines;
	const struct type *base;

	if (token_is(c_peek(p), "_Static_assert") || token_is(c_peek(p), "asm") ||
	    token_is(c_peek(p), "__asm__")) {
		c_sync(p);
		return;
	}
	base = c_parse_specifiers(p, &a, &defines);
	if (p->failed || c_accept(p, TOKEN_SEMICOLON))
		return;
	if (is_typedef) {
		do {
			struct span at = c_peek(p)->at;
			struct str name = STR_NULL;
			const struct type *t = c_parse_declarator(p, base, &name);

			c_parse_attributes(p, &a);
			add_typedef(p, name, t, at);
		} while (!p->failed && c_accept(p, TOKEN_COMMA));
		c_expect(p, TOKEN_SEMICOLON, "behind a typedef");
		return;
	}
	if (defines && (c_peek(p)->kind == TOKEN_END || c_peek(p)->at_line_start ||
			token_is(c_peek(p), "struct") || token_is(c_peek(p), "union") ||
			token_is(c_peek(p), "enum") || token_is(c_peek(p), "typedef")))
		return;
	c_sync(p); /* prototypes, variables, functions: of no use to a script */
}

void cdecl_parse(struct type_source *src, const struct cpp *cpp)
{
	const struct cpp_tokens *t = cpp_output(cpp);
	struct cdecl *d = (struct cdecl *)src;
	struct c_parser p = { .d = d, .t = t->v, .n = t->n, .i = d->n_read };

	d->n_read = t->n;
	while (p.i < p.n) {
		size_t start = p.i;

		if (c_accept(&p, TOKEN_SEMICOLON))
			continue;
		p.failed = false;
		parse_declaration(&p);
		if (p.failed)
			c_sync(&p);
		if (p.i == start || c_peek(&p)->kind == TOKEN_RBRACE)
			p.i++; /* a stray '}', or something that begins no declaration */
	}
}
