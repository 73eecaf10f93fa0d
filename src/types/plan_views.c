/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looks and edges of library types, by the view that views.def gave them: one function for each kind. What a kind's numbers
 * and links mean stands in look.h; output/typed*.c reads them.
 */
#include "types/view_private.h"

enum {
	DEQUE_BLOCK = 512, /* bytes of a block of libstdc++'s deque, or one element */
};

struct look_num plan_num(struct view_place place, uint32_t offset)
{
	uint32_t size;

	if (!place.type)
		return (struct look_num){ 0 };
	size = place.type->kind == TYPE_POINTER ? 8 : place.type->size;
	return look_num_at(offset + place.offset, size < 8 ? size : 8);
}

static struct look_num diff_of(struct view_place from, struct view_place to, uint32_t divide,
			       uint32_t offset)
{
	struct look_num n = look_num_at(offset + from.offset, 8);

	n.end = offset + to.offset;
	n.divide = divide ? divide : 1;
	return n;
}

struct capture_edge plan_edge(const struct view *v, uint32_t offset, uint32_t max)
{
	return (struct capture_edge){ .ptr_offset = offset + v->ptr.offset,
				      .ptr_add = v->row->add,
				      .max = max };
}

static void count_by(struct capture_edge *e, struct look_num n, int64_t add)
{
	e->count_kind = CAPTURE_COUNT_FIELD;
	e->count_offset = n.offset;
	e->count_size = n.size;
	e->count_shift = n.shift;
	e->count_add = add;
}

void plan_one(struct capture_edge *e)
{
	e->count_kind = CAPTURE_COUNT_CONST;
	e->count_add = 1;
	e->max = 1;
}

/* ---- text and sequences ---- */

static void plan_text(struct planner *p, struct look *l, const struct view *v, uint32_t offset)
{
	struct capture_edge e = plan_edge(v, offset, CAPTURE_MAX_TEXT);

	l->num[0] = plan_num(v->len, offset);
	l->num[0].add = v->row->len_add;
	l->num[1] = plan_num(v->ptr, offset);
	count_by(&e, l->num[0], v->row->len_add);
	plan_link(p, plan_links(p, l, 1), &(struct recipe){ .kind = RECIPE_BYTES }, true, e);
}

/* bit 0 of the first byte: long form; else the seven others are the length */
static void plan_sso(struct planner *p, struct look *l, const struct view *v, uint32_t offset)
{
	uint32_t at = offset + v->flag.offset;

	plan_push_cond(p, (struct capture_cond){ .offset = at, .size = 1, .mask = 1, .lo = 1 });
	plan_text(p, l, v, offset);
	p->n_conds--;
	l->num[2] = (struct look_num){ .offset = at, .size = 1, .mask = 1 };
	l->num[3] = (struct look_num){ .offset = at, .size = 1, .shift = 1 };
	l->short_offset = offset + v->inner.offset;
}

static void plan_seq(struct planner *p, struct look *l, const struct view *v, uint32_t offset)
{
	struct capture_edge e = plan_edge(v, offset, CAPTURE_MAX_ELEMENTS);
	struct recipe r = { .kind = RECIPE_VALUE, .type = v->elem };

	l->num[1] = plan_num(v->ptr, offset);
	if (v->end.type) {
		l->num[0] = diff_of(v->ptr, v->end, v->elem->size, offset);
		e.count_kind = CAPTURE_COUNT_DIFF;
		e.count_offset = l->num[0].end;
	} else {
		l->num[0] = plan_num(v->len, offset);
		count_by(&e, l->num[0], 0);
	}
	plan_link(p, plan_links(p, l, 1), &r, true, e);
}

/* all of the buffer is captured, as far as it goes: where it wraps is for the printer */
static void plan_ring(struct planner *p, struct look *l, const struct view *v, uint32_t offset)
{
	struct capture_edge e = plan_edge(v, offset, CAPTURE_MAX_ELEMENTS);
	struct recipe r = { .kind = RECIPE_VALUE, .type = v->elem };

	l->num[0] = plan_num(v->len, offset);
	l->num[1] = plan_num(v->ptr, offset);
	l->num[2] = plan_num(v->head, offset);
	l->num[3] = plan_num(v->cap, offset);
	count_by(&e, l->num[3], 0);
	plan_link(p, plan_links(p, l, 1), &r, true, e);
}

