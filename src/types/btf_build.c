/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BTF types made into struct type. Each id is made once and remembered, so a cyclic graph of structs ends: what a
 * pointer points to is made without its fields, and completed when somebody asks for one.
 *
 * BTF of the kernel can be trusted, a file that somebody names by BPFTRACE_BTF cannot: chains of modifiers and nested
 * arrays are followed for a bounded number of steps, and ids are checked by libbpf (a NULL type).
 */
#include "types/btf_private.h"

/* modifiers on modifiers, arrays of arrays, pointers to pointers: nobody writes more */
#define MAX_CHAIN 64
/* structs within structs within structs */
#define MAX_ALIGN_DEPTH 512

static const struct type *make(struct btfsrc *s, uint32_t id, unsigned depth);

/* typedefs, const, volatile, restrict and type tags taken off; *is_user when a tag said "user". 0 is void */
static uint32_t btfsrc_strip(const struct btfsrc *s, uint32_t id, bool *is_user)
{
	for (unsigned i = 0; i < MAX_CHAIN && id; i++) {
		const struct btf_type *t = btfsrc_by_id(s, id);

		if (!t)
			return 0;
		switch (btf_kind(t)) {
		case BTF_KIND_TYPE_TAG:
			if (is_user && str_is(btfsrc_string(s, t->name_off), "user"))
				*is_user = true;
			break;
		case BTF_KIND_TYPEDEF:
		case BTF_KIND_CONST:
		case BTF_KIND_VOLATILE:
		case BTF_KIND_RESTRICT: break;
		default: return id;
		}
		id = t->type;
	}
	return 0;
}

/*
 * pahole writes a program's float and double as integers without a mark. Taken for integers they would be looked for in the
 * wrong registers, so names decide; what has no name of C's integers is bytes that nobody may conclude anything from.
 */
static const struct type *make_program_number(struct btfsrc *s, const struct btf_type *t)
{
	static const char *const integers[] = { "int", "char", "long", "short", "ool", "signed" };
	struct str name = btfsrc_string(s, t->name_off);

	if (str_is(name, "float") || str_is(name, "double") || str_is(name, "long double"))
		return type_float(t->size);
	for (size_t i = 0; i < sizeof(integers) / sizeof(*integers); i++)
		if (str_find(name, str_from(integers[i])) >= 0 && str_find(name, STR("omplex")) < 0)
			return NULL; /* it is what it says */
	return type_array(s->base.table, type_int(1, false), t->size);
}

static const struct type *make_int(struct btfsrc *s, const struct btf_type *t)
{
	const struct type *number = s->bytes ? make_program_number(s, t) : NULL;

	if (number)
		return number;
	if (btf_int_encoding(t) & BTF_INT_BOOL && t->size == 1)
		return type_bool();
	/* kernels since 6.2 are built with unsigned char; for scripts a plain char is what text is made of */
	if (t->size == 1 && str_is(btfsrc_string(s, t->name_off), "char"))
		return type_int(1, true);
	if (t->size <= 8)
		return type_int(t->size, btf_int_encoding(t) & BTF_INT_SIGNED);
	/* __int128: the script has no such number, its words can still be read */
	return type_array(s->base.table, type_int(8, false), t->size / 8);
}

static const struct type *make_enum(struct btfsrc *s, const struct btf_type *t)
{
	uint32_t n = btf_vlen(t);
	bool is_signed = btf_kflag(t);
	struct type_enumerator *e = arena_array(s->base.table->arena, struct type_enumerator, n);

	for (uint32_t i = 0; i < n; i++) {
		if (btf_kind(t) == BTF_KIND_ENUM64) {
			e[i].name = btfsrc_string(s, btf_enum64(t)[i].name_off);
			e[i].value = (int64_t)btf_enum64_value(&btf_enum64(t)[i]);
		} else {
			int32_t v = btf_enum(t)[i].val;

			e[i].name = btfsrc_string(s, btf_enum(t)[i].name_off);
			/* files made before the sign was recorded hold negative values in unsigned enums */
			e[i].value = is_signed || v < 0 ? v : (int64_t)(uint32_t)v;
		}
	}
	return type_new_enum(s->base.table, btfsrc_string(s, t->name_off), t->size, is_signed, e,
			     n);
}

/* a struct without its fields */
static const struct type *make_struct(struct btfsrc *s, const struct btf_type *t, uint32_t id)
{
	struct type *made = type_new_struct(s->base.table, btfsrc_string(s, t->name_off),
					    btf_is_union(t));

	made->source = &s->base;
	made->source_id = id;
	return made;
}

