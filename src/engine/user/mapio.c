/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The session's view of the maps. A map per processor shows two rows of values for each: threads that insert one key at one moment on
 * one processor may make two elements of it (rt/map.h), and what was counted in either counts. The second half of the rows is for
 * those.
 */
#include "engine/user/user.h"

#include <errno.h>
#include <string.h>

/* an element of one table whose key has another one there, too */
struct twin {
	const void *key, *value;
	uint32_t table;
};

struct walk {
	struct rt_map *map;
	uint32_t n_rows, stride;
	char *values; /* all rows of one key */
	char *key;    /* what is shown is a copy: who shares the map can change it meanwhile */
	bool is_per_cpu;
	VEC(struct twin) twins;
};

static uint32_t stride_of(const struct rt_map *m)
{
	return (m->value_size + 7) & ~7u;
}

static struct err *no_such_map(const struct engine *e, uint32_t map)
{
	return err_new(ENOTSUP, "map '%.*s' is the kernel's", STR_ARG(e->image->maps[map]->name));
}

static void walk_begin(struct walk *w, const struct engine *e, uint32_t map)
{
	struct rt_element element;

	*w = (struct walk){ .map = shared_map(&e->shared, map), .n_rows = 1 };
	w->stride = stride_of(w->map);
	w->is_per_cpu = e->image->maps[map]->is_per_cpu && w->map->n_tables == e->shared.n_cpus;
	w->key = base_alloc(w->map->key_size + 8);
	w->n_rows = w->is_per_cpu ? 2 * w->map->n_tables : 1;
	if (!w->is_per_cpu)
		w->stride = w->map->value_size;
	w->values = base_alloc((size_t)w->n_rows * w->stride + 8);
	for (uint32_t t = 0; w->is_per_cpu && t < w->map->n_tables; t++)
		for (uint32_t at = 0; rt_map_next(w->map, t, &at, &element);)
			if (!element.is_first)
				vec_push(&w->twins,
					 ((struct twin){ element.key, element.value, t }));
}

static void walk_end(struct walk *w)
{
	free(w->values);
	free(w->key);
	vec_free(&w->twins);
}

/* all rows of a key; value: the only one, where there is but one */
static const void *gather(struct walk *w, const void *key, const void *value)
{
	const struct rt_map *m = w->map;

	if (!w->is_per_cpu) {
		memcpy(w->values, value, m->value_size);
		return w->values;
	}

	memset(w->values, 0, (size_t)w->n_rows * w->stride);
	for (uint32_t t = 0; t < m->n_tables; t++) {
		const void *row = rt_map_lookup_in(w->map, key, t);

		if (row)
			memcpy(w->values + (size_t)t * w->stride, row, m->value_size);
	}
	vec_each(twin, &w->twins)
		if (!memcmp(twin->key, key, m->key_size))
			memcpy(w->values + (size_t)(m->n_tables + twin->table) * w->stride,
			       twin->value, m->value_size);
	return w->values;
}

/* does a table before this one have the key? Then it was shown already */
static bool is_known(struct rt_map *m, const void *key, uint32_t table)
{
	for (uint32_t t = 0; t < table; t++)
		if (rt_map_lookup_in(m, key, t))
			return true;
	return false;
}

struct err *user_map_each(struct engine *e, uint32_t map,
			  bool (*fn)(void *arg, const void *key, const void *value, uint32_t n_cpus),
			  void *arg)
{
	struct rt_element element;
	struct walk w;
	const void *values;
	uint32_t tables;
	bool more = true;

	if (!shared_map(&e->shared, map))
		return no_such_map(e, map);
	walk_begin(&w, e, map);
	/* arrays have every key in every table */
	tables = w.map->kind == RT_ARRAY ? 1 : w.map->n_tables;
	for (uint32_t t = 0; more && t < tables; t++)
		for (uint32_t at = 0; more && rt_map_next(w.map, t, &at, &element);) {
			memcpy(w.key, element.key, w.map->key_size);
			if (!element.is_first || is_known(w.map, w.key, t))
				continue;
			values = gather(&w, w.key, element.value);
			if (rt_map_is_same(w.map, &element))
				more = fn(arg, w.key, values, w.n_rows);
		}
	walk_end(&w);
	return NULL;
}

struct err *user_map_lookup(struct engine *e, uint32_t map, const void *key, void *value)
{
	struct rt_map *m = shared_map(&e->shared, map);
	const void *found = NULL;
	struct walk w;

	if (!m)
		return no_such_map(e, map);
	for (uint32_t t = 0; !found && t < m->n_tables; t++)
		found = rt_map_lookup_in(m, key, t);
	if (!found)
		return err_new(ENOENT, "read map '%.*s'", STR_ARG(e->image->maps[map]->name));
	walk_begin(&w, e, map);
	memcpy(value, gather(&w, key, found), (size_t)w.n_rows * w.stride);
	walk_end(&w);
	return NULL;
}

/* value: a row for each processor where the map has them */
struct err *user_map_update(struct engine *e, uint32_t map, const void *key, const void *value)
{
	struct rt_map *m = shared_map(&e->shared, map);
	int r = 0;

	if (!m)
		return no_such_map(e, map);
	for (uint32_t t = 0; r == 0 && t < m->n_tables; t++)
		r = rt_map_update(m, key, (const char *)value + (size_t)t * stride_of(m), RT_ANY,
				  t);
	return r ? err_new(-r, "change map '%.*s'", STR_ARG(e->image->maps[map]->name)) : NULL;
}

struct err *user_map_delete(struct engine *e, uint32_t map, const void *key)
{
	struct rt_map *m = shared_map(&e->shared, map);
	int r;

	if (!m)
		return no_such_map(e, map);
	r = rt_map_delete(m, key);
	return r ? err_new(-r, "change map '%.*s'", STR_ARG(e->image->maps[map]->name)) : NULL;
}

struct err *user_map_clear(struct engine *e, uint32_t map)
{
	if (!shared_map(&e->shared, map))
		return no_such_map(e, map);
	rt_map_clear(shared_map(&e->shared, map));
	return NULL;
}

struct err *user_map_zero(struct engine *e, uint32_t map)
{
	if (!shared_map(&e->shared, map))
		return no_such_map(e, map);
	rt_map_zero(shared_map(&e->shared, map));
	return NULL;
}
