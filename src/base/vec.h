/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Growable arrays on the heap. VEC(T) declares an anonymous struct { T *v; size_t n, cap; }; a zeroed one is
 * empty. The owner calls vec_free. Pointers into v are good until the next push.
 */
#ifndef SONDE_BASE_VEC_H
#define SONDE_BASE_VEC_H

#include "base/arena.h"

#include <stdlib.h>

#define VEC(T)              \
	struct {            \
		T *v;       \
		size_t n;   \
		size_t cap; \
	}

#define vec_push(vec, item)                                                                 \
	do {                                                                                \
		vec_grow((void **)&(vec)->v, &(vec)->cap, (vec)->n + 1, sizeof(*(vec)->v)); \
		(vec)->v[(vec)->n++] = (item);                                              \
	} while (0)

/* room for count more items, n unchanged */
#define vec_reserve(vec, count) \
	vec_grow((void **)&(vec)->v, &(vec)->cap, (vec)->n + (count), sizeof(*(vec)->v))

#define vec_free(vec)                      \
	do {                               \
		free((vec)->v);            \
		(vec)->v = NULL;           \
		(vec)->n = (vec)->cap = 0; \
	} while (0)

#define vec_last(vec) ((vec)->v[(vec)->n - 1])
/* an empty one may have no array at all: nothing is added to NULL */
#define vec_each(it, vec) \
	for (typeof(*(vec)->v) *it = (vec)->v; (vec)->n && it < (vec)->v + (vec)->n; it++)

static inline void vec_grow(void **v, size_t *cap, size_t need, size_t size)
{
	size_t c = *cap;

	if (need <= c)
		return;
	if (c == 0)
		c = 8;
	while (c < need)
		c *= 2;
	*v = base_realloc(*v, c * size);
	*cap = c;
}

#endif
