/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plans for returns (returns.h) as points of a match, and what is said about them: -v's line for each function, warnings,
 * refusals. A function's points share its name, so that they count as one probe. Called by the providers.
 */
#include "probe/returns.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "objfile/cfi.h"
#include "objfile/symtab.h"
#include "probe/go_probe.h"
#include "probe/match_private.h"
#include "probe/patchable.h"
#include "probe/placement.h"

static void say_one(struct match *m, struct str shown, const struct return_plan *plan)
{
	if (plan->refusal)
		match_missing(m, D_PROBE_PLACE, "'%.*s' takes no return probe. %s.", STR_ARG(shown),
			      plan->refusal);
	else if (plan->warning)
		diag_warning(m->diags, D_PROBE_PLACE, m->spec->ap->at, "'%.*s': %s", STR_ARG(shown),
			     plan->warning);
}

static void note_one_of_many(struct match *m, struct str shown, const struct return_plan *plan)
{
	struct match_returns *r = &m->returns;

	r->n_all++;
	if (plan->refusal && !plan->is_endless && r->n_refused++ == 0) {
		r->refused = arena_str(m->c->arena, shown);
		r->refusal = plan->refusal;
	}
	if (!plan->refusal && plan->warning && r->n_warned++ == 0) {
		r->warned = arena_str(m->c->arena, shown);
		r->warning = plan->warning;
	}
}

/* ---- one function ---- */

static void add_exit(struct match_shape *s, const struct probe_point *entry,
		     const struct return_exit *exit, const struct objfile *f)
{
	struct probe_point p = *entry;

	p.address = exit->addr;
	p.exit = exit->kind;
	p.exit_condition = exit->condition;
	p.frame_offset = 8; /* the return address is on top of the stack */
	if (!objfile_vaddr_to_offset(f, exit->addr, &p.file_offset))
		return; /* bytes were read from there, so it has one */
	if (exit->kind == EXIT_TAIL)
		vec_push(&s->tails, p);
	else
		vec_push(&s->points, p);
}

static void add_function(struct match_shape *s, const struct return_func *fn,
			 const struct return_plan *plan, const struct probe_point *point)
{
	struct probe_point entry = *point;

	entry.function = s->n_functions++;
	entry.entry_address = point->address;
	s->shape->return_way = plan->way;
	s->shape->return_why = plan->why;
	vec_push(&s->entries, entry);
	if (s->shape->is_go)
		go_point_move(fn->f, &vec_last(&s->entries));
	vec_last(&s->entries).frame_offset = 8 - vec_last(&s->entries).sp_delta;
	if (plan->way == RETURN_KERNEL)
		vec_push(&s->points, entry); /* the program runs when the return address is gone */
	for (uint32_t i = 0; plan->way == RETURN_SITES && i < plan->n_exits; i++)
		add_exit(s, &entry, &plan->exits[i], fn->f);
}

static enum type_lang lang_of(const struct probe_shape *shape, struct objfile *f, struct str symbol)
{
	if (shape->lang != LANG_NONE)
		return shape->lang;
	if (shape->is_go || objfile_langs(f) & OBJFILE_LANG_GO)
		return LANG_GO;
	if (objfile_langs(f) & OBJFILE_LANG_RUST || str_starts(symbol, STR("_R")))
		return LANG_RUST;
	return str_starts(symbol, STR("_Z")) ? LANG_CXX : LANG_NONE;
}

/* the function that begins there: the longest, when several do */
static const struct symbol *function_at(struct objfile *f, uint64_t addr)
{
	struct symtab *t = objfile_symtab(f);
	const struct symbol *best = NULL;
	uint32_t first, n = symtab_starting_at(t, addr, &first);

	for (uint32_t i = 0; i < n; i++) {
		const struct symbol *s = &t->v[symtab_sorted(t, first + i)];

		if (s->type != SYMBOL_OBJECT && s->size && (!best || s->size > best->size))
			best = s;
	}
	return best;
}

/* ---- all of an attach point ---- */

struct known_file {
	struct str path;
	struct objfile *f;
	struct return_evidence evidence;
};

/* a function whose points are to be made */
struct planned {
	struct probe_point point; /* at its entry */
	struct return_range range;
	struct return_func fn; /* its evidence is good while no other file is met */
	struct return_plan plan;
};

struct returns_run {
	struct match *m;
	VEC(struct known_file) files;
	size_t from,
		kernel; /* shapes: that is worked on; its counterpart for the kernel's way, 0: none yet */
};

static struct known_file *file_of(struct returns_run *r, struct str path)
{
	struct known_file file = { .path = path };
	STRBUF_AUTO name = { 0 };
	struct err *e;

	vec_each(f, &r->files)
		if (str_eq(f->path, path))
			return f;
	strbuf_add_str(&name, path);
	e = objfile_cache_get(probe_ctx_files(r->m->c), strbuf_cstr(&name), &file.f);
	err_free(e); /* no file that can be read: f is NULL */
	vec_push(&r->files, file);
	return &vec_last(&r->files);
}

