/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of views: rows of views.def, a row found to fit a type (struct view), walking member paths, and what plan.c shares
 * with plan_views.c. Used by view*.c and plan*.c only.
 */
#ifndef SONDE_TYPES_VIEW_PRIVATE_H
#define SONDE_TYPES_VIEW_PRIVATE_H

#include "types/look.h"
#include "types/view.h"

/* what a row of views.def says; see there */
struct view_row {
	enum type_lang lang;
	const char *pattern;
	enum look_kind kind;
	const char *ptr, *len, *end, *cap, *head, *flag, *inner, *elem, *tail, *label;
	uint32_t next, left, right,
		value; /* offsets in nodes that debug information does not describe */
	int32_t add;   /* to the address */
	int32_t len_add;
	uint8_t go_kind; /* instead of a pattern */
	bool is_map, is_set;
	bool is_reversed; /* tuples: the last member comes first */
};

struct view_place {
	const struct type *type; /* NULL: absent */
	uint32_t offset;
};

struct view {
	const struct view_row *row;
	const struct type *type;
	struct view_place ptr, len, end, cap, head, flag, inner;
	const struct type *elem;
};

/* NULL: nothing is known about this type; then it is what its fields are */
const struct view *view_of(struct type_table *tt, const struct type *t);
/* members by name, through anonymous ones and Rust variants: "vec.buf"; %N at the end: type parameters of the place */
bool view_walk(const struct type *t, const char *path, struct view_place *out);
/* the first pointer or integer inside of a place: library versions differ in how often they wrap it */
bool view_drill(struct view_place *place, bool want_pointer);
/* struct of Rust's slices, references of Rust and C++, Box: pointers that values go through by themselves */
bool view_is_reference(const struct type *t);
uint32_t view_align(const struct type *t);

enum recipe_kind {
	RECIPE_VALUE, /* type */
	RECIPE_BYTES,
	RECIPE_NODE, /* of a list or tree: value of type at .value, links at .left and .right (no_link: none) */
	RECIPE_BLOCKS, /* pointers to blocks of type elements, .value of them */
	RECIPE_BTREE,  /* node: type the leaf's struct, .left: height */
	RECIPE_GO_MAP, /* type: the map's header */
	RECIPE_GO_BUCKET,
	RECIPE_GO_GROUP,
	RECIPE_GO_TABLES, /* pointers to tables: type the table's struct */
	RECIPE_GO_TABLE,
	RECIPE_ITAB,
	RECIPE_GO_DATA, /* what an interface leads to: its first bytes, and text if they are a string */
};

enum { NO_LINK = UINT32_MAX };

/* what the elements of a node are: equal recipes are one node, so cyclic types give cyclic plans */
struct recipe {
	enum recipe_kind kind;
	const struct type *type, *key, *val;
	uint32_t value, left, right;
};

struct plan_node {
	struct recipe recipe;
	uint32_t size, depth;
	struct look *look;
};

struct planner {
	struct type_table *tt;
	struct plan_node nodes[CAPTURE_MAX_NODES];
	uint32_t n_nodes;
	struct capture_node built[CAPTURE_MAX_NODES];
	struct capture_edge edges[CAPTURE_MAX_EDGES];
	uint32_t n_edges;
	uint32_t current; /* node whose look is being built: edges are its own */
	uint32_t n_looks;
	struct capture_cond conds[8]; /* that hold where we are */
	uint32_t n_conds;
	uint32_t nest; /* structs in structs, where we are */
	bool is_root;
};

/* fills *l for a value of type t at offset of the current node's element */
void plan_build(struct planner *p, struct look *l, const struct type *t, uint32_t offset);
/* a Rust enum as LOOK_VARIANTS */
void plan_variants(struct planner *p, struct look *l, const struct type *t, uint32_t offset);
/* by a view (plan_views.c) */
void plan_view(struct planner *p, struct look *l, const struct view *v, uint32_t offset);
struct look_num plan_num(struct view_place place, uint32_t offset);
/* the part of an edge that says where: at the view's pointer */
struct capture_edge plan_edge(const struct view *v, uint32_t offset, uint32_t max);
void plan_one(struct capture_edge *e); /* it leads to one element */
/* plan_inner.c */
void plan_address(struct look *l, const struct view *v, uint32_t offset);
void plan_ref(struct planner *p, struct look *l, const struct view *v, uint32_t offset);
void plan_inner(struct planner *p, struct look *l, const struct view *v, uint32_t offset);
void plan_optional(struct planner *p, struct look *l, const struct view *v, uint32_t offset);
void plan_alternatives(struct planner *p, struct look *l, const struct view *v, uint32_t offset);
void plan_tuple(struct planner *p, struct look *l, const struct view *v, uint32_t offset);
void plan_range(struct planner *p, struct look *l, const struct view *v, uint32_t offset);
void plan_dyn(struct look *l, const struct view *v, uint32_t offset);
void plan_go_map(struct planner *p, struct look *l, const struct type *t, uint32_t offset);
void plan_go_face(struct planner *p, struct look *l, const struct view *v, uint32_t offset);
struct str plan_last_part(struct str name);
/* the look of an element by its recipe (plan_nodes.c) */
void plan_recipe(struct planner *p, struct look *l, const struct recipe *r);
uint32_t plan_recipe_size(const struct recipe *r);
struct look *plan_looks(struct planner *p, uint32_t n); /* NULL: too many */
/*
 * An edge from the current node; e: all but the node and the conditions. is_step: it counts as one of CAPTURE_MAX_DEPTH.
 * The link says LOOK_NO_EDGE when the plan is full or deep enough.
 */
void plan_link(struct planner *p, struct look_link *link, const struct recipe *r, bool is_step,
	       struct capture_edge e);
struct look_link *plan_links(struct planner *p, struct look *l, uint32_t n);
void plan_push_cond(struct planner *p, struct capture_cond c);

static inline struct look_num look_num_at(uint32_t offset, uint32_t size)
{
	return (struct look_num){ .offset = offset, .size = (uint8_t)size };
}

#endif
