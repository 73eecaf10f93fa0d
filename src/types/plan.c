/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plans of captures, made from types (view_capture of view.h): a graph of nodes and edges for the probe's program, and with it
 * the looks by which what was captured is printed (look.h).
 *
 * Nodes are made breadth first, one for each kind of element (struct recipe): the first is the value itself; building its
 * look finds the pointers that printing it needs, and each makes an edge to a node that is built later. A type that leads to
 * itself makes a cycle, so lists and trees of any length have small plans. Conditions spare the program reading
 * through bytes that are no pointer now (the other variants of an enum); the printer looks at the discriminant itself,
 * so a condition that does not fit (more than CAPTURE_N_CONDS) is left out, never wrong.
 *
 * This file makes nodes, edges and the looks of plain types; plan_views.c those of library types, plan_nodes.c those of the
 * libraries' own nodes.
 */
#include "types/view_private.h"

#include <stdlib.h>

enum {
	MAX_LOOKS = 4096,
	MAX_NEST = 24, /* structs in structs */
	PLAN_KEY = 0x706c616e,
};

struct look *plan_looks(struct planner *p, uint32_t n)
{
	if (n > MAX_LOOKS - p->n_looks)
		return NULL;
	p->n_looks += n;
	return arena_array(p->tt->arena, struct look, n ? n : 1);
}

struct look_link *plan_links(struct planner *p, struct look *l, uint32_t n)
{
	struct look_link *links = arena_array(p->tt->arena, struct look_link, n);

	for (uint32_t i = 0; i < n; i++)
		links[i].edge = LOOK_NO_EDGE;
	l->links = links;
	l->n_links = n;
	return links;
}

void plan_push_cond(struct planner *p, struct capture_cond c)
{
	if (p->n_conds < sizeof(p->conds) / sizeof(p->conds[0]))
		p->conds[p->n_conds] = c;
	p->n_conds++;
}

/* ---- nodes and edges ---- */

static bool same_recipe(const struct recipe *a, const struct recipe *b)
{
	return a->kind == b->kind && a->type == b->type && a->key == b->key && a->val == b->val &&
	       a->value == b->value && a->left == b->left && a->right == b->right;
}

static struct plan_node *find_node(struct planner *p, const struct recipe *r)
{
	/* the root is never shared: at top level some things print otherwise */
	for (uint32_t i = 1; i < p->n_nodes; i++)
		if (same_recipe(&p->nodes[i].recipe, r))
			return &p->nodes[i];
	return NULL;
}

static struct plan_node *add_node(struct planner *p, const struct recipe *r, uint32_t depth)
{
	struct plan_node *n;

	if (p->n_nodes == CAPTURE_MAX_NODES || depth > CAPTURE_MAX_DEPTH)
		return NULL;
	n = &p->nodes[p->n_nodes++];
	*n = (struct plan_node){ .recipe = *r, .size = plan_recipe_size(r), .depth = depth };
	n->look = arena_new(p->tt->arena, struct look);
	return n;
}

/* a malformed type may have members behind its end: nothing is ever read there */
static bool is_inside(const struct planner *p, uint32_t offset, uint32_t size)
{
	bool is_number = size == 1 || size == 2 || size == 4 || size == 8;

	return is_number && (uint64_t)offset + size <= p->nodes[p->current].size;
}

static bool is_readable(const struct planner *p, const struct capture_edge *e)
{
	if (!is_inside(p, e->ptr_offset, 8))
		return false;
	switch (e->count_kind) {
	case CAPTURE_COUNT_FIELD:
	case CAPTURE_COUNT_POWER: return is_inside(p, e->count_offset, e->count_size);
	case CAPTURE_COUNT_DIFF: return is_inside(p, e->count_offset, 8);
	default: return true;
	}
}

/* the innermost conditions say most */
static void set_conds(const struct planner *p, struct capture_edge *e)
{
	uint32_t n = p->n_conds, k = 0;

	if (n > sizeof(p->conds) / sizeof(p->conds[0]))
		n = sizeof(p->conds) / sizeof(p->conds[0]);
	while (n-- && k < CAPTURE_N_CONDS)
		if (is_inside(p, p->conds[n].offset, p->conds[n].size))
			e->cond[k++] = p->conds[n];
}

void plan_link(struct planner *p, struct look_link *link, const struct recipe *r, bool is_step,
	       struct capture_edge e)
{
	struct plan_node *node = find_node(p, r);

