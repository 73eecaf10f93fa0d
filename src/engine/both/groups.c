/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding what belongs together in an image, and which of it can run in a process; see groups.h. */
#include "engine/both/groups.h"

#include "base/arena.h"
#include "base/hashmap.h"
#include "engine/user/place/sites.h"
#include "engine/user/user_refusal.h"

struct finder {
	const struct image *im;
	uint32_t *up;     /* by program: one of its group that stands before it, or itself */
	struct err **why; /* by program: it cannot run in the process */
	struct arena arena;
	struct hashmap functions; /* struct function -> struct owner */
};

/* a place's function, in any of the paths by which its file is named */
struct function {
	uint64_t device, inode, start;
};

struct owner {
	uint32_t prog;
};

static uint32_t root(struct finder *f, uint32_t prog)
{
	while (f->up[prog] != prog)
		prog = f->up[prog] = f->up[f->up[prog]];
	return prog;
}

static void join(struct finder *f, uint32_t a, uint32_t b)
{
	a = root(f, a);
	b = root(f, b);
	if (a < b)
		f->up[b] = a;
	else
		f->up[a] = b;
}

/* ---- what belongs together ---- */

static bool is_same_place(struct span a, struct span b)
{
	return a.file == b.file && a.start == b.start && a.end == b.end;
}

/* one attach point has many programs, where what can be read differs; helpers of returns have its place, too */
static void join_attach_points(struct finder *f)
{
	const struct image *im = f->im;

	for (uint32_t i = 1; i < im->n_progs; i++)
		for (uint32_t k = i; k--;)
			if (is_same_place(im->progs[i]->shape->at, im->progs[k]->shape->at) &&
			    is_same_place(im->progs[i]->at, im->progs[k]->at)) {
				join(f, i, k);
				break;
			}
}

static void join_returns(struct finder *f)
{
	const struct image *im = f->im;

	for (uint32_t i = 0; i < im->n_progs; i++) {
		const struct probe_shape *s = im->progs[i]->shape;

		for (uint32_t k = 0; (s->entries || s->tails) && k < im->n_progs; k++)
			if (im->progs[k]->shape == s->entries || im->progs[k]->shape == s->tails)
				join(f, i, k);
	}
}

static bool refers_to(const struct image_prog *p, uint32_t map)
{
	for (uint32_t i = 0; i < p->n_relocs; i++)
		if (p->relocs[i].index == map)
			return true;
	return false;
}

static bool owns(const struct image_prog *p, uint32_t map)
{
	for (uint32_t i = 0; i < p->n_owns; i++)
		if (p->owns[i] == map)
			return true;
	return false;
}

/* a map in which what one program leaves is for the next one. Others of ours are the same in both engines, or added up (mapio.c) */
static bool is_state(const struct finder *f, uint32_t map)
{
	const struct image_map *m = f->im->maps[map];

	if (m->role == MAP_PRIVATE)
		return m->bpf_type == BPF_MAP_TYPE_HASH;
	for (uint32_t i = 0; m->role == MAP_SCRIPT && i < f->im->n_progs; i++)
		if (owns(f->im->progs[i], map))
			return true;
	return false;
}

static void join_maps(struct finder *f)
{
	for (uint32_t m = 0; m < f->im->n_maps; m++) {
		uint32_t first = IMAGE_NONE;

		if (!is_state(f, m))
			continue;
		for (uint32_t i = 0; i < f->im->n_progs; i++) {
			if (!refers_to(f->im->progs[i], m))
				continue;
			if (first == IMAGE_NONE)
				first = i;
			join(f, first, i);
		}
	}
}

static bool is_kernel_return(const struct image_prog *p)
{
	return p->shape->is_user && probe_is_kernel_return(p->shape);
}

/* a return that the kernel notices puts an address of its own on the stack, which a walk inside of the process cannot look through */
static void join_stacks(struct finder *f)
{
	const struct image *im = f->im;
	uint32_t first = IMAGE_NONE;

	for (uint32_t i = 0; i < im->n_progs && first == IMAGE_NONE; i++)
		if (is_kernel_return(im->progs[i]))
			first = i;
	for (uint32_t i = 0;
	     first != IMAGE_NONE && im->unwind_procs_map != IMAGE_NONE && i < im->n_progs; i++)
		if (refers_to(im->progs[i], im->unwind_procs_map) || is_kernel_return(im->progs[i]))
			join(f, first, i);
}

