/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which places there are, and in which files; see target_places.h. */
#include "engine/user/place/target_places.h"

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "objfile/claim.h"
#include "objfile/elf.h"
#include "objfile/proc.h"

#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* ---- files ---- */

/* what the front end calls its own is another one's here: the guardian is a process of its own, and has not its descriptors */
static void add_path(struct strbuf *out, const struct target_places *p, struct str path)
{
	const struct str self = STR("/proc/self/");

	if (str_starts(path, self)) {
		strbuf_printf(out, "/proc/%d/", (int)p->home);
		path = str_sub(path, self.n, path.n);
	}
	strbuf_add_str(out, path);
}

static bool look(const struct target_places *p, struct str path, struct stat *ret)
{
	STRBUF_AUTO text = { 0 };

	add_path(&text, p, path);
	return !stat(strbuf_cstr(&text), ret);
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

static bool is_same_content(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static struct place_file *open_file(struct target_places *p, struct str path)
{
	struct place_file *f = base_alloc(sizeof(*f));
	STRBUF_AUTO text = { 0 };

	*f = (struct place_file){ .path = path, .claim = -1 };
	add_path(&text, p, path);
	if (!stat(strbuf_cstr(&text), &f->st))
		err_free(objfile_open(strbuf_cstr(&text), &f->obj));
	if (f->obj)
		f->claim = claim_open(strbuf_cstr(&text));
	claim_take(f->claim, CLAIM_USER);
	vec_push(&p->files, f);
	return f;
}

/* the file that has this name now */
static struct place_file *file_of(struct target_places *p, struct str path)
{
	struct stat now;
	bool is_there = look(p, path, &now);

	vec_each(have, &p->files) {
		struct place_file *f = *have;

		if (str_eq(f->path, path) && !f->is_changed &&
		    (is_there ? is_same_file(&f->st, &now) && is_same_content(&f->st, &now)
			      : !f->obj))
			return f;
	}
	return open_file(p, path);
}

void target_places_check_files(struct target_places *p)
{
	vec_each(have, &p->files) {
		struct place_file *f = *have;
		struct stat now;

		if (f->obj && !f->is_changed && look(p, f->path, &now) && is_same_file(&f->st, &now))
			f->is_changed = !is_same_content(&f->st, &now);
	}
}

bool place_file_is_mapped(const struct place_file *f, const struct proc_map *m)
{
	if (!f->obj || m->ino != f->st.st_ino)
		return false;
	/* some file systems give another device than stat does: then the path tells */
	return (m->dev_major == major(f->st.st_dev) && m->dev_minor == minor(f->st.st_dev)) ||
	       str_ends(f->path, m->path);
}

/* ---- places ---- */

static bool has_places(const struct probe_shape *s)
{
	return s->kind == PROBE_UPROBE || s->kind == PROBE_URETPROBE || s->kind == PROBE_USDT;
}

void target_places_add(struct target_places *p, uint32_t prog, const struct probe_shape *shape,
		       uint32_t group)
{
	struct place_set set = { .prog = prog, .shape = shape, .group = group, .first = p->n };

	if (!has_places(shape))
		return;
	set.files = base_alloc((shape->n_points + 1) * sizeof(*set.files));
	for (uint32_t i = 0; i < shape->n_points; i++)
		/* points of one file come one after the other */
		set.files[i] = i && str_eq(shape->points[i].path, shape->points[i - 1].path)
				       ? set.files[i - 1]
				       : file_of(p, shape->points[i].path);
	p->n += shape->n_points;
	vec_push(&p->sets, set);
}

void target_places_init(struct target_places *p, const struct image *im, pid_t home)
{
	*p = (struct target_places){ .home = home };
	for (uint32_t i = 0; i < im->n_progs; i++)
		if (image_runs(im, im->progs[i]))
			target_places_add(p, i, im->progs[i]->shape, 0);
}

void target_places_free(struct target_places *p)
{
	vec_each(s, &p->sets)
		free(s->files);
	vec_each(f, &p->files) {
		objfile_unref((*f)->obj);
		if ((*f)->claim >= 0)
			close((*f)->claim);
		free(*f);
	}
	vec_free(&p->sets);
	vec_free(&p->files);
}

bool target_places_drop_group(struct target_places *p, uint32_t group)
{
	bool is_any = false;

	vec_each(s, &p->sets) {
		if (!group || s->group != group || s->is_off)
			continue;
		s->is_off = is_any = true;
	}
	return is_any;
}

bool target_places_drop_file(struct target_places *p, struct str path)
{
	bool is_any = false;

	vec_each(f, &p->files) {
		if (!str_eq((*f)->path, path) || (*f)->is_changed)
			continue;
		(*f)->is_changed = is_any = true;
	}
	return is_any;
}
