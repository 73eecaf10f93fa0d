/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A map as a table: a column for each part of its key and one for its value, as wide as what is in them. Cells are collected
 * and written at once. A zeroed struct is empty; maptable_free gives the text back.
 */
#ifndef SONDE_OUTPUT_MAPTABLE_H
#define SONDE_OUTPUT_MAPTABLE_H

#include "base/vec.h"
#include "output/value.h"

enum { MAPTABLE_COLUMNS = 16 };

struct maptable {
	struct strbuf text; /* of all cells */
	VEC(uint32_t) ends; /* of each cell in text, row by row */
	bool is_right[MAPTABLE_COLUMNS];
	uint32_t n_columns;
};

/* as many headings as parts of key and value, and no part that has several lines? key NULL: a scalar */
bool maptable_fits(struct str headings, const struct type *key, const struct type *value);
void maptable_begin(struct maptable *t, struct str headings);
void maptable_add_key(struct maptable *t, const struct value_env *env, const struct type *key,
		      const void *data);
/* what has been appended to text since the last cell is one; numbers stand at the right of their column */
void maptable_end_cell(struct maptable *t, bool is_right);
void maptable_put(const struct maptable *t, struct strbuf *out);
void maptable_free(struct maptable *t);

#endif
