/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files say of the places of a run, and how many of these are in a process; see job.h. Knows no process itself. */
#include "engine/user/place/job.h"

#include <stdlib.h>

/* ---- what can be said of places by their files alone ---- */

/* a function is found by each block of its file's addresses that it reaches into, so few others are looked at; large ones are, in any case */
enum { BLOCK = 1024, LARGE = 64 * BLOCK };
#define LARGE_ONES UINT64_MAX

struct block_key {
	const struct objfile *file;
	uint64_t number;
};

static struct str key_bytes(const struct block_key *k)
{
	return str_make((const char *)k, sizeof(*k));
}

static void add_to_block(struct job_functions *all, const struct block_key *key)
{
	struct job_function *node = arena_new(&all->arena, struct job_function);

	node->function = vec_last(&all->v);
	node->number = all->v.n;
	node->older = hashmap_put(&all->blocks, arena_str(&all->arena, key_bytes(key)), node);
}

/* the last of them. One whose end is not known holds no place but that which it was read for */
static void index_function(struct job_functions *all, const struct objfile *f)
{
	const struct patchable_function *fn = vec_last(&all->v);
	struct block_key key = { f, LARGE_ONES };

	if (fn->size > LARGE)
		add_to_block(all, &key);
	else if (fn->size)
		for (key.number = fn->start / BLOCK;
		     key.number <= (fn->start + fn->size - 1) / BLOCK; key.number++)
			add_to_block(all, &key);
}

static const struct job_function *newest_at(const struct job_functions *all,
					    const struct block_key *key, uint64_t address)
{
	const struct job_function *node = hashmap_get(&all->blocks, key_bytes(key));

	while (node && address - node->function->start >= node->function->size)
		node = node->older;
	return node;
}

/* of functions that overlap, the one that was read last */
static const struct patchable_function *function_at(struct job_functions *all, struct objfile *f,
						    uint64_t address)
{
	const struct job_function *have = newest_at(all, &(struct block_key){ f, address / BLOCK },
						    address);
	const struct job_function *large = newest_at(all, &(struct block_key){ f, LARGE_ONES },
						     address);

	if (large && (!have || large->number > have->number))
		have = large;
	if (have)
		return have->function;
	vec_push(&all->v, base_alloc(sizeof(**all->v.v)));
	patchable_read(f, address, vec_last(&all->v));
	index_function(all, f);
	return vec_last(&all->v);
}

static void free_functions(struct job_functions *all)
{
	vec_each(fn, &all->v) {
		patchable_free(*fn);
		free(*fn);
	}
	vec_free(&all->v);
	hashmap_free(&all->blocks);
	arena_free(&all->arena);
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
	ret->function = function_at(&j->functions, f->obj, address);
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
	free_functions(&j->functions);
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
