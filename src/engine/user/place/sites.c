/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding the places of an image in a process; see sites.h. */
#include "engine/user/place/sites.h"

#include "base/arena.h"
#include "objfile/go_runtime.h"

#include <stdlib.h>
#include <unistd.h>

/* a function whose returns cannot all be seen: then none of them is probed, nor what is kept at its entry for them */
struct half {
	const struct probe_shape *shape; /* of the returns */
	uint32_t function;
};

/* a place that the process has; there can be a hundred thousand */
struct found {
	uint64_t address;
	uint32_t set, k; /* of target_job.places, of its shape's points */
};

struct search {
	struct target_job *job;
	const struct proc_maps *maps;
	const struct sites_known *known;
	struct sites *out;
	VEC(struct found) found;
	VEC(struct half) halves;
};

void sites_refuse(struct target_job *j, const struct site *s, const char *why)
{
	vec_each(u, &s->uses)
		refusals_add(&j->refusals, u->point->name, why);
}

/* ---- files and their mappings ---- */

uint64_t sites_address_of(const struct proc_maps *maps, const struct place_file *f, uint64_t offset,
			  bool is_code)
{
	for (uint32_t i = 0; i < maps->n; i++) {
		const struct proc_map *m = &maps->v[i];

		if (m->ino != f->st.st_ino || offset < m->offset ||
		    offset - m->offset >= m->end - m->start || (is_code ? !m->exec : !m->write))
			continue;
		if (place_file_is_mapped(f, m))
			return m->start + (offset - m->offset);
	}
	return 0;
}

/* ---- places ---- */

/* places at one address in the order of the script */
static int by_found(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	if (x->set != y->set)
		return x->set < y->set ? -1 : 1;
	return x->k < y->k ? -1 : x->k > y->k;
}

static struct site *site_at(struct sites *all, uint64_t address)
{
	if (!all->v.n || vec_last(&all->v).address != address)
		vec_push(&all->v, ((struct site){ .address = address }));
	return &vec_last(&all->v);
}

static void add_semaphore(struct search *s, const struct place_file *f, uint64_t offset,
			  uint64_t at)
{
	vec_each(have, &s->out->semaphores)
		if (have->address == at)
			return;
	vec_push(&s->out->semaphores, ((struct semaphore){ at, f, offset, false }));
}

static void add_place(struct search *s, uint32_t number, uint32_t k)
{
	const struct place_set *set = &s->job->places.sets.v[number];
	const struct probe_point *p = &set->shape->points[k];
	const struct place_file *f = set->files[k];
	uint64_t semaphore = 0, at = 0;

	if (f->obj && !f->is_changed)
		at = sites_address_of(s->maps, f, p->file_offset, true);
	if (!at ||
	    s->known->has(s->known->arg, at,
			  set->first + k)) /* this process does not have it, or has it already */
		return;
	if (p->ref_ctr_offset) {
		semaphore = sites_address_of(s->maps, f, p->ref_ctr_offset, false);
		/* the dynamic linker maps the code first: the program would never come to the place */
		s->out->is_partial |= !semaphore;
		if (!semaphore)
			return;
		add_semaphore(s, f, p->ref_ctr_offset, semaphore);
	}
	vec_push(&s->found, ((struct found){ at, number, k }));
}

/* in the order of addresses */
static void add_site(struct search *s, const struct found *found)
{
	const struct place_set *set = &s->job->places.sets.v[found->set];
	const struct probe_point *p = &set->shape->points[found->k];
	const struct place_file *f = set->files[found->k];
	struct site *site = site_at(s->out, found->address);
	uint32_t k = found->k;
	uint64_t at = found->address;

	vec_push(&site->uses,
		 ((struct site_use){ .point = p,
				     .set = found->set,
				     .prog = set->prog,
				     .place = set->first + k,
				     .is_return = probe_is_kernel_return(set->shape) }));
	if (site->uses.n > 1)
		return;
	site->file = f;
	site->offset = p->file_offset;
	site->function = s->job->verdicts.v[set->first + k].function;
	site->place = s->job->verdicts.v[set->first + k].place;
	site->room = s->job->verdicts.v[set->first + k].room;
	site->is_go = set->shape->is_go;
	site->bias = at - p->address;
	if (site->is_go && objfile_go_allgs(f->obj))
		site->allgs = objfile_go_allgs(f->obj) + site->bias;
	site->is_entry = p->address == site->function->start;
}

static void site_free(struct site *s)
{
	vec_free(&s->uses);
}

/* two jumps need room for both */
static bool overlaps(const struct search *s, const struct site *before, const struct patch *p)
{
	return (before && before->patch.site + before->patch.len > p->site) ||
	       s->known->has_jump(s->known->arg, p->site, p->site + p->len);
}