	*link = (struct look_link){ .edge = LOOK_NO_EDGE, .size = 1 };
	if (!node)
		node = add_node(p, r, p->nodes[p->current].depth + is_step);
	if (!node)
		return;
	link->size = node->size;
	link->target = node->look;
	/* elements without bytes lie nowhere; absurd ones are not worth an edge */
	if (!node->size || node->size > CAPTURE_MAX_BYTES || p->n_edges == CAPTURE_MAX_EDGES)
		return;
	if (!is_readable(p, &e))
		return;
	set_conds(p, &e);
	e.node = (uint32_t)(node - p->nodes);
	link->edge = p->n_edges;
	p->edges[p->n_edges++] = e;
}

/* ---- looks of plain types ---- */

/* members of anonymous members and base classes stand among their parent's; padding and empty bases are nothing */
static uint32_t count_fields(const struct type *t, unsigned depth)
{
	uint32_t n = 0;

	if (depth > MAX_NEST || !type_complete(t))
		return 0;
	for (uint32_t i = 0; i < t->n_fields; i++) {
		const struct type_field *f = &t->fields[i];

		if (f->name.n)
			n++;
		else if (f->type && f->type->kind == TYPE_STRUCT)
			n += count_fields(f->type, depth + 1);
	}
	return n;
}

static void build_bits(struct look *l, const struct type_field *f, uint32_t offset)
{
	uint64_t mask = f->bit_size < 64 ? (1ull << f->bit_size) - 1 : UINT64_MAX;

	*l = (struct look){ .kind = LOOK_BITS, .type = f->type, .offset = offset };
	l->count = f->bit_size;
	l->num[0] = look_num_at(offset, f->type->size < 8 ? f->type->size : 8);
	l->num[0].shift = f->bit_offset & 63;
	l->num[0].mask = mask << l->num[0].shift;
}

static void build_fields(struct planner *p, struct look *parts, uint32_t *n, const struct type *t,
			 uint32_t offset, unsigned depth)
{
	if (depth > MAX_NEST || !type_complete(t))
		return;
	for (uint32_t i = 0; i < t->n_fields; i++) {
		const struct type_field *f = &t->fields[i];

		if (!f->name.n && f->type && f->type->kind == TYPE_STRUCT)
			build_fields(p, parts, n, f->type, offset + f->offset, depth + 1);
		if (!f->name.n)
			continue;
		/* pointers to tables of virtual functions are nobody's members */
		if (t->lang == LANG_CXX && str_starts(f->name, STR("_vptr")))
			continue;
		if (f->bit_size)
			build_bits(&parts[*n], f, offset + f->offset);
		else
			plan_build(p, &parts[*n], f->type, offset + f->offset);
		parts[(*n)++].name = f->name;
	}
}

static void build_struct(struct planner *p, struct look *l, const struct type *t, uint32_t offset)
{
	uint32_t n = count_fields(t, 0);
	struct look *parts = plan_looks(p, n);

	if (!parts) {
		l->kind = LOOK_CUT;
		return;
	}
	l->kind = LOOK_FIELDS;
	build_fields(p, parts, &l->n_parts, t, offset, 0);
	l->parts = parts;
}

/* the discriminants of all other variants, as a range; false: they are none */
static bool other_values(const struct type *t, uint64_t *lo, uint64_t *hi)
{
	uint32_t n = 0;

	*lo = UINT64_MAX;
	*hi = 0;
	for (uint32_t i = 0; i < t->n_variants; i++) {
		if (!t->variants[i].has_value)
			continue;
		*lo = t->variants[i].value < *lo ? t->variants[i].value : *lo;
		*hi = t->variants[i].value > *hi ? t->variants[i].value : *hi;
		n++;
	}
	/* with holes the range would hold values of this variant, too */
	return n && *hi - *lo == n - 1;
}

static void push_variant_cond(struct planner *p, const struct type *t, const struct type_variant *v,
			      uint32_t offset)
{
	uint32_t size = t->discr.type ? t->discr.type->size : 0;
	struct capture_cond c = { .offset = offset + t->discr.offset, .size = (uint8_t)size };
	uint64_t lo, hi;

	c.mask = size < 8 ? (1ull << (8 * size)) - 1 : UINT64_MAX;
	if (size > 8 || (!v->has_value && !other_values(t, &lo, &hi))) {
		c.size = 0;
	} else if (v->has_value) {
		c.lo = v->value;
	} else {
		c.lo = lo;
		c.span = hi - lo;
		c.invert = true;
	}
	plan_push_cond(p, c);
}

