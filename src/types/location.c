/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions about locations: see location.h. Nothing here reads memory or registers. */
#include "types/location.h"

#include <string.h>

static bool is_readable(const struct loc_piece *p)
{
	return p->kind != LOC_ABSENT && p->kind != LOC_FLOAT_REG;
}

bool location_is_partial(const struct location *l, uint32_t size)
{
	uint32_t covered = 0;

	for (uint32_t i = 0; i < l->n_pieces; i++)
		if (is_readable(&l->pieces[i]))
			covered += l->pieces[i].size;
	return covered < size;
}

bool location_is_absent(const struct location *l)
{
	for (uint32_t i = 0; i < l->n_pieces; i++)
		if (is_readable(&l->pieces[i]))
			return false;
	return true;
}

static bool same_ops(const struct loc_piece *a, const struct loc_piece *b, bool exactly)
{
	if (a->n_ops != b->n_ops)
		return false;
	for (uint32_t i = 0; i < a->n_ops; i++) {
		const struct loc_op *x = &a->ops[i], *y = &b->ops[i];

		if (x->op != y->op || x->size != y->size)
			return false;
		/* which element is picked is part of the form */
		if ((exactly || x->op == LOC_OP_PICK) && x->value != y->value)
			return false;
		if (exactly && x->reg != y->reg)
			return false;
	}
	return true;
}

static bool same(const struct location *a, const struct location *b, bool exactly)
{
	if (a->n_pieces != b->n_pieces)
		return false;
	for (uint32_t i = 0; i < a->n_pieces; i++) {
		const struct loc_piece *x = &a->pieces[i], *y = &b->pieces[i];

		if (x->kind != y->kind || x->offset != y->offset || x->size != y->size ||
		    x->reg_shift != y->reg_shift)
			return false;
		if (exactly && x->reg != y->reg)
			return false;
		if (exactly && x->kind == LOC_CONST && memcmp(x->data, y->data, x->size))
			return false;
		if ((x->kind == LOC_MEM || x->kind == LOC_VALUE) && !same_ops(x, y, exactly))
			return false;
	}
	return true;
}

bool location_same_form(const struct location *a, const struct location *b)
{
	return same(a, b, false);
}

bool location_equal(const struct location *a, const struct location *b)
{
	return same(a, b, true);
}
