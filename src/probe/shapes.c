/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Variables of places, and which places are alike; see shapes.h. */
#include "probe/shapes.h"

#include "base/cleanup.h"
#include "probe/file_btf.h"

struct shape_group {
	size_t base, shape; /* index into the match's shapes */
	const struct probe_var *vars;
	const struct location *locs; /* of the first point */
	uint32_t n;
	const struct type_source *types;
	enum type_lang lang;
};

/* a place is asked about twice where it is: once for where the probe goes, once for its shape */
struct asked_vars {
	const struct di_func *fn;
	const struct di_instance *inst;
	uint64_t pc;
	struct shape_group found;
};

/* what the script may read by name at these points: nothing needs to be asked when it reads nothing */
static bool shapes_wants_vars(const struct match *m)
{
	const struct probe_needs *needs = &m->spec->ap->needs;

	if (m->spec->kind == PROBE_URETPROBE)
		return m->reads_result || !needs->is_known || needs->typed_args || needs->locals;
	return !needs->is_known || needs->typed_args || needs->locals;
}

static enum probe_var_role role_of(enum di_role role)
{
	return role == DI_PARAM ? PVAR_PARAM : role == DI_LOCAL ? PVAR_LOCAL : PVAR_RESULT;
}

static void ask_for_vars(struct uprobe_shapes *s, struct places *p, struct place *place,
			 uint64_t pc, struct shape_group *g)
{
	struct arena *a = s->m->c->arena;
	bool at_return = s->m->spec->kind == PROBE_URETPROBE;
	const struct di_var *found;
	struct probe_var *vars;
	struct location *locs;
	struct err *e;

	g->lang = place->fn->lang;
	e = debuginfo_vars(p->info, place->fn, place->inst, pc, at_return, s->m->c->types, a,
			   &found, &g->n);
	if (e) {
		STRBUF_AUTO text = { 0 };

		err_format(e, &text);
		err_free(e);
		diag_warning(s->m->diags, D_PROBE_PLACE, s->m->spec->ap->at, "%s",
			     strbuf_cstr(&text));
		g->n = 0;
		return;
	}
	vars = arena_array(a, struct probe_var, g->n);
	locs = arena_array(a, struct location, g->n);
	for (uint32_t i = 0; i < g->n; i++) {
		vars[i] = (struct probe_var){ .name = found[i].name,
					      .type = found[i].type,
					      .role = role_of(found[i].role),
					      .is_artificial = found[i].is_artificial,
					      .line = found[i].line };
		locs[i] = found[i].loc;
	}
	g->vars = vars;
	g->locs = locs;
}

/* what can be read at the place; n 0: nothing is known of it */
static void find_vars(struct uprobe_shapes *s, struct places *p, struct place *place, uint64_t pc,
		      struct shape_group *g)
{
	struct asked_vars *asked = s->asked;

	if (!places_info(p)) {
		g->lang = LANG_C;
		file_btf_vars(s->m->c, file_btf(s->m->c, p->f), place, pc,
			      s->m->spec->kind == PROBE_URETPROBE, &g->vars, &g->locs, &g->n);
		return;
	}
	place_fill_info(p, place);
	if (!place->fn)
		return;
	if (!asked)
		asked = s->asked = arena_new(s->m->c->arena, struct asked_vars);
	if (asked->fn != place->fn || asked->inst != place->inst || asked->pc != pc) {
		*asked = (struct asked_vars){ .fn = place->fn, .inst = place->inst, .pc = pc };
		ask_for_vars(s, p, place, pc, &asked->found);
	}
	g->lang = asked->found.lang;
	g->vars = asked->found.vars;
	g->locs = asked->found.locs;
	g->n = asked->found.n;
}

static bool is_in_vector(const struct location *l)
{
	for (uint32_t i = 0; i < l->n_pieces; i++)
		if (l->pieces[i].kind == LOC_FLOAT_REG)
			return true;
	return false;
}

uint64_t shapes_readable_from(struct uprobe_shapes *s, struct places *p, struct place *place,
			      uint64_t pc)
{
	struct shape_group g = { .n = 0 };
	uint64_t from = pc;

	if (!places_info(p) || !shapes_wants_vars(s->m))
		return pc;
	find_vars(s, p, place, pc, &g);
	for (uint32_t i = 0; i < g.n; i++)
		if (g.vars[i].role == PVAR_PARAM && is_in_vector(&g.locs[i]) &&
		    g.locs[i].nearest > from)
			from = g.locs[i].nearest;
	return from;
}

static bool is_same(const struct shape_group *a, const struct shape_group *b)
{
	if (a->base != b->base || a->n != b->n || a->types != b->types || a->lang != b->lang)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (!str_eq(a->vars[i].name, b->vars[i].name) ||
		    a->vars[i].type != b->vars[i].type || a->vars[i].role != b->vars[i].role ||
		    !location_same_form(&a->locs[i], &b->locs[i]))
			return false;
	return true;
}

static void report_full(struct uprobe_shapes *s)
{
	struct diag *d;

	if (s->is_full)
		return;
	s->is_full = true;
	d = match_error(s->m, D_PROBE_PLACE,
			"The arguments lie in more than %d different ways at the places that this "
			"probe stands for.",
			SHAPES_MAX);
	if (d)
		diag_hint(s->m->diags, d,
			  "name fewer functions, or read arg0, arg1, ... instead of args");
}

size_t shapes_of_place(struct uprobe_shapes *s, struct places *p, struct place *place, size_t base,
		       uint64_t pc, const struct location **locs)
{
	struct shape_group g = { .base = base };
	struct probe_shape *shape;

	*locs = NULL;
	if (places_info(p))
		g.types = debuginfo_types(p->info, s->m->c->types);
	else if (file_btf(s->m->c, p->f))
		g.types = btfsrc_source(file_btf(s->m->c, p->f));
	if (g.types && shapes_wants_vars(s->m))
		find_vars(s, p, place, pc, &g);
	if (!g.types)
		return base;
	vec_each(known, &s->groups)
		if (is_same(known, &g)) {
			*locs = g.locs;
			return known->shape;
		}
	if (s->groups.n == SHAPES_MAX) {
		/* results alone can be left untyped */
		if (s->m->spec->kind != PROBE_URETPROBE)
			report_full(s);
		return base;
	}
	g.shape = match_add_shape(s->m, ARGS_REGS);
	shape = s->m->shapes.v[g.shape].shape;
	*shape = *s->m->shapes.v[base].shape;
	shape->types = (struct type_source *)g.types;
	shape->vars = g.vars;
	shape->n_vars = g.n;
	if (g.lang != LANG_NONE)
		shape->lang = g.lang;
	vec_push(&s->groups, g);
	*locs = g.locs;
	return g.shape;
}

void shapes_free(struct uprobe_shapes *s)
{
	vec_free(&s->groups);
}
