/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether BTF that the kernel did not make is sound, before anything follows it: libbpf 1.1 checks sizes alone, and ends the
 * process over a type that is made of itself. Sound is: references lead to types that there are, functions to prototypes,
 * names into the strings, and no type contains itself by value.
 */
#include "types/btf_private.h"

#include <bpf/btf.h>
#include <stdlib.h>

/* deeper than any C that somebody wrote; what prints and completes types calls itself as deep */
enum { MAX_DEPTH = 64, MAX_STEPS = 4096, MAX_HOLE_BITS = 1 << 16 };

struct checking {
	const struct btf *btf;
	uint32_t n;     /* ids below it exist */
	uint8_t *state; /* by id: 0 not seen, 1 being walked, 2 sound */
	uint32_t steps; /* of has_end for one type: what branches at each level prints for ever */
};

static const char *name_of(const struct checking *c, const struct btf_type *t)
{
	return btf__name_by_offset(c->btf, t->name_off);
}

static uint32_t kind_of(const struct checking *c, uint32_t id)
{
	return id ? btf_kind(btf__type_by_id(c->btf, id)) : BTF_KIND_UNKN;
}

static bool members_lead_somewhere(const struct checking *c, const struct btf_type *t)
{
	const struct btf_member *m = btf_members(t);

	for (uint32_t i = 0; i < btf_vlen(t); i++)
		if (m[i].type >= c->n || !btf__name_by_offset(c->btf, m[i].name_off))
			return false;
	return true;
}

static bool params_lead_somewhere(const struct checking *c, const struct btf_type *t)
{
	const struct btf_param *p = btf_params(t);

	for (uint32_t i = 0; i < btf_vlen(t); i++)
		if (p[i].type >= c->n || !btf__name_by_offset(c->btf, p[i].name_off))
			return false;
	return t->type < c->n;
}

static bool names_are_there(const struct checking *c, const struct btf_type *t)
{
	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		uint32_t off = btf_kind(t) == BTF_KIND_ENUM ? btf_enum(t)[i].name_off
							    : btf_enum64(t)[i].name_off;

		if (!btf__name_by_offset(c->btf, off))
			return false;
	}
	return true;
}

static bool section_leads_somewhere(const struct checking *c, const struct btf_type *t)
{
	const struct btf_var_secinfo *v = btf_var_secinfos(t);

	for (uint32_t i = 0; i < btf_vlen(t); i++)
		if (v[i].type >= c->n)
			return false;
	return true;
}

/* libbpf divides by alignments, which it takes from sizes; 12: x87's long double of 32-bit code */
static bool is_number_size(uint32_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8 || size == 12 || size == 16;
}

static bool is_type_sound(const struct checking *c, const struct btf_type *t)
{
	if (!name_of(c, t))
		return false;
	switch (btf_kind(t)) {
	case BTF_KIND_INT:
	case BTF_KIND_FLOAT: return is_number_size(t->size);
	case BTF_KIND_FWD: return true;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64: return is_number_size(t->size) && names_are_there(c, t);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION: return members_lead_somewhere(c, t);
	case BTF_KIND_ARRAY: return btf_array(t)->type < c->n && btf_array(t)->index_type < c->n;
	case BTF_KIND_FUNC_PROTO: return params_lead_somewhere(c, t);
	case BTF_KIND_DATASEC: return section_leads_somewhere(c, t);
	case BTF_KIND_FUNC: return t->type < c->n && kind_of(c, t->type) == BTF_KIND_FUNC_PROTO;
	case BTF_KIND_PTR:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
	case BTF_KIND_TYPE_TAG: return t->type < c->n;
	default: return false;
	}
}

/* may a value, an element, what a name stands for be of this kind? Functions and variables are none of these */
static bool is_value(const struct checking *c, uint32_t id)
{
	uint32_t kind = kind_of(c, id);

	return kind != BTF_KIND_FUNC && kind != BTF_KIND_VAR && kind != BTF_KIND_DATASEC &&
	       kind != BTF_KIND_DECL_TAG;
}