/* a function that no symbol names, such as what an IFUNC stands for: call frame information knows where it ends */
static const struct symbol *unnamed_function(struct returns_run *r, struct known_file *file,
					     const struct probe_point *p)
{
	const struct cfi_extent *e;
	struct symbol *s;

	if (!file->f)
		return NULL;
	e = cfi_extent_at(cfi_extents_of(file->f), p->address);
	if (!e)
		return NULL;
	s = arena_new(r->m->c->arena, struct symbol);
	*s = (struct symbol){ .name = p->symbol.p,
			      .name_len = (uint32_t)p->symbol.n,
			      .addr = e->start,
			      .size = e->end - e->start,
			      .type = SYMBOL_FUNC };
	return s;
}

/* the shape for functions whose returns the kernel notices: as the one that they came in */
static struct match_shape *kernel_shape(struct returns_run *r)
{
	struct match *m = r->m;

	if (!r->kernel) {
		struct match_shape s = { .shape = arena_new(m->c->arena, struct probe_shape) };

		*s.shape = *m->shapes.v[r->from].shape;
		vec_push(&m->shapes, s);
		r->kernel = m->shapes.n - 1;
	}
	return &m->shapes.v[r->kernel];
}

static void say(struct match *m, const struct probe_point *p, const struct return_plan *plan)
{
	if (str_has_glob(m->spec->func))
		note_one_of_many(m, p->symbol, plan);
	else
		say_one(m, p->symbol, plan);
	if (log_level < 1)
		return;
	log_verbose("%.*s: return by %s%s", STR_ARG(p->name),
		    plan->way == RETURN_SITES && !plan->refusal ? ""
		    : plan->refusal                             ? "none: "
								: "the ",
		    plan->refusal ? plan->refusal : plan->why);
}

/* the plan for the function that begins there; false: none, or what there is was added */
static bool plan_point(struct returns_run *r, const struct probe_point *p, struct planned *ret)
{
	struct match *m = r->m;
	struct known_file *file = file_of(r, p->path);
	const struct symbol *s = file->f ? function_at(file->f, p->address) : NULL;
	struct return_func *fn = &ret->fn;

	if (!s)
		s = unnamed_function(r, file, p);
	if (!s) {
		/* with --unsafe, where nothing is known: the kernel takes what stands on the stack for a return address */
		if (m->c->is_unsafe)
			vec_push(&kernel_shape(r)->points, *p);
		else
			match_missing(m, D_PROBE_PLACE,
				      "'%.*s': a return probe needs the start of a function.",
				      STR_ARG(p->name));
		return false;
	}
	ret->point = *p;
	ret->range = (struct return_range){ s->addr, s->addr + s->size };
	*fn = (struct return_func){ .f = file->f,
				    .evidence = &file->evidence,
				    .name = symbol_name(s),
				    .ranges = &ret->range,
				    .n_ranges = 1,
				    .reads_result = m->reads_result,
				    .choice = m->c->return_choice };
	fn->lang = lang_of(m->shapes.v[r->from].shape, file->f, fn->name);
	returns_plan(fn, m->c->arena, &ret->plan);
	return true;
}

/* hand-written code may: compilers make no jumps into the middle of another function */
static bool may_be_entered(const struct planned *p)
{
	return !p->plan.refusal && p->plan.way == RETURN_SITES && !p->plan.has_parts &&
	       p->fn.lang == LANG_NONE && p->range.end - p->range.start > 1;
}

/*
 * The RETs of a function that others jump into are returns of those, too. Its own are told by a note that is made at its
 * entry, as if it ended in a tail jump there.
 */
/* where the entry is noticed: the kernel takes no probe on some first instructions, hand-written code begins with such */
static uint64_t entry_place(const struct planned *p)
{
	const struct placement_needs needs = { .stack = true, .fixed_sp = true };
	struct placement_edges edges = { 0 };
	struct placement to = { .address = p->range.start };
	CODE_AUTO c = { 0 };

	if (!placement_read(p->fn.f, p->range.start, &c) || !c.n ||
	    !(c.insn[0].flags & CODE_REFUSED))
		return p->range.start;
	placement_edges_find(p->fn.f, &c, &edges);
	placement_choose(&c, p->range.start, &edges, &needs, &to);
	placement_edges_free(&edges);
	return to.address;
}

static void tell_by_entry(struct match *m, struct planned *p, const char *why)
{
	struct return_exit *exits = arena_array(m->c->arena, struct return_exit,
						p->plan.n_exits + 1);
	uint32_t n = 0;

	exits[n++] = (struct return_exit){ .addr = entry_place(p), .kind = EXIT_TAIL };
	for (uint32_t i = 0; i < p->plan.n_exits; i++) {
		if (p->plan.exits[i].kind == EXIT_TAIL)
			continue;
		exits[n] = p->plan.exits[i];
		exits[n++].kind = EXIT_TAIL_RET;
	}
	p->plan.exits = exits;
	p->plan.n_exits = n;
	p->plan.only_follows = false;
	p->plan.why = arena_printf(m->c->arena, "%s; %s", p->plan.why, why).p;
}

