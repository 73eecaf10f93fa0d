/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See grow.h. Whatever goes wrong, what was there before stays as it was. */
#include "engine/user/grow.h"

#include "engine/user/user_refusal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SETTLE_MS = 100 }; /* with --follow: files are seen when the dynamic linker maps them */
enum growth_kind { GROWTH_ADD, GROWTH_DROP_GROUP, GROWTH_DROP_FILE, GROWTH_HOLD, GROWTH_LOOK };

struct growth_set {
	uint32_t prog; /* of the image as it is then */
	const struct probe_shape *shape;
};

/* what the guardian is told; all of it lies in the handover */
struct growth {
	enum growth_kind kind;
	uint32_t group;
	struct str path; /* GROWTH_DROP_FILE */
	pid_t pid;       /* GROWTH_HOLD */
	uint64_t mapped_at;
	struct growth_set *sets;
	uint32_t n_sets;
	struct image_prog **progs; /* new ones: they follow those that the guardian has */
	uint32_t n_progs;
	struct shared_map *maps; /* all of them, if there are new programs */
	uint32_t n_maps;
};

/* ---- copies ---- */

static struct probe_point *copy_points(struct handover *h, const struct probe_shape *s)
{
	struct probe_point *v = handover_copy(h, s->points, s->n_points * sizeof(*v));

	for (uint32_t i = 0; v && i < s->n_points; i++) {
		/* points of one file come one after the other */
		bool is_same = i && str_eq(s->points[i].path, s->points[i - 1].path);

		v[i].name = handover_str(h, s->points[i].name);
		v[i].path = is_same ? v[i - 1].path : handover_str(h, s->points[i].path);
		v[i].symbol = v[i].inlined_into = STR_NULL;
		v[i].locs = NULL;
		v[i].why = NULL;
	}
	return v;
}

/* what the guardian asks a shape for: the rest stays behind */
static struct probe_shape *copy_shape(struct handover *h, const struct probe_shape *s)
{
	struct probe_shape *to = handover_take(h, sizeof(*to));

	if (!to)
		return NULL;
	*to = (struct probe_shape){ .kind = s->kind,
				    .is_return = s->is_return,
				    .return_way = s->return_way,
				    .is_go = s->is_go,
				    .is_g_sure = s->is_g_sure,
				    .is_user = s->is_user,
				    .n_points = s->n_points };
	to->points = copy_points(h, s);
	return to;
}

static struct image_prog *copy_prog(struct handover *h, const struct image_prog *p)
{
	struct image_prog *to = handover_copy(h, p, sizeof(*p));

	if (!to)
		return NULL;
	to->name = handover_str(h, p->name);
	to->insns = handover_copy(h, p->insns, p->n_insns * sizeof(*p->insns));
	to->relocs = handover_copy(h, p->relocs, p->n_relocs * sizeof(*p->relocs));
	to->funcs = NULL;
	to->lines = NULL;
	to->n_funcs = to->n_lines = 0;
	to->shape = NULL;
	return to;
}

/* returns name the shapes of what is kept at entries and at tail jumps */
static void connect(const struct image *im, struct growth *g)
{
	for (uint32_t i = 0; i < g->n_sets; i++) {
		const struct probe_shape *from = im->progs[im->n_base_progs + i]->shape;
		struct probe_shape *to = (struct probe_shape *)g->sets[i].shape;

		for (uint32_t k = 0; k < g->n_sets; k++) {
			const struct probe_shape *s = im->progs[im->n_base_progs + k]->shape;

			if (from->entries == s)
				to->entries = g->sets[k].shape;
			if (from->tails == s)
				to->tails = g->sets[k].shape;
		}
	}
}

static bool copy_sets(struct handover *h, const struct image *im, struct growth *g)
{
	for (uint32_t i = 0; i < g->n_sets; i++) {
		uint32_t prog = im->n_base_progs + i;

		g->sets[i].shape = copy_shape(h, im->progs[prog]->shape);
		g->sets[i].prog = g->n_progs ? prog : image_find_twin(im, prog);
		if (!g->sets[i].shape)
			return false;
	}
	connect(im, g);
	return true;
}

static bool copy_progs(struct handover *h, const struct image *im, struct growth *g)
{
	for (uint32_t i = 0; i < g->n_progs; i++) {
		g->progs[i] = copy_prog(h, im->progs[im->n_base_progs + i]);
		if (!g->progs[i])
			return false;
		g->progs[i]->shape = g->sets[i].shape;
	}
	return true;
}