/* a declaration without a definition: take the definition of that name if this BTF has one */
static const struct type *make_forward(struct btfsrc *s, const struct btf_type *t, uint32_t id)
{
	struct str name = btfsrc_string(s, t->name_off);
	uint32_t full = btfsrc_find_id(s, btf_kflag(t) ? BTFSRC_UNION : BTFSRC_STRUCT, name);

	if (full)
		return btfsrc_type(s, full);
	return type_new_struct(s->base.table, name, btf_kflag(t));
}

static const struct type *make_pointer(struct btfsrc *s, const struct btf_type *t, unsigned depth)
{
	bool is_user = false;
	uint32_t to = btfsrc_strip(s, t->type, &is_user);
	const struct type *elem = to ? make(s, to, depth) : type_void();

	return elem ? type_pointer(s->base.table, elem, is_user ? SPACE_USER : SPACE_NONE) : NULL;
}

static const struct type *make_array(struct btfsrc *s, const struct btf_type *t, unsigned depth)
{
	const struct btf_array *a = btf_array(t);
	const struct type *elem = make(s, btfsrc_strip(s, a->type, NULL), depth);

	return elem ? type_array(s->base.table, elem, a->nelems) : NULL;
}

static const struct type *make_prototype(struct btfsrc *s, const struct btf_type *t, unsigned depth)
{
	struct type *f = arena_new(s->base.table->arena, struct type);
	const struct btf_param *params = btf_params(t);
	uint32_t n = btf_vlen(t);

	*f = (struct type){ .kind = TYPE_FUNCTION, .align = 1, .is_complete = true };
	/* "...": the last parameter has neither name nor type */
	if (n && !params[n - 1].type && !params[n - 1].name_off)
		n--;
	f->elem = make(s, btfsrc_strip(s, t->type, NULL), depth);
	f->fields = arena_array(s->base.table->arena, struct type_field, n);
	for (uint32_t i = 0; i < n; i++) {
		struct type_field *field = &f->fields[i];

		field->name = btfsrc_string(s, params[i].name_off);
		field->type = make(s, btfsrc_strip(s, params[i].type, NULL), depth);
		if (!field->type)
			return NULL;
		field->offset = i * 8;
		field->is_user = field->type->kind == TYPE_POINTER &&
				 field->type->space == SPACE_USER;
	}
	f->n_fields = n;
	return f->elem ? f : NULL;
}

/* id is stripped already; 0 is void */
static const struct type *make(struct btfsrc *s, uint32_t id, unsigned depth)
{
	const struct btf_type *t;
	const struct type *made;

	if (id == 0)
		return type_void();
	if (id >= s->end_id || depth > MAX_CHAIN)
		return NULL;
	/* what belongs to the base is made there, so that the kernel's structs exist once */
	if (id < s->first_id)
		return btfsrc_type(s->below, id);
	if (s->made[id])
		return s->made[id];
	t = btfsrc_by_id(s, id);
	depth++;
	switch (btf_kind(t)) {
	case BTF_KIND_INT: made = make_int(s, t); break;
	case BTF_KIND_FLOAT: /* no such number in BPF programs: its bytes */
		made = s->bytes ? type_float(t->size)
				: type_array(s->base.table, type_int(1, false), t->size);
		break;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64: made = make_enum(s, t); break;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION: made = make_struct(s, t, id); break;
	case BTF_KIND_FWD: made = make_forward(s, t, id); break;
	case BTF_KIND_PTR: made = make_pointer(s, t, depth); break;
	case BTF_KIND_ARRAY: made = make_array(s, t, depth); break;
	case BTF_KIND_FUNC_PROTO: made = make_prototype(s, t, depth); break;
	default: made = NULL; break;
	}
	s->made[id] = made;
	return made;
}

const struct type *btfsrc_type(struct btfsrc *s, uint32_t id)
{
	if (!btfsrc_open(s))
		return NULL;
	return make(s, btfsrc_strip(s, id, NULL), 0);
}

const struct type *btfsrc_function(struct btfsrc *s, uint32_t func_id)
{
	const struct btf_type *t = btfsrc_open(s) ? btfsrc_by_id(s, func_id) : NULL;
	const struct type *made;

	if (!t || btf_kind(t) != BTF_KIND_FUNC)
		return NULL;
	made = btfsrc_type(s, t->type);
	return made && made->kind == TYPE_FUNCTION ? made : NULL;
}

const struct type *btfsrc_pointed_function(struct btfsrc *s, uint32_t id)
{
	const struct type *t = btfsrc_type(s, id);

	if (t && t->kind == TYPE_POINTER)
		t = t->elem;
	return t && t->kind == TYPE_FUNCTION ? t : NULL;
}

/* ---- fields ---- */