void plan_variants(struct planner *p, struct look *l, const struct type *t, uint32_t offset)
{
	struct look *parts = plan_looks(p, t->n_variants);

	if (!parts) {
		l->kind = LOOK_CUT;
		return;
	}
	l->kind = LOOK_VARIANTS;
	if (t->discr.type && t->discr.type->size <= 8)
		l->num[0] = look_num_at(offset + t->discr.offset, t->discr.type->size);
	for (uint32_t i = 0; i < t->n_variants; i++) {
		const struct type_variant *v = &t->variants[i];

		push_variant_cond(p, t, v, offset);
		parts[i] = (struct look){ .kind = LOOK_FIELDS, .type = v->type, .offset = offset };
		if (v->type)
			build_struct(p, &parts[i], v->type, offset);
		parts[i].name = v->name;
		p->n_conds--;
	}
	l->parts = parts;
	l->n_parts = t->n_variants;
}

static void build_array(struct planner *p, struct look *l, const struct type *t, uint32_t offset)
{
	uint32_t edges = p->n_edges, n = t->count;
	struct look *parts = plan_looks(p, n < CAPTURE_MAX_ELEMENTS ? n : CAPTURE_MAX_ELEMENTS);

	l->kind = LOOK_ARRAY;
	l->count = n;
	l->stride = t->elem->size;
	l->n_parts = n > 0;
	l->parts = parts;
	if (!parts)
		l->kind = LOOK_CUT;
	if (!parts || !n)
		return;
	plan_build(p, &parts[0], t->elem, offset);
	/* elements with pointers have edges of their own */
	if (p->n_edges == edges)
		return;
	for (uint32_t i = 1; i < n && i < CAPTURE_MAX_ELEMENTS; i++)
		plan_build(p, &parts[l->n_parts++], t->elem, offset + i * t->elem->size);
}

static bool is_go_pointer(const struct type *t)
{
	return t->lang == LANG_GO || (t->elem && t->elem->lang == LANG_GO);
}

/* Go prints what a pointer at the top leads to: &{...}, but only for structs, arrays, slices and maps */
static bool is_go_target(const struct type *t)
{
	enum { ARRAY = 17, MAP = 21, SLICE = 23, STRUCT = 25 };

	if (!t || !type_complete(t) || !t->size)
		return false;
	return t->go_kind == ARRAY || t->go_kind == MAP || t->go_kind == SLICE ||
	       t->kind == TYPE_ARRAY ||
	       (t->kind == TYPE_STRUCT && (!t->go_kind || t->go_kind == STRUCT));
}

static void build_pointer(struct planner *p, struct look *l, const struct type *t, uint32_t offset)
{
	bool is_root = p->is_root && p->current == 0 && offset == 0;
	struct capture_edge e = { .ptr_offset = offset, .count_add = 1, .max = 1 };

	l->kind = LOOK_POINTER;
	l->num[0] = look_num_at(offset, 8);
	if (!is_root)
		return;
	if (is_go_pointer(t) && is_go_target(t->elem)) {
		l->kind = LOOK_REF;
		l->label = STR("&");
		plan_link(p, plan_links(p, l, 1),
			  &(struct recipe){ .kind = RECIPE_VALUE, .type = t->elem }, true, e);
	}
}

void plan_build(struct planner *p, struct look *l, const struct type *t, uint32_t offset)
{
	const struct view *v;

	*l = (struct look){ .kind = LOOK_LEAF, .type = t, .offset = offset };
	if (!t || p->nest >= MAX_NEST) {
		l->kind = LOOK_CUT;
		return;
	}
	p->nest++;
	v = view_of(p->tt, t);
	if (v)
		plan_view(p, l, v, offset);
	else if (t->kind == TYPE_STRUCT && !type_complete(t))
		l->kind = LOOK_CUT;
	else if (t->kind == TYPE_STRUCT && t->n_variants)
		plan_variants(p, l, t, offset);
	else if (t->kind == TYPE_STRUCT)
		build_struct(p, l, t, offset);
	else if (t->kind == TYPE_ARRAY)
		build_array(p, l, t, offset);
	else if (t->kind == TYPE_POINTER)
		build_pointer(p, l, t, offset);
	p->nest--;
}