/* n_progs: 0: programs that are there serve */
static ERR_MUST struct err *make_growth(struct engine *e, uint32_t group, uint32_t n_progs,
					struct growth **ret)
{
	const struct image *im = e->image;
	struct handover *h = &e->handover;
	struct growth *g = handover_take(h, sizeof(*g));
	bool is_fine = g != NULL;

	if (g) {
		g->group = group;
		g->n_sets = im->n_progs - im->n_base_progs;
		g->n_progs = n_progs;
		g->sets = handover_take(h, g->n_sets * sizeof(*g->sets));
		g->progs = handover_take(h, g->n_progs * sizeof(*g->progs));
		is_fine = g->sets && g->progs && copy_sets(h, im, g) && copy_progs(h, im, g);
	}
	if (is_fine && n_progs) {
		g->n_maps = e->shared.n_maps;
		g->maps = handover_copy(h, e->shared.maps, g->n_maps * sizeof(*g->maps));
		is_fine = g->maps != NULL;
	}
	/* the last bytes tell whether all of them had room: strings are not looked at one by one */
	if (!is_fine || !handover_take(h, 1))
		return err_new(ENOSPC, "no room for the programs of one file more");
	*ret = g;
	return NULL;
}

/* ---- the front end ---- */

static ERR_MUST struct err *ask(struct engine *e, const struct growth *g,
				struct guardian_report *report)
{
	return guardian_ask(e->guardian, str_make((const char *)&g, sizeof(g)), report);
}

static uint32_t count_new(const struct image *im)
{
	uint32_t n = 0;

	for (uint32_t i = im->n_base_progs; i < im->n_progs; i++)
		n += image_find_twin(im, i) == IMAGE_NONE;
	return n;
}

static ERR_MUST struct err *extend(struct engine *e, uint32_t group,
				   struct engine_attach_result *res)
{
	struct guardian_report report = { 0 };
	struct growth *g = NULL;
	struct err *err;

	TRY(make_growth(e, group, res->n_loaded ? e->image->n_progs - e->image->n_base_progs : 0,
			&g));
	err = ask(e, g, &report);
	res->n_attached = report.n_attached;
	res->n_failed = report.n_failed;
	if (!err && report.text.n)
		user_warn_refused(e, strbuf_cstr(&report.text));
	strbuf_free(&report.text);
	return err;
}

struct err *user_extend(struct engine *e, uint32_t group, struct engine_attach_result *res)
{
	size_t used = e->handover.used;
	struct shared before;
	struct err *err;

	*res = (struct engine_attach_result){ 0 };
	/* no process is left: there is nothing to be probed */
	if (!e->guardian || guardian_has_ended(e->guardian))
		return NULL;
	TRY(user_refusal(e->image));
	res->n_loaded = count_new(e->image);
	if (!res->n_loaded)
		return extend(e, group, res);
	TRY(shared_grow(&e->shared, e->image, &before));
	err = extend(e, group, res);
	if (!err) {
		shared_settle(&before);
		return NULL;
	}
	shared_shrink(&e->shared, &before);
	e->handover.used = used;
	return err;
}

/* -> what the guardian counts */
static uint32_t tell(struct engine *e, const struct growth *what)
{
	struct guardian_report report = { 0 };
	size_t used = e->handover.used;
	struct growth *g;

	if (!e->guardian || guardian_has_ended(e->guardian))
		return 0;
	g = handover_copy(&e->handover, what, sizeof(*what));
	if (g) {
		g->path = handover_str(&e->handover, what->path);
		err_free(ask(e, g, &report)); /* it has ended: then everything is taken off */
		if (report.text.n)
			user_warn_refused(e, strbuf_cstr(&report.text));
		strbuf_free(&report.text);
	}
	e->handover.used = used;
	return report.n_failed;
}

void user_drop_group(struct engine *e, uint32_t group)
{
	if (group)
		tell(e, &(struct growth){ .kind = GROWTH_DROP_GROUP, .group = group });
}

void user_drop_file(struct engine *e, struct str path)
{
	tell(e, &(struct growth){ .kind = GROWTH_DROP_FILE, .path = path });
}

enum engine_hold user_hold(struct engine *e, pid_t pid, uint64_t mapped_at)
{
	return tell(e, &(struct growth){
			       .kind = GROWTH_HOLD, .pid = pid, .mapped_at = mapped_at });
}

bool user_look(struct engine *e)
{
	return tell(e, &(struct growth){ .kind = GROWTH_LOOK }) > 0;
}

/* ---- the guardian ---- */

