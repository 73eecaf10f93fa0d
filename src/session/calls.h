/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls of which programs keep something until they return (ir/build_return.c): what threads that ended left behind is taken
 * out, and the books are shown at the end. A struct calls belongs to the session; the engine must outlive it.
 */
#ifndef SONDE_SESSION_CALLS_H
#define SONDE_SESSION_CALLS_H

#include "engine/engine.h"
#include "image/image.h"

struct calls;

/* NULL: no program keeps anything */
struct calls *calls_new(const struct image *im, const struct engine_ops *ops, struct engine *e);
/* between polls; looks once a second, and only while calls are open */
void calls_round(struct calls *c);
/* says the counts (-v) */
void calls_free(struct calls *c);

#endif
