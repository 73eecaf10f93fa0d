/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control group paths; see cgroup.h. A hierarchy is walked at most once for an id that is found; a path from the cache
 * is taken only while its inode still is the id, because ids are given again.
 */
#include "output/cgroup.h"

#include "base/cleanup.h"
#include "base/vec.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#define MAX_DEPTH 64

struct cached_path {
	uint64_t id;
	char *root, *path;
};

static VEC(struct cached_path) cache;

struct hierarchy {
	char *name, *root;
	bool is_v2;
};

void cgroup_forget(void)
{
	vec_each(c, &cache) {
		free(c->root);
		free(c->path);
	}
	vec_free(&cache);
}

static bool is_id(const char *path, uint64_t id)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_ino == id;
}

/* depth first below path (a buffer of PATH_MAX); true when found, path then is the directory */
static bool walk(char *path, uint64_t id, unsigned depth)
{
	size_t n = strlen(path);
	DIR *dir = depth < MAX_DEPTH ? opendir(path) : NULL;
	struct dirent *e;
	bool found = false;

	if (!dir)
		return false;
	while (!found && (e = readdir(dir))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		if ((size_t)snprintf(path + n, PATH_MAX - n, "/%s", e->d_name) >= PATH_MAX - n)
			continue;
		found = e->d_ino == id || walk(path, id, depth + 1);
	}
	closedir(dir);
	if (!found)
		path[n] = '\0';
	return found;
}

static const char *find_cached(uint64_t id, const char *root)
{
	char full[PATH_MAX];

	vec_each(c, &cache) {
		if (c->id != id || strcmp(c->root, root) != 0)
			continue;
		snprintf(full, sizeof(full), "%s%s", root, c->path);
		if (is_id(full, id))
			return c->path;
	}
	return NULL;
}

/* the path below root, "/" for root itself; NULL when it is not there */
static const char *find_in(uint64_t id, const char *root)
{
	const char *known = find_cached(id, root);
	struct cached_path c = { .id = id };
	char path[PATH_MAX];

	if (known)
		return known;
	if (is_id(root, id))
		return "/";
	snprintf(path, sizeof(path), "%s", root);
	if (!walk(path, id, 0))
		return NULL;
	c.root = base_strdup(root);
	c.path = base_strdup(path + strlen(root));
	vec_push(&cache, c);
	return c.path;
}

static int hierarchy_order(const void *a, const void *b)
{
	const struct hierarchy *x = a, *y = b;

	return x->is_v2 != y->is_v2 ? y->is_v2 - x->is_v2 : strcmp(x->name, y->name);
}

/* a hierarchy may be mounted in several places (a chroot's /sys): the first in the list of mounts counts */
static bool is_listed(const struct hierarchy *all, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(all[i].name, name))
			return true;
	return false;
}

void cgroup_put_path(uint64_t id, struct str filter, struct strbuf *out)
{
	FILE_AUTO mounts = fopen("/proc/self/mounts", "re");
	VEC(struct hierarchy) all = { 0 };
	char line[PATH_MAX * 2], root[PATH_MAX], type[32];
	const char *separator = "";

	while (mounts && fgets(line, sizeof(line), mounts)) {
		struct hierarchy h;

		if (sscanf(line, "%*s %4095s %31s", root, type) != 2 ||
		    strncmp(type, "cgroup", 6) != 0)
			continue;
		h.is_v2 = strcmp(type, "cgroup2") == 0;
		h.root = base_strdup(root);
		h.name = base_strdup(h.is_v2 || !strrchr(root, '/') ? "unified"
								    : strrchr(root, '/') + 1);
		if (!is_listed(all.v, all.n, h.name)) {
			vec_push(&all, h);
			continue;
		}
		free(h.name);
		free(h.root);
	}
	if (all.n)
		qsort(all.v, all.n, sizeof(*all.v), hierarchy_order);
	vec_each(h, &all) {
		const char *path = NULL;

		if (!filter.n || str_glob(filter, str_from(h->name)))
			path = find_in(id, h->root);
		if (path) {
			strbuf_printf(out, "%s%s:%s", separator, h->name, path);
			separator = ",";
		}
		free(h->name);
		free(h->root);
	}
	vec_free(&all);
}