/*
 * libstdc++: from the block of the first element to the block of the last. num[1] elements before the first in its block,
 * num[2] elements in the last block, num[3] blocks between.
 */
static void plan_deque(struct planner *p, struct look *l, const struct view *v, uint32_t offset)
{
	struct capture_edge e = plan_edge(v, offset, CAPTURE_MAX_ELEMENTS);
	uint32_t size = v->elem->size ? v->elem->size : 1;
	struct view_place at[4];
	struct recipe r = { .kind = RECIPE_BLOCKS, .type = v->elem };

	if (!view_walk(v->head.type, "_M_first", &at[0]) ||
	    !view_walk(v->head.type, "_M_cur", &at[1]) ||
	    !view_walk(v->inner.type, "_M_first", &at[2]) ||
	    !view_walk(v->inner.type, "_M_cur", &at[3])) {
		l->kind = LOOK_CUT;
		return;
	}
	l->num[1] = diff_of(at[0], at[1], size, offset + v->head.offset);
	l->num[2] = diff_of(at[2], at[3], size, offset + v->inner.offset);
	l->num[3] = diff_of(v->ptr, v->end, 8, offset);
	l->count = r.value = size < DEQUE_BLOCK ? DEQUE_BLOCK / size : 1;
	e.count_kind = CAPTURE_COUNT_DIFF;
	e.count_offset = l->num[3].end;
	e.count_add = 1;
	plan_link(p, plan_links(p, l, 1), &r, true, e);
}

/* vector<bool>: words of 64. num[0] words and num[2] bits (libstdc++), or num[0] bits */
static void plan_bools(struct planner *p, struct look *l, const struct view *v, uint32_t offset)
{
	struct capture_edge e = plan_edge(v, offset, CAPTURE_MAX_ELEMENTS);
	struct recipe r = { .kind = RECIPE_VALUE, .type = type_int(8, false) };

	l->num[1] = plan_num(v->ptr, offset);
	if (v->end.type) {
		l->num[0] = diff_of(v->ptr, v->end, 8, offset);
		l->num[2] = plan_num(v->head, offset);
		e.count_kind = CAPTURE_COUNT_DIFF;
		e.count_offset = l->num[0].end;
		e.count_add = 1;
	} else {
		l->num[0] = plan_num(v->len, offset);
		count_by(&e, l->num[0], 1);
		e.count_shift = 6;
	}
	plan_link(p, plan_links(p, l, 1), &r, true, e);
}

/* ---- maps ---- */

static void plan_swiss(struct planner *p, struct look *l, const struct view *v, uint32_t offset)
{
	struct capture_edge e = plan_edge(v, offset, CAPTURE_MAX_ELEMENTS);
	struct recipe r = { .kind = RECIPE_VALUE, .type = v->elem };
	struct look_link *links = plan_links(p, l, 2);

	l->num[0] = plan_num(v->len, offset);
	l->num[1] = plan_num(v->flag, offset);
	/* an empty table's one group is static: nothing stands before it */
	plan_push_cond(p, (struct capture_cond){ .offset = l->num[0].offset,
						 .size = l->num[0].size,
						 .mask = UINT64_MAX,
						 .invert = true });
	count_by(&e, l->num[1], 1);
	plan_link(p, &links[0], &(struct recipe){ .kind = RECIPE_BYTES }, true, e);
	e.before = true;
	plan_link(p, &links[1], &r, true, e);
	p->n_conds--;
}

static uint32_t align_up(uint32_t n, uint32_t to)
{
	return to ? (n + to - 1) / to * to : n;
}

