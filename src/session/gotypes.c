/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dynamic types of Go; see gotypes.h. In programs at a fixed address the word in an interface is the file's own address.
 * Others (PIE) may run several times, each somewhere else; which of those a word is from is not told with it, but their
 * address ranges do not overlap. Where they are mapped is read from /proc, at most so often, and remembered after they ended.
 */
#include "session/gotypes.h"

#include "base/vec.h"
#include "objfile/go_runtime.h"
#include "objfile/proc.h"

#include <elf.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <time.h>

enum { MAX_FILES = 64, MAX_BIASES = 1024, LOOK_AGAIN_NS = 50 * 1000 * 1000 };

struct go_file {
	struct objfile *f;
	VEC(uint64_t) biases; /* a program at a fixed address: 0 alone */
};

struct known_type {
	uint64_t addr;
	struct str name;
	uint8_t kind;
};

struct go_types {
	VEC(struct go_file) files;
	struct hashmap known; /* by address: struct known_type */
	struct arena arena;
	uint64_t looked; /* when /proc was read */
};

static void add_file(struct go_types *g, struct objfile *f)
{
	struct go_file file = { .f = f };

	vec_each(known, &g->files)
		if (known->f == f)
			return;
	if (g->files.n == MAX_FILES)
		return;
	if (f->kind == OBJFILE_EXEC)
		vec_push(&file.biases, 0);
	vec_push(&g->files, file);
}

struct go_types *go_types_new(const struct image *im, struct objfile_cache *files)
{
	struct go_types *g = base_alloc(sizeof(*g));

	for (uint32_t i = 0; i < im->n_progs; i++) {
		const struct probe_shape *s = im->progs[i]->shape;

		for (uint32_t k = 0; s && s->is_go && k < s->n_points; k++) {
			struct str path = s->points[k].path;
			struct objfile *f = NULL;
			STRBUF_AUTO name = { 0 };

			/* points of one file stand together */
			if (k && str_eq(path, s->points[k - 1].path))
				continue;
			strbuf_add_str(&name, path);
			err_free(objfile_cache_get(files, strbuf_cstr(&name), &f));
			if (f)
				add_file(g, f);
		}
	}
	if (g->files.n)
		return g;
	go_types_free(g);
	return NULL;
}

void go_types_free(struct go_types *g)
{
	if (!g)
		return;
	vec_each(f, &g->files)
		vec_free(&f->biases);
	vec_free(&g->files);
	hashmap_free(&g->known);
	arena_free(&g->arena);
	free(g);
}

/* ---- where a file is mapped ---- */

static void add_bias(struct go_file *file, uint64_t bias)
{
	vec_each(b, &file->biases)
		if (*b == bias)
			return;
	if (file->biases.n < MAX_BIASES)
		vec_push(&file->biases, bias);
}

static void take_map(struct go_file *file, const struct proc_map *map)
{
	const uint64_t page = 4095;

	if (map->ino != file->f->ino || map->dev_major != major(file->f->dev) ||
	    map->dev_minor != minor(file->f->dev))
		return;
	for (uint32_t i = 0; i < file->f->n_segments; i++) {
		const struct objfile_segment *s = &file->f->segments[i];

		if (s->type == PT_LOAD && (s->offset & ~page) == map->offset)
			add_bias(file, map->start - (s->vaddr & ~page));
	}
}

static void look_at_processes(struct go_types *g)
{
	struct pid_list pids = { 0 };

	err_free(proc_all(&pids));
	vec_each(pid, &pids) {
		struct proc_maps maps = { 0 };
		struct err *e = proc_maps_read(*pid, &maps);

		for (uint32_t i = 0; !e && i < maps.n; i++)
			vec_each(file, &g->files)
				if (file->f->kind != OBJFILE_EXEC)
					take_map(file, &maps.v[i]);
		proc_maps_free(&maps);
		err_free(e);
	}
	vec_free(&pids);
}

/* ---- types ---- */

static struct known_type *find_type(struct go_types *g, uint64_t addr)
{
	vec_each(file, &g->files) {
		vec_each(bias, &file->biases) {
			struct str name = go_type_name_at(file->f, addr - *bias, &g->arena);
			struct known_type *t;

			if (!name.n)
				continue;
			t = arena_new(&g->arena, struct known_type);
			*t = (struct known_type){ addr, name,
						  go_type_kind_at(file->f, addr - *bias) };
			hashmap_put(&g->known, hashmap_key_u64(&t->addr), t);
			return t;
		}
	}
	return NULL;
}

bool go_types_find(struct go_types *g, uint64_t addr, struct strbuf *name, uint8_t *kind)
{
	struct known_type *t = hashmap_get(&g->known, hashmap_key_u64(&addr));
	struct timespec now;
	uint64_t ns;

	if (!t)
		t = find_type(g, addr);
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	if (!t && ns - g->looked >= LOOK_AGAIN_NS) {
		g->looked = ns;
		look_at_processes(g);
		t = find_type(g, addr);
	}
	if (!t)
		return false;
	strbuf_add_str(name, t->name);
	*kind = t->kind;
	return true;
}
