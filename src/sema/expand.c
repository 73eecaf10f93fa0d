/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One copy of each clause for each shape that its attach points match: what `args` and arguments are differs between
 * shapes, so each is typed by itself.
 */
#include "sema/private.h"

static void add_inst(struct sema *s, const struct clause *c, const struct probe_shape *shape)
{
	struct unit *u = s->unit;
	struct clause_inst *i = arena_new(s->arena, struct clause_inst);

	i->clause = c;
	i->shape = shape;
	i->predicate = c->predicate ? node_clone(s->arena, c->predicate) : NULL;
	i->body = node_clone(s->arena, c->body);
	i->index = u->n_insts;
	if (u->n_insts == u->cap_insts) {
		uint32_t cap = u->cap_insts ? u->cap_insts * 2 : 8;
		struct clause_inst **grown = arena_array(s->arena, struct clause_inst *, cap);

		if (u->n_insts)
			memcpy(grown, u->insts, u->n_insts * sizeof(*grown));
		u->insts = grown;
		u->cap_insts = cap;
	}
	u->insts[u->n_insts++] = i;
}

void expand_run(struct sema *s)
{
	for (struct clause *c = s->script->clauses; c; c = c->next) {
		bool is_any = false;

		for (struct attach_point *ap = c->points; ap; ap = ap->next) {
			struct probe_shape *shape = s->world->match(s->world->arg, ap, s->diags);

			for (; shape; shape = shape->next) {
				add_inst(s, c, shape);
				is_any = true;
			}
		}
		/* names and types are checked even where nothing is to be attached, but no code is made */
		(void)is_any;
	}
}
