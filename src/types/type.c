/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making and asking types: see type.h for what they are. Every constructor computes the stored form (size, align) once,
 * so that code generation and printing only ever read it. How types are written for people is in spell.c.
 *
 * Interning: the key of a type is the bytes of what distinguishes it. Parts that are types themselves enter the key as
 * their address, which is enough because they are interned too (or, for structs, because each definition is a type of
 * its own).
 */
#include "types/type.h"

/* anonymous members inside anonymous members: deeper nesting than this is not C that anybody wrote */
#define MAX_ANONYMOUS_DEPTH 32

/* ---- types without parameters: one static object each, shared by all tables ---- */

static const struct type none_type = { .kind = TYPE_NONE, .align = 1 };
static const struct type void_type = { .kind = TYPE_VOID, .align = 1 };
static const struct type bool_type = { .kind = TYPE_BOOL, .size = 1, .align = 1 };

static const struct type signed_types[] = {
	{ .kind = TYPE_INT, .size = 1, .align = 1, .is_signed = true },
	{ .kind = TYPE_INT, .size = 2, .align = 2, .is_signed = true },
	{ .kind = TYPE_INT, .size = 4, .align = 4, .is_signed = true },
	{ .kind = TYPE_INT, .size = 8, .align = 8, .is_signed = true },
};
static const struct type unsigned_types[] = {
	{ .kind = TYPE_INT, .size = 1, .align = 1 },
	{ .kind = TYPE_INT, .size = 2, .align = 2 },
	{ .kind = TYPE_INT, .size = 4, .align = 4 },
	{ .kind = TYPE_INT, .size = 8, .align = 8 },
};

static const struct type simple_types[TYPE_N_KINDS] = {
	[TYPE_KSYM] = { .kind = TYPE_KSYM, .size = 8, .align = 8 },
	[TYPE_USYM] = { .kind = TYPE_USYM, .size = sizeof(struct stored_usym), .align = 8 },
	[TYPE_INET] = { .kind = TYPE_INET, .size = sizeof(struct stored_inet), .align = 4 },
	[TYPE_MACADDR] = { .kind = TYPE_MACADDR, .size = 6, .align = 1 },
	[TYPE_TIMESTAMP] = { .kind = TYPE_TIMESTAMP,
			     .size = sizeof(struct stored_timestamp),
			     .align = 8 },
	[TYPE_CGROUP_PATH] = { .kind = TYPE_CGROUP_PATH,
			       .size = sizeof(struct stored_cgroup_path),
			       .align = 8 },
	[TYPE_TYPENAME] = { .kind = TYPE_TYPENAME, .size = sizeof(struct stored_usym), .align = 8 },
	[TYPE_USERNAME] = { .kind = TYPE_USERNAME, .size = 4, .align = 4 },
	[TYPE_BLOB] = { .kind = TYPE_BLOB, .size = sizeof(struct stored_blob), .align = 8 },
	[TYPE_COUNT] = { .kind = TYPE_COUNT, .size = 8, .align = 8 },
};

const struct type *type_none(void)
{
	return &none_type;
}

const struct type *type_void(void)
{
	return &void_type;
}

const struct type *type_bool(void)
{
	return &bool_type;
}

const struct type *type_int(uint32_t size, bool is_signed)
{
	unsigned i = size <= 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3;

	return is_signed ? &signed_types[i] : &unsigned_types[i];
}

const struct type *type_simple(enum type_kind kind)
{
	switch (kind) {
	case TYPE_NONE: return &none_type;
	case TYPE_VOID: return &void_type;
	case TYPE_BOOL: return &bool_type;
	default: return simple_types[kind].kind == kind ? &simple_types[kind] : &none_type;
	}
}

/* ---- interning ---- */

void type_table_init(struct type_table *tt, struct arena *arena)
{
	*tt = (struct type_table){ .arena = arena };
}

void type_table_free(struct type_table *tt)
{
	hashmap_free(&tt->interned);
}

static void key_u64(struct strbuf *key, uint64_t v)
{
	strbuf_add(key, &v, sizeof(v));
}

/* lengths stand before the bytes, so that ("a", "bc") and ("ab", "c") differ */
static void key_str(struct strbuf *key, struct str s)
{
	key_u64(key, s.n);
	strbuf_add_str(key, s);
}

/*
 * The type with this key, or a new one made from the template. The key begins with the kind, so the layouts of the keys
 * of different kinds never meet. Returns the type; *is_new says whether parts of it are still to be filled in.
 */
static struct type *intern(struct type_table *tt, struct strbuf *key, const struct type *template,
			   bool *is_new)
{
	struct type *t = hashmap_get(&tt->interned, strbuf_str(key));

	*is_new = !t;
	if (!t) {
		t = arena_new(tt->arena, struct type);
		*t = *template;
		hashmap_put(&tt->interned, arena_str(tt->arena, strbuf_str(key)), t);
	}
	return t;
}

