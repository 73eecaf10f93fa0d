/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --container: the cgroup of a container. Runtimes name its folder after the container's id, with words around it:
 * docker-ID.scope, libpod-ID.scope, cri-containerd-ID.scope, or the bare ID.
 */
#include "session/session.h"

#include <ftw.h>
#include <mntent.h>
#include <paths.h>
#include <stdio.h>
#include <sys/stat.h>

/* nftw has no argument for its callback; the search is over before anything else can start one */
static struct {
	struct str id;
	uint64_t found;
	unsigned n_found;
} search;

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

static int visit(const char *path, const struct stat *st, int type, struct FTW *where)
{
	if (type != FTW_D || !names_container(path + where->base))
		return FTW_CONTINUE;
	search.found = st->st_ino;
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

struct err *session_find_container(const char *id, uint64_t *cgroup_id)
{
	char mount[4096];

	if (!*id)
		return err_new(0, "--container needs the id of a container, or the start of it");
	if (!find_mount(mount, sizeof(mount)))
		return err_hint(err_new(0, "no cgroup v2 hierarchy is mounted"),
				"mount one: mount -t cgroup2 none /sys/fs/cgroup");
	search.id = str_from(id);
	search.found = search.n_found = 0;
	nftw(mount, visit, 16, FTW_PHYS | FTW_ACTIONRETVAL);
	if (!search.n_found)
		return err_hint(
			err_new(0, "no cgroup below %s is named after container '%s'", mount, id),
			"pass the cgroup itself with --cgroup");
	if (search.n_found > 1)
		return err_hint(
			err_new(0, "'%s' is the start of %u containers' ids", id, search.n_found),
			"give more of the id");
	*cgroup_id = search.found;
	return NULL;
}
