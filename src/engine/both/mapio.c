/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maps of a script in two engines. One that a single engine's programs use is that engine's. One that both add to is shown as one: an element
 * has the rows of values that it has in the kernel and those that it has in the user engine, zeroes where one does not have it, and who reads it
 * adds up the rows as he does those of processors.
 */
#include "engine/both/both.h"

#include "base/arena.h"
#include "base/hashmap.h"

#include <errno.h>
#include <string.h>

uint32_t both_n_cpus(struct engine *e)
{
	return engine_kernel.n_cpus(e->kernel) + engine_user.n_cpus(e->user);
}

static bool is_in_both(const struct image_map *m)
{
	return both_in_kernel(m) && both_in_process(m);
}

/* bytes of a row of values */
static size_t stride_of(const struct image_map *m)
{
	return (m->value_size + 7) & ~(size_t)7;
}

/* counts of ours, words that are added up though there is but one row */
static bool is_sum(const struct image_map *m)
{
	return m->role == MAP_PRIVATE && str_is(m->name, IMAGE_CALLS);
}

/* ---- all elements ---- */

struct element {
	char *key, *value;
};

struct gathering {
	const struct image_map *map;
	size_t value_bytes, at,
		bytes; /* of all rows; where this engine's begin, how much they are */
	struct arena arena;
	struct hashmap by_key; /* struct element, in the order in which they were found */
};

static bool gather(void *arg, const void *key, const void *value, uint32_t n_cpus)
{
	struct gathering *g = arg;
	struct element *el = hashmap_get(&g->by_key, str_make(key, g->map->key_size));

	(void)n_cpus;
	if (!el) {
		el = arena_new(&g->arena, struct element);
		el->key = arena_alloc(&g->arena, g->map->key_size + 1);
		memcpy(el->key, key, g->map->key_size);
		el->value = arena_alloc(&g->arena, g->value_bytes + 1);
		memset(el->value, 0, g->value_bytes);
		hashmap_put(&g->by_key, str_make(el->key, g->map->key_size), el);
	} else if (!g->map->is_per_cpu) {
		return true; /* what both have is the same in both: frames of a stack by their hash */
	}
	memcpy(el->value + g->at, value, g->bytes);
	return true;
}

static ERR_MUST struct err *gather_both(struct engine *e, uint32_t map, struct gathering *g)
{
	uint32_t k = engine_kernel.n_cpus(e->kernel), u = engine_user.n_cpus(e->user);
	size_t stride = stride_of(g->map);

	g->value_bytes = g->bytes = g->map->value_size;
	if (g->map->is_per_cpu) {
		g->value_bytes = (k + u) * stride;
		g->bytes = k * stride;
	}
	TRY(engine_kernel.map_each(e->kernel, map, gather, g));
	if (g->map->is_per_cpu) {
		g->at = k * stride;
		g->bytes = u * stride;
	}
	return engine_user.map_each(e->user, map, gather, g);
}

struct err *both_map_each(struct engine *e, uint32_t map,
			  bool (*fn)(void *arg, const void *key, const void *value, uint32_t n_cpus),
			  void *arg)
{
	struct gathering g = { .map = e->image->maps[map] };
	struct err *err;
	bool more = true;

	if (!both_in_process(g.map))
		return engine_kernel.map_each(e->kernel, map, fn, arg);
	if (!both_in_kernel(g.map))
		return engine_user.map_each(e->user, map, fn, arg);
	arena_init(&g.arena);
	err = gather_both(e, map, &g);
	for (size_t i = 0; !err && more && i < g.by_key.n; i++) {
		const struct element *el = g.by_key.entries[i].value;

		more = fn(arg, el->key, el->value, g.map->is_per_cpu ? both_n_cpus(e) : 1);
	}
	hashmap_free(&g.by_key);
	arena_free(&g.arena);
	return err;
}

/* ---- one element ---- */

/* *found is set when it is there; an error that it is not is none */
static ERR_MUST struct err *look(struct err *err, bool *found)
{
	if (err && err_code(err) == ENOENT) {
		err_free(err);
		return NULL;
	}
	*found |= !err;
	return err;
}