static const struct type *intern_plain(struct type_table *tt, const struct type *template)
{
	STRBUF_AUTO key = { 0 };
	bool is_new;

	key_u64(&key, template->kind);
	key_u64(&key, (uintptr_t) template->elem);
	key_u64(&key, (uint64_t) template->space << 32 | template->count);
	key_u64(&key, (uint64_t) template->is_signed << 32 | template->stack_mode);
	for (unsigned i = 0; i < 3; i++)
		key_u64(&key, (uint64_t) template->param[i]);
	return intern(tt, &key, template, &is_new);
}

/* ---- constructors ---- */

const struct type *type_pointer(struct type_table *tt, const struct type *elem, enum space space)
{
	return intern_plain(tt, &(struct type){ .kind = TYPE_POINTER,
						.size = 8,
						.align = 8,
						.elem = elem,
						.space = space });
}

const struct type *type_pointer_named(struct type_table *tt, const struct type *elem,
				      enum space space, enum type_lang lang, struct str name)
{
	const struct type template = { .kind = TYPE_POINTER,
				       .size = 8,
				       .align = 8,
				       .elem = elem,
				       .space = space,
				       .lang = lang };
	STRBUF_AUTO key = { 0 };
	struct type *t;
	bool is_new;

	if (!name.n && lang == LANG_NONE)
		return type_pointer(tt, elem, space);
	/* longer than the key of a pointer without a name, so that the two never meet */
	key_u64(&key, TYPE_POINTER);
	key_u64(&key, (uintptr_t)elem);
	key_u64(&key, (uint64_t)space << 32 | lang);
	key_str(&key, name);
	key_str(&key, STR("a named pointer"));
	t = intern(tt, &key, &template, &is_new);
	if (is_new)
		t->name = arena_str(tt->arena, name);
	return t;
}

const struct type *type_float(uint32_t size)
{
	static const struct type types[] = {
		{ .kind = TYPE_FLOAT, .size = 4, .align = 4 },
		{ .kind = TYPE_FLOAT, .size = 8, .align = 8 },
		{ .kind = TYPE_FLOAT, .size = 16, .align = 8 },
	};

	return &types[size <= 4 ? 0 : size <= 8 ? 1 : 2];
}

const struct type *type_wide_int(bool is_signed)
{
	static const struct type types[] = {
		{ .kind = TYPE_WIDE_INT, .size = 16, .align = 8 },
		{ .kind = TYPE_WIDE_INT, .size = 16, .align = 8, .is_signed = true },
	};

	return &types[is_signed];
}

const struct type *type_capture(struct type_table *tt, const struct type *elem,
				const struct capture *capture, uint32_t size)
{
	struct type *t = arena_new(tt->arena, struct type);

	*t = (struct type){ .kind = TYPE_CAPTURE,
			    .size = size,
			    .align = 8,
			    .elem = elem,
			    .capture = capture,
			    .lang = elem->lang };
	return t;
}

const struct type *type_array(struct type_table *tt, const struct type *elem, uint32_t count)
{
	uint64_t size;

	/* the size of the whole needs the size of the element */
	type_complete(elem);
	size = (uint64_t)elem->size * count;
	return intern_plain(tt,
			    &(struct type){ .kind = TYPE_ARRAY,
					    .size = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size,
					    .align = elem->align ? elem->align : 1,
					    .elem = elem,
					    .count = count,
					    .is_flex = count == 0 });
}

const struct type *type_string(struct type_table *tt, uint32_t size)
{
	if (size == 0)
		size = 1;
	return intern_plain(
		tt, &(struct type){ .kind = TYPE_STRING, .size = size, .align = 1, .count = size });
}

const struct type *type_buffer(struct type_table *tt, uint32_t capacity)
{
	return intern_plain(tt, &(struct type){ .kind = TYPE_BUFFER,
						.size = 4 + (capacity + 3) / 4 * 4,
						.align = 4,
						.count = capacity });
}

/* fields one behind the other, each at its own alignment; the end padded to the largest of them: as C does */
static void tuple_lay_out(struct type *t)
{
	uint32_t at = 0, align = 1;

	for (uint32_t i = 0; i < t->n_fields; i++) {
		struct type_field *f = &t->fields[i];
		uint32_t a = f->type->align ? f->type->align : 1;

		at = (at + a - 1) / a * a;
		f->offset = at;
		at += f->type->size;
		align = a > align ? a : align;
	}
	t->align = align;
	t->size = (at + align - 1) / align * align;
}

