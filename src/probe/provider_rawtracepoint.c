/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rawtracepoint: a tracepoint's arguments as the kernel passes them, each in a word of the context. BTF knows them: for
 * every tracepoint NAME there is a typedef btf_trace_NAME of a pointer to a function that takes a void * (the probe's own
 * data, not shown to programs) and then the arguments, without their names. The function __traceiter_NAME, which calls
 * the attached probes, has the same parameters with names.
 *
 * A kernel without BTF still takes raw tracepoints; their names are then looked up in tracefs and the arguments have no
 * types.
 */
#include "probe/match_private.h"

#include <stdlib.h>

#define TYPEDEF_PREFIX "btf_trace_"
#define CALLER_PREFIX "__traceiter_"
/* the words of the context that a program may read when nothing says how many there are */
#define MAX_RAW_ARGS 12

struct raw_walk {
	struct str pattern;
	bool (*visit)(void *arg, struct str name, uint32_t id);
	void *arg;
};

static bool visit_typedef(void *arg, enum btfsrc_kind kind, struct str name, uint32_t id)
{
	struct raw_walk *w = arg;

	if (!str_starts(name, STR(TYPEDEF_PREFIX)))
		return true;
	name = str_sub(name, sizeof(TYPEDEF_PREFIX) - 1, name.n);
	return str_glob(w->pattern, name) ? w->visit(w->arg, name, id) : true;
}

bool rawtracepoint_each(struct probe_ctx *c, struct str pattern,
			bool (*visit)(void *arg, struct str name, uint32_t id), void *arg)
{
	struct raw_walk w = { pattern, visit, arg };

	if (!btfsrc_open(c->btf))
		return false;
	btfsrc_each(c->btf, BTFSRC_TYPEDEF, visit_typedef, &w);
	return true;
}

static uint32_t find_caller(struct probe_ctx *c, struct str name)
{
	STRBUF_AUTO b = { 0 };

	strbuf_printf(&b, CALLER_PREFIX "%.*s", STR_ARG(name));
	return btfsrc_find_id(c->btf, BTFSRC_FUNC, strbuf_str(&b));
}

bool rawtracepoint_print_args(struct probe_ctx *c, struct str name, uint32_t typedef_id,
			      struct strbuf *out)
{
	uint32_t id = find_caller(c, name);

	return btfsrc_print_params(c->btf, id ? id : typedef_id, 1, false, "    ", out);
}

/* the arguments as a struct of words: what a script sees as args. *n: how many there are */
static const struct type *args_of(struct match *m, uint32_t typedef_id, struct str name,
				  uint32_t *n)
{
	uint32_t caller = find_caller(m->c, name);
	const struct type *f = caller ? btfsrc_function(m->c->btf, caller)
				      : btfsrc_pointed_function(m->c->btf, typedef_id);
	struct type *args;

	*n = MAX_RAW_ARGS;
	if (!f || f->n_fields == 0)
		return NULL;
	*n = f->n_fields - 1;
	args = type_new_struct(m->c->types,
			       arena_printf(m->c->arena, "rawtracepoint_%.*s_args", STR_ARG(name)),
			       false);
	args->n_fields = *n;
	args->fields = arena_array(m->c->arena, struct type_field, *n);
	for (uint32_t i = 0; i < *n; i++) {
		args->fields[i] = f->fields[i + 1];
		args->fields[i].offset = i * 8;
	}
	args->size = *n * 8;
	args->align = 8;
	args->is_complete = true;
	return args;
}

static void add_raw(struct match *m, struct str name, uint32_t id)
{
	struct probe_shape *shape;
	struct probe_point *p;
	size_t i = 0;

	/* one program serves all when nobody asks for the arguments */
	if (!m->ignores_args || m->shapes.n == 0) {
		i = match_add_shape(m, ARGS_U64_ARRAY);
		shape = m->shapes.v[i].shape;
		shape->n_argn = MAX_RAW_ARGS;
		if (!m->ignores_args && id)
			shape->args = args_of(m, id, name, &shape->n_argn);
	}
	p = match_add_point(m, i);
	p->symbol = arena_str(m->c->arena, name);
	p->btf_id = id;
	p->name = arena_printf(m->c->arena, "rawtracepoint:vmlinux:%.*s", STR_ARG(name));
}

static bool add_visited(void *arg, struct str name, uint32_t id)
{
	add_raw(arg, name, id);
	return true;
}

static bool offer_raw(void *arg, struct str name, uint32_t id)
{
	nearest_offer(arg, name);
	return true;
}

static bool add_event(void *arg, struct str subsystem, struct str event)
{
	add_raw(arg, event, 0);
	return true;
}

/* by tracefs: every event of every subsystem but syscalls (which are made from two raw tracepoints) has a raw one */
static void match_without_btf(struct match *m)
{
	tracepoint_each(m->c, STR("*"), m->spec->func, add_event, m);
	if (match_n_points(m) == 0 && !str_has_glob(m->spec->func))
		match_none(m, NULL);
}

static void report_missing(struct match *m, bool module_fits)
{
	struct nearest near;
	struct str hint;
	struct diag *d;

	nearest_init(&near, m->spec->func);
	rawtracepoint_each(m->c, STR("*"), offer_raw, &near);
	hint = nearest_hint(&near, m->diags->arena);
	if (m->spec->target.n) {
		match_none(m, module_fits ? hint.p : NULL);
		return;
	}
	/* without a module the attach point counts as a wildcard ("any module"), which bpftrace words like this */
	d = match_missing(m, D_PROBE_NO_MATCH, "Probe has no valid attach points.");
	if (d)
		diag_hint(m->diags, d, "there is no raw tracepoint '%.*s'%s%.*s",
			  STR_ARG(m->spec->func), hint.n ? ". " : "", STR_ARG(hint));
}

void match_rawtracepoint(struct match *m)
{
	const struct probe_spec *s = m->spec;
	bool module_fits = s->target.n == 0 || str_glob(s->target, STR("vmlinux"));
	uint32_t id;

	if (!btfsrc_open(m->c->btf)) {
		match_without_btf(m);
		return;
	}
	if (module_fits && str_has_glob(s->func)) {
		rawtracepoint_each(m->c, s->func, add_visited, m);
		return;
	}
	if (module_fits) {
		STRBUF_AUTO name = { 0 };

		strbuf_printf(&name, TYPEDEF_PREFIX "%.*s", STR_ARG(s->func));
		id = btfsrc_find_id(m->c->btf, BTFSRC_TYPEDEF, strbuf_str(&name));
		if (id)
			add_raw(m, s->func, id);
	}
	if (match_n_points(m) == 0 && !str_has_glob(s->target))
		report_missing(m, module_fits);
}
