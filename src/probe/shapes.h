/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grouping of places: one program serves all points at which the same variables can be read, of the same types, lying in the
 * same form (registers and numbers may differ: they come from a table). Each such group is a shape of the match.
 */
#ifndef SONDE_PROBE_SHAPES_H
#define SONDE_PROBE_SHAPES_H

#include "probe/match_private.h"
#include "probe/places.h"

/* a clause has a program for each: more are refused */
enum { SHAPES_MAX = 32 };

struct shape_group;
struct uprobe_shapes {
	struct match *m;
	VEC(struct shape_group) groups; /* shapes.c */
	struct asked_vars
		*asked; /* what was found at the place asked about last; in the match's arena */
	bool is_full;   /* there were more than SHAPES_MAX: reported */
};

/*
 * The index of the match's shape for a point. base: the shape that it would have without variables. pc: where
 * debug information is asked about (0: at a return by the kernel's way). *locs: by the shape's vars, or NULL.
 */
size_t shapes_of_place(struct uprobe_shapes *s, struct places *p, struct place *place, size_t base,
		       uint64_t pc, const struct location **locs);
/*
 * Arguments in vector registers are out of a program's reach; unoptimized code stores them at once. From which address on they can
 * be read from memory; pc when there are none, or nowhere.
 */
uint64_t shapes_readable_from(struct uprobe_shapes *s, struct places *p, struct place *place,
			      uint64_t pc);
void shapes_free(struct uprobe_shapes *s);

#endif