const struct type *type_tuple(struct type_table *tt, const struct type *const *elems,
			      const struct str *names, uint32_t n)
{
	struct type template = { .kind = names ? TYPE_RECORD : TYPE_TUPLE,
				 .n_fields = n,
				 .is_complete = true };
	STRBUF_AUTO key = { 0 };
	struct type *t;
	bool is_new;

	key_u64(&key, template.kind);
	for (uint32_t i = 0; i < n; i++) {
		type_complete(elems[i]);
		key_u64(&key, (uintptr_t)elems[i]);
		if (names)
			key_str(&key, names[i]);
	}
	t = intern(tt, &key, &template, &is_new);
	if (!is_new)
		return t;
	t->fields = arena_array(tt->arena, struct type_field, n);
	for (uint32_t i = 0; i < n; i++) {
		t->fields[i].type = elems[i];
		if (names)
			t->fields[i].name = arena_str(tt->arena, names[i]);
	}
	tuple_lay_out(t);
	return t;
}

const struct type *type_stack(struct type_table *tt, enum type_kind kind, enum stack_mode mode,
			      uint32_t limit)
{
	return intern_plain(tt, &(struct type){ .kind = kind,
						.size = sizeof(struct stored_stack),
						.align = 8,
						.stack_mode = mode,
						.count = limit });
}

static uint32_t aggregate_size(enum type_kind kind)
{
	switch (kind) {
	case TYPE_AVG:
	case TYPE_STATS: return sizeof(struct stored_avg);
	case TYPE_MIN:
	case TYPE_MAX: return sizeof(struct stored_minmax);
	case TYPE_TSERIES: return sizeof(struct stored_tseries);
	default: /* sum; one bucket of hist and lhist */ return 8;
	}
}

const struct type *type_aggregate(struct type_table *tt, enum type_kind kind, bool is_signed,
				  const int64_t param[3])
{
	struct type t = {
		.kind = kind, .size = aggregate_size(kind), .align = 8, .is_signed = is_signed
	};

	if (kind == TYPE_COUNT)
		return type_simple(kind);
	if (param)
		memcpy(t.param, param, sizeof(t.param));
	return intern_plain(tt, &t);
}

struct type *type_new_struct(struct type_table *tt, struct str name, bool is_union)
{
	struct type *t = arena_new(tt->arena, struct type);

	*t = (struct type){ .kind = TYPE_STRUCT, .align = 1, .is_union = is_union, .name = name };
	return t;
}

struct type *type_new_enum(struct type_table *tt, struct str name, uint32_t size, bool is_signed,
			   const struct type_enumerator *e, uint32_t n)
{
	struct type *t = arena_new(tt->arena, struct type);

	*t = (struct type){ .kind = TYPE_ENUM,
			    .size = size,
			    .align = size,
			    .is_signed = is_signed,
			    .name = name,
			    .enumerators = e,
			    .n_enumerators = n };
	return t;
}

/* ---- questions ---- */

bool type_is_integer(const struct type *t)
{
	return t->kind == TYPE_BOOL || t->kind == TYPE_INT || t->kind == TYPE_ENUM;
}

bool type_is_scalar(const struct type *t)
{
	return type_is_integer(t) || t->kind == TYPE_POINTER;
}

bool type_is_aggregation(const struct type *t)
{
	return t->kind >= TYPE_COUNT && t->kind < TYPE_N_KINDS;
}

bool type_is_stack(const struct type *t)
{
	return t->kind == TYPE_KSTACK || t->kind == TYPE_USTACK;
}

bool type_is_castable_aggregation(const struct type *t)
{
	switch (t->kind) {
	case TYPE_COUNT:
	case TYPE_SUM:
	case TYPE_MIN:
	case TYPE_MAX:
	case TYPE_AVG: return true;
	default: return false;
	}
}

bool type_is_char_array(const struct type *t)
{
	return t->kind == TYPE_ARRAY && t->elem->kind == TYPE_INT && t->elem->size == 1 &&
	       t->elem->is_signed;
}

bool type_complete(const struct type *t)
{
	if (t->kind != TYPE_STRUCT || t->is_complete)
		return true;
	if (!t->source || !t->source->ops->complete)
		return false;
	/* completing is a cache fill: the type is the same type before and after */
	return t->source->ops->complete(t->source, (struct type *)t);
}

static bool find_field(const struct type *t, struct str name, struct type_field *out,
		       unsigned depth)
{
	if (depth > MAX_ANONYMOUS_DEPTH || !type_complete(t))
		return false;
	for (uint32_t i = 0; i < t->n_fields; i++) {
		const struct type_field *f = &t->fields[i];

		if (f->name.n) {
			if (!str_eq(f->name, name))
				continue;
			*out = *f;
			return true;
		}
		if (f->type->kind == TYPE_STRUCT && find_field(f->type, name, out, depth + 1)) {
			out->offset += f->offset;
			return true;
		}
	}
	return false;
}

bool type_find_field(const struct type *t, struct str name, struct type_field *out)
{
	if (name.n == 0 || (t->kind != TYPE_STRUCT && t->kind != TYPE_RECORD))
		return false;
	return find_field(t, name, out, 0);
}
