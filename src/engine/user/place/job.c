/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files say of the places of a run, and how many of these are in a process; see job.h. Knows no process itself. */
#include "engine/user/place/job.h"

#include <stdlib.h>

/* ---- what can be said of places by their files alone ---- */

/* places of one function come one after the other, mostly */
static const struct patchable_function *function_at(struct target_job *all, struct objfile *f,
						    uint64_t address)
{
	struct site_function new = { .file = f };

	for (size_t i = all->functions.n; i--;) {
		const struct site_function *have = &all->functions.v[i];

		if (have->file == f && address - have->function->start < have->function->size)
			return have->function;
	}
	new.function = base_alloc(sizeof(*new.function));
	patchable_read(f, address, new.function);
	vec_push(&all->functions, new);
	return new.function;
}

/* whether a jump can stand at the place, and a probe's code run there */
static void judge(struct target_job *j, const struct place_set *set, uint32_t k,
		  struct place_verdict *ret)
{
	const struct place_file *f = set->files[k];
	uint64_t address = set->shape->points[k].address;
	struct patchable ahead;
	const char *why;

	*ret = (struct place_verdict){ 0 };
	if (!f->obj)
		return;
	ret->function = function_at(j, f->obj, address);
	patchable_at(ret->function, address, &ret->place);
	if (!set->shape->is_go || !ret->place.len)
		return;
	go_room_at(f->obj, ret->function, address, &ret->room);
	why = ret->room.reason;
	if (!why && go_fault_at(ret->function, &ret->place)) {
		if (patchable_ahead(ret->function, address, &ahead))
			ret->place = ahead;
		why = go_fault_at(ret->function, &ret->place);
	}
	if (why) {
		ret->place.len = 0;
		ret->place.reason = why;
	}
}

/* of sets from here on, into whose first bytes other functions jump; one look at each file */
static void drop_entered(struct target_job *j, size_t from)
{
	struct patchable_span *v = base_alloc((j->places.n + 1) * sizeof(*v));

	vec_each(f, &j->places.files) {
		size_t n = 0;

		for (size_t i = from; i < j->places.sets.n; i++) {
			const struct place_set *set = &j->places.sets.v[i];

			for (uint32_t k = 0; k < set->shape->n_points; k++) {
				struct place_verdict *p = &j->verdicts.v[set->first + k];

				if (set->files[k] == *f && p->function && p->function->bytes)
					v[n++] = (struct patchable_span){ p->function, &p->place };
			}
		}
		if (n)
			patchable_drop_entered((*f)->obj, v, n);
	}
	free(v);
}

void target_job_judge(struct target_job *j)
{
	size_t from = j->n_judged;

	vec_reserve(&j->verdicts, j->places.n);
	j->verdicts.n = j->places.n;
	for (; j->n_judged < j->places.sets.n; j->n_judged++) {
		const struct place_set *set = &j->places.sets.v[j->n_judged];

		for (uint32_t k = 0; k < set->shape->n_points; k++)
			judge(j, set, k, &j->verdicts.v[set->first + k]);
	}
	if (from < j->n_judged)
		drop_entered(j, from);
}

/* ---- the job ---- */

void target_job_init(struct target_job *j, const struct image *im, const struct shared *s,
		     pid_t home)
{
	*j = (struct target_job){ .image = im, .shared = s };
	target_places_init(&j->places, im, home);
	j->is_attached = base_alloc(j->places.n + 1);
	/* before any process is stopped, or goes on: files that it has not mapped yet are ready when it does */
	target_job_judge(j);
}

void target_job_free(struct target_job *j)
{
	vec_each(fn, &j->functions) {
		patchable_free(fn->function);
		free(fn->function);
	}
	vec_free(&j->functions);
	vec_free(&j->verdicts);
	target_places_free(&j->places);
	free(j->is_attached);
	refusals_free(&j->refusals);
	strbuf_free(&j->maps);
}

/* by its file alone. Of one that could not be read yet nothing is known */
static bool is_possible(const struct target_job *j, uint32_t place)
{
	const struct place_verdict *v = place < j->verdicts.n ? &j->verdicts.v[place] : NULL;

	return !v || !v->function || v->place.len;
}

static uint32_t count(const struct target_job *j, size_t from_set, bool is_all)
{
	uint32_t n = 0;

	for (size_t i = from_set; i < j->places.sets.n; i++) {
		const struct place_set *s = &j->places.sets.v[i];

		for (uint32_t k = 0; k < s->shape->n_points; k++)
			n += (is_all ? is_possible(j, s->first + k)
				     : j->is_attached[s->first + k]) &&
			     !s->shape->points[k].is_repeat;
	}
	return n;
}

uint32_t target_job_attached(const struct target_job *j, size_t from_set)
{
	return count(j, from_set, false);
}

uint32_t target_job_possible(const struct target_job *j, size_t from_set)
{
	return count(j, from_set, true);
}
