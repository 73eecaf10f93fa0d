/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of one function, as indented lines of a listing: -lv. */
#ifndef SONDE_PROBE_DESCRIBE_H
#define SONDE_PROBE_DESCRIBE_H

#include "probe/list_private.h"
#include "probe/places.h"

/*
 * Arguments and result with their types, each place with where they can be read there, how its return is noticed, what is
 * captured. fn: debug information, or NULL; own: the symbol's place, or NULL for what has no symbol.
 */
void describe_function(struct listing *l, struct places *p, const struct di_func *fn,
		       const struct place *own);
/* one of the places where a source line begins: in which function, and what can be read there */
void describe_line_place(struct listing *l, struct places *p, struct place *place);

#endif
