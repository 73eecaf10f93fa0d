/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading and emptying maps from user space: many elements per system call where the kernel can,
 * one by one elsewhere. Programs go on writing meanwhile; each element is read whole, the map as a
 * whole is no snapshot.
 */
#include "engine/kernel/kernel.h"

#include <bpf/bpf.h>
#include <errno.h>

/* elements asked for at once; doubled when a bucket of a hash map holds more */
#define BATCH_ELEMENTS 512

static bool is_hash(const struct image_map *m)
{
	switch (m->bpf_type) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH: return true;
	default: return false;
	}
}

/* a walk: keys and values of one batch */
struct walk {
	struct engine *e;
	const struct image_map *map;
	int fd;
	size_t value_bytes;
	uint32_t n_values;
	uint32_t capacity;
	uint8_t *keys, *values;
};

static void walk_init(struct walk *w, struct engine *e, uint32_t map)
{
	*w = (struct walk){ .e = e, .map = e->image->maps[map], .fd = e->map_fds[map] };
	w->value_bytes = kernel_map_value_bytes(e, w->map, &w->n_values);
}

static void walk_resize(struct walk *w, uint32_t capacity)
{
	w->capacity = capacity;
	w->keys = base_realloc(w->keys, (size_t)capacity * w->map->key_size);
	w->values = base_realloc(w->values, (size_t)capacity * w->value_bytes);
}

static void walk_free(struct walk *w)
{
	free(w->keys);
	free(w->values);
}

typedef bool element_fn(void *arg, const void *key, const void *value, uint32_t n_values);

static struct err *walk_error(const struct walk *w, int code)
{
	return err_new(code, "read map '%.*s'", STR_ARG(w->map->name));
}

/*
 * One element after another. The next key is asked for before fn runs, because fn may delete the
 * key; a key that vanishes meanwhile starts the kernel's walk again, so it is bounded by twice the
 * size of the map.
 */
static struct err *walk_singly(struct walk *w, element_fn *fn, void *arg)
{
	uint64_t left = 2 * (uint64_t)w->map->max_entries + 16;
	uint8_t *key, *next;
	bool more;

	walk_resize(w, 2);
	key = w->keys;
	next = w->keys + w->map->key_size;
	more = bpf_map_get_next_key(w->fd, NULL, key) == 0;
	if (!more && errno != ENOENT)
		return walk_error(w, errno);
	while (more && left--) {
		bool found = bpf_map_lookup_elem(w->fd, key, w->values) == 0;
		uint8_t *swap = key;

		more = bpf_map_get_next_key(w->fd, key, next) == 0;
		if (found && !fn(arg, key, w->values, w->n_values))
			return NULL;
		key = next;
		next = swap;
	}
	return NULL;
}

/* ENOTSUPP (524) is the kernel's own word for "this map type has no batches" */
#define KERNEL_ENOTSUPP 524

static struct err *walk_batches(struct walk *w, bool remove, element_fn *fn, void *arg,
				bool *unsupported)
{
	uint64_t position[2]; /* opaque: a bucket of hash maps, a key of arrays */
	bool first = true, last = false;

	*unsupported = false;
	walk_resize(w, BATCH_ELEMENTS);
	while (!last) {
		uint32_t n = w->capacity;
		int r;

		if (remove)
			r = bpf_map_lookup_and_delete_batch(w->fd, first ? NULL : position,
							    position, w->keys, w->values, &n, NULL);
		else
			r = bpf_map_lookup_batch(w->fd, first ? NULL : position, position, w->keys,
						 w->values, &n, NULL);
		if (r < 0 && errno == ENOSPC) {
			walk_resize(w, w->capacity * 2);
			continue;
		}
		if (r < 0 && errno == EINTR)
			continue;
		last = r < 0; /* ENOENT: this was the last batch, and it holds n elements */
		if (last && errno != ENOENT) {
			*unsupported = first && (errno == EINVAL || errno == KERNEL_ENOTSUPP ||
						 errno == EOPNOTSUPP);
			return *unsupported ? NULL : walk_error(w, errno);
		}
		first = false;
		for (uint32_t i = 0; i < n; i++)
			if (fn && !fn(arg, w->keys + (size_t)i * w->map->key_size,
				      w->values + (size_t)i * w->value_bytes, w->n_values))
				return NULL;
	}
	return NULL;
}

static struct err *walk_map(struct engine *e, uint32_t map, element_fn *fn, void *arg)
{
	struct err *err = NULL;
	bool unsupported = true;
	struct walk w;

	walk_init(&w, e, map);
	/* an array of one element, as scalars are, is one lookup: batches would ask twice */
	if (w.map->max_entries > 1 && features_has(FEATURE_MAP_BATCH))
		err = walk_batches(&w, false, fn, arg, &unsupported);
	if (!err && unsupported)
		err = walk_singly(&w, fn, arg);
	walk_free(&w);
	return err;
}

struct err *kernel_map_each(struct engine *e, uint32_t map,
			    bool (*fn)(void *arg, const void *key, const void *value,
				       uint32_t n_cpus),
			    void *arg)
{
	return walk_map(e, map, fn, arg);
}

struct err *kernel_map_lookup(struct engine *e, uint32_t map, const void *key, void *value)
{
	const struct image_map *m = e->image->maps[map];

	if (bpf_map_lookup_elem(e->map_fds[map], key, value) < 0)
		return err_new(errno, "read map '%.*s'", STR_ARG(m->name));
	return NULL;
}

/* ---- changing all elements ---- */

struct change {
	struct engine *e;
	uint32_t map;
	const void *zero; /* a value of zeros, or NULL: delete */
	int code;
};

static bool change_one(void *arg, const void *key, const void *value, uint32_t n_values)
{
	struct change *c = arg;
	int fd = c->e->map_fds[c->map], r;

	/* BPF_EXIST: a key that a program has deleted meanwhile must not come back */
	r = c->zero ? bpf_map_update_elem(fd, key, c->zero, BPF_EXIST)
		    : bpf_map_delete_elem(fd, key);
	if (r < 0 && errno != ENOENT)
		c->code = errno;
	return c->code == 0;
}

static struct err *change_all(struct engine *e, uint32_t map, bool to_zero)
{
	const struct image_map *m = e->image->maps[map];
	struct change c = { .e = e, .map = map };
	uint32_t n_values;
	void *zero = NULL;
	struct err *err;

	if (to_zero)
		c.zero = zero = base_alloc(kernel_map_value_bytes(e, m, &n_values) + 1);
	err = walk_map(e, map, change_one, &c);
	free(zero);
	if (!err && c.code)
		err = err_new(c.code, "%s map '%.*s'", to_zero ? "zero" : "clear",
			      STR_ARG(m->name));
	return err;
}

struct err *kernel_map_zero(struct engine *e, uint32_t map)
{
	return change_all(e, map, true);
}

struct err *kernel_map_clear(struct engine *e, uint32_t map)
{
	bool unsupported = true;
	struct err *err = NULL;
	struct walk w;

	/* an array has all its keys always: empty is zero */
	walk_init(&w, e, map);
	if (!is_hash(w.map))
		return kernel_map_zero(e, map);
	if (w.map->max_entries > 1 && features_has(FEATURE_MAP_BATCH))
		err = walk_batches(&w, true, NULL, NULL, &unsupported);
	walk_free(&w);
	if (!err && unsupported)
		err = change_all(e, map, false);
	return err;
}
