/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Handles of foreign roots; see roots.h. Only their number is bounded: a handle keeps a mount from going away. */
#include "objfile/roots.h"

#include "objfile/proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_ROOTS = 256 };

struct root *root_ref(struct root *r)
{
	if (r)
		r->refs++;
	return r;
}

void root_unref(struct root *r)
{
	if (!r || --r->refs)
		return;
	close(r->fd);
	free(r);
}

void roots_free(struct root_table *t)
{
	vec_each(r, &t->v)
		root_unref(*r);
	vec_free(&t->v);
}

static uint64_t mount_namespace(pid_t pid)
{
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)pid);
	return stat(path, &st) ? 0 : st.st_ino;
}

/* one that nobody but the table holds makes room for a new one, the oldest first */
static bool make_room(struct root_table *t)
{
	if (t->v.n < MAX_ROOTS)
		return true;
	for (size_t i = 0; i < t->v.n; i++) {
		if (t->v.v[i]->refs > 1)
			continue;
		root_unref(t->v.v[i]);
		memmove(t->v.v + i, t->v.v + i + 1, (t->v.n - i - 1) * sizeof(*t->v.v));
		t->v.n--;
		return true;
	}
	return false;
}

static struct root *find(struct root_table *t, uint64_t ns, const struct stat *st)
{
	vec_each(r, &t->v)
		if ((*r)->ns == ns && (*r)->dev == st->st_dev && (*r)->ino == st->st_ino)
			return *r;
	return NULL;
}

struct root *roots_get(struct root_table *t, pid_t pid, bool *is_foreign)
{
	struct root *r;
	struct stat st;
	char path[64];
	uint64_t ns;
	int fd;

	*is_foreign = proc_has_own_root(pid);
	if (!*is_foreign)
		return NULL;
	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	ns = mount_namespace(pid);
	if (fstat(fd, &st) || !ns) {
		close(fd);
		return NULL;
	}
	r = find(t, ns, &st);
	if (r || !make_room(t)) {
		close(fd);
		return root_ref(r);
	}
	r = base_alloc(sizeof(*r));
	*r = (struct root){ .fd = fd, .refs = 1, .ns = ns, .dev = st.st_dev, .ino = st.st_ino };
	vec_push(&t->v, r);
	return root_ref(r);
}

void roots_scan(struct root_table *t)
{
	struct pid_list all;
	bool is_foreign;

	err_free(proc_all(&all));
	vec_each(pid, &all)
		root_unref(roots_get(t, *pid, &is_foreign));
	vec_free(&all);
}
