/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bodies of struct, union and enum definitions: members into fields, enumerators into constants. */
#include "lang/cdecl_private.h"

static struct str c_tag_key(struct cdecl *d, char keyword, struct str name)
{
	return arena_printf(d->arena, "%c%.*s", keyword, STR_ARG(name));
}

/* the type of a tag, made when it is new; NULL when the next source has it and the text does not define it here */
static struct type *find_tag(struct c_parser *p, char keyword, struct str name, bool has_body,
			     const struct type **foreign)
{
	struct cdecl *d = p->d;
	struct str key = c_tag_key(d, keyword, name);
	struct type *t = name.n ? hashmap_get(&d->tags, key) : NULL;

	*foreign = NULL;
	if (t)
		return t;
	if (!has_body && name.n && d->o.next)
		*foreign = d->o.next->ops->find(d->o.next, keyword, name);
	if (*foreign)
		return NULL;
	if (keyword == 'e')
		return NULL;
	t = type_new_struct(d->o.table, name, keyword == 'u');
	t->source = &d->base;
	if (name.n)
		hashmap_put(&d->tags, key, t);
	return t;
}

/* ---- struct and union ---- */

/* a member as written; it gets its place when the attributes behind the body are known */
struct member {
	struct type_field field;
	int width; /* -1: no bit-field */
	struct c_attributes attributes;
	struct span at;
};

struct members {
	VEC(struct member) v;
};

static void add_member(struct c_parser *p, struct members *m, const struct member *member)
{
	const struct type *type = member->field.type;
	struct str name = member->field.name;

	if (p->failed)
		return;
	if (type->kind == TYPE_VOID || type->kind == TYPE_FUNCTION ||
	    (type->kind == TYPE_STRUCT && !type_complete(type))) {
		STRBUF_AUTO spelled = { 0 };

		type_spell(type, &spelled);
		c_error(p, D_C_BAD_LAYOUT, member->at,
			"the member '%.*s' has a type of unknown size: %s", STR_ARG(name),
			strbuf_cstr(&spelled));
		return;
	}
	for (size_t i = 0; name.n && i < m->v.n; i++)
		if (str_eq(m->v.v[i].field.name, name))
			c_error(p, D_C_REDEFINED, member->at, "there is a member '%.*s' already",
				STR_ARG(name));
	vec_push(&m->v, *member);
}

static void lay_out(struct c_parser *p, struct type *t, const struct members *m,
		    const struct c_attributes *a)
{
	struct c_layout layout = { .is_union = t->is_union, .attributes = *a };

	t->fields = m->v.n ? arena_array(p->d->arena, struct type_field, m->v.n) : NULL;
	for (size_t i = 0; i < m->v.n; i++) {
		struct type_field f = m->v.v[i].field;
		int width = m->v.v[i].width;

		if (!c_layout_add(&layout, &f, width, &m->v.v[i].attributes)) {
			c_error(p, D_C_BAD_LAYOUT, m->v.v[i].at,
				"the struct becomes too large, or the bit-field '%.*s' too wide for its place",
				STR_ARG(f.name));
			break;
		}
		/* unnamed bit-fields are padding; unnamed structs and unions lend their members */
		if (f.name.n || width < 0)
			t->fields[t->n_fields++] = f;
	}
	c_layout_finish(&layout, t);
}

/* width: ':' constant; -1 when there is none */
static int parse_width(struct c_parser *p, const struct type *type, struct span at)
{
	int64_t width;

	if (!c_accept(p, TOKEN_COLON))
		return -1;
	if (!c_parse_constant(p, &width, "the width of a bit-field"))
		return 1;
	if (!type_is_integer(type)) {
		c_error(p, D_C_BAD_LAYOUT, at, "a bit-field must have an integer type");
		return 1;
	}
	if (width < 0 || width > (int64_t)type->size * 8) {
		c_error(p, D_C_BAD_LAYOUT, at, "a bit-field of this type may be 0 to %u bits wide",
			type->size * 8);
		return 1;
	}
	return (int)width;
}

/* member: specifiers (declarator (':' constant)? (',' declarator ...)*)? ';' */
static void parse_member(struct c_parser *p, struct members *m)
{
	struct c_attributes base_attributes = { 0 };
	struct span start = c_peek(p)->at;
	bool defines;
	const struct type *base = c_parse_specifiers(p, &base_attributes, &defines);

	if (p->failed)
		return; /* what is left up to the ';' is passed over */
	if (c_peek(p)->kind == TOKEN_RBRACE || c_accept(p, TOKEN_SEMICOLON)) {
		struct member member = { .field = { .type = base },
					 .width = -1,
					 .attributes = base_attributes,
					 .at = start };

		if (base->kind == TYPE_STRUCT && base->name.n == 0)
			add_member(p, m, &member);
		return;
	}
	do {
		struct member member = { .width = -1,
					 .attributes = base_attributes,
					 .at = c_peek(p)->at };

		member.field.type = base;
		if (c_peek(p)->kind != TOKEN_COLON)
			member.field.type = c_parse_declarator(p, base, &member.field.name);
		member.width = parse_width(p, member.field.type, member.at);
		c_parse_attributes(p, &member.attributes);
		if (member.field.name.n == 0 && member.width < 0)
			c_error(p, D_C_SYNTAX, c_peek(p)->at, "expected the name of a member");
		else if (member.field.name.n && member.width == 0)
			c_error(p, D_C_BAD_LAYOUT, member.at,
				"a bit-field of no width must have no name");
		add_member(p, m, &member);
	} while (!p->failed && c_accept(p, TOKEN_COMMA));
	/* clang takes the last member without ';', and scripts rely on it */
	if (!p->failed && c_peek(p)->kind != TOKEN_RBRACE)
		c_expect(p, TOKEN_SEMICOLON, "behind a member");
}

