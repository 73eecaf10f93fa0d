/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looks and edges of library types that hold one value or a few in place, or lead to one: smart pointers, optionals,
 * variants, tuples, wrappers; and Go's maps and interfaces. See plan_views.c.
 */
#include "types/view_private.h"

enum { MAX_ALTERNATIVES = 32 };

void plan_address(struct look *l, const struct view *v, uint32_t offset)
{
	l->kind = LOOK_ADDRESS;
	l->num[0] = plan_num(v->ptr, offset);
}

void plan_ref(struct planner *p, struct look *l, const struct view *v, uint32_t offset)
{
	struct capture_edge e = plan_edge(v, offset, 1);
	struct view_place target = { v->elem, 0 };
	bool is_array = str_find(v->type->name, STR("[]")) >= 0 && v->type->lang == LANG_CXX;

	/* of an array behind a pointer nobody knows the length */
	if (!v->elem || v->elem->kind == TYPE_VOID || v->elem->kind == TYPE_FUNCTION || is_array ||
	    !type_complete(v->elem) ||
	    (v->row->inner && !view_walk(v->elem, v->row->inner, &target))) {
		plan_address(l, v, offset);
		return;
	}
	l->num[0] = plan_num(v->ptr, offset);
	plan_one(&e);
	e.ptr_add = target.offset;
	plan_link(p, plan_links(p, l, 1),
		  &(struct recipe){ .kind = RECIPE_VALUE, .type = target.type }, true, e);
}

static struct look *plan_parts(struct planner *p, struct look *l, uint32_t n)
{
	struct look *parts = plan_looks(p, n);

	l->parts = parts;
	l->n_parts = parts ? n : 0;
	if (!parts)
		l->kind = LOOK_CUT;
	return parts;
}

void plan_inner(struct planner *p, struct look *l, const struct view *v, uint32_t offset)
{
	struct look *parts = plan_parts(p, l, 1);

	if (!parts)
		return;
	plan_build(p, parts, v->inner.type, offset + v->inner.offset);
	if (l->kind == LOOK_WRAP)
		parts->name = str_from(v->row->tail);
	l->num[0] = plan_num(v->flag, offset);
}

void plan_optional(struct planner *p, struct look *l, const struct view *v, uint32_t offset)
{
	struct look_num flag = plan_num(v->flag, offset);

	plan_push_cond(p, (struct capture_cond){ .offset = flag.offset,
						 .size = flag.size,
						 .mask = UINT64_MAX,
						 .invert = true });
	plan_inner(p, l, v, offset);
	p->n_conds--;
}

/* a union of the first alternative and a union of the others */
void plan_alternatives(struct planner *p, struct look *l, const struct view *v, uint32_t offset)
{
	struct look *parts = plan_looks(p, MAX_ALTERNATIVES);
	struct view_place rest = v->inner, head, type;
	uint32_t at = offset + v->inner.offset;

	l->num[0] = plan_num(v->flag, offset);
	l->parts = parts;
	if (!parts)
		l->kind = LOOK_CUT;
	while (parts && l->n_parts < MAX_ALTERNATIVES && view_walk(rest.type, v->row->head, &head)) {
		if (!view_walk(head.type, v->row->elem ? v->row->elem : "", &type))
			break;
		plan_push_cond(p, (struct capture_cond){ .offset = l->num[0].offset,
							 .size = l->num[0].size,
							 .mask = UINT64_MAX,
							 .lo = l->n_parts });
		plan_build(p, &parts[l->n_parts++], type.type, at + head.offset);
		p->n_conds--;
		if (!view_walk(rest.type, v->row->tail, &rest))
			break;
		at += rest.offset;
	}
}