/* lists and trees; nodes either have a type of their own (Rust) or offsets in the row */
static void plan_nodes(struct planner *p, struct look *l, const struct view *v, uint32_t offset)
{
	const struct view_row *row = v->row;
	struct capture_edge e = plan_edge(v, offset, 1);
	struct recipe r = { .kind = RECIPE_NODE, .type = v->elem, .right = NO_LINK };
	struct view_place value, next;

	l->num[0] = plan_num(v->len, offset);
	l->num[1] = plan_num(v->ptr, offset);
	if (row->inner) {
		if (!v->elem || !view_walk(v->elem, row->inner, &value) ||
		    !view_walk(v->elem, row->tail, &next) || !view_drill(&next, true)) {
			l->kind = LOOK_CUT;
			return;
		}
		r.type = value.type;
		r.value = value.offset;
		r.left = next.offset;
	} else {
		r.value = align_up(row->value, view_align(v->elem));
		r.left = row->kind == LOOK_TREE ? row->left : row->next;
		r.right = row->kind == LOOK_TREE ? row->right : (uint32_t)NO_LINK;
	}
	plan_one(&e);
	plan_link(p, plan_links(p, l, 1), &r, true, e);
}

/* trees of height 0 and 1 hold up to 143 entries, more than are printed of any */
static void plan_btree(struct planner *p, struct look *l, const struct view *v, uint32_t offset)
{
	struct look_link *links = plan_links(p, l, 2);
	struct view_place key, val;

	l->num[0] = plan_num(v->len, offset);
	l->num[1] = plan_num(v->flag, offset);
	if (!v->elem || !view_walk(v->elem, "%0", &key) || !view_walk(v->elem, "%1", &val)) {
		l->kind = LOOK_CUT;
		return;
	}
	for (uint32_t height = 0; height < 2; height++) {
		struct capture_edge e = plan_edge(v, offset, 1);
		struct recipe r = { .kind = RECIPE_BTREE,
				    .type = v->elem,
				    .key = key.type,
				    .val = val.type,
				    .left = height };

		plan_push_cond(p, (struct capture_cond){ .offset = l->num[1].offset,
							 .size = l->num[1].size,
							 .mask = UINT64_MAX,
							 .lo = height });
		plan_one(&e);
		plan_link(p, &links[height], &r, true, e);
		p->n_conds--;
	}
}

void plan_view(struct planner *p, struct look *l, const struct view *v, uint32_t offset)
{
	l->kind = v->row->kind;
	l->label = str_from(v->row->label);
	l->is_map = v->row->is_map;
	l->is_set = v->row->is_set || str_is(l->label, "set");
	switch (l->kind) {
	case LOOK_TEXT: plan_text(p, l, v, offset); break;
	case LOOK_SSO: plan_sso(p, l, v, offset); break;
	case LOOK_SEQ: plan_seq(p, l, v, offset); break;
	case LOOK_RING: plan_ring(p, l, v, offset); break;
	case LOOK_DEQUE: plan_deque(p, l, v, offset); break;
	case LOOK_BOOLS: plan_bools(p, l, v, offset); break;
	case LOOK_OPAQUE: l->num[0] = plan_num(v->len, offset); break;
	case LOOK_SWISS: plan_swiss(p, l, v, offset); break;
	case LOOK_CHAIN:
	case LOOK_TREE: plan_nodes(p, l, v, offset); break;
	case LOOK_BTREE: plan_btree(p, l, v, offset); break;
	case LOOK_REF: plan_ref(p, l, v, offset); break;
	case LOOK_INNER:
	case LOOK_WRAP: plan_inner(p, l, v, offset); break;
	case LOOK_OPTIONAL: plan_optional(p, l, v, offset); break;
	case LOOK_ALTERNATIVES: plan_alternatives(p, l, v, offset); break;
	case LOOK_TUPLE: plan_tuple(p, l, v, offset); break;
	case LOOK_COMPLEX:
	case LOOK_RANGE: plan_range(p, l, v, offset); break;
	case LOOK_ADDRESS: plan_address(l, v, offset); break;
	case LOOK_DYN: plan_dyn(l, v, offset); break;
	case LOOK_WORD:
		if (!l->label.n)
			l->label = plan_last_part(v->type->name);
		break;
	case LOOK_DURATION:
		l->num[0] = plan_num(v->len, offset);
		l->num[1] = plan_num(v->flag, offset);
		break;
	case LOOK_GO_MAP: plan_go_map(p, l, v->type, offset); break;
	case LOOK_GO_FACE: plan_go_face(p, l, v, offset); break;
	default: plan_variants(p, l, v->type, offset); l->kind = LOOK_BARE;
	}
}
