/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of traced programs in the notation of their language: one walk over the looks that the plan was made with
 * (types/look.h), through what was captured. Structs and single values are here, sequences in typed_seq.c, maps in
 * typed_map.c, Go's own in typed_go.c, numbers in number.c.
 *
 * The bytes come from the traced process and the looks from its debug information: no offset, length or discriminant is believed.
 * What was not captured prints "...", what could not be read "<fault at 0x...>".
 */
#include "output/typed_private.h"

#include "output/json.h"
#include "output/number.h"
#include "types/view.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
	MAX_DEPTH = 256, /* of looks in looks: far more than plans nest */
	MAX_PUTS =
		16384, /* of values in one value: arrays in arrays of a malformed type have no end */
};

/* ---- bytes ---- */

const char *typed_bytes(struct typed_at at, uint32_t offset, uint32_t n)
{
	uint64_t from = (uint64_t)offset + at.shift;

	return at.elem && from + n <= at.size ? at.elem + from : NULL;
}

static bool load(struct typed_at at, uint32_t offset, uint32_t size, uint64_t *v)
{
	const char *p = typed_bytes(at, offset, size);

	*v = 0;
	if (p)
		memcpy(v, p, size < 8 ? size : 8);
	return p != NULL;
}

bool typed_number(const struct look_num *n, struct typed_at at, uint64_t *v)
{
	uint64_t end;

	if (!n->size || !load(at, n->offset, n->size, v))
		return false;
	if (n->divide) {
		if (!load(at, n->end, 8, &end))
			return false;
		*v = (int64_t)(end - *v) < 0 ? 0 : (end - *v) / n->divide;
	}
	if (n->mask)
		*v &= n->mask;
	*v >>= n->shift;
	/* lengths that take off a NUL */
	*v = n->add < 0 && *v < (uint64_t)-n->add ? 0 : *v + (uint64_t)n->add;
	return true;
}

struct typed_segment typed_follow(const struct typed *t, const struct look *l, uint32_t link,
				  struct typed_at at)
{
	struct typed_segment out = { .state = SEGMENT_MISSING };
	const struct stored_segment *seg;

	if (link >= l->n_links)
		return out;
	out.size = l->links[link].size;
	/* elements without bytes are wherever one wants them */
	if (l->links[link].target && !out.size) {
		out.state = SEGMENT_THERE;
		out.n_elems = UINT32_MAX;
		out.count = UINT64_MAX;
		return out;
	}
	if (!t->s || l->links[link].edge == LOOK_NO_EDGE)
		return out;
	seg = capture_find(t->s, at.origin, l->links[link].edge);
	if (!seg)
		return out;
	out.count = seg->count;
	out.bytes = (const char *)(seg + 1);
	out.origin = capture_origin(t->s, seg, 0, 0);
	out.n_elems = seg->n_bytes / out.size;
	if (seg->n_elems < out.n_elems)
		out.n_elems = seg->n_elems;
	out.state = out.n_elems || !seg->count ? SEGMENT_THERE : SEGMENT_FAULT;
	return out;
}

struct typed_at typed_elem(const struct typed_segment *s, uint32_t i)
{
	if (!s->size)
		return (struct typed_at){ .elem = "", .origin = CAPTURE_ROOT };
	return (struct typed_at){ .elem = s->bytes + (size_t)i * s->size,
				  .size = s->size,
				  .origin = s->origin + i * s->size };
}

/* ---- words ---- */

void typed_cut(struct typed *t)
{
	strbuf_puts(t->out, t->form == VALUE_JSON ? "\"...\"" : "...");
}

static void typed_fault(struct typed *t, uint64_t addr)
{
	strbuf_printf(t->out,
		      t->form == VALUE_JSON ? "\"<fault at 0x%" PRIx64 ">\""
					    : "<fault at 0x%" PRIx64 ">",
		      addr);
}

void typed_absent(struct typed *t, const struct typed_segment *s, uint64_t addr)
{
	if (s->state == SEGMENT_FAULT)
		typed_fault(t, addr);
	else
		typed_cut(t);
}

void typed_word(struct typed *t, struct str s)
{
	if (t->form == VALUE_JSON)
		json_put_string(t->out, s);
	else
		strbuf_add_str(t->out, s);
}