/*
 * Where a bit-field's storage unit stands: at a multiple of the unit's size, as the compiler reads it, unless a packed
 * struct makes the bits cross that border: then at the byte of the first bit.
 */
static void place_bits(struct type_field *f, uint32_t bit_offset, uint32_t bit_size)
{
	uint32_t unit = f->type->size ? f->type->size * 8 : 8;
	uint32_t start = bit_offset / unit * unit;

	if (bit_offset - start + bit_size > unit)
		start = bit_offset / 8 * 8;
	f->offset = start / 8;
	f->bit_offset = (uint8_t)(bit_offset - start);
	f->bit_size = (uint8_t)bit_size;
}

static bool fill_field(struct btfsrc *s, const struct btf_type *t, uint32_t i, struct type_field *f)
{
	const struct btf_member *m = &btf_members(t)[i];
	uint32_t bit_offset = btf_member_bit_offset(t, i),
		 bit_size = btf_member_bitfield_size(t, i);
	uint32_t id = btfsrc_strip(s, m->type, NULL);
	const struct btf_type *mt = btfsrc_by_id(s, id);

	f->name = btfsrc_string(s, m->name_off);
	f->type = make(s, id, 0);
	if (!f->type || f->type->kind == TYPE_VOID)
		return false;
	f->is_user = f->type->kind == TYPE_POINTER && f->type->space == SPACE_USER;
	/* the older form: an integer type that is narrower than its storage */
	if (!bit_size && btf_is_int(mt) && mt->size <= 8 && btf_int_bits(mt) < mt->size * 8u) {
		bit_size = btf_int_bits(mt);
		bit_offset += btf_int_offset(mt);
	}
	if (bit_size)
		place_bits(f, bit_offset, bit_size);
	else
		f->offset = bit_offset / 8;
	return true;
}

static uint8_t align_of(struct btfsrc *s, uint32_t id);

/*
 * The strictest of its members; 1 when some member or the end does not keep to that, because then the struct is packed
 * (BTF does not record it).
 */
static uint8_t align_of_struct(struct btfsrc *s, const struct btf_type *t)
{
	uint8_t align = 1;

	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		uint8_t a = align_of(s, btf_members(t)[i].type);

		if (btf_member_bitfield_size(t, i) == 0 &&
		    btf_member_bit_offset(t, i) % (8 * a) != 0)
			return 1;
		align = a > align ? a : align;
	}
	return t->size % align ? 1 : align;
}

/*
 * libbpf has this too, but it runs out of stack on a struct that contains itself, which a file may claim. Here an
 * answer that is being computed already counts as 1.
 */
static uint8_t align_of(struct btfsrc *s, uint32_t id)
{
	const struct btf_type *t;
	uint32_t size;

	id = btfsrc_strip(s, id, NULL);
	t = btfsrc_by_id(s, id);
	if (!t || id == 0)
		return 1;
	if (s->aligns[id] || s->nesting > MAX_ALIGN_DEPTH)
		return s->aligns[id] ? s->aligns[id] : 1;
	s->aligns[id] = 1;
	s->nesting++;
	switch (btf_kind(t)) {
	case BTF_KIND_PTR: s->aligns[id] = 8; break;
	case BTF_KIND_INT:
	case BTF_KIND_FLOAT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		size = t->size > 8 ? 8 : t->size;
		s->aligns[id] = size & (size - 1) ? 1 : (uint8_t)(size ? size : 1);
		break;
	case BTF_KIND_ARRAY: s->aligns[id] = align_of(s, btf_array(t)->type); break;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION: s->aligns[id] = align_of_struct(s, t); break;
	default: break;
	}
	s->nesting--;
	return s->aligns[id];
}

bool btfsrc_complete(struct type_source *src, struct type *t)
{
	struct btfsrc *s = (struct btfsrc *)src;
	const struct btf_type *bt = btfsrc_by_id(s, (uint32_t)t->source_id);
	struct type_field *fields;
	uint32_t n;

	if (!bt || !btf_is_composite(bt) || s->nesting > MAX_CHAIN)
		return false;
	s->nesting++;
	n = btf_vlen(bt);
	/* set before the fields are made: an array of this very struct inside it (malformed) then ends the recursion */
	t->size = bt->size;
	t->align = align_of(s, (uint32_t)t->source_id);
	t->is_complete = true;
	fields = arena_array(s->base.table->arena, struct type_field, n);
	for (uint32_t i = 0; i < n; i++)
		if (!fill_field(s, bt, i, &fields[i])) {
			t->is_complete = false;
			break;
		}
	s->nesting--;
	if (t->is_complete) {
		t->fields = fields;
		t->n_fields = n;
	}
	return t->is_complete;
}
