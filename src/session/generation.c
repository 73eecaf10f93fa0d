/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See generation.h. A generation is a compilation whose table of types, sources and unchanged matches are those of the
 * first one, and whose image is the first one's. It has an arena of its own: most generations turn out to be equal to
 * one that is loaded, and then all that they made is given back.
 */
#include "session/generation.h"

#include "base/log.h"
#include "ebpf/codegen.h"
#include "image/image.h"
#include "probe/file_btf.h"
#include "session/perf_rings.h"

struct generation {
	struct compilation c;
	struct image before; /* of the image: copied back when the generation is dropped */
	VEC(struct probe_shape *) fresh; /* by call: chains of new shapes, or NULL */
	struct generation *next;
};

/* ---- matching ---- */

void generation_watch(struct compilation *c)
{
	struct perf_rings_opts ro = { .wakes = true };
	struct err *err;

	for (struct clause *cl = c->script->clauses; cl; cl = cl->next)
		for (struct attach_point *ap = cl->points; ap; ap = ap->next)
			c->waits |= probe_waits(&c->probes, ap, NULL);
	if (!c->waits || c->opts->is_compile_only || c->opts->is_dry_run)
		return;
	err = perf_rings_new(&ro, &c->mappings);
	if (err)
		log_verbose("files that are mapped later get %s: %s",
			    c->engine == ENGINE_USER ? "their probes some 50 ms later"
						     : "no probes",
			    err->msg);
	err_free(err);
}

static void remember(struct compilation *main, uint32_t call, struct probe_shape *chain)
{
	struct matched *m;
	struct probe_shape **grown;
	uint32_t n = 0;

	while (main->matched.n <= call)
		vec_push(&main->matched, (struct matched){ 0 });
	for (struct probe_shape *s = chain; s; s = s->next)
		n++;
	if (!n)
		return;
	m = &main->matched.v[call];
	grown = arena_array(&main->arena, struct probe_shape *, m->n + n);
	if (m->n)
		memcpy(grown, m->v, m->n * sizeof(*grown));
	m->v = grown;
	for (struct probe_shape *s = chain; s; s = s->next)
		m->v[m->n++] = s;
}

static struct generation *of(struct compilation *c)
{
	return (struct generation *)c; /* its first member */
}

static bool is_for_late(const struct compilation *c, const struct attach_point *ap, uint32_t call)
{
	const struct probe_late *late = c->probes.late;
	const struct matched *m = call < c->main->matched.n ? &c->main->matched.v[call] : NULL;

	if (!late->is_replacement)
		return probe_waits(&c->probes, ap, &late->mapped->path);
	for (uint32_t i = 0; m && i < m->n; i++)
		for (uint32_t k = 0; k < m->v[i]->n_points; k++)
			if (str_eq(m->v[i]->points[k].path, late->mapped->path))
				return true;
	return false;
}

struct probe_shape *generation_match(struct compilation *c, const struct attach_point *ap,
				     struct diag_list *diags)
{
	struct probe_shape *first = NULL, **tail = &first;
	uint32_t call = c->n_calls++;
	struct generation *g;

	if (!c->probes.wanted)
		probe_ctx_expect(&c->probes, c->script);
	if (c->main == c) {
		first = probe_match(&c->probes, ap, false, diags);
		remember(c, call, first);
		return first;
	}
	g = of(c);
	while (g->fresh.n <= call)
		vec_push(&g->fresh, NULL);
	if (is_for_late(c, ap, call))
		g->fresh.v[call] = probe_match(&c->probes, ap, false, diags);
	for (uint32_t i = 0; call < c->main->matched.n && i < c->main->matched.v[call].n; i++) {
		struct probe_shape *again = arena_new(&c->arena, struct probe_shape);

		*again = *c->main->matched.v[call].v[i];
		again->is_loaded = true;
		again->next = NULL;
		*tail = again;
		tail = &again->next;
	}
	*tail = g->fresh.v[call];
	return first;
}

/* ---- compiling ---- */