/* the shape of the returns that a set serves, by RETs, at entries, or at tail jumps; NULL: none */
static const struct probe_shape *returns_of(const struct search *s, uint32_t number)
{
	const struct probe_shape *shape = s->job->places.sets.v[number].shape;

	if (shape->is_return)
		return shape->return_way == RETURN_SITES ? shape : NULL;
	vec_each(set, &s->job->places.sets)
		if (set->shape->entries == shape || set->shape->tails == shape)
			return set->shape;
	return NULL;
}

static bool is_half(const struct search *s, const struct site_use *u)
{
	const struct probe_shape *shape = returns_of(s, u->set);

	vec_each(h, &s->halves)
		if (h->shape == shape && h->function == u->point->function)
			return true;
	return false;
}

/* it is not looked at again when more code comes: what stands in its way would be taken for another tracer's, and it be told twice */
static void note_refused(struct search *s, const struct site *site, const struct site_use *u)
{
	vec_push(&s->out->refused, ((struct site_refused){ site->address, u->place }));
}

static void refuse(struct search *s, struct site *site, const char *why)
{
	sites_refuse(s->job, site, why);
	vec_each(u, &site->uses) {
		const struct probe_shape *shape = returns_of(s, u->set);

		note_refused(s, site, u);
		if (shape && !is_half(s, u))
			vec_push(&s->halves, ((struct half){ shape, u->point->function }));
	}
	site_free(site);
}

/* what can be patched stays */
static void choose(struct search *s)
{
	struct site *before = NULL;
	size_t n = 0;

	for (size_t i = 0; i < s->out->v.n; i++) {
		struct site site = s->out->v.v[i];

		site.patch = (struct patch){ .site = site.place.address + site.bias,
					     .at = site.place.at + site.bias,
					     .len = site.place.len,
					     .is_go = site.is_go,
					     .function = site.is_go
								 ? site.function->start + site.bias
								 : 0,
					     .allgs = site.allgs };
		if (!site.place.len || overlaps(s, before, &site.patch)) {
			refuse(s, &site,
			       site.place.len ? "another probe stands too near"
					      : site.place.reason);
			continue;
		}
		s->out->v.v[n] = site;
		before = &s->out->v.v[n++];
	}
	s->out->v.n = n;
}

/* functions stay of which everything that belongs together does */
static void drop_halves(struct search *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->out->v.n; i++) {
		struct site *site = &s->out->v.v[i];
		size_t left = 0;

		for (size_t k = 0; k < site->uses.n; k++)
			if (!is_half(s, &site->uses.v[k]))
				site->uses.v[left++] = site->uses.v[k];
			else
				note_refused(s, site, &site->uses.v[k]);
		s->job->refusals.n += (uint32_t)(site->uses.n - left);
		site->uses.n = left;
		if (left)
			s->out->v.v[n++] = *site;
		else
			site_free(site);
	}
	s->out->v.n = n;
}

void sites_find(struct target_job *j, const struct proc_maps *maps, const struct sites_known *known,
		struct sites *ret)
{
	struct search s = { .job = j, .maps = maps, .known = known, .out = ret };

	*ret = (struct sites){ 0 };
	target_places_check_files(&j->places);
	target_job_judge(j);
	for (uint32_t i = 0; i < j->places.sets.n; i++) {
		const struct place_set *set = &j->places.sets.v[i];

		for (uint32_t k = 0; !set->is_off && k < set->shape->n_points; k++)
			add_place(&s, i, k);
	}
	if (s.found.n)
		qsort(s.found.v, s.found.n, sizeof(*s.found.v), by_found);
	vec_each(found, &s.found)
		add_site(&s, found);
	vec_free(&s.found);
	choose(&s);
	if (s.halves.n)
		drop_halves(&s);
	vec_free(&s.halves);
}

void sites_judge(const struct image *im, sites_judge_fn *fn, void *arg)
{
	struct target_job job;

	target_job_init(&job, im, NULL, getpid());
	vec_each(set, &job.places.sets)
		for (uint32_t k = 0; k < set->shape->n_points; k++) {
			const struct place_verdict *v = &job.verdicts.v[set->first + k];
			const struct place_file *f = set->files[k];

			/* a file that cannot be read is the other engine's error, too */
			if (!v->function)
				continue;
			fn(arg, &(struct site_verdict){
					.point = &set->shape->points[k],
					.prog = set->prog,
					.device = f->st.st_dev,
					.inode = f->st.st_ino,
					.function = v->function->start,
					.reason = v->place.len ? NULL : v->place.reason,
				});
		}
	target_job_free(&job);
}

void sites_free(struct sites *s)
{
	vec_each(site, &s->v)
		site_free(site);
	vec_free(&s->v);
	vec_free(&s->refused);
	vec_free(&s->semaphores);
}
