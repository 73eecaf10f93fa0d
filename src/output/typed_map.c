/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maps, sets, lists and trees of captured values: see typed_private.h. Each is printed in the order in which the program's own
 * iteration goes, so that it compares with what the program prints.
 */
#include "output/typed_private.h"

#include <inttypes.h>

enum { MAX_TREE_DEPTH = 64 };

static enum typed_brackets brackets_for(const struct look *l)
{
	return l->is_map ? BRACKETS_MAP : l->is_set ? BRACKETS_SET : BRACKETS_SEQ;
}

/* something is missing in the middle: it must not look as if nothing were */
static void put_gap(struct typed_list *list)
{
	typed_next(list);
	if (list->t->form == VALUE_JSON && list->close[0] == '}')
		strbuf_puts(list->t->out, "\"...\": ");
	typed_cut(list->t);
}

/* an element that is a pair of key and value, or only its first half */
static void put_entry(struct typed_list *list, const struct look *owner, const struct look *elem,
		      struct typed_at at, bool is_pair)
{
	bool has_parts = (elem->kind == LOOK_FIELDS || elem->kind == LOOK_TUPLE) &&
			 elem->n_parts >= 1;

	if (owner->is_map && has_parts && elem->n_parts >= 2) {
		typed_pair(list, &elem->parts[0], at, &elem->parts[1], at);
		return;
	}
	if (owner->is_map) {
		put_gap(list);
		return;
	}
	typed_next(list);
	typed_put(list->t, is_pair && has_parts ? &elem->parts[0] : elem, at);
}

/* hashbrown: control byte i belongs to the i-th element before them; the upper bit marks empty ones */
void typed_put_swiss(struct typed *t, const struct look *l, struct typed_at at)
{
	struct typed_segment control = typed_follow(t, l, 0, at);
	struct typed_segment elems = typed_follow(t, l, 1, at);
	struct typed_list list;
	uint64_t n;

	if (!typed_number(&l->num[0], at, &n)) {
		typed_cut(t);
		return;
	}
	list = typed_open(t, brackets_for(l));
	for (uint32_t i = 0; n && control.state == SEGMENT_THERE && elems.state == SEGMENT_THERE &&
			     i < control.n_elems && i < elems.n_elems;
	     i++) {
		if (control.bytes[i] & 0x80)
			continue;
		put_entry(&list, l, l->links[1].target,
			  typed_elem(&elems, elems.size ? elems.n_elems - 1 - i : 0), true);
		n--;
	}
	if (n)
		put_gap(&list);
	typed_close(&list);
}

/* ---- lists and trees ---- */

struct nodes {
	struct typed_list list;
	const struct look *owner;
	uint64_t left; /* entries still to come */
	bool has_gap;
};

static void put_node(struct nodes *w, const struct look *node, struct typed_at at)
{
	if (node->kind != LOOK_NODE || !w->left) {
		w->has_gap = true;
		return;
	}
	put_entry(&w->list, w->owner, &node->parts[0], at, false);
	w->left--;
}

/* of a tree: smaller ones, itself, larger ones; a child that was not captured leaves a gap */
static void put_tree(struct nodes *w, const struct look *l, uint32_t link, struct typed_at at,
		     uint64_t addr, unsigned depth)
{
	struct typed *t = w->list.t;
	struct typed_segment s = typed_follow(t, l, link, at);
	const struct look *node;
	struct typed_at elem;
	uint64_t left = 0, right = 0;

	if (!addr)
		return;
	if (s.state != SEGMENT_THERE || depth > MAX_TREE_DEPTH) {
		put_gap(&w->list);
		w->has_gap = true;
		return;
	}
	node = l->links[link].target;
	elem = typed_elem(&s, 0);
	typed_number(&node->num[0], elem, &left);
	typed_number(&node->num[1], elem, &right);
	put_tree(w, node, 0, elem, left, depth + 1);
	put_node(w, node, elem);
	put_tree(w, node, 1, elem, right, depth + 1);
}

/* a list ends with NULL, or where it has its length (those of C++ come back to their head) */
static void put_chain(struct nodes *w, const struct look *l, struct typed_at at, uint64_t addr)
{
	const struct look *from = l;

	while (addr && w->left) {
		struct typed_segment s = typed_follow(w->list.t, from, 0, at);

		if (s.state != SEGMENT_THERE) {
			put_gap(&w->list);
			w->has_gap = true;
			return;
		}
		from = from->links[0].target;
		at = typed_elem(&s, 0);
		put_node(w, from, at);
		if (!typed_number(&from->num[0], at, &addr))
			return;
	}
}

void typed_put_nodes(struct typed *t, const struct look *l, struct typed_at at)
{
	bool has_length = l->num[0].size != 0;
	struct nodes w = { .owner = l, .left = UINT64_MAX };
	uint64_t addr;

	if (!typed_number(&l->num[1], at, &addr) ||
	    (has_length && !typed_number(&l->num[0], at, &w.left))) {
		typed_cut(t);
		return;
	}
	w.list = typed_open(t, brackets_for(l));
	if (l->kind == LOOK_TREE && w.left)
		put_tree(&w, l, 0, at, addr, 0);
	else if (w.left)
		put_chain(&w, l, at, addr);
	if (has_length && w.left && !w.has_gap)
		put_gap(&w.list);
	typed_close(&w.list);
}

/* ---- Rust's BTreeMap ---- */

static void put_btree_node(struct nodes *w, const struct look *node, struct typed_at at)
{
	uint64_t n = 0;

	if (node->kind != LOOK_BTREE_NODE || !typed_number(&node->num[0], at, &n)) {
		put_gap(&w->list);
		w->has_gap = true;
		return;
	}
	for (uint64_t i = 0; i <= n && 2 * i <= node->n_parts; i++) {
		struct typed_segment s = typed_follow(w->list.t, node, (uint32_t)i, at);

		if (node->n_links && s.state == SEGMENT_THERE) {
			put_btree_node(w, node->links[i].target, typed_elem(&s, 0));
		} else if (node->n_links) {
			put_gap(&w->list);
			w->has_gap = true;
		}
		if (i == n || 2 * i >= node->n_parts || !w->left)
			break;
		w->left--;
		if (w->owner->is_map) {
			typed_pair(&w->list, &node->parts[2 * i], at, &node->parts[2 * i + 1], at);
			continue;
		}
		typed_next(&w->list);
		typed_put(w->list.t, &node->parts[2 * i], at);
	}
}

void typed_put_btree(struct typed *t, const struct look *l, struct typed_at at)
{
	struct nodes w = { .owner = l };
	struct typed_segment s;
	uint64_t height = 0;

	if (!typed_number(&l->num[0], at, &w.left)) {
		typed_cut(t);
		return;
	}
	w.list = typed_open(t, brackets_for(l));
	if (w.left && typed_number(&l->num[1], at, &height) && height < l->n_links) {
		s = typed_follow(t, l, (uint32_t)height, at);
		if (s.state == SEGMENT_THERE)
			put_btree_node(&w, l->links[height].target, typed_elem(&s, 0));
	}
	if (w.left && !w.has_gap)
		put_gap(&w.list);
	typed_close(&w.list);
}
