/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --budget for objects that the kernel runs. Their programs count nothing for us, so the kernel is asked how often each of them ran, and for how
 * long (BPF_ENABLE_STATS); the way to it was measured before on functions of our own. Ten times a second that comes out of a purse,
 * which the budget flows into and which holds that of one second. When it is empty the dearest user probe is taken off, with all
 * that share a map with it: what an object keeps in maps is known to it alone, so nothing is sampled, and nothing put back.
 */
#include "object/object_private.h"

#include "base/clock.h"
#include "objfile/resolve.h"
#include "objfile/symtab.h"
#include "probe/placement.h"

#include <errno.h>
#include <unistd.h>

enum { LOOK_NS = 100000000, NS_PER_S = 1000000000, MOST_MAPS = 64 };

struct watched {
	struct bpf_program *p;
	double way_ns;
	uint64_t hits, ns;         /* so far */
	uint64_t new_hits, new_ns; /* since the last look */
	uint32_t maps[MOST_MAPS], n_maps;
	uint64_t off_ns; /* when it was taken off; 0: it is on */
};

struct object_budget {
	struct object *o;
	int stats; /* the kernel counts as long as it is open */
	struct engine_ways ways;
	VEC(struct watched) v;
	uint64_t begin_ns, last_ns;
	double purse;
};

/* ---- what a hit costs ---- */

/* by the instruction at the symbol in the first file of that name; what is not known counts as the dearest */
static bool is_emulated(const struct object *o, const struct object_place *at)
{
	STRBUF_AUTO path = { 0 };
	OBJFILE_AUTO f = NULL;
	const struct symbol *s;
	struct err *err;
	CODE_AUTO c = { 0 };

	if (str_is(at->kind, "usdt"))
		return true; /* a nop */
	strbuf_add_str(&path, at->file);
	if (!at->file.n && o->opts.n_pids)
		object_put_program(o, o->opts.pids[0], &path);
	if (path.n && !str_starts(strbuf_str(&path), STR("/")) && access(strbuf_cstr(&path), R_OK)) {
		struct resolved found = { 0 };

		err = resolve_object(strbuf_str(&path), o->opts.pids, o->opts.n_pids, &found);
		strbuf_clear(&path);
		if (!err && found.n)
			strbuf_puts(&path, found.v[0].open_path);
		err_free(err);
		resolved_free(&found);
	}
	err = path.n ? objfile_open(strbuf_cstr(&path), &f) : NULL;
	err_free(err);
	s = f ? symtab_find(objfile_symtab(f), at->func) : NULL;
	return s && !at->offset && placement_read(f, s->addr, &c) && c.n &&
	       c.insn[0].flags & CODE_EMULATED;
}

static double way_of(const struct object_budget *b, const struct object_place *at)
{
	uint64_t step = is_emulated(b->o, at) ? 0 : b->ways.stepped - b->ways.emulated;

	return (double)(step + (at->is_return ? b->ways.returned : b->ways.emulated));
}

static double cost(const struct watched *w)
{
	return w->off_ns ? 0 : (double)w->new_hits * w->way_ns + (double)w->new_ns;
}

/* ---- what the kernel knows of a program ---- */

static ERR_MUST struct err *look(struct watched *w)
{
	struct bpf_prog_info info = { 0 };
	uint32_t n = sizeof(info);

	info.nr_map_ids = MOST_MAPS;
	info.map_ids = (uintptr_t)w->maps;
	if (bpf_obj_get_info_by_fd(bpf_program__fd(w->p), &info, &n))
		return err_new(errno, "ask how often '%s' ran", bpf_program__name(w->p));
	w->n_maps = info.nr_map_ids < MOST_MAPS ? info.nr_map_ids : MOST_MAPS;
	w->new_hits = info.run_cnt - w->hits;
	w->new_ns = info.run_time_ns - w->ns;
	w->hits = info.run_cnt;
	w->ns = info.run_time_ns;
	return NULL;
}

static bool share_map(const struct watched *a, const struct watched *b)
{
	for (uint32_t i = 0; i < a->n_maps; i++)
		for (uint32_t k = 0; k < b->n_maps; k++)
			if (a->maps[i] == b->maps[k])
				return true;
	return false;
}

/* ---- what is done about it ---- */

