/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looks of the elements of a plan's nodes, by recipe: values, and the nodes that libraries build their lists, trees and maps
 * of. Layouts of nodes are read from debug information where it has them; else they are a library's ABI, from views.def.
 */
#include "types/view_private.h"

enum {
	BTREE_CAPACITY = 11, /* entries of a node of Rust's BTreeMap */
	GO_SLOTS = 8,        /* of a bucket or group of Go's maps */
	GO_MIN_TOP_HASH = 5, /* smaller tags mark empty slots */
};

uint32_t plan_recipe_size(const struct recipe *r)
{
	uint32_t n;

	switch (r->kind) {
	case RECIPE_VALUE:
	case RECIPE_GO_MAP:
	case RECIPE_GO_BUCKET:
	case RECIPE_GO_GROUP:
	case RECIPE_GO_TABLE: return r->type && type_complete(r->type) ? r->type->size : 0;
	case RECIPE_NODE:
		type_complete(r->type);
		n = r->value + r->type->size;
		n = n > r->left + 8 ? n : r->left + 8;
		return r->right != NO_LINK && r->right + 8 > n ? r->right + 8 : n;
	case RECIPE_BTREE:
		type_complete(r->type);
		return r->type->size + (r->left ? (BTREE_CAPACITY + 1) * 8 : 0);
	case RECIPE_BLOCKS:
	case RECIPE_GO_TABLES: return 8;
	case RECIPE_ITAB:
	case RECIPE_GO_DATA: return 16;
	default: return 1;
	}
}

static struct capture_edge one_at(uint32_t offset)
{
	return (struct capture_edge){ .ptr_offset = offset, .count_add = 1, .max = 1 };
}

/* edges that count by a number of the element */
static struct capture_edge many_at(uint32_t ptr, struct view_place count, int64_t add)
{
	return (struct capture_edge){ .ptr_offset = ptr,
				      .count_kind = CAPTURE_COUNT_FIELD,
				      .count_offset = count.offset,
				      .count_size = (uint8_t)count.type->size,
				      .count_add = add,
				      .max = CAPTURE_MAX_ELEMENTS };
}

static void push_range(struct planner *p, uint32_t offset, uint32_t size, uint64_t lo,
		       uint64_t span)
{
	plan_push_cond(p, (struct capture_cond){ .offset = offset,
						 .size = (uint8_t)size,
						 .mask = UINT64_MAX,
						 .lo = lo,
						 .span = span });
}

static void node_look(struct planner *p, struct look *l, const struct recipe *r)
{
	struct look *value = plan_looks(p, 1);
	bool is_tree = r->right != NO_LINK;
	struct look_link *links = plan_links(p, l, is_tree ? 2 : 1);

	if (!value)
		return;
	l->kind = LOOK_NODE;
	l->num[0] = look_num_at(r->left, 8);
	plan_link(p, &links[0], r, false, one_at(r->left));
	if (is_tree) {
		l->num[1] = look_num_at(r->right, 8);
		plan_link(p, &links[1], r, false, one_at(r->right));
	}
	plan_build(p, value, r->type, r->value);
	l->parts = value;
	l->n_parts = 1;
}

static void blocks_look(struct planner *p, struct look *l, const struct recipe *r)
{
	struct capture_edge e = one_at(0);

	l->kind = LOOK_FIELDS;
	e.count_add = r->value;
	/* whole blocks: the first element may be a block's last */
	e.max = r->value;
	plan_link(p, plan_links(p, l, 1), &(struct recipe){ .kind = RECIPE_VALUE, .type = r->type },
		  false, e);
}

static void btree_look(struct planner *p, struct look *l, const struct recipe *r)
{
	struct look *parts = plan_looks(p, 2 * BTREE_CAPACITY);
	struct view_place len, keys, vals;
	struct recipe child = *r;

	if (!parts || !view_walk(r->type, "len", &len) || !view_walk(r->type, "keys", &keys) ||
	    !view_walk(r->type, "vals", &vals))
		return;
	l->kind = LOOK_BTREE_NODE;
	l->num[0] = look_num_at(len.offset, len.type->size);
	if (r->left) {
		struct look_link *links = plan_links(p, l, BTREE_CAPACITY + 1);

		child.left--;
		for (uint32_t i = 0; i <= BTREE_CAPACITY; i++) {
			push_range(p, len.offset, len.type->size, i, BTREE_CAPACITY - i);
			plan_link(p, &links[i], &child, false, one_at(r->type->size + 8 * i));
			p->n_conds--;
		}
	}
	for (uint32_t i = 0; i < BTREE_CAPACITY; i++) {
		push_range(p, len.offset, len.type->size, i + 1, BTREE_CAPACITY - i - 1);
		plan_build(p, &parts[2 * i], r->key, keys.offset + i * r->key->size);
		plan_build(p, &parts[2 * i + 1], r->val, vals.offset + i * r->val->size);
		p->n_conds--;
	}
	l->parts = parts;
	l->n_parts = 2 * BTREE_CAPACITY;
}

