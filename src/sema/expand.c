/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One copy of each clause for each shape that its attach points match: what `args` and arguments
 * are differs between shapes, so each is typed by itself.
 */
#include "sema/sema_private.h"

static void add_inst(struct sema *s, const struct clause *c, const struct probe_shape *shape,
		     bool is_ghost)
{
	struct unit *u = s->unit;
	struct inst_state *state = arena_new(s->arena, struct inst_state);
	struct clause_inst *i = &state->i;

	state->is_ghost = is_ghost;
	s->n_ghosts += is_ghost;
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

/*
 * every attach point of the clause was left out: by a wildcard that fits nothing, or by
 * missing_probes
 */
static void report_empty(struct sema *s, const struct clause *c)
{
	struct span at = c->points ? c->points->at : c->at;

	if (s->unit->config.missing_probes == MISSING_ERROR)
		diag_error(s->diags, D_PROBE_NO_MATCH, at, "Probe has no valid attach points.");
	else if (s->unit->config.missing_probes == MISSING_WARN)
		diag_warning(
			s->diags, D_PROBE_NO_MATCH, at,
			"Probe has no valid attach points. It is being removed which may cause issues with "
			"program behavior.");
}

/*
 * A clause that attaches nowhere still says which maps there are and of what types: it is typed,
 * silently, as if its probe were there, and gone before code is made. Else one missing probe would
 * make every other clause fail that prints its maps.
 */
static void add_ghost(struct sema *s, const struct clause *c)
{
	static const struct {
		const char *name, *alias;
		bool is_user;
	} providers[] = {
#define PROVIDER(kind, name, alias, is_user, ...) { name, alias, is_user },
#include "probe/providers.def"
#undef PROVIDER
	};
	struct probe_shape *shape = arena_new(s->arena, struct probe_shape);
	struct str name = c->points && c->points->n_parts ? c->points->parts[0] : STR_NULL;

	for (unsigned i = 0; i < PROBE_N_KINDS; i++) {
		if (!str_eq_nocase(name, str_from(providers[i].name)) &&
		    !str_eq_nocase(name, str_from(providers[i].alias)))
			continue;
		shape->kind = (enum probe_kind)i;
		shape->is_user = providers[i].is_user;
	}
	shape->args_form = ARGS_REGS;
	shape->is_return = shape->kind == PROBE_KRETPROBE || shape->kind == PROBE_URETPROBE ||
			   shape->kind == PROBE_FEXIT;
	shape->n_points = 1;
	shape->points = arena_new(s->arena, struct probe_point);
	add_inst(s, c, shape, true);
}

void expand_remove_ghosts(struct sema *s)
{
	struct unit *u = s->unit;
	uint32_t n = 0;

	for (uint32_t i = 0; i < u->n_insts; i++) {
		if (((struct inst_state *)u->insts[i])->is_ghost)
			continue;
		u->insts[i]->index = s->opts->first_index + n;
		u->insts[n++] = u->insts[i];
	}
	u->n_insts = n;
}

void expand_run(struct sema *s)
{
	for (struct clause *c = s->script->clauses; c; c = c->next) {
		bool is_any = false, is_waiting = false;
		uint32_t n_errors = s->diags->n_errors;
		struct probe_needs needs;

		if (clause_never_runs(s, c)) {
			add_ghost(s, c);
			continue;
		}
		/* macros are expanded by now, so what the clause reads stands in it */
		needs_find(s->script, c, &needs);
		for (struct attach_point *ap = c->points; ap; ap = ap->next) {
			struct probe_shape *shape;

			ap->needs = needs;
			ap->ignores_args = !needs.args && !needs.stack_args &&
					   !needs.typed_args && !needs.locals;
			shape = s->world->match(s->world->arg, ap, s->diags);

			for (; shape; shape = shape->next) {
				/* what is loaded already says of what types things are, and gets no code again */
				add_inst(s, c, shape, shape->is_loaded);
				is_any = true;
			}
			is_waiting |= s->world->waits && s->world->waits(s->world->arg, ap);
		}
		/* what went wrong was said already, if anything did */
		if (!is_any && !is_waiting && s->diags->n_errors == n_errors)
			report_empty(s, c);
		if (!is_any)
			add_ghost(s, c);
	}
}