/* members of one name, through base classes, in the order of declaration */
static uint32_t collect(const struct type *t, struct str name, uint32_t offset,
			struct view_place *out, uint32_t n, unsigned depth)
{
	if (depth > MAX_ALTERNATIVES || t->kind != TYPE_STRUCT || !type_complete(t))
		return n;
	for (uint32_t i = 0; i < t->n_fields && n < MAX_ALTERNATIVES; i++) {
		const struct type_field *f = &t->fields[i];

		if (!f->type)
			continue;
		if (!f->name.n)
			n = collect(f->type, name, offset + f->offset, out, n, depth + 1);
		else if (str_eq(f->name, name))
			out[n++] = (struct view_place){ f->type, offset + f->offset };
	}
	return n;
}

/* a pair by its two names; a tuple by the name that all its leaves have: libstdc++ holds the last first (is_reversed) */
void plan_tuple(struct planner *p, struct look *l, const struct view *v, uint32_t offset)
{
	const struct view_row *row = v->row;
	struct view_place at[MAX_ALTERNATIVES];
	struct look *parts;
	uint32_t n = 0;

	if (!row->label) {
		at[0] = v->inner;
		n = view_walk(v->type, row->tail, &at[1]) ? 2 : 1;
	} else {
		struct view_place from = { v->type, 0 };

		if (row->inner)
			from = v->inner;
		n = collect(from.type, str_from(row->label), from.offset, at, 0, 0);
	}
	parts = plan_parts(p, l, n);
	l->label = STR_NULL;
	for (uint32_t i = 0; parts && i < n; i++) {
		const struct view_place *from = &at[row->is_reversed ? n - 1 - i : i];

		plan_build(p, &parts[i], from->type, offset + from->offset);
	}
}

void plan_range(struct planner *p, struct look *l, const struct view *v, uint32_t offset)
{
	struct look *parts = plan_parts(p, l, 2);
	struct view_place end;

	if (!parts)
		return;
	plan_build(p, &parts[0], v->inner.type, offset + v->inner.offset);
	if (view_walk(v->type, v->row->tail, &end))
		plan_build(p, &parts[1], end.type, offset + end.offset);
	else
		l->kind = LOOK_CUT;
}

/* the type's own name without the path, its parameters as they are */
struct str plan_last_part(struct str name)
{
	size_t from = 0;

	for (size_t i = 0; i + 1 < name.n && name.p[i] != '<'; i++)
		if (name.p[i] == ':' && name.p[i + 1] == ':')
			from = i + 2;
	return str_sub(name, from, name.n);
}

void plan_dyn(struct look *l, const struct view *v, uint32_t offset)
{
	struct view_place vtable;

	l->num[0] = plan_num(v->ptr, offset);
	if (view_walk(v->type, v->row->tail, &vtable))
		l->num[1] = look_num_at(offset + vtable.offset, 8);
}

/* ---- Go ---- */

void plan_go_map(struct planner *p, struct look *l, const struct type *t, uint32_t offset)
{
	struct capture_edge e = { .ptr_offset = offset };

	l->num[1] = look_num_at(offset, 8);
	plan_one(&e);
	plan_link(p, plan_links(p, l, 1),
		  &(struct recipe){ .kind = RECIPE_GO_MAP, .type = t->elem }, true, e);
}

/* count is 1 for empty interfaces, whose first word is the type itself */
void plan_go_face(struct planner *p, struct look *l, const struct view *v, uint32_t offset)
{
	struct look_link *links = plan_links(p, l, 2);
	struct capture_edge e = { .ptr_offset = offset + v->ptr.offset };

	plan_one(&e);
	l->count = str_is(str_from(v->row->ptr), "_type");
	l->num[0] = look_num_at(offset + v->ptr.offset, 8);
	l->num[1] = look_num_at(offset + v->inner.offset, 8);
	if (!l->count)
		plan_link(p, &links[0], &(struct recipe){ .kind = RECIPE_ITAB }, true, e);
	e.ptr_offset = l->num[1].offset;
	plan_link(p, &links[1], &(struct recipe){ .kind = RECIPE_GO_DATA }, true, e);
}