/* is the type made of sound parts, none of which is itself? Pointers and prototypes lead to what may be anything */
static bool walk(struct checking *c, uint32_t id, unsigned depth)
{
	const struct btf_type *t;
	bool ok = true;

	if (!id || c->state[id] == 2)
		return true;
	if (c->state[id] == 1 || depth > MAX_DEPTH)
		return false;
	c->state[id] = 1;
	t = btf__type_by_id(c->btf, id);
	switch (btf_kind(t)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		for (uint32_t i = 0; i < btf_vlen(t) && ok; i++)
			ok = is_value(c, btf_members(t)[i].type) &&
			     walk(c, btf_members(t)[i].type, depth + 1);
		break;
	case BTF_KIND_ARRAY:
		/* none of its elements is in it: a flexible array may be of what it ends */
		ok = is_value(c, btf_array(t)->type) &&
		     (!btf_array(t)->nelems || walk(c, btf_array(t)->type, depth + 1));
		break;
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_VAR:
	case BTF_KIND_TYPE_TAG: ok = is_value(c, t->type) && walk(c, t->type, depth + 1); break;
	default: break;
	}
	c->state[id] = 2;
	return ok;
}

static bool has_end(struct checking *c, uint32_t id, unsigned depth);

/* a struct without a name is printed with all that is in it */
static bool members_have_ends(struct checking *c, const struct btf_type *t, unsigned depth)
{
	if (*name_of(c, t))
		return true;
	for (uint32_t i = 0; i < btf_vlen(t); i++)
		if (!has_end(c, btf_members(t)[i].type, depth + 1))
			return false;
	return true;
}

static bool params_have_ends(struct checking *c, const struct btf_type *t, unsigned depth)
{
	for (uint32_t i = 0; i < btf_vlen(t); i++)
		if (!has_end(c, btf_params(t)[i].type, depth + 1))
			return false;
	return has_end(c, t->type, depth + 1);
}

/*
 * Does every way through pointers, typedefs, prototypes and nameless structs come to a struct or number? Else making or
 * printing it never ends.
 */
static bool has_end(struct checking *c, uint32_t id, unsigned depth)
{
	const struct btf_type *t = id ? btf__type_by_id(c->btf, id) : NULL;

	if (!t)
		return true;
	if (depth > MAX_DEPTH || ++c->steps > MAX_STEPS)
		return false;
	switch (btf_kind(t)) {
	case BTF_KIND_PTR:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG: return is_value(c, t->type) && has_end(c, t->type, depth + 1);
	case BTF_KIND_ARRAY: return has_end(c, btf_array(t)->type, depth + 1);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION: return members_have_ends(c, t, depth);
	case BTF_KIND_FUNC_PROTO: return params_have_ends(c, t, depth);
	default: return true;
	}
}

/* holes in a struct are printed as bit-fields, a line for each word: none may be larger than compilers make them */
static bool holes_are_small(const struct checking *c, const struct btf_type *t)
{
	uint64_t end = 0;

	if (!btf_is_composite(t))
		return true;
	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		uint64_t at = btf_member_bit_offset(t, i);
		int64_t size = btf__resolve_size(c->btf, btf_members(t)[i].type);

		if (at > end + MAX_HOLE_BITS)
			return false;
		at += size > 0 ? (uint64_t)size * 8 : 0;
		end = at > end ? at : end;
	}
	return (uint64_t)t->size * 8 <= end + MAX_HOLE_BITS;
}

bool btfsrc_is_sound(const struct btf *btf)
{
	struct checking c = { .btf = btf, .n = btf__type_cnt(btf) };
	bool ok = true;

	for (uint32_t id = 1; id < c.n && ok; id++)
		ok = is_type_sound(&c, btf__type_by_id(btf, id));
	if (!ok)
		return false;
	c.state = base_alloc(c.n);
	for (uint32_t id = 1; id < c.n && ok; id++) {
		c.steps = 0;
		ok = walk(&c, id, 0) && has_end(&c, id, 0) &&
		     holes_are_small(&c, btf__type_by_id(btf, id));
	}
	free(c.state);
	return ok;
}