static void put_null(struct typed *t)
{
	static const char *const words[] = { [LANG_NONE] = "0x0",
					     [LANG_C] = "0x0",
					     [LANG_CXX] = "nullptr",
					     [LANG_RUST] = "0x0",
					     [LANG_GO] = "<nil>" };

	strbuf_puts(t->out, t->form == VALUE_JSON ? "null" : words[t->lang]);
}

static void put_pointer(struct typed *t, uint64_t v)
{
	if (!v)
		put_null(t);
	else if (t->form == VALUE_JSON)
		json_put_u64(t->out, v);
	else
		strbuf_printf(t->out, "0x%" PRIx64, v);
}

/* as Rust's Debug; C++ inside of something else differs only in how it writes odd bytes */
static void put_quoted(struct typed *t, struct str s)
{
	const uint8_t *p = (const uint8_t *)s.p;
	bool is_rust = t->lang == LANG_RUST;

	strbuf_putc(t->out, '"');
	for (size_t i = 0; i < s.n;) {
		size_t n = utf8_length(p + i, s.n - i);
		uint32_t c = p[i];

		if (n > 1) {
			c &= 0xffu >> (n + 1);
			for (size_t k = 1; k < n; k++)
				c = c << 6 | (p[i + k] & 0x3f);
		}
		if (c == '"' || c == '\\')
			strbuf_printf(t->out, "\\%c", (char)c);
		else if (c == '\n' || c == '\r' || c == '\t')
			strbuf_printf(t->out, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
		else if (!n)
			strbuf_printf(t->out, is_rust ? "\\x%02X" : "\\x%02x", c);
		else if (is_rust && !c)
			strbuf_puts(t->out, "\\0");
		else if (number_is_unprintable(c))
			strbuf_printf(t->out,
				      is_rust    ? "\\u{%" PRIx32 "}"
				      : c < 0x80 ? "\\x%02" PRIx32
						 : "\\u%04" PRIx32,
				      c);
		else
			strbuf_add(t->out, p + i, n);
		i += n ? n : 1;
	}
	strbuf_putc(t->out, '"');
}

void typed_text(struct typed *t, struct str s, bool is_cut)
{
	STRBUF_AUTO text = { 0 };

	if (t->form == VALUE_JSON) {
		strbuf_add_str(&text, s);
		if (is_cut)
			strbuf_puts(&text, "...");
		json_put_string(t->out, strbuf_str(&text));
		return;
	}
	if (t->is_plain)
		strbuf_add_str(t->out, s);
	else if (t->lang == LANG_RUST || (t->lang == LANG_CXX && !t->is_top))
		put_quoted(t, s);
	else
		value_put_string(t->env, t->form, s, t->out);
	if (is_cut)
		strbuf_puts(t->out, "...");
}

/* ---- one value ---- */

/* an enum without data: in JSON like a variant without data, by its name */
static void put_rust_enum(struct typed *t, const struct type *type, const char *p)
{
	STRBUF_AUTO name = { 0 };

	value_put(t->env, VALUE_TEXT, type, p, &name);
	typed_word(t, strbuf_str(&name));
}

static void put_leaf(struct typed *t, const struct look *l, struct typed_at at)
{
	const struct type *type = l->type;
	const char *p = typed_bytes(at, l->offset, type->size);

	if (!p)
		typed_cut(t);
	else if (type->kind == TYPE_ENUM && t->lang == LANG_RUST && !type->is_char)
		put_rust_enum(t, type, p);
	else if (type->kind == TYPE_FLOAT)
		number_put_float(t->form, t->lang, type->size, p, t->out);
	else
		value_put(t->env, t->form, type, p, t->out);
}

static void put_bits(struct typed *t, const struct look *l, struct typed_at at)
{
	unsigned unused = l->count < 64 ? 64 - l->count : 0;
	uint64_t v;

	if (!typed_number(&l->num[0], at, &v)) {
		typed_cut(t);
		return;
	}
	if (l->type->is_signed)
		v = (uint64_t)((int64_t)(v << unused) >> unused);
	if (l->type->kind == TYPE_BOOL || l->type->kind == TYPE_ENUM)
		value_put(t->env, t->form, l->type, &v, t->out);
	else
		value_put_number(t->form, v, l->type->is_signed, t->out);
}

/* Rust's Debug of core::time::Duration: the unit that leaves digits before the point */
static void put_duration(struct typed *t, const struct look *l, struct typed_at at)
{
	STRBUF_AUTO text = { 0 };
	uint64_t s, ns, scale, fraction;
	const char *unit;

	if (!typed_number(&l->num[0], at, &s) || !typed_number(&l->num[1], at, &ns)) {
		typed_cut(t);
		return;
	}
	scale = s ? 1000000000 : ns >= 1000000 ? 1000000 : ns >= 1000 ? 1000 : 1;
	unit = s ? "s" : ns >= 1000000 ? "ms" : ns >= 1000 ? "\xc2\xb5s" : "ns";
	strbuf_printf(&text, "%" PRIu64, s ? s : ns / scale);
	fraction = ns % scale;
	if (fraction)
		strbuf_putc(&text, '.');
	for (scale /= 10; fraction && scale; scale /= 10) {
		strbuf_putc(&text, (char)('0' + fraction / scale));
		fraction %= scale;
	}
	strbuf_puts(&text, unit);
	typed_word(t, strbuf_str(&text));
}

static void put_ref(struct typed *t, const struct look *l, struct typed_at at)
{
	struct typed_segment s = typed_follow(t, l, 0, at);
	uint64_t addr;

	if (!typed_number(&l->num[0], at, &addr)) {
		typed_cut(t);
	} else if (!addr) {
		put_null(t);
	} else if (s.state != SEGMENT_THERE) {
		typed_absent(t, &s, addr);
	} else {
		if (t->form != VALUE_JSON)
			strbuf_add_str(t->out, l->label);
		typed_put(t, l->links[0].target, typed_elem(&s, 0));
	}
}

/* what is behind a trait object is known at run time only: typename() says it */
static void put_dyn(struct typed *t, const struct look *l, struct typed_at at)
{
	STRBUF_AUTO text = { 0 };
	uint64_t data;

	if (!typed_number(&l->num[0], at, &data)) {
		typed_cut(t);
		return;
	}
	strbuf_putc(&text, '<');
	strbuf_add_str(&text, l->type->name);
	strbuf_printf(&text, " at 0x%" PRIx64 ">", data);
	typed_word(t, strbuf_str(&text));
}

static void put_address(struct typed *t, const struct look *l, struct typed_at at)
{
	uint64_t v;

	if (typed_number(&l->num[0], at, &v))
		put_pointer(t, v);
	else
		typed_cut(t);
}

static void put_kind(struct typed *t, const struct look *l, struct typed_at at)
{
	switch (l->kind) {
	case LOOK_LEAF: put_leaf(t, l, at); break;
	case LOOK_BITS: put_bits(t, l, at); break;
	case LOOK_FIELDS: typed_put_struct(t, l, at); break;
	case LOOK_TUPLE: typed_put_struct(t, l, at); break;
	case LOOK_VARIANTS: typed_put_variants(t, l, at); break;
	case LOOK_BARE: typed_put_bare(t, l, at); break;
	case LOOK_ARRAY: typed_put_array(t, l, at); break;
	case LOOK_INNER: typed_put(t, &l->parts[0], at); break;
	case LOOK_WRAP: typed_put_wrap(t, l, at); break;
	case LOOK_WORD: typed_word(t, l->label); break;
	case LOOK_ADDRESS:
	case LOOK_POINTER: put_address(t, l, at); break;
	case LOOK_DURATION: put_duration(t, l, at); break;
	case LOOK_COMPLEX:
	case LOOK_RANGE: typed_put_range(t, l, at); break;
	case LOOK_OPTIONAL: typed_put_optional(t, l, at); break;
	case LOOK_ALTERNATIVES: typed_put_alternative(t, l, at); break;
	case LOOK_REF: put_ref(t, l, at); break;
	case LOOK_DYN: put_dyn(t, l, at); break;
	case LOOK_TEXT:
	case LOOK_SSO:
	case LOOK_SEQ:
	case LOOK_OPAQUE:
	case LOOK_RING:
	case LOOK_DEQUE:
	case LOOK_BOOLS: typed_put_sequence(t, l, at); break;
	case LOOK_SWISS: typed_put_swiss(t, l, at); break;
	case LOOK_CHAIN:
	case LOOK_TREE: typed_put_nodes(t, l, at); break;
	case LOOK_BTREE: typed_put_btree(t, l, at); break;
	case LOOK_GO_MAP: typed_put_go_map(t, l, at); break;
	case LOOK_GO_FACE: typed_put_go_face(t, l, at); break;
	default: typed_cut(t);
	}
}

void typed_put(struct typed *t, const struct look *l, struct typed_at at)
{
	bool is_top = t->is_top;

	if (t->depth >= MAX_DEPTH || t->n_puts++ >= MAX_PUTS) {
		typed_cut(t);
		return;
	}
	t->depth++;
	put_kind(t, l, at);
	t->depth--;
	t->is_top = is_top;
}

/* ---- from outside ---- */

/* the value in its capture, copied to where it is aligned; *at is its first element */
static bool open_capture(struct typed *t, const struct type *type, const void *data,
			 struct typed_at *at)
{
	struct stored_capture *s = base_alloc(CAPTURE_MAX_BYTES + sizeof(*s));
	const struct stored_segment *first;
	uint32_t n = type->size < CAPTURE_MAX_BYTES ? type->size : CAPTURE_MAX_BYTES;

	memcpy(s, data, n);
	if (n < sizeof(*s))
		n = sizeof(*s);
	if (s->n_bytes > n - sizeof(*s))
		s->n_bytes = n - (uint32_t)sizeof(*s);
	t->s = s;
	t->plan = type->capture;
	first = capture_find(s, CAPTURE_ROOT, CAPTURE_ROOT);
	if (!first)
		return false;
	*at = (struct typed_at){ .elem = (const char *)(first + 1),
				 .size = first->n_bytes,
				 .origin = capture_origin(s, first, 0, 0) };
	return true;
}

/* arrays have no language of their own */
static enum type_lang lang_of(const struct type *t)
{
	if (t->kind == TYPE_CAPTURE)
		t = t->elem;
	while (t->kind == TYPE_ARRAY)
		t = t->elem;
	return t->lang;
}

/* a struct of which only the bytes were kept: the keys of maps */
static const struct type *plan_for(const struct type *t)
{
	return t->source && t->source->table ? view_capture(t->source->table, t) : NULL;
}

void value_put_typed(const struct value_env *env, enum value_form form, const struct type *type,
		     const void *data, struct strbuf *out)
{
	struct typed t = { .env = env,
			   .form = form == VALUE_JSON ? VALUE_JSON : VALUE_TEXT,
			   .lang = lang_of(type),
			   .out = out,
			   .is_top = true };
	struct typed_at at = { .elem = data, .size = type->size, .origin = CAPTURE_ROOT };
	const struct type *planned = type->kind == TYPE_CAPTURE ? type : plan_for(type);
	bool ok = planned != NULL;

	if (ok && type->kind == TYPE_CAPTURE)
		ok = open_capture(&t, type, data, &at);
	if (ok)
		typed_put(&t, planned->capture->looks[0], at);
	else
		typed_cut(&t);
	free((void *)t.s);
}

bool value_typed_text(const struct type *type, const void *data, struct strbuf *out, bool *is_cut)
{
	static const struct value_env plain_env;
	struct typed t = { .env = &plain_env,
			   .form = VALUE_TEXT,
			   .lang = lang_of(type),
			   .out = out,
			   .is_top = true,
			   .is_plain = true };
	const struct look *l = type->capture->looks[0];
	struct typed_at at;
	bool ok = open_capture(&t, type, data, &at);

	while (l->kind == LOOK_INNER)
		l = &l->parts[0];
	ok = ok && (l->kind == LOOK_TEXT || l->kind == LOOK_SSO);
	*is_cut = ok && t.s->flags & CAPTURED_CUT;
	if (ok)
		typed_put(&t, l, at);
	free((void *)t.s);
	return ok;
}
