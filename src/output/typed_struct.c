/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Structs, tuples, enums with data, wrappers and arrays in place: values that are made of parts. See typed_private.h. Only
 * Rust writes the names of structs; JSON has objects for named parts, arrays for the others, and {"Variant": ...} for
 * enums with data.
 */
#include "output/typed_private.h"

#include "output/json.h"

#include <inttypes.h>

/* "abi::P2<u8>" is P2 */
static struct str short_name(struct str name)
{
	size_t from = 0, to = name.n;

	for (size_t i = 0; i < to; i++) {
		if (name.p[i] == '<' && i > from)
			to = i;
		else if (name.p[i] == ':' && i + 1 < to && name.p[i + 1] == ':')
			from = i + 2;
	}
	return str_sub(name, from, to);
}

static bool is_tuple_field(struct str name)
{
	return name.n > 2 && name.p[0] == '_' && name.p[1] == '_' && name.p[2] >= '0' &&
	       name.p[2] <= '9';
}

static void put_field_name(struct typed *t, struct str name, uint32_t i)
{
	if (t->form == VALUE_JSON) {
		strbuf_puts(t->out, i ? ", " : "");
		json_put_string(t->out, name);
		strbuf_puts(t->out, ": ");
	} else if (t->lang == LANG_GO) {
		strbuf_printf(t->out, i ? " %.*s:" : "%.*s:", STR_ARG(name));
	} else if (t->lang == LANG_RUST) {
		strbuf_printf(t->out, i ? ", %.*s: " : " %.*s: ", STR_ARG(name));
	} else {
		strbuf_printf(t->out, i ? ", .%.*s = " : " .%.*s = ", STR_ARG(name));
	}
}

static void put_named_fields(struct typed *t, const struct look *l, struct typed_at at)
{
	bool hidden = t->is_hidden;

	strbuf_putc(t->out, '{');
	for (uint32_t i = 0; i < l->n_parts; i++) {
		struct str name = l->parts[i].name;

		put_field_name(t, name, i);
		/* fields of other packages are lower case: fmt prints them without their methods */
		if (t->lang == LANG_GO && name.n && (name.p[0] < 'A' || name.p[0] > 'Z'))
			t->is_hidden = true;
		typed_put(t, &l->parts[i], at);
		t->is_hidden = hidden;
	}
	if (t->form != VALUE_JSON && t->lang != LANG_GO && l->n_parts)
		strbuf_putc(t->out, ' ');
	strbuf_putc(t->out, '}');
}

static void put_tuple(struct typed *t, const struct look *l, struct typed_at at, bool is_named)
{
	struct typed_list list;

	/* {"Some": 4}, not {"Some": [4]} */
	if (t->form == VALUE_JSON && is_named && l->n_parts == 1) {
		typed_put(t, &l->parts[0], at);
		return;
	}
	list = typed_open(t, BRACKETS_TUPLE);
	for (uint32_t i = 0; i < l->n_parts; i++) {
		typed_next(&list);
		typed_put(t, &l->parts[i], at);
	}
	/* Rust's tuple of one */
	if (t->lang == LANG_RUST && t->form != VALUE_JSON && !is_named && l->n_parts == 1)
		strbuf_putc(t->out, ',');
	typed_close(&list);
}

/* name: of the struct or variant, which only Rust writes */
static void put_fields(struct typed *t, const struct look *l, struct typed_at at, struct str name)
{
	bool is_tuple = l->kind == LOOK_TUPLE ||
			(t->lang == LANG_RUST && l->n_parts && is_tuple_field(l->parts[0].name));

	t->is_top = false;
	if (t->lang == LANG_RUST && t->form != VALUE_JSON) {
		strbuf_add_str(t->out, name);
		if (name.n && l->n_parts && !is_tuple)
			strbuf_putc(t->out, ' ');
	}
	if (is_tuple || (t->lang == LANG_RUST && !name.n && l->kind == LOOK_FIELDS && !l->n_parts))
		put_tuple(t, l, at, name.n > 0);
	else if (t->lang != LANG_RUST || l->n_parts)
		put_named_fields(t, l, at);
	else if (t->form == VALUE_JSON)
		json_put_string(t->out, name);
}

void typed_put_struct(struct typed *t, const struct look *l, struct typed_at at)
{
	struct str name = l->type && l->kind == LOOK_FIELDS ? l->type->name : STR_NULL;

	/* tuples have no name of their own */
	put_fields(t, l, at, name.n && name.p[0] == '(' ? STR_NULL : short_name(name));
}

static const struct look *find_variant(const struct look *l, struct typed_at at, uint64_t *v)
{
	const struct look *other = NULL;
	bool is_known = typed_number(&l->num[0], at, v);

	for (uint32_t i = 0; i < l->n_parts && i < l->type->n_variants; i++) {
		const struct type_variant *variant = &l->type->variants[i];

		if (!variant->has_value)
			other = &l->parts[i];
		else if (is_known && variant->value == *v)
			return &l->parts[i];
	}
	/* several variants and no number to tell them apart by */
	return is_known || l->n_parts == 1 ? other : NULL;
}