static void take_off(struct object_budget *b, struct watched *w)
{
	size_t n = 0;

	w->off_ns = b->last_ns;
	vec_each(l, &b->o->links) {
		if (l->program == w->p)
			bpf_link__destroy(l->link);
		else
			b->o->links.v[n++] = *l;
	}
	b->o->links.n = n;
}

static void restrain(struct object_budget *b, double passed)
{
	struct watched *worst = NULL;

	vec_each(w, &b->v)
		if (cost(w) > 0 && (!worst || cost(w) > cost(worst)))
			worst = w;
	if (!worst)
		return;
	object_remark(
		b->o,
		"'%s': %.0f hits a second of %.0f ns each cost %.3g %% of a processor, the budget is %.3g %%: "
		"taken off after %.2f s",
		bpf_program__name(worst->p), (double)worst->new_hits * NS_PER_S / passed,
		cost(worst) / (double)worst->new_hits, cost(worst) * 100 / passed,
		b->o->opts.budget * 100, (double)(b->last_ns - b->begin_ns) / NS_PER_S);
	take_off(b, worst);
	for (bool has_more = true; has_more;) {
		has_more = false;
		vec_each(w, &b->v) {
			bool is_joined = false;

			vec_each(gone, &b->v)
				is_joined |= gone->off_ns == b->last_ns && share_map(gone, w);
			if (w->off_ns || !is_joined)
				continue;
			object_remark(b->o, "'%s': taken off with it, they share a map",
				      bpf_program__name(w->p));
			take_off(b, w);
			has_more = true;
		}
	}
}

/* ---- a run ---- */

struct err *object_budget_begin(struct object *o)
{
	struct object_budget *b;
	struct bpf_program *p;

	if (o->opts.budget <= 0)
		return NULL;
	b = base_alloc(sizeof(*b));
	o->budget = b;
	*b = (struct object_budget){ .o = o, .stats = bpf_enable_stats(BPF_STATS_RUN_TIME) };
	if (b->stats < 0)
		return err_hint(err_new(errno, "let the kernel count runs of programs"),
				"--budget needs that: Linux 5.8 or later, and CAP_SYS_ADMIN");
	engine_kernel_ways(&b->ways);
	bpf_object__for_each_program(p, o->bpf)
	{
		struct object_place at;

		if (bpf_program__fd(p) < 0 || !object_user_place(o, p, &at))
			continue;
		vec_push(&b->v, ((struct watched){ .p = p, .way_ns = way_of(b, &at) }));
		TRY(look(&vec_last(&b->v)));
	}
	b->begin_ns = b->last_ns = clock_monotonic_ns();
	b->purse = o->opts.budget * NS_PER_S;
	return NULL;
}

struct err *object_budget_round(struct object *o)
{
	struct object_budget *b = o->budget;
	uint64_t now = b ? clock_monotonic_ns() : 0;
	double passed, spent = 0, most;

	if (!b || now - b->last_ns < LOOK_NS)
		return NULL;
	passed = (double)(now - b->last_ns);
	b->last_ns = now;
	vec_each(w, &b->v) {
		TRY(look(w));
		spent += cost(w);
	}
	most = o->opts.budget * NS_PER_S;
	b->purse += o->opts.budget * passed - spent;
	if (b->purse > most)
		b->purse = most;
	if (b->purse >= 0)
		return NULL;
	b->purse = most / 2;
	restrain(b, passed);
	return NULL;
}

void object_budget_end(struct object *o)
{
	struct object_budget *b = o->budget;
	uint64_t end = clock_monotonic_ns();

	if (!b)
		return;
	vec_each(w, &b->v) {
		if (!w->off_ns)
			continue;
		err_free(look(w)); /* what ran until it was off */
		object_remark(o, "'%s' ran for the first %.2f s of %.2f s (%llu hits): --budget",
			      bpf_program__name(w->p), (double)(w->off_ns - b->begin_ns) / NS_PER_S,
			      (double)(end - b->begin_ns) / NS_PER_S, (unsigned long long)w->hits);
	}
}

void object_budget_free(struct object *o)
{
	if (!o->budget)
		return;
	if (o->budget->stats >= 0)
		close(o->budget->stats);
	vec_free(&o->budget->v);
	free(o->budget);
	o->budget = NULL;
}
