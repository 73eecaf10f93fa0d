/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Source lines and inlined functions at addresses, for stacks; see symbols.h. Asked of the file's debug information
 * (objfile/debuginfo.h), which a worker process reads; each answer is kept, since stacks share their frames. A file whose debug
 * information cannot be read is asked once, and said under -v.
 */
#include "session/symbols.h"

#include "base/hashmap.h"
#include "base/log.h"
#include "objfile/debuginfo.h"
#include "objfile/go_pclntab.h"

enum { GO_FRAMES = 16 };

struct place {
	uint64_t key[2]; /* file, address */
	struct output_line *v;
	size_t n;
};

struct lines_file {
	uint64_t key;
	struct debuginfo *info; /* NULL: none */
};

struct source_lines {
	struct arena arena;
	struct hashmap files, places;
};

struct source_lines *source_lines_new(void)
{
	struct source_lines *l = base_alloc(sizeof(*l));

	arena_init(&l->arena);
	return l;
}

void source_lines_free(struct source_lines *l)
{
	if (!l)
		return;
	hashmap_free(&l->files);
	hashmap_free(&l->places);
	arena_free(&l->arena);
	free(l);
}

static void say(const struct objfile *f, struct err *err)
{
	STRBUF_AUTO text = { 0 };

	if (!err)
		return;
	err_format(err, &text);
	log_verbose("no source lines of %s: %s", f->path, strbuf_cstr(&text));
	err_free(err);
}

static struct lines_file *get_file(struct source_lines *l, struct objfile *f)
{
	uint64_t key = (uint64_t)(uintptr_t)f;
	struct lines_file *file = hashmap_get(&l->files, hashmap_key_u64(&key));

	if (file)
		return file;
	file = arena_new(&l->arena, struct lines_file);
	file->key = key;
	hashmap_put(&l->files, hashmap_key_u64(&file->key), file);
	say(f, objfile_debuginfo(f, &file->info));
	return file;
}

static void ask(struct source_lines *l, struct objfile *f, struct lines_file *file, struct place *p)
{
	const struct di_frame *frames;
	struct err *err;
	uint32_t n = 0;

	err = debuginfo_frames(file->info, p->key[1], &l->arena, &frames, &n);
	if (err) {
		say(f, err);
		file->info = NULL; /* its worker is gone, or will say the same again */
		return;
	}
	p->v = arena_array(&l->arena, struct output_line, n);
	p->n = n;
	for (uint32_t i = 0; i < n; i++)
		p->v[i] = (struct output_line){ .func = frames[i].func,
						.file = frames[i].file,
						.line = frames[i].line,
						.is_inlined = frames[i].is_inlined };
}

/* a Go binary knows its lines and what was inlined without debug information */
static void ask_go(struct source_lines *l, struct objfile *f, struct place *p)
{
	struct go_pclntab *t = objfile_go_pclntab(f);
	struct go_frame frames[GO_FRAMES];
	uint32_t n = t ? go_frames_at(t, p->key[1], frames, GO_FRAMES) : 0;

	p->v = arena_array(&l->arena, struct output_line, n);
	p->n = n;
	for (uint32_t i = 0; i < n; i++)
		p->v[i] = (struct output_line){ .func = frames[i].name,
						.file = frames[i].file,
						.line = frames[i].line,
						.is_inlined = i + 1 < n };
}

const struct output_line *source_lines_at(struct source_lines *l, struct objfile *f, uint64_t vaddr,
					  size_t *n)
{
	uint64_t key[2] = { (uint64_t)(uintptr_t)f, vaddr };
	struct str bytes = str_make((const char *)key, sizeof(key));
	struct place *p = hashmap_get(&l->places, bytes);
	struct lines_file *file;

	if (!p) {
		p = arena_new(&l->arena, struct place);
		memcpy(p->key, key, sizeof(key));
		hashmap_put(&l->places, str_make((const char *)p->key, sizeof(key)), p);
		file = get_file(l, f);
		if (file->info)
			ask(l, f, file, p);
		if (!p->n)
			ask_go(l, f, p);
	}
	*n = p->n;
	return p->v;
}
