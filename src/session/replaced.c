/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See replaced.h. inotify tells names in folders; whether it is another file now is asked of the file. A link (libx.so.1 -> libx.so.1.2)
 * is watched where it stands, and so is what it leads to.
 */
#include "session/replaced.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "session/generation.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

struct named_file {
	char *path;   /* as it is opened */
	char *target; /* without links */
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
	bool is_off; /* being written to: its probes were taken off */
};

struct folder {
	int wd;
	char *path;
};

struct replaced {
	struct late_opts o;
	int fd;
	VEC(struct named_file) files;
	VEC(struct folder) folders;
	VEC(struct objfile *) opened;
	uint32_t n_groups;
	struct arena arena;
};

static bool identify(struct named_file *f)
{
	char real[PATH_MAX];
	struct stat st;

	if (stat(f->path, &st) || !S_ISREG(st.st_mode))
		return false;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	f->size = st.st_size;
	f->mtime = st.st_mtim;
	free(f->target);
	f->target = base_strdup(realpath(f->path, real) ? real : f->path);
	return true;
}

/* ---- what is watched ---- */

static void watch_folder(struct replaced *r, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct folder f = { .path = slash ? base_strndup(str_make(path, (size_t)(slash - path)))
					  : base_strdup(".") };

	vec_each(k, &r->folders)
		if (!strcmp(k->path, f.path)) {
			free(f.path);
			return;
		}
	f.wd = inotify_add_watch(r->fd, *f.path ? f.path : "/",
				 IN_MOVED_TO | IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE);
	if (f.wd < 0)
		log_verbose("'%s' is not watched: %s", f.path, strerror(errno));
	vec_push(&r->folders, f);
}

static void add_path(struct replaced *r, struct str path)
{
	struct named_file f = { 0 };

	vec_each(k, &r->files)
		if (str_is(path, k->path))
			return;
	if (!path.n || str_starts(path, STR("/proc/")))
		return;
	f.path = base_strndup(path);
	if (!identify(&f)) {
		free(f.path);
		return;
	}
	watch_folder(r, f.path);
	watch_folder(r, f.target);
	vec_push(&r->files, f);
}

static bool is_user(const struct probe_shape *s)
{
	return s->kind == PROBE_UPROBE || s->kind == PROBE_URETPROBE || s->kind == PROBE_USDT;
}

struct replaced *replaced_new(const struct late_opts *o)
{
	const struct image *im = o->c->image;
	struct replaced *r;
	bool is_any = false;

	for (uint32_t i = 0; i < im->n_progs; i++)
		is_any |= is_user(im->progs[i]->shape);
	/* a process keeps its files; but what those that it starts find under a name may be others */
	if (!is_any || o->c->opts->is_dry_run ||
	    ((o->c->opts->pids.n || o->c->child) && !(o->ops->hold && o->c->opts->follow)))
		return NULL;
	r = base_alloc(sizeof(*r));
	r->o = *o;
	r->n_groups = REPLACED_GROUPS;
	arena_init(&r->arena);
	r->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	for (uint32_t i = 0; r->fd >= 0 && i < im->n_progs; i++) {
		const struct probe_shape *s = im->progs[i]->shape;

		for (uint32_t k = 0; is_user(s) && k < s->n_points; k++)
			if (!k || !str_eq(s->points[k].path, s->points[k - 1].path))
				add_path(r, s->points[k].path);
	}
	return r;
}

void replaced_free(struct replaced *r)
{
	if (!r)
		return;
	vec_each(f, &r->files) {
		free(f->path);
		free(f->target);
	}
	vec_each(f, &r->folders)
		free(f->path);
	vec_each(f, &r->opened)
		objfile_unref(*f);
	vec_free(&r->files);
	vec_free(&r->folders);
	vec_free(&r->opened);
	arena_free(&r->arena);
	if (r->fd >= 0)
		close(r->fd);
	free(r);
}

/* ---- what has happened ---- */

static void attach(struct replaced *r, const struct named_file *f)
{
	struct mapped_file m = { .path = arena_str(&r->arena, str_from(f->path)) };
	struct probe_late late = { .mapped = &m, .open_path = m.path, .is_replacement = true };
	struct objfile *file = NULL;
	struct late_result res = { 0 };
	struct err *err = objfile_open(f->path, &file);

	late.file = file;
	if (!err)
		err = late_attach(&r->o, &late, ++r->n_groups, &res);
	if (err || !res.n_probes)
		late_warn(&r->o, m.path, err, "is another file now, in which nothing is traced");
	else
		log_verbose("%s is another file now: %u probe%s in it", f->path, res.n_probes,
			    res.n_probes == 1 ? "" : "s");
	if (file)
		vec_push(&r->opened, file);
}

static void look(struct replaced *r, struct named_file *f, uint32_t what)
{
	struct named_file now = { .path = f->path };
	bool is_same;

	if (!identify(&now))
		return; /* gone: something will come in its place */
	is_same = now.dev == f->dev && now.ino == f->ino;
	if (is_same && !f->is_off && (what & IN_MODIFY)) {
		/* what is there is overwritten under the probes */
		r->o.ops->drop_file(r->o.engine, str_from(f->path));
		f->is_off = true;
		log_verbose("%s is written to: its probes are off", f->path);
	}
	if (what & IN_CREATE && !is_same && now.size == 0) {
		free(now.target);
		return; /* it will be closed when it is written */
	}
	if ((!is_same && what & (IN_MOVED_TO | IN_CREATE | IN_CLOSE_WRITE)) ||
	    (f->is_off && what & IN_CLOSE_WRITE)) {
		free(f->target);
		*f = now;
		watch_folder(r, f->target);
		attach(r, f);
		return;
	}
	free(now.target);
}

static bool is_in(const char *path, const char *folder, const char *name)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 1;

	return strlen(folder) == n && !strncmp(slash ? path : ".", folder, n) &&
	       !strcmp(slash ? slash + 1 : path, name);
}

static void on_event(struct replaced *r, const struct inotify_event *e)
{
	const struct folder *folder = NULL;

	vec_each(k, &r->folders)
		if (k->wd == e->wd)
			folder = k;
	if (!folder || !e->len)
		return;
	for (size_t i = 0; i < r->files.n; i++) {
		struct named_file *f = &r->files.v[i];

		if (is_in(f->path, folder->path, e->name) ||
		    is_in(f->target, folder->path, e->name))
			look(r, f, e->mask);
	}
}

void replaced_round(struct replaced *r)
{
	_Alignas(struct inotify_event) char buf[8192];
	ssize_t n;

	if (!r || r->fd < 0)
		return;
	while ((n = read(r->fd, buf, sizeof(buf))) > 0) {
		for (char *p = buf; p < buf + n;) {
			const struct inotify_event *e = (const struct inotify_event *)p;

			on_event(r, e);
			p += sizeof(*e) + e->len;
		}
	}
}