static ERR_MUST struct err *no_element(const struct image_map *m)
{
	return err_new(ENOENT, "read map '%.*s'", STR_ARG(m->name));
}

static ERR_MUST struct err *lookup_rows(struct engine *e, uint32_t map, const void *key, char *rows)
{
	const struct image_map *m = e->image->maps[map];
	size_t k = engine_kernel.n_cpus(e->kernel) * stride_of(m);
	bool found = false;

	memset(rows, 0, both_n_cpus(e) * stride_of(m));
	if (both_in_kernel(m))
		TRY(look(engine_kernel.map_lookup(e->kernel, map, key, rows), &found));
	if (both_in_process(m))
		TRY(look(engine_user.map_lookup(e->user, map, key, rows + k), &found));
	return found ? NULL : no_element(m);
}

/* one row: of the one that has it */
static ERR_MUST struct err *lookup_either(struct engine *e, uint32_t map, const void *key,
					  void *value)
{
	const struct image_map *m = e->image->maps[map];
	bool found = false;

	if (both_in_kernel(m))
		TRY(look(engine_kernel.map_lookup(e->kernel, map, key, value), &found));
	if (!found && both_in_process(m))
		TRY(look(engine_user.map_lookup(e->user, map, key, value), &found));
	return found ? NULL : no_element(m);
}

static ERR_MUST struct err *lookup_sum(struct engine *e, uint32_t map, const void *key,
				       uint64_t *words)
{
	size_t n = e->image->maps[map]->value_size / sizeof(*words);
	uint64_t *more = base_alloc((n + 1) * sizeof(*more));
	struct err *err = engine_kernel.map_lookup(e->kernel, map, key, words);

	if (!err)
		err = engine_user.map_lookup(e->user, map, key, more);
	for (size_t i = 0; !err && i < n; i++)
		words[i] += more[i];
	free(more);
	return err;
}

struct err *both_map_lookup(struct engine *e, uint32_t map, const void *key, void *value)
{
	const struct image_map *m = e->image->maps[map];

	if (m->is_per_cpu)
		return lookup_rows(e, map, key, value);
	if (is_sum(m) && is_in_both(m))
		return lookup_sum(e, map, key, value);
	return lookup_either(e, map, key, value);
}

/* the session keeps notes for the programs: both get them */
struct err *both_map_update(struct engine *e, uint32_t map, const void *key, const void *value)
{
	const struct image_map *m = e->image->maps[map];

	if (both_in_kernel(m))
		TRY(engine_kernel.map_update(e->kernel, map, key, value));
	return both_in_process(m) ? engine_user.map_update(e->user, map, key, value) : NULL;
}

struct err *both_map_delete(struct engine *e, uint32_t map, const void *key)
{
	const struct image_map *m = e->image->maps[map];
	bool found = false;

	if (both_in_kernel(m))
		TRY(look(engine_kernel.map_delete(e->kernel, map, key), &found));
	if (both_in_process(m))
		TRY(look(engine_user.map_delete(e->user, map, key), &found));
	return found ? NULL : no_element(m);
}

struct err *both_set_table(struct engine *e, uint32_t map, uint32_t index, const uint64_t *words,
			   uint32_t n)
{
	const struct image_map *m = e->image->maps[map];

	if (both_in_kernel(m))
		TRY(engine_kernel.set_table(e->kernel, map, index, words, n));
	return both_in_process(m) ? engine_user.set_table(e->user, map, index, words, n) : NULL;
}

/* ---- all at once ---- */

struct err *both_map_clear(struct engine *e, uint32_t map)
{
	const struct image_map *m = e->image->maps[map];

	if (both_in_kernel(m))
		TRY(engine_kernel.map_clear(e->kernel, map));
	return both_in_process(m) ? engine_user.map_clear(e->user, map) : NULL;
}

struct err *both_map_zero(struct engine *e, uint32_t map)
{
	const struct image_map *m = e->image->maps[map];

	if (both_in_kernel(m))
		TRY(engine_kernel.map_zero(e->kernel, map));
	return both_in_process(m) ? engine_user.map_zero(e->user, map) : NULL;
}