/* ---- Go's maps: buckets until 1.23, groups of slots since ---- */

static bool go_groups_look(struct planner *p, struct look *l, const struct type *t)
{
	struct view_place dir, len, used, groups;
	struct look_link *links;
	const struct type *table;

	if (!view_walk(t, "dirPtr", &dir) || !view_walk(t, "dirLen", &len) ||
	    !view_walk(t, "used", &used) || dir.type->kind != TYPE_POINTER || !dir.type->elem ||
	    dir.type->elem->kind != TYPE_POINTER)
		return false;
	table = dir.type->elem->elem;
	if (!table || !view_walk(table, "groups.data", &groups) ||
	    groups.type->kind != TYPE_POINTER || !groups.type->elem)
		return false;
	l->kind = LOOK_GO_GROUPS;
	l->num[0] = look_num_at(used.offset, used.type->size);
	l->num[1] = look_num_at(len.offset, len.type->size);
	links = plan_links(p, l, 2);
	/* a small map has no directory: the pointer leads to its only group */
	push_range(p, len.offset, len.type->size, 0, 0);
	plan_link(p, &links[0],
		  &(struct recipe){ .kind = RECIPE_GO_GROUP, .type = groups.type->elem }, false,
		  one_at(dir.offset));
	p->n_conds--;
	push_range(p, len.offset, len.type->size, 1, INT64_MAX);
	plan_link(p, &links[1], &(struct recipe){ .kind = RECIPE_GO_TABLES, .type = table }, false,
		  many_at(dir.offset, len, 0));
	p->n_conds--;
	return true;
}

static bool go_buckets_look(struct planner *p, struct look *l, const struct type *t)
{
	struct view_place count, power, buckets, old;
	struct capture_edge e;

	if (!view_walk(t, "count", &count) || !view_walk(t, "B", &power) ||
	    !view_walk(t, "buckets", &buckets) || !view_walk(t, "oldbuckets", &old) ||
	    buckets.type->kind != TYPE_POINTER || !buckets.type->elem)
		return false;
	l->kind = LOOK_GO_BUCKETS;
	l->num[0] = look_num_at(count.offset, count.type->size);
	l->num[1] = look_num_at(old.offset, 8);
	e = many_at(buckets.offset, power, 0);
	e.count_kind = CAPTURE_COUNT_POWER;
	plan_link(p, plan_links(p, l, 1),
		  &(struct recipe){ .kind = RECIPE_GO_BUCKET, .type = buckets.type->elem }, false,
		  e);
	return true;
}

static void go_map_look(struct planner *p, struct look *l, const struct type *t)
{
	if (t && type_complete(t) && (go_groups_look(p, l, t) || go_buckets_look(p, l, t)))
		return;
	l->kind = LOOK_CUT;
}

static void go_bucket_look(struct planner *p, struct look *l, const struct recipe *r)
{
	struct look *parts = plan_looks(p, 2 * GO_SLOTS);
	struct view_place tags, keys, vals, next;

	if (!parts || !view_walk(r->type, "tophash", &tags) || !view_walk(r->type, "keys", &keys) ||
	    !view_walk(r->type, "values", &vals) || !view_walk(r->type, "overflow", &next) ||
	    keys.type->kind != TYPE_ARRAY || vals.type->kind != TYPE_ARRAY)
		return;
	l->kind = LOOK_GO_BUCKET;
	l->short_offset = tags.offset;
	l->num[0] = look_num_at(next.offset, 8);
	plan_link(p, plan_links(p, l, 1), r, false, one_at(next.offset));
	for (uint32_t i = 0; i < GO_SLOTS; i++) {
		push_range(p, tags.offset + i, 1, GO_MIN_TOP_HASH, 255 - GO_MIN_TOP_HASH);
		plan_build(p, &parts[2 * i], keys.type->elem,
			   keys.offset + i * keys.type->elem->size);
		plan_build(p, &parts[2 * i + 1], vals.type->elem,
			   vals.offset + i * vals.type->elem->size);
		p->n_conds--;
	}
	l->parts = parts;
	l->n_parts = 2 * GO_SLOTS;
}

