/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See absent.h. What is mapped is compared by inode: device numbers of maps are not always those of stat.
 */
#include "session/absent.h"

#include "base/cleanup.h"
#include "objfile/mapped.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct search {
	struct mapped_files all;
	const char *first;                /* file of the script's that is not there */
	const struct mapped_file *former; /* what one of the processes runs under its name, deleted */
	bool is_mapped;
};

static void look_for(struct search *s, const char *path)
{
	char real[PATH_MAX];
	struct stat st;

	if (stat(path, &st)) { /* nothing can be said of it */
		s->is_mapped = true;
		return;
	}
	if (!s->first)
		s->first = path;
	if (!realpath(path, real))
		real[0] = '\0';
	vec_each(m, &s->all.files) {
		s->is_mapped |= (*m)->ino == st.st_ino;
		if ((*m)->is_deleted && str_is((*m)->path, real))
			s->former = *m;
	}
}

static bool is_exe(const struct mapped_file *m)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)m->pid);
	return !stat(path, &st) && st.st_ino == m->ino;
}

static void tell(const struct search *s, const struct session_opts *o, struct output *out)
{
	if (s->former && is_exe(s->former))
		output_complain(
			out,
			"WARNING: process %d runs the former '%s', before it was replaced: uprobe:/proc/%d/exe:... traces that\n",
			(int)s->former->pid, s->first, (int)s->former->pid);
	else if (s->former)
		output_complain(
			out,
			"WARNING: process %d has the former '%s', before it was replaced: start it anew to trace it\n",
			(int)s->former->pid, s->first);
	else if (o->pids.n == 1)
		output_complain(
			out,
			"WARNING: process %d has not mapped '%s': nothing there is traced before it does\n",
			(int)o->pids.v[0], s->first);
	else
		output_complain(
			out,
			"WARNING: none of the %zu processes has mapped '%s': nothing there is traced before they do\n",
			o->pids.n, s->first);
}

void absent_warn(const struct compilation *c, struct output *out)
{
	const struct session_opts *o = c->opts;
	struct search s = { 0 };

	/* patterns look for files, and commands and children bring theirs */
	if (!o->pids.n || o->command || o->follow || c->waits || o->no_warnings || o->is_dry_run)
		return;
	err_free(mapped_files_read(o->pids.v, o->pids.n, &s.all));
	for (uint32_t i = 0; i < c->image->n_progs; i++) {
		const struct probe_shape *shape = c->image->progs[i]->shape;

		for (uint32_t k = 0; shape->is_user && !s.is_mapped && k < shape->n_points; k++)
			if (!k || !str_eq(shape->points[k].path, shape->points[k - 1].path))
				look_for(&s, shape->points[k].path.p);
	}
	/* no files at all: they may not be read */
	if (s.first && !s.is_mapped && s.all.files.n)
		tell(&s, o, out);
	mapped_files_free(&s.all);
}
