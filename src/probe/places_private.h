/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the list of places (places.c) and the searches that fill it (places_find.c) share; nobody else includes this. */
#ifndef SONDE_PROBE_PLACES_PRIVATE_H
#define SONDE_PROBE_PLACES_PRIVATE_H

#include "probe/places.h"

/* debug information that cannot be read: kept for a warning; frees e */
void places_note_trouble(struct places *p, struct err *e);
struct place *places_push(struct places *p, struct place place);
/* the place that is there already. inst: NULL: the function that has its own code there; else that inlined copy */
struct place *places_have(struct places *p, uint64_t addr, const struct di_instance *inst);
/* code of a function's own, once; s may be NULL */
struct place *places_add_code(struct places *p, uint64_t addr, const struct symbol *s,
			      struct str func);
void places_add_ifunc(struct places *p, const struct symbol *s);
/* the other functions that were folded into one, or that are the same by intent */
void places_find_aliases(struct places *p, struct place *place);
/*
 * A breakpoint in the middle of an instruction destroys the program, so addresses from debug information, which may be
 * that of another build, are believed only when an instruction begins there. from: an instruction that lies before it.
 */
bool places_is_instruction(struct places *p, uint64_t from, uint64_t addr);
/* entries of an instance of a function, as debug information knows them */
void places_add_inlined(struct places *p, const struct di_func *fn, const struct di_instance *inst);
void places_add_own(struct places *p, const struct di_func *fn, const struct di_instance *inst);
/* "main at args.rs:15" */
struct str places_inlined_into(struct places *p, const struct di_instance *inst);
struct str places_last_component(struct str path);

#endif
