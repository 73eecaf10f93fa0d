/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --container: the cgroup of a container. Runtimes name its folder after the container's id, with words around it:
 * docker-ID.scope, libpod-ID.scope, cri-containerd-ID.scope, or the bare ID. And whose files the names of a script mean when
 * a cgroup is traced: those that its processes see.
 */
#include "session/cgroup.h"

#include "base/cleanup.h"
#include "session/session.h"

#include <ftw.h>
#include <mntent.h>
#include <paths.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MANY_ROOTS = 16 };

/* nftw has no argument for its callback; a search is over before anything else can start one */
static struct {
	struct str id;
	char found[4096];
	unsigned n_found;
} search;

/* a root folder with what is mounted below, and the process that has had it longest */
struct root {
	char name[96];
	uint64_t started;
	pid_t pid;
};

static struct {
	struct root v[MANY_ROOTS];
	size_t n;
	char ours[96]; /* as name_root gives it */
	bool has_ours;
} roots;

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* the id stands in the name, and does not begin in the middle of a longer one */
static bool names_container(const char *name)
{
	const char *at = strstr(name, search.id.p);

	return at && (at == name || !is_hex(at[-1]));
}

/* what watches a container (podman's conmon), and what systemd mounts for one, is named after it but is not it */
static bool is_beside(const char *name)
{
	size_t n = strlen(name);

	return strstr(name, "conmon") || (n > 6 && !strcmp(name + n - 6, ".mount"));
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	if (type != FTW_D || !names_container(path + where->base) || is_beside(path + where->base))
		return FTW_CONTINUE;
	snprintf(search.found, sizeof(search.found), "%s", path);
	search.n_found++;
	return FTW_SKIP_SUBTREE;
}

static bool find_mount(char *path, size_t size)
{
	FILE *f = setmntent(_PATH_MOUNTED, "re");
	struct mntent *m;
	bool found = false;

	if (!f)
		f = setmntent("/proc/self/mounts", "re");
	while (f && !found && (m = getmntent(f))) {
		if (strcmp(m->mnt_type, "cgroup2") != 0)
			continue;
		snprintf(path, size, "%s", m->mnt_dir);
		found = true;
	}
	if (f)
		endmntent(f);
	return found;
}

struct err *session_opts_set_container(struct session_opts *o, const char *id)
{
	char mount[4096];

	if (!*id)
		return err_new(0, "--container needs the id of a container, or the start of it");
	if (!find_mount(mount, sizeof(mount)))
		return err_hint(err_new(0, "no cgroup v2 hierarchy is mounted"),
				"mount one: mount -t cgroup2 none /sys/fs/cgroup");
	search.id = str_from(id);
	search.n_found = 0;
	nftw(mount, visit, 16, FTW_PHYS | FTW_ACTIONRETVAL);
	if (!search.n_found && id[strspn(id, "0123456789abcdef")])
		return err_hint(
			err_new(0, "no cgroup below %s is named after container '%s'", mount, id),
			"ids are hexadecimal: docker inspect -f '{{.Id}}' NAME says that of a name (podman likewise)");
	if (!search.n_found)
		return err_hint(
			err_new(0, "no cgroup below %s is named after container '%s'", mount, id),
			"pass the cgroup itself with --cgroup");
	if (search.n_found > 1)
		return err_hint(
			err_new(0, "'%s' is the start of %u containers' ids", id, search.n_found),
			"give more of the id");
	return session_opts_set_cgroup(o, search.found);
}

/* ---- roots ---- */

/* root folder and mounts of a process as one text; false: it is gone */
static bool name_root(const char *process, char *name, size_t size)
{
	char path[64], ns[48];
	struct stat st;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%s/root/.", process);
	if (stat(path, &st))
		return false;
	snprintf(path, sizeof(path), "/proc/%s/ns/mnt", process);
	n = readlink(path, ns, sizeof(ns) - 1);
	if (n < 0)
		return false;
	ns[n] = '\0';
	snprintf(name, size, "%s %lu:%lu", ns, (unsigned long)st.st_dev, (unsigned long)st.st_ino);
	return true;
}

static void add_process(pid_t pid)
{
	char number[16], name[96];
	uint64_t started = proc_start_time(pid);

	snprintf(number, sizeof(number), "%d", pid);
	if (!roots.ours[0] || !name_root(number, name, sizeof(name)))
		return;
	if (!strcmp(name, roots.ours)) {
		roots.has_ours = true;
		return;
	}
	for (size_t i = 0; i < roots.n; i++) {
		struct root *r = &roots.v[i];

		if (strcmp(r->name, name) != 0)
			continue;
		if (started < r->started) {
			r->started = started;
			r->pid = pid;
		}
		return;
	}
	if (roots.n == MANY_ROOTS)
		return;
	memcpy(roots.v[roots.n].name, name, sizeof(name));
	roots.v[roots.n].started = started;
	roots.v[roots.n++].pid = pid;
}

static int add_processes(const char *path, const struct stat *st, int type, struct FTW *where)
{
	char file[4096 + 16];
	int pid;
	FILE *f;

	(void)st;
	(void)where;
	if (type != FTW_D)
		return 0;
	snprintf(file, sizeof(file), "%s/cgroup.procs", path);
	f = fopen(file, "re");
	while (f && fscanf(f, "%d", &pid) == 1)
		if (pid > 0)
			add_process(pid);
	if (f)
		fclose(f);
	return 0;
}

void cgroup_find_roots(const char *path, struct pid_list *ret, bool *has_ours)
{
	roots.n = 0;
	roots.has_ours = false;
	if (!name_root("self", roots.ours, sizeof(roots.ours)))
		roots.ours[0] = '\0';
	nftw(path, add_processes, 16, FTW_PHYS);
	for (size_t i = 0; i < roots.n; i++)
		vec_push(ret, roots.v[i].pid);
	*has_ours = roots.has_ours;
}