/* ---- the whole ---- */

/* does a value of this type print otherwise than its bytes alone say? */
static bool wants_capture(const struct type *t)
{
	switch (t->kind) {
	case TYPE_STRUCT: return t->lang > LANG_C;
	case TYPE_ARRAY: return wants_capture(t->elem);
	case TYPE_POINTER:
		return view_is_reference(t) ||
		       (is_go_pointer(t) && (is_go_target(t->elem) || t->go_kind));
	default: return false;
	}
}

/* bytes that all that an element of a node leads to can take; walks that come back to a node have no bound */
static uint64_t bound(const struct planner *p, uint32_t node, unsigned depth)
{
	uint64_t sum = 0;

	if (depth > CAPTURE_MAX_NODES)
		return CAPTURE_MAX_BYTES;
	for (uint32_t i = 0; i < p->built[node].n_edges && sum < CAPTURE_MAX_BYTES; i++) {
		const struct capture_edge *e = &p->edges[p->built[node].first_edge + i];

		sum += sizeof(struct stored_segment) + (uint64_t)e->max * p->nodes[e->node].size +
		       7;
		if (sum < CAPTURE_MAX_BYTES)
			sum += e->max * bound(p, e->node, depth + 1);
	}
	return sum < CAPTURE_MAX_BYTES ? sum : CAPTURE_MAX_BYTES;
}

static struct capture *finish(struct planner *p)
{
	struct arena *a = p->tt->arena;
	struct capture *c = arena_new(a, struct capture);
	struct capture_node *nodes = arena_array(a, struct capture_node, p->n_nodes);
	struct capture_edge *edges = arena_array(a, struct capture_edge,
						 p->n_edges ? p->n_edges : 1);
	const struct look **looks = arena_array(a, const struct look *, p->n_nodes);
	uint64_t n = sizeof(struct stored_capture) + sizeof(struct stored_segment) +
		     p->nodes[0].size + bound(p, 0, 0);

	memcpy(nodes, p->built, p->n_nodes * sizeof(*nodes));
	if (p->n_edges)
		memcpy(edges, p->edges, p->n_edges * sizeof(*edges));
	for (uint32_t i = 0; i < p->n_nodes; i++)
		looks[i] = p->nodes[i].look;
	*c = (struct capture){ .nodes = nodes,
			       .n_nodes = p->n_nodes,
			       .edges = edges,
			       .n_edges = p->n_edges,
			       .root_elems = 1,
			       .looks = looks };
	n = (n + 7) & ~7ull;
	c->max_bytes = n < CAPTURE_MAX_BYTES ? (uint32_t)n : CAPTURE_MAX_BYTES;
	return c;
}

static struct capture *make_plan(struct type_table *tt, const struct type *t)
{
	const uint32_t most = CAPTURE_MAX_BYTES - sizeof(struct stored_capture) -
			      sizeof(struct stored_segment);
	struct planner *p = base_alloc(sizeof(*p));
	struct capture *c;

	p->tt = tt;
	p->is_root = true;
	add_node(p, &(struct recipe){ .kind = RECIPE_VALUE, .type = t }, 0);
	/* what does not fit is cut; of a value without bytes there is one all the same */
	p->nodes[0].size = !t->size ? 1 : t->size < most ? t->size : most;
	for (p->current = 0; p->current < p->n_nodes; p->current++) {
		struct plan_node *n = &p->nodes[p->current];
		struct capture_node *b = &p->built[p->current];

		p->n_conds = 0;
		b->size = n->size ? n->size : 1;
		b->first_edge = p->n_edges;
		plan_recipe(p, n->look, &n->recipe);
		b->n_edges = p->n_edges - b->first_edge;
	}
	c = finish(p);
	free(p);
	return c;
}

const struct type *view_capture(struct type_table *tt, const struct type *t)
{
	const uint64_t key[2] = { PLAN_KEY, (uintptr_t)t };
	struct str k = str_make((const char *)key, sizeof(key));
	const struct type *made;
	struct capture *c;

	type_complete(t);
	if (!wants_capture(t))
		return NULL;
	made = hashmap_get(&tt->interned, k);
	if (made)
		return made;
	c = make_plan(tt, t);
	made = type_capture(tt, t, c, c->max_bytes);
	hashmap_put(&tt->interned, arena_str(tt->arena, k), (void *)made);
	return made;
}
