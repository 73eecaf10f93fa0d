/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iter: kernel objects one by one. Which iterators a kernel has is written in its BTF: for each a function bpf_iter_NAME
 * (what a program attaches to) and a struct bpf_iter__NAME (its context).
 */
#include "probe/match_private.h"

#define FUNC_PREFIX "bpf_iter_"
#define STRUCT_PREFIX "bpf_iter__"

static uint32_t find_iter(struct probe_ctx *c, struct str name, uint32_t *ctx_id)
{
	STRBUF_AUTO b = { 0 };
	uint32_t id;

	strbuf_printf(&b, FUNC_PREFIX "%.*s", STR_ARG(name));
	id = btfsrc_find_id(c->btf, BTFSRC_FUNC, strbuf_str(&b));
	strbuf_clear(&b);
	strbuf_printf(&b, STRUCT_PREFIX "%.*s", STR_ARG(name));
	*ctx_id = btfsrc_find_id(c->btf, BTFSRC_STRUCT, strbuf_str(&b));
	return *ctx_id ? id : 0;
}

struct iter_walk {
	struct probe_ctx *c;
	struct str pattern;
	bool (*visit)(void *arg, struct str name);
	void *arg;
};

static bool visit_struct(void *arg, enum btfsrc_kind kind, struct str name, uint32_t id)
{
	struct iter_walk *w = arg;
	uint32_t ctx_id;

	if (!str_starts(name, STR(STRUCT_PREFIX)))
		return true;
	name = str_sub(name, sizeof(STRUCT_PREFIX) - 1, name.n);
	if (!str_glob(w->pattern, name) || !find_iter(w->c, name, &ctx_id))
		return true;
	return w->visit(w->arg, name);
}

void iter_each(struct probe_ctx *c, struct str pattern, bool (*visit)(void *arg, struct str name),
	       void *arg)
{
	struct iter_walk w = { c, pattern, visit, arg };

	btfsrc_each(c->btf, BTFSRC_STRUCT, visit_struct, &w);
}

bool iter_print_args(struct probe_ctx *c, struct str name, struct strbuf *out)
{
	STRBUF_AUTO func = { 0 };

	/* the function takes what the struct holds; its first parameter is the iterator's own state (meta) */
	strbuf_printf(&func, FUNC_PREFIX "%.*s", STR_ARG(name));
	return btfsrc_print_params(c->btf, btfsrc_find_id(c->btf, BTFSRC_FUNC, strbuf_str(&func)),
				   1, false, "    ", out);
}

static bool offer_name(void *arg, struct str name)
{
	nearest_offer(arg, name);
	return true;
}

static bool add_name(void *arg, struct str name)
{
	strbuf_printf(arg, "%s%.*s", ((struct strbuf *)arg)->n ? ", " : "", STR_ARG(name));
	return true;
}

static void report_unknown_iter(struct match *m)
{
	STRBUF_AUTO all = { 0 };
	struct nearest near;
	struct str hint;

	if (!btfsrc_open(m->c->btf)) {
		match_missing(
			m, D_PROBE_KERNEL,
			"iter needs the kernel's BTF (CONFIG_DEBUG_INFO_BTF), which is missing.");
		return;
	}
	nearest_init(&near, m->spec->target);
	iter_each(m->c, STR("*"), offer_name, &near);
	hint = nearest_hint(&near, m->diags->arena);
	if (!hint.n) {
		iter_each(m->c, STR("*"), add_name, &all);
		hint = arena_printf(m->diags->arena, "this kernel has %.*s",
				    STR_ARG(strbuf_str(&all)));
	}
	match_none(m, hint.p);
}

void match_iter(struct match *m)
{
	const struct probe_spec *s = m->spec;
	uint32_t ctx_id, id = find_iter(m->c, s->target, &ctx_id);
	struct probe_shape *shape;
	struct probe_point *p;
	size_t i;

	if (!id) {
		report_unknown_iter(m);
		return;
	}
	i = match_add_shape(m, ARGS_ITER);
	shape = m->shapes.v[i].shape;
	shape->ctx = btfsrc_type(m->c->btf, ctx_id);
	p = match_add_point(m, i);
	p->symbol = s->target;
	p->btf_id = id;
	/* where to pin the iterator: relative to bpffs unless it is absolute */
	if (s->func.n)
		p->path = s->func.p[0] == '/'
				  ? s->func
				  : arena_printf(m->c->arena, "/sys/fs/bpf/%.*s", STR_ARG(s->func));
	p->name = s->func.n ? arena_printf(m->c->arena, "iter:%.*s:%.*s", STR_ARG(s->target),
					   STR_ARG(s->func))
			    : arena_printf(m->c->arena, "iter:%.*s", STR_ARG(s->target));
}