void typed_put_variants(struct typed *t, const struct look *l, struct typed_at at)
{
	bool is_json = t->form == VALUE_JSON;
	bool is_option = str_starts(l->type->name, STR("core::option::Option<"));
	uint64_t v = 0;
	const struct look *part = find_variant(l, at, &v);

	if (!part && l->num[0].size && typed_bytes(at, l->num[0].offset, l->num[0].size)) {
		strbuf_printf(t->out,
			      is_json ? "\"<variant %" PRIu64 ">\"" : "<variant %" PRIu64 ">", v);
	} else if (!part) {
		typed_cut(t);
	} else if (is_json && is_option && !part->n_parts) {
		strbuf_puts(t->out, "null");
	} else if (is_json && !part->n_parts) {
		json_put_string(t->out, part->name);
	} else if (is_json && !is_option) {
		strbuf_putc(t->out, '{');
		json_put_string(t->out, part->name);
		strbuf_puts(t->out, ": ");
		put_fields(t, part, at, part->name);
		strbuf_putc(t->out, '}');
	} else {
		put_fields(t, part, at, part->name);
	}
}

/* Cow: what it holds, borrowed or owned */
void typed_put_bare(struct typed *t, const struct look *l, struct typed_at at)
{
	uint64_t v;
	const struct look *part = find_variant(l, at, &v);

	if (part && part->n_parts)
		typed_put(t, &part->parts[0], at);
	else
		typed_cut(t);
}

/* Cell { value: 5 }, Mutex { data: 5, poisoned: false, .. } */
void typed_put_wrap(struct typed *t, const struct look *l, struct typed_at at)
{
	bool is_json = t->form == VALUE_JSON;
	uint64_t flag;

	if (is_json) {
		typed_put(t, &l->parts[0], at);
		return;
	}
	t->is_top = false;
	strbuf_printf(t->out, "%.*s { %.*s: ", STR_ARG(l->label), STR_ARG(l->parts[0].name));
	typed_put(t, &l->parts[0], at);
	if (typed_number(&l->num[0], at, &flag))
		strbuf_printf(t->out, ", poisoned: %s, ..", flag ? "true" : "false");
	strbuf_puts(t->out, " }");
}

void typed_put_optional(struct typed *t, const struct look *l, struct typed_at at)
{
	uint64_t flag;

	if (!typed_number(&l->num[0], at, &flag))
		typed_cut(t);
	else if (flag)
		typed_put(t, &l->parts[0], at);
	else
		strbuf_puts(t->out, t->form == VALUE_JSON ? "null" : "nullopt");
}

void typed_put_alternative(struct typed *t, const struct look *l, struct typed_at at)
{
	uint64_t i;

	if (typed_number(&l->num[0], at, &i) && i < l->n_parts)
		typed_put(t, &l->parts[i], at);
	else if (typed_bytes(at, l->num[0].offset, l->num[0].size))
		typed_word(t, STR("valueless_by_exception"));
	else
		typed_cut(t);
}

/* (1+2i) */
static void put_complex(struct typed *t, const struct look *l, struct typed_at at)
{
	STRBUF_AUTO imaginary = { 0 };
	struct typed inner = *t;

	inner.out = &imaginary;
	typed_put(&inner, &l->parts[1], at);
	t->n_puts = inner.n_puts;
	strbuf_putc(t->out, '(');
	typed_put(t, &l->parts[0], at);
	if (imaginary.n && imaginary.p[0] != '-' && imaginary.p[0] != '+')
		strbuf_putc(t->out, '+');
	strbuf_add_str(t->out, strbuf_str(&imaginary));
	strbuf_puts(t->out, "i)");
}

void typed_put_range(struct typed *t, const struct look *l, struct typed_at at)
{
	bool is_complex = l->kind == LOOK_COMPLEX;
	struct typed_list list;

	if (t->form != VALUE_JSON && is_complex) {
		put_complex(t, l, at);
		return;
	}
	if (t->form != VALUE_JSON) {
		typed_put(t, &l->parts[0], at);
		strbuf_add_str(t->out, l->label);
		typed_put(t, &l->parts[1], at);
		return;
	}
	list = typed_open(t, BRACKETS_SEQ);
	typed_next(&list);
	typed_put(t, &l->parts[0], at);
	typed_next(&list);
	typed_put(t, &l->parts[1], at);
	typed_close(&list);
}

static void put_char_array(struct typed *t, const char *p, uint32_t n)
{
	typed_text(t, str_make(p, strnlen(p, n)), false);
}

void typed_put_array(struct typed *t, const struct look *l, struct typed_at at)
{
	const char *p = typed_bytes(at, l->offset, l->type->size);
	struct typed_list list;

	if (p && type_is_char_array(l->type) && t->lang <= LANG_CXX) {
		put_char_array(t, p, l->count);
		return;
	}
	list = typed_open(t, BRACKETS_SEQ);
	for (uint32_t i = 0; i < l->count; i++) {
		struct typed_at elem = at;

		typed_next(&list);
		if (i == CAPTURE_MAX_ELEMENTS || (l->n_parts > 1 && i >= l->n_parts)) {
			typed_cut(t);
			break;
		}
		if (l->n_parts == 1)
			elem.shift += i * l->stride;
		typed_put(t, &l->parts[l->n_parts == 1 ? 0 : i], elem);
	}
	typed_close(&list);
}