/*
 * In one function: its entry and its return belong together, and no breakpoint of the kernel's may ever come to stand on
 * a jump of ours
 */
static void visit_place(void *arg, const struct site_verdict *v)
{
	struct finder *f = arg;
	struct function *key = arena_new(&f->arena, struct function);
	struct owner *owner;

	if (v->reason && !f->why[v->prog])
		f->why[v->prog] = err_new(0, "%.*s cannot be probed there: %s",
					  STR_ARG(v->point->name), v->reason);
	*key = (struct function){ v->device, v->inode, v->function };
	owner = hashmap_get(&f->functions, str_make((const char *)key, sizeof(*key)));
	if (owner) {
		join(f, owner->prog, v->prog);
		return;
	}
	owner = arena_new(&f->arena, struct owner);
	owner->prog = v->prog;
	hashmap_put(&f->functions, str_make((const char *)key, sizeof(*key)), owner);
}

/* ---- who can what ---- */

static struct err *refuse(const struct image *im, const struct image_prog *p)
{
	if (p->shape->kind == PROBE_TEST || p->shape->kind == PROBE_BENCH)
		return err_new(0, "tests and benchmarks run in the kernel");
	return user_refusal_of(im, p);
}

static bool has_events(const struct image_prog *p)
{
	switch (p->shape->kind) {
	case PROBE_BEGIN:
	case PROBE_END:
	case PROBE_SELF:
	case PROBE_INTERVAL: return false;
	default: return true;
	}
}

static void gather(struct finder *f, struct groups *g)
{
	for (uint32_t i = 0; i < g->n_progs; i++) {
		struct group *group;

		if (root(f, i) == i) {
			g->of[i] = g->n++;
			g->v[g->of[i]] = (struct group){ .first = i };
		}
		g->of[i] = g->of[root(f, i)];
		group = &g->v[g->of[i]];
		group->has_events |= has_events(f->im->progs[i]);
		if (group->why)
			err_free(f->why[i]);
		else
			group->why = f->why[i];
	}
}

static void choose(struct groups *g)
{
	for (uint32_t i = 0; i < g->n; i++) {
		g->n_in_process += g->v[i].has_events && !g->v[i].why;
		g->n_in_kernel += g->v[i].why != NULL;
	}
	for (uint32_t i = 0; i < g->n; i++) {
		struct group *v = &g->v[i];

		v->is_in_process = !v->why && (v->has_events || !g->n_in_kernel);
		if (v->why || v->has_events)
			continue;
		if (v->is_in_process)
			g->n_in_process++;
		else
			g->n_in_kernel++;
	}
}

void groups_find(const struct image *im, struct groups *ret)
{
	size_t n = im->n_progs + 1;
	struct finder f = { .im = im, .up = base_alloc(n * sizeof(*f.up)) };

	f.why = base_alloc(n * sizeof(struct err *));
	arena_init(&f.arena);
	for (uint32_t i = 0; i < im->n_progs; i++) {
		f.up[i] = i;
		f.why[i] = refuse(im, im->progs[i]);
	}
	join_attach_points(&f);
	join_returns(&f);
	join_maps(&f);
	join_stacks(&f);
	sites_judge(im, visit_place, &f);
	*ret = (struct groups){ .n_progs = im->n_progs };
	ret->v = base_alloc(n * sizeof(*ret->v));
	ret->of = base_alloc(n * sizeof(*ret->of));
	gather(&f, ret);
	choose(ret);
	hashmap_free(&f.functions);
	arena_free(&f.arena);
	free(f.up);
	free(f.why);
}

void groups_free(struct groups *g)
{
	for (uint32_t i = 0; i < g->n; i++)
		err_free(g->v[i].why);
	free(g->v);
	free(g->of);
	*g = (struct groups){ 0 };
}

void groups_put_probes(const struct groups *g, uint32_t group, const struct image *im,
		       const struct sources *s, struct strbuf *out)
{
	struct span before = { 0 };
	size_t start = out->n;

	for (uint32_t i = 0; i < g->n_progs; i++) {
		struct span at = im->progs[i]->shape->at;
		struct str text = g->of[i] == group ? span_text(s, at) : STR_NULL;

		/* the programs of an attach point follow each other */
		if (!text.n || is_same_place(at, before))
			continue;
		strbuf_printf(out, "%s%.*s", out->n > start ? ", " : "", STR_ARG(text));
		before = at;
	}
}
