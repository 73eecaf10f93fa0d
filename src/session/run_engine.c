/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which engine runs the script, and its compilation for that. With --engine auto it is compiled for the user engine; if all of it can
 * run in the processes that are named, that is all. If some groups of its probes can (engine/both/groups.h), it is compiled
 * again, each attach point for its engine, and both engines run. If none can, it is compiled for the kernel.
 */
#include "session/run_private.h"

#include "base/log.h"
#include "engine/both/groups.h"

#include <stdio.h>

static bool compile_for(struct run *r, enum session_engine engine)
{
	r->c.engine = engine;
	r->ops = engine == ENGINE_USER ? &engine_user
		 : r->c.in_process.n   ? &engine_both
				       : &engine_kernel;
	r->c.child = r->child.pid;
	r->c.probes.program = r->child.program;
	return compile_image(&r->c);
}

static void compile_anew(struct run *r)
{
	compilation_free(&r->c);
	compilation_init(&r->c, r->o);
	/* it was said when it was compiled before */
	r->c.has_warned = true;
}

/* -v: which engine has which probes, and why */
static void say_groups(const struct run *r, const struct groups *g)
{
	for (uint32_t i = 0; i < g->n; i++) {
		STRBUF_AUTO probes = { 0 };
		STRBUF_AUTO why = { 0 };

		groups_put_probes(g, i, r->c.image, &r->c.sources, &probes);
		if (g->v[i].why)
			err_format(g->v[i].why, &why);
		log_verbose("engine: %s for %s: %s", g->v[i].is_in_process ? "user" : "kernel",
			    strbuf_cstr(&probes),
			    g->v[i].why          ? strbuf_cstr(&why)
			    : g->v[i].has_events ? "it can run in the process"
						 : "it shares nothing with those in the process");
	}
}

/* compile again, each attach point for the engine of its group */
static bool compile_for_both(struct run *r, const struct groups *g)
{
	VEC(struct span) places = { 0 };

	say_groups(r, g);
	for (uint32_t i = 0; i < g->n_progs; i++)
		if (groups_is_in_process(g, i))
			vec_push(&places, r->c.image->progs[i]->shape->at);
	compile_anew(r);
	vec_each(at, &places)
		if (!compile_is_in_process(&r->c, *at))
			vec_push(&r->c.in_process, *at);
	vec_free(&places);
	return compile_for(r, ENGINE_KERNEL);
}

static const char *why_not_processes(const struct session_opts *o)
{
	if (o->cgroup_id)
		return "processes of a cgroup or container are known to the kernel alone";
	if (o->follow)
		return "children are followed: the kernel does it without staying attached to them";
	return "no process is named (-p, -c)";
}

static void say_kernel(const struct run *r, const struct err *why)
{
	STRBUF_AUTO text = { 0 };

	if (why)
		err_format(why, &text);
	log_verbose("engine: kernel, since %s",
		    why ? strbuf_cstr(&text) : why_not_processes(r->o));
	if (why && !engine_kernel_is_permitted())
		fprintf(stderr,
			"NOTE: without root, probes run inside of the process, and this script cannot: %s\n",
			strbuf_cstr(&text));
}

/* why it is not divided, though one part of it could run in the process */
static struct err *refuse_to_divide(const struct run *r)
{
	if (r->c.waits)
		return err_new(
			0,
			"it waits for files that are mapped later, and not all of it can run in the process");
	if (r->o->follow)
		return err_new(0, "children are followed by one engine");
	if (r->c.image->streams_map != IMAGE_NONE)
		return err_new(0, "streams of connections are read by the kernel engine");
	return NULL;
}

/* the script has been compiled for the user engine */
static bool compile_by_groups(struct run *r)
{
	struct groups g;
	ERR_AUTO undivided = refuse_to_divide(r);
	const struct err *why = undivided;
	bool is_fine;

	groups_find(r->c.image, &g);
	if (!g.n_in_kernel) {
		log_verbose("engine: user, all of it can run in the process");
		is_fine = true;
	} else if (g.n_in_process && !undivided) {
		is_fine = compile_for_both(r, &g);
	} else {
		for (uint32_t i = 0; i < g.n && (!why || !g.n_in_process); i++)
			if (g.v[i].why)
				why = g.v[i].why;
		say_kernel(r, why);
		compile_anew(r);
		is_fine = compile_for(r, ENGINE_KERNEL);
	}
	groups_free(&g);
	return is_fine;
}

bool run_compile(struct run *r)
{
	const struct session_opts *o = r->o;

	if (o->engine != ENGINE_AUTO)
		return compile_for(r, o->engine);
	if (o->emit_path) /* objects are the kernel's */
		return compile_for(r, ENGINE_KERNEL);
	/* whoever is followed stays attached, for debuggers to see: where the kernel can, it is the kernel */
	if ((o->pids.n || r->child.pid) && !o->cgroup_id &&
	    (!o->follow || !engine_kernel_is_permitted()))
		return compile_for(r, ENGINE_USER) && compile_by_groups(r);
	say_kernel(r, NULL);
	return compile_for(r, ENGINE_KERNEL);
}