static void go_group_look(struct planner *p, struct look *l, const struct recipe *r)
{
	struct look *parts = plan_looks(p, 2 * GO_SLOTS);
	struct view_place control, slots, key, val;
	uint32_t at;

	if (!parts || !view_walk(r->type, "ctrl", &control) ||
	    !view_walk(r->type, "slots", &slots) || slots.type->kind != TYPE_ARRAY ||
	    !view_walk(slots.type->elem, "key", &key) || !view_walk(slots.type->elem, "elem", &val))
		return;
	l->kind = LOOK_GO_GROUP;
	l->short_offset = control.offset;
	for (uint32_t i = 0; i < GO_SLOTS; i++) {
		/* the upper bit of a slot's control byte: empty or deleted */
		plan_push_cond(p, (struct capture_cond){
					  .offset = control.offset + i, .size = 1, .mask = 0x80 });
		at = slots.offset + i * slots.type->elem->size;
		plan_build(p, &parts[2 * i], key.type, at + key.offset);
		plan_build(p, &parts[2 * i + 1], val.type, at + val.offset);
		p->n_conds--;
	}
	l->parts = parts;
	l->n_parts = 2 * GO_SLOTS;
}

static void go_table_look(struct planner *p, struct look *l, const struct recipe *r)
{
	struct view_place data, mask;

	if (!view_walk(r->type, "groups.data", &data) ||
	    !view_walk(r->type, "groups.lengthMask", &mask) || data.type->kind != TYPE_POINTER ||
	    !data.type->elem)
		return;
	l->kind = LOOK_GO_TABLE;
	plan_link(p, plan_links(p, l, 1),
		  &(struct recipe){ .kind = RECIPE_GO_GROUP, .type = data.type->elem }, false,
		  many_at(data.offset, mask, 1));
}

/*
 * What an interface leads to may be anything. The first two words are captured, and the bytes behind them in case they
 * are a string's: an error's text, mostly. The printer uses them only when it knows the dynamic type.
 */
static void go_data_look(struct planner *p, struct look *l)
{
	const struct view_place len = { type_int(8, false), 8 };
	struct capture_edge e = many_at(0, len, 0);

	l->kind = LOOK_TEXT;
	l->num[0] = look_num_at(8, 8);
	l->num[1] = look_num_at(0, 8);
	e.max = CAPTURE_MAX_TEXT;
	push_range(p, 8, 8, 1, CAPTURE_MAX_TEXT - 1);
	plan_link(p, plan_links(p, l, 1), &(struct recipe){ .kind = RECIPE_BYTES }, false, e);
	p->n_conds--;
}

void plan_recipe(struct planner *p, struct look *l, const struct recipe *r)
{
	*l = (struct look){ .kind = LOOK_CUT, .type = r->type };
	switch (r->kind) {
	case RECIPE_VALUE: plan_build(p, l, r->type, 0); break;
	case RECIPE_NODE: node_look(p, l, r); break;
	case RECIPE_BLOCKS: blocks_look(p, l, r); break;
	case RECIPE_BTREE: btree_look(p, l, r); break;
	case RECIPE_GO_MAP: go_map_look(p, l, r->type); break;
	case RECIPE_GO_BUCKET: go_bucket_look(p, l, r); break;
	case RECIPE_GO_GROUP: go_group_look(p, l, r); break;
	case RECIPE_GO_TABLES:
		l->kind = LOOK_FIELDS;
		plan_link(p, plan_links(p, l, 1),
			  &(struct recipe){ .kind = RECIPE_GO_TABLE, .type = r->type }, false,
			  one_at(0));
		break;
	case RECIPE_GO_TABLE: go_table_look(p, l, r); break;
	case RECIPE_GO_DATA: go_data_look(p, l); break;
	default: l->kind = LOOK_LEAF; l->type = type_int(1, false);
	}
}