/* struct: attributes NAME? attributes ('{' member* '}' attributes)? */
const struct type *c_parse_struct(struct c_parser *p, bool is_union, bool *defines)
{
	struct c_attributes a = { 0 };
	struct members m = { 0 };
	struct str name = STR_NULL;
	const struct type *foreign;
	struct span at;
	struct type *t;

	c_parse_attributes(p, &a);
	at = c_peek(p)->at;
	if (c_peek(p)->kind == TOKEN_NAME) {
		name = c_peek(p)->name;
		p->i++;
	}
	c_parse_attributes(p, &a);
	t = find_tag(p, is_union ? 'u' : 's', name, c_peek(p)->kind == TOKEN_LBRACE, &foreign);
	if (c_peek(p)->kind != TOKEN_LBRACE) {
		if (name.n == 0)
			c_error(p, D_C_SYNTAX, c_peek(p)->at,
				"expected a name or '{' behind struct or union");
		return t ? t : foreign;
	}
	*defines = true;
	if (t->is_complete) {
		c_error(p, D_C_REDEFINED, at, "'%s %.*s' is defined already",
			is_union ? "union" : "struct", STR_ARG(name));
		c_skip_balanced(p);
		return t;
	}
	p->i++;
	while (c_peek(p)->kind != TOKEN_RBRACE && c_peek(p)->kind != TOKEN_END) {
		if (c_accept(p, TOKEN_SEMICOLON))
			continue;
		parse_member(p, &m);
		if (p->failed) {
			/* go on with the next member: it may have a fault of its own */
			c_sync(p);
			p->failed = false;
		}
	}
	c_expect(p, TOKEN_RBRACE, "to close the struct or union");
	c_parse_attributes(p, &a);
	if (t->is_complete) /* a definition of the same name among its own members */
		c_error(p, D_C_REDEFINED, at, "'%s %.*s' is defined already",
			is_union ? "union" : "struct", STR_ARG(name));
	else
		lay_out(p, t, &m, &a);
	vec_free(&m.v);
	return t;
}

/* ---- enum ---- */

struct enumerators {
	VEC(struct type_enumerator) v;
};

/* '{' NAME ('=' constant)? (',' ...)* ','? '}' */
static void parse_enumerators(struct c_parser *p, struct enumerators *e)
{
	int64_t next = 0;

	while (c_peek(p)->kind == TOKEN_NAME) {
		struct type_enumerator item = { .name = c_peek(p)->name };
		struct c_attributes ignored = { 0 };
		struct span at = c_peek(p)->at;
		struct c_constant *c;

		p->i++;
		c_parse_attributes(p, &ignored);
		if (c_accept(p, TOKEN_ASSIGN) &&
		    !c_parse_constant(p, &next, "the value of an enumerator"))
			break;
		item.value = next;
		next = (int64_t)((uint64_t)next + 1);
		vec_push(&e->v, item);
		c = arena_new(p->d->arena, struct c_constant);
		c->value = item.value;
		if (hashmap_put(&p->d->constants, item.name, c)) {
			c_error(p, D_C_REDEFINED, at, "the enumerator '%.*s' is defined already",
				STR_ARG(item.name));
			break;
		}
		if (!c_accept(p, TOKEN_COMMA))
			break;
	}
}

/* enum: attributes NAME? ('{' enumerators '}' attributes)? */
const struct type *c_parse_enum(struct c_parser *p, bool *defines)
{
	struct cdecl *d = p->d;
	struct c_attributes a = { 0 };
	struct enumerators e = { 0 };
	struct type_enumerator *items;
	struct str name = STR_NULL;
	const struct type *foreign;
	struct type *t;
	bool is_signed = false, is_wide = false;
	struct span at;

	c_parse_attributes(p, &a);
	at = c_peek(p)->at;
	if (c_peek(p)->kind == TOKEN_NAME) {
		name = c_peek(p)->name;
		p->i++;
	}
	t = find_tag(p, 'e', name, c_peek(p)->kind == TOKEN_LBRACE, &foreign);
	if (c_peek(p)->kind != TOKEN_LBRACE) {
		if (!t && !foreign)
			c_error(p, D_C_UNKNOWN_TYPE, at, "'enum %.*s' is not defined",
				STR_ARG(name));
		return t ? t : foreign ? foreign : type_int(4, false);
	}
	*defines = true;
	if (t) {
		c_error(p, D_C_REDEFINED, at, "'enum %.*s' is defined already", STR_ARG(name));
		c_skip_balanced(p);
		return t;
	}
	p->i++;
	parse_enumerators(p, &e);
	c_expect(p, TOKEN_RBRACE, "or ',' in the enum");
	c_parse_attributes(p, &a);
	items = e.v.n ? arena_array(d->arena, struct type_enumerator, e.v.n) : NULL;
	for (size_t i = 0; i < e.v.n; i++) {
		items[i] = e.v.v[i];
		is_signed |= items[i].value < 0;
	}
	for (size_t i = 0; i < e.v.n; i++)
		is_wide |= is_signed ? items[i].value != (int32_t)items[i].value
				     : items[i].value > UINT32_MAX;
	t = type_new_enum(d->o.table, name,
			  a.packed  ? 1
			  : is_wide ? 8
				    : 4,
			  is_signed, items, (uint32_t)e.v.n);
	vec_free(&e.v);
	for (uint32_t i = 0; i < t->n_enumerators; i++)
		((struct c_constant *)hashmap_get(&d->constants, items[i].name))->type = t;
	if (name.n)
		hashmap_put(&d->tags, c_tag_key(d, 'e', name), t);
	return t;
}
