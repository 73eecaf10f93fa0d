/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Members, variants and type parameters of structs, when they are first asked for; see dwarf_type.c. Runs in the tracer.
 */
#include "objfile/dwarf_type_private.h"

struct pending_field { /* as read from the record, its type not asked for yet */
	struct str name;
	uint64_t type, first_bit;
	uint8_t bits;
};

static struct pending_field get_field(struct record *r)
{
	struct pending_field p = { .name = wire_get_str_copy(&r->in, r->t->arena) };

	p.type = wire_get_u64(&r->in);
	p.first_bit = wire_get_u64(&r->in);
	p.bits = wire_get_u8(&r->in);
	return p;
}

static struct type_field make_field(struct dwarf_types *t, const struct pending_field *p)
{
	struct type_field f = { .name = p->name, .type = dwarf_types_get(t, p->type) };
	uint64_t at = p->first_bit / 8;

	if (p->bits && is_number_size(f.type->size)) {
		/* the storage unit that its type would have there; one that straddles it begins at its first byte */
		uint64_t unit = at / f.type->size * f.type->size;

		if (p->first_bit - unit * 8 + p->bits > f.type->size * 8ULL)
			unit = at;
		f.bit_size = p->bits;
		f.bit_offset = (uint8_t)(p->first_bit - unit * 8);
		at = unit;
		if (f.bit_offset + f.bit_size > f.type->size * 8U)
			f.type = type_void(); /* more bytes than its type has: not readable as one number */
	}
	f.offset = at > DT_MAX_SIZE ? DT_MAX_SIZE : (uint32_t)at;
	return f;
}

/* states of futures are members "0", "3", ...; how they are called stands in the type: work::{async_fn_env#0}::Suspend0 */
static struct str variant_name(const struct type_variant *v)
{
	struct str name = v->type ? v->type->name : STR_NULL;
	size_t from = name.n;

	if (!v->name.n || v->name.p[0] < '0' || v->name.p[0] > '9')
		return v->name;
	while (from > 0 && name.p[from - 1] != ':' && name.p[from - 1] != '>')
		from--;
	return from < name.n ? str_sub(name, from, name.n) : v->name;
}

static void get_variants(struct record *r, struct type *type)
{
	struct dwarf_types *t = r->t;
	struct pending_field discr = { 0 };
	struct type_variant *v;
	uint64_t *ids, mask;
	uint32_t n;

	if (!wire_get_u8(&r->in))
		return;
	if (wire_get_u8(&r->in))
		discr = get_field(r);
	n = wire_get_count(&r->in, 21);
	v = arena_array(t->arena, struct type_variant, n);
	ids = arena_array(t->arena, uint64_t, n);
	for (uint32_t i = 0; i < n; i++) {
		v[i].name = wire_get_str_copy(&r->in, t->arena);
		v[i].has_value = wire_get_u8(&r->in);
		v[i].value = wire_get_u64(&r->in);
		ids[i] = wire_get_u64(&r->in);
	}
	if (discr.type)
		type->discr = make_field(t, &discr);
	mask = type->discr.type && type->discr.type->size < 8
		       ? (1ULL << type->discr.type->size * 8) - 1
		       : UINT64_MAX;
	for (uint32_t i = 0; i < n; i++) {
		v[i].value &= mask;
		v[i].type = ids[i] ? dwarf_types_get(t, ids[i]) : NULL;
		v[i].name = variant_name(&v[i]);
	}
	type->variants = v;
	type->n_variants = n;
}

static void get_params(struct record *r, struct type *type)
{
	uint32_t n = wire_get_count(&r->in, 12);
	struct type_param *p = arena_array(r->t->arena, struct type_param, n);
	uint64_t *ids = arena_array(r->t->arena, uint64_t, n);

	for (uint32_t i = 0; i < n; i++) {
		p[i].name = wire_get_str_copy(&r->in, r->t->arena);
		ids[i] = wire_get_u64(&r->in);
	}
	for (uint32_t i = 0; i < n; i++)
		p[i].type = dwarf_types_get(r->t, ids[i]);
	type->params = p;
	type->n_params = n;
}

static void set_fields(struct dwarf_types *t, struct type *type, const struct pending_field *p,
		       uint32_t n)
{
	uint32_t kept = 0, align = 1;

	type->fields = arena_array(t->arena, struct type_field, n);
	for (uint32_t i = 0; i < n; i++) {
		struct type_field f = make_field(t, &p[i]);

		if (f.type->kind == TYPE_VOID || f.type->kind == TYPE_FUNCTION)
			continue;
		type_complete(f.type); /* an enclosed struct's alignment */
		/* a member behind the end: a malformed file, or a base class's tail */
		if ((uint64_t)f.offset + f.type->size > type->size && f.type->kind != TYPE_ARRAY &&
		    !f.bit_size && f.type->size)
			continue;
		align = f.type->align > align ? f.type->align : align;
		type->fields[kept++] = f;
	}
	type->n_fields = kept;
	type->align = align > 8 ? 8 : align;
}

static bool fill(struct dwarf_types *t, struct type *type, struct wire_in in)
{
	struct record r = { .t = t, .in = in };
	struct pending_field *p;
	struct struct_head h;
	uint32_t n;

	r.id = wire_get_u64(&r.in);
	if (wire_get_u8(&r.in) != DT_STRUCT)
		return false;
	dwarf_types_struct_head(&r, &h);
	if (h.is_declared || r.in.b.bad)
		return false;
	type->size = (uint32_t)h.size;
	type->has_vtable = h.has_vtable;
	type->abi = h.abi;
	n = wire_get_count(&r.in, 21);
	p = arena_array(t->arena, struct pending_field, n);
	for (uint32_t i = 0; i < n; i++)
		p[i] = get_field(&r);
	/* from here on asked again for this type it answers with what it has */
	type->is_complete = true;
	set_fields(t, type, p, n);
	get_variants(&r, type);
	get_params(&r, type);
	return !r.in.b.bad;
}

bool dwarf_types_complete(struct type_source *src, struct type *type)
{
	struct dwarf_types *t = (struct dwarf_types *)src;
	ERR_AUTO e = NULL;
	struct wire_in in;
	void *bytes;
	bool ok;

	if (t->nested == DT_MAX_NESTED)
		return false;
	e = dwarf_types_ask(t, type->source_id, DT_MEMBERS, &in);
	if (e)
		return false;
	bytes = base_alloc(in.b.n ? in.b.n : 1);
	memcpy(bytes, in.b.p, in.b.n);
	t->nested++;
	ok = fill(t, type, wire_in_make(bytes, in.b.n));
	t->nested--;
	free(bytes);
	return ok;
}