static void prepare(struct generation *g, struct compilation *main, const struct probe_late *late)
{
	struct compilation *c = &g->c;

	/* made when first needed: by the first, so that they are there for all */
	probe_ctx_files(&main->probes);
	probe_ctx_demangler(&main->probes);
	probe_ctx_foreign(&main->probes);
	*c = (struct compilation){
		.opts = main->opts,
		.main = main,
		.engine = main->engine,
		.btf = main->btf,
		.symbolizer = main->symbolizer,
		.script_file = main->script_file,
		.ring_bytes = main->ring_bytes,
		.child = main->child,
		.filter = main->filter,
		.has_filter = main->has_filter,
		.probes = main->probes,
	};
	arena_init(&c->arena);
	diag_list_init(&c->diags, &c->arena);
	compile_make_cpp(c);
	c->probes.arena = &c->arena;
	c->probes.late = late;
}

/* what the first fault is, as an error */
static struct err *first_fault(const struct compilation *c, const char *otherwise)
{
	for (const struct diag *d = c->diags.first; d; d = d->next)
		if (d->sev == SEV_ERROR)
			return err_new(0, "%.*s", STR_ARG(d->msg));
	return err_new(0, "%s", otherwise);
}

static ERR_MUST struct err *make_code(struct generation *g)
{
	struct compilation *c = &g->c;
	struct image *im = c->main->image;
	struct sema_world world;
	struct ir_build_opts bo;
	struct ebpf_opts eo = { 0 };

	world_init(&world, c);
	compile_build_opts(c, &world, &bo);
	image_extend(im, &c->arena);
	c->module = ir_build(c->unit, &bo, &c->diags);
	if (!c->module)
		return first_fault(c, "no code could be made");
	if (im->clash.n)
		return err_new(0,
			       "map %.*s would need another type there: print or key it by "
			       "something that is the same in all files",
			       STR_ARG(im->clash));
	if (im->n_faults > image_fault_room(im->maps[im->faults_map]))
		return err_new(0, "the script has too many places that can fail for one file more");
	TRY(ir_check(c->module));
	ir_optimize(c->module);
	c->image = im;
	TRY(ebpf_compile(c->module, im, &eo));
	image_share_maps(im);
	return NULL;
}

static ERR_MUST struct err *compile(struct generation *g)
{
	struct compilation *c = &g->c;
	struct sema_world world;
	struct sema_opts so;

	compile_read(c);
	if (c->diags.n_errors)
		return first_fault(c, "");
	world_init(&world, c);
	compile_check_opts(c, &world, &so);
	so.first_index = c->main->image->n_progs;
	c->unit = sema_check(c->script, &so);
	if (!c->unit)
		return first_fault(c, "the script does not fit this file");
	compile_filter_unit(c);
	return c->unit->n_insts ? make_code(g) : NULL;
}

static void destroy(struct generation *g)
{
	vec_free(&g->fresh);
	cpp_free(g->c.cpp);
	arena_free(&g->c.arena);
	free(g);
}

struct err *generation_new(struct compilation *main, const struct probe_late *late,
			   struct generation **ret)
{
	struct generation *g = base_alloc(sizeof(*g));
	struct err *err;

	*ret = NULL;
	g->before = *main->image;
	prepare(g, main, late);
	err = compile(g);
	if (err || !g->c.module) {
		generation_drop(g);
		return err;
	}
	*ret = g;
	return NULL;
}

void generation_keep(struct generation *g)
{
	struct compilation *main = g->c.main;

	for (uint32_t call = 0; call < g->fresh.n; call++)
		remember(main, call, g->fresh.v[call]);
	for (uint32_t m = 0; m < main->image->n_maps; m++)
		main->image->maps[m]->is_retyped = false; /* it is now */
	main->probes.file_btf = g->c.probes.file_btf;
	g->next = main->generations;
	main->generations = g;
}

void generation_drop(struct generation *g)
{
	*g->c.main->image = g->before;
	/* what was read of files that go */
	while (g->c.probes.file_btf != g->c.main->probes.file_btf)
		g->c.probes.file_btf = file_btf_pop(g->c.probes.file_btf);
	destroy(g);
}

void generation_free_all(struct compilation *main)
{
	while (main->generations) {
		struct generation *g = main->generations;

		main->generations = g->next;
		destroy(g);
	}
}