static void find_entered(struct match *m, struct objfile *f, struct planned *v, size_t n)
{
	struct placement_window *windows = base_alloc((n + 1) * sizeof(*windows));
	size_t n_windows = 0;

	for (size_t i = 0; i < n; i++)
		if (v[i].fn.f == f && may_be_entered(&v[i]))
			windows[n_windows++] = (struct placement_window){ .start = v[i].range.start,
									  .end = v[i].range.end,
									  .from = v[i].range.start,
									  .to = v[i].range.end - 1,
									  .point = (uint32_t)i };
	if (n_windows)
		placement_foreign_find(probe_ctx_foreign(m->c), m->c, f, windows, n_windows);
	for (size_t i = 0; i < n_windows; i++)
		if (windows[i].is_entered)
			tell_by_entry(
				m, &v[windows[i].point],
				"other code may jump into it, so its calls are told by their entries");
	free(windows);
}

/*
 * Where the entry is as good a place as a tail jump, and every call goes by one: a script that times calls has a probe at the entry
 * anyway, and one place less is hit. A call that a longjmp or an exception ends leaves its note, as one does that ends behind its tail jump.
 */
static void note_at_entries(struct match *m, struct planned *v, size_t n)
{
	enum { ENDBR_BYTES = 4 };

	for (size_t i = 0; i < n; i++) {
		struct patchable to = { 0 };

		if (v[i].plan.refusal || v[i].plan.way != RETURN_SITES || !v[i].plan.only_follows ||
		    v[i].fn.lang > LANG_C)
			continue;
		if (patchable_find(v[i].fn.f, v[i].range.start, v[i].range.end - v[i].range.start,
				   &to) &&
		    to.len && to.at <= v[i].range.start + ENDBR_BYTES)
			tell_by_entry(m, &v[i], "noted at the entry");
	}
}

static void add_planned(struct returns_run *r, struct planned *p)
{
	say(r->m, &p->point, &p->plan);
	if (p->plan.refusal)
		return;
	add_function(p->plan.way == RETURN_KERNEL ? kernel_shape(r) : &r->m->shapes.v[r->from],
		     &p->fn, &p->plan, &p->point);
}

static void run_shape(struct returns_run *r)
{
	struct match_shape *s = &r->m->shapes.v[r->from];
	typeof(s->points) before = s->points;
	struct planned *planned = base_alloc((before.n + 1) * sizeof(*planned));
	size_t n = 0;

	memset(&s->points, 0, sizeof(s->points));
	s->shape->return_way = RETURN_SITES;
	r->kernel = 0;
	vec_each(p, &before) {
		if (p->inlined_into.n)
			vec_push(&r->m->shapes.v[r->from].points, *p);
		else
			n += plan_point(r, p, &planned[n]);
	}
	vec_each(f, &r->files)
		if (f->f)
			find_entered(r->m, f->f, planned, n);
	if (r->m->c->tells_by_entry)
		note_at_entries(r->m, planned, n);
	for (size_t i = 0; i < n; i++)
		add_planned(r, &planned[i]);
	free(planned);
	vec_free(&before);
}

static void report(struct match *m)
{
	const struct match_returns *r = &m->returns;

	if (r->n_refused)
		diag_warning(m->diags, D_PROBE_PLACE, m->spec->ap->at,
			     "%u of %u functions take no return probe: '%.*s' for one. %s.",
			     r->n_refused, r->n_all, STR_ARG(r->refused), r->refusal);
	if (r->n_warned)
		diag_warning(m->diags, D_PROBE_PLACE, m->spec->ap->at,
			     "%u of %u functions, '%.*s' for one: %s", r->n_warned, r->n_all,
			     STR_ARG(r->warned), r->warning);
}

void returns_run(struct match *m)
{
	struct returns_run r = { .m = m };
	size_t n = m->shapes.n; /* those for the kernel's way come behind */

	if (m->spec->kind != PROBE_URETPROBE)
		return;
	for (r.from = 0; r.from < n; r.from++)
		run_shape(&r);
	report(m);
	vec_free(&r.files);
}

/* entries or tails as a shape of uprobes of our own, which count as no probes of the script's */
static const struct probe_shape *helper_shape(struct match *m, const struct probe_shape *of,
					      const struct probe_point *points, size_t n)
{
	struct probe_shape *s = arena_new(m->c->arena, struct probe_shape);

	*s = *of;
	s->kind = PROBE_UPROBE;
	s->is_return = false;
	s->points = arena_array(m->c->arena, struct probe_point, n);
	memcpy(s->points, points, n * sizeof(*points));
	s->n_points = (uint32_t)n;
	s->n_vars = 0;
	for (uint32_t i = 0; i < n; i++) {
		s->points[i].is_repeat = true;
		s->points[i].cookie = i;
		s->points[i].locs = NULL;
	}
	return s;
}

void returns_finish(struct match *m, struct match_shape *s)
{
	if (s->entries.n)
		s->shape->entries = helper_shape(m, s->shape, s->entries.v, s->entries.n);
	if (s->tails.n)
		s->shape->tails = helper_shape(m, s->shape, s->tails.v, s->tails.n);
	vec_free(&s->entries);
	vec_free(&s->tails);
}
