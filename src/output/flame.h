/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maps with stacks in their keys as trees of frames, and what is made of the trees: folded lines, flame graphs, files for
 * speedscope. A tree owns its nodes and names; what is added is copied.
 */
#ifndef SONDE_OUTPUT_FLAME_H
#define SONDE_OUTPUT_FLAME_H

#include "base/err.h"
#include "base/hashmap.h"
#include "image/image.h"
#include "output/value.h"

enum flame_kind { /* the first are those of enum stack_frame_kind */
		  FLAME_USER = STACK_FRAME_USER,
		  FLAME_KERNEL = STACK_FRAME_KERNEL,
		  FLAME_INLINED = STACK_FRAME_INLINED,
		  FLAME_JIT = STACK_FRAME_JIT,
		  FLAME_MARK = STACK_FRAME_MARK,
		  FLAME_LABEL, /* a part of the key that is no stack: a name, a process number */
};

struct flame_node {
	struct str name;
	enum flame_kind kind;
	uint64_t self, total; /* of stacks that end here; of those that go through here */
	struct flame_node *child, *next;
	uint32_t n_children;
};

struct flame_tree {
	struct arena arena;
	struct hashmap nodes; /* parent, kind, name -> node */
	struct flame_node *root;
	uint64_t n_negative; /* values below zero, which no picture can show */
};

struct flame_tree *flame_tree_new(void);
void flame_tree_free(struct flame_tree *t);
/* whether a map has a stack in its key and a value that can be added up */
bool flame_fits(const struct image_map *m);
/*
 * One entry. What is no stack in the key goes outermost, in its order; then user stacks, then kernel stacks. A text that
 * begins with "_[" ("_[off]") is put behind the name of the innermost frame instead.
 */
void flame_tree_add(struct flame_tree *t, const struct value_env *env, const struct type *key_type,
		    const void *key, int64_t value);
/* add all of from below a node named label (empty: below the root) */
void flame_tree_merge(struct flame_tree *into, struct str label, const struct flame_tree *from);
/* children by name, so that two runs look alike; everything below may rely on it */
void flame_tree_sort(struct flame_tree *t);

/* "outer;...;inner COUNT" lines; kernel, inlined and JIT frames marked _[k], _[i], _[j] */
void flame_put_folded(const struct flame_tree *t, struct strbuf *out);
/* one self-contained SVG document (flame_svg.c); title is shown above the graph */
void flame_put_svg(const struct flame_tree *t, struct str title, struct strbuf *out);
/* https://www.speedscope.app/file-format-schema.json, a "sampled" profile (flame_speedscope.c) */
void flame_put_speedscope(const struct flame_tree *t, struct str title, struct strbuf *out);

#endif
