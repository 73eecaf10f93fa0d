/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maps in the memory file: where each lies, what describes it there, and our own description of it, by which alone the tracer goes;
 * see shared.h. Those of later generations are made while processes have the file: nothing is read back from there.
 */
#include "engine/user/memory/shared_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { OWN_SLOTS = 512 }; /* of a map whose keys are of one thread each: 32 KB, touched where they are used */

/* a small map has room for few keys because somebody wants it so */
static bool has_own(const struct image_map *m)
{
	return m->is_of_threads && m->value_size == 8 && (m->key_size == 8 || m->key_size == 16) &&
	       m->max_entries >= 2 * OWN_SLOTS;
}

/* false: nothing in a process can use such a map (user_refusal has said so already) */
static bool plan_of(const struct image_map *m, uint32_t n_cpus, struct rt_map_plan *ret)
{
	*ret = (struct rt_map_plan){ .kind = RT_ARRAY,
				     .key_size = m->key_size,
				     .value_size = m->value_size,
				     .max_entries = m->max_entries,
				     .n_tables = 1 };
	switch (m->bpf_type) {
	case BPF_MAP_TYPE_PERCPU_ARRAY: ret->n_tables = n_cpus; return true;
	case BPF_MAP_TYPE_STACK_TRACE: /* of struct rt_kept_stack */
	case BPF_MAP_TYPE_ARRAY: return true;
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
		ret->kind = RT_HASH;
		ret->n_tables = n_cpus;
		ret->is_dense = m->is_scalar && m->key_size == 8; /* numbers of buckets */
		return true;
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
		ret->kind = RT_HASH;
		ret->n_own = has_own(m) ? OWN_SLOTS : 0;
		return true;
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
		ret->kind = RT_MAPS;
		ret->value_size = 8;
		return true;
	default: return false;
	}
}

void shared_place_map(struct shared *s, const struct image *im, uint32_t i, uint64_t *end)
{
	const struct image_map *m = im->maps[i];
	struct rt_map_plan plan;

	s->maps[i] = (struct shared_map){ 0 };
	if (m->is_unused || !image_uses(im, m) || !plan_of(m, s->n_cpus, &plan))
		return;
	s->maps[i].at = round_up(*end, LINE);
	/* on lines of their own: other words there change with every hit */
	s->maps[i].values = round_up(s->maps[i].at + sizeof(struct rt_map), LINE);
	*end = s->maps[i].values + rt_map_bytes(&plan);
}

/* the tracer reads constants from a copy: its programs are made for what they are */
static bool is_constant(const struct image_map *m)
{
	return m->role == MAP_CONST;
}

uint64_t shared_own_bytes(const struct shared *s, const struct image_map *m, uint32_t i)
{
	struct rt_map_plan plan;

	if (!s->maps[i].at || !plan_of(m, s->n_cpus, &plan))
		return 0;
	return round_up(sizeof(struct rt_map), LINE) + (is_constant(m) ? rt_map_bytes(&plan) : 0);
}

static char *first_value(struct rt_map *m)
{
	uint32_t zero = 0;

	return rt_map_lookup_in(m, &zero, 0);
}

/* own: describes the table that is meant, in the file or in our pages */
static void fill(struct rt_map *own, const struct image_map *m)
{
	for (uint32_t k = 0; m->init && k < m->max_entries; k++)
		memcpy(rt_map_lookup_in(own, &k, 0),
		       (const char *)m->init + (size_t)k * m->value_size, m->value_size);
}

void shared_init_map(struct shared *s, const struct image_map *m, uint32_t i, uint64_t *own_at)
{
	struct shared_map *map = &s->maps[i];
	char *at = (char *)s->view + map->at, *tables = (char *)s->view + map->values;
	struct rt_map *own = (struct rt_map *)(void *)((char *)s->own + *own_at);
	struct rt_map_plan plan;

	if (!map->at || !plan_of(m, s->n_cpus, &plan))
		return;
	*own_at += shared_own_bytes(s, m, i);
	rt_map_init((struct rt_map *)(void *)at, &plan, tables);
	rt_map_init(own, &plan, tables);
	map->own = own;
	map->own_values = tables;
	map->shape = *own;
	map->shape.tables = tables - at;
	if (plan.kind == RT_ARRAY) {
		/* behind the head of the first table */
		map->own_values = first_value(own);
		map->values = (uint64_t)(map->own_values - (char *)s->view);
		fill(own, m);
	}
	/* elements are offsets that a process can change; no program of ours walks stacks */
	if (plan.kind == RT_MAPS)
		own->max_entries = 0;
	if (is_constant(m)) {
		rt_map_init(own, &plan, (char *)own + round_up(sizeof(*own), LINE));
		map->own_values = plan.kind == RT_ARRAY ? first_value(own) : NULL;
		fill(own, m);
	}
}

/* ---- later generations ---- */

static ERR_MUST struct err *grow(struct shared *s, const struct image *im)
{
	for (uint32_t i = 0; i < im->n_maps; i++) {
		uint64_t end = s->room;

		if (i < im->n_base_maps && !im->maps[i]->is_retyped)
			continue;
		shared_place_map(s, im, i, &end);
		if (end > s->room_end ||
		    s->own_room + shared_own_bytes(s, im->maps[i], i) > s->own_room_end)
			return err_new(ENOSPC, "no room for the maps of one file more");
		s->room = round_up(end, LINE);
		shared_init_map(s, im->maps[i], i, &s->own_room);
	}
	return NULL;
}

struct err *shared_grow(struct shared *s, const struct image *im, struct shared *before)
{
	struct err *err;

	*before = *s;
	s->maps = base_alloc((im->n_maps + 1) * sizeof(*s->maps));
	memcpy(s->maps, before->maps, before->n_maps * sizeof(*s->maps));
	s->n_maps = im->n_maps;
	err = grow(s, im);
	if (err)
		shared_shrink(s, before);
	return err;
}

/* whatever comes there next finds zeroes, as the first did */
void shared_shrink(struct shared *s, struct shared *before)
{
	uint64_t first = round_up(before->room, PAGE);

	if (s->room > before->room)
		memset((char *)s->view + before->room, 0,
		       (s->room < first ? s->room : first) - before->room);
	if (s->room > first)
		(void)madvise((char *)s->view + first, s->room - first, MADV_REMOVE);
	memset((char *)s->own + before->own_room, 0, s->own_room - before->own_room);
	free(s->maps);
	before->tables = s->tables;
	*s = *before;
}

void shared_settle(struct shared *before)
{
	free(before->maps);
}