/* the fork's copy of what the front end had: here it becomes what the front end has now */
static void grow_image(struct engine *e, const struct growth *g)
{
	uint32_t n = e->job.image->n_progs;
	struct image_prog **progs = base_alloc((n + g->n_progs + 1) * sizeof(*progs));

	memcpy(progs, e->job.image->progs, n * sizeof(*progs));
	memcpy(progs + n, g->progs, g->n_progs * sizeof(*progs));
	if (e->job.image == &e->grown)
		free(e->grown.progs);
	else
		e->grown = *e->job.image;
	e->grown.progs = progs;
	e->grown.n_progs = n + g->n_progs;
	e->job.image = &e->grown;
	e->shared.maps = g->maps;
	e->shared.n_maps = g->n_maps;
}

static void add_places(struct engine *e, const struct growth *g)
{
	struct target_places *p = &e->job.places;
	uint32_t n = p->n;

	for (uint32_t i = 0; i < g->n_sets; i++)
		target_places_add(p, g->sets[i].prog, g->sets[i].shape, g->group);
	e->job.is_attached = base_realloc(e->job.is_attached, p->n + 1);
	memset(e->job.is_attached + n, 0, p->n - n);
}

/* all processes that are traced; -> what fn returned, in all */
static uint32_t each_target(struct engine *e, const struct growth *g,
			    uint32_t (*fn)(struct target *t, struct target_job *j,
					   const struct growth *g))
{
	uint32_t n = 0;

	vec_each(t, &e->targets)
		n += fn(*t, &e->job, g);
	vec_each(f, &e->follow.v)
		if (f->target)
			n += fn(f->target, &e->job, g);
	return n;
}

static uint32_t extend_one(struct target *t, struct target_job *j, const struct growth *g)
{
	(void)g;
	target_extend(t, j);
	return target_is_partial(t);
}

static uint32_t take_off_one(struct target *t, struct target_job *j, const struct growth *g)
{
	(void)g;
	target_take_off(t, j);
	return 0;
}

static uint32_t hold_one(struct target *t, struct target_job *j, const struct growth *g)
{
	(void)j;
	return target_hold(t, g->pid, g->mapped_at);
}

/* places that processes may have, as far as their files say */
static uint32_t count_possible(const struct target_job *j, size_t from_set)
{
	uint32_t n = 0;

	for (size_t i = from_set; i < j->places.sets.n; i++) {
		const struct place_set *s = &j->places.sets.v[i];

		for (uint32_t k = 0; s->first + k < j->verdicts.n && k < s->shape->n_points; k++)
			n += j->verdicts.v[s->first + k].place.len &&
			     !s->shape->points[k].is_repeat;
	}
	return n;
}

static void add(struct engine *e, const struct growth *g, struct guardian_report *out)
{
	size_t first = e->job.places.sets.n;
	uint32_t n_refused = e->job.refusals.n;

	if (g->n_progs)
		grow_image(e, g);
	add_places(e, g);
	if (e->opts.follow)
		follow_settle(&e->follow, SETTLE_MS);
	(void)each_target(e, g, extend_one);
	out->n_attached = target_job_attached(&e->job, first);
	out->n_failed = e->job.refusals.n - n_refused;
	/* no process has the file now, one will */
	if (!out->n_attached && !out->n_failed)
		out->n_attached = count_possible(&e->job, first);
	refusals_take(&e->job.refusals, &out->text);
}

struct err *grow_answer(struct engine *e, struct str question, struct guardian_report *out)
{
	const struct growth *g;

	if (question.n != sizeof(g))
		return err_new(EINVAL, "that is no question");
	memcpy(&g, question.p, sizeof(g));
	if (!handover_has(&e->handover, g, sizeof(*g)))
		return err_new(EINVAL, "that is no question");
	switch (g->kind) {
	case GROWTH_ADD: add(e, g, out); break;
	case GROWTH_DROP_GROUP:
		if (target_places_drop_group(&e->job.places, g->group))
			(void)each_target(e, g, take_off_one);
		break;
	case GROWTH_DROP_FILE:
		if (target_places_drop_file(&e->job.places, g->path))
			(void)each_target(e, g, take_off_one);
		break;
	case GROWTH_HOLD:
		/* a program that has just begun is on its way to its first instruction */
		if (e->opts.follow)
			follow_settle(&e->follow, 0);
		out->n_failed = each_target(e, g, hold_one);
		break;
	case GROWTH_LOOK:
		out->n_failed = each_target(e, g, extend_one);
		refusals_take(&e->job.refusals, &out->text);
		break;
	}
	return NULL;
}
