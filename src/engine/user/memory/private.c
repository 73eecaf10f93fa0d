/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The page that describes a process to the programs in it; see private.h. Read once, when the process is taken: while it stands. */
#include "engine/user/memory/private.h"

#include "base/cleanup.h"

#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { HWCAP2_FSGSBASE = 1 << 1, ROOM = 512 };

/* ---- namespaces ---- */

static bool is_same_namespace(pid_t pid, const char *name)
{
	char path[64];
	struct stat theirs, ours;

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)proc_task(pid), name);
	if (stat(path, &theirs))
		return false;
	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	return !stat(path, &ours) && theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev;
}

/* the first number of a line of /proc/PID/status: of users the real one */
static uint32_t status_number(pid_t pid, const char *key)
{
	char value[ROOM];

	return proc_status(pid, key, value, sizeof(value)) ? (uint32_t)strtoul(value, NULL, 10) : 0;
}

/* ---- cgroup: the inode of its folder in the second version's hierarchy ---- */

static uint64_t inode_of_cgroup(const char *path)
{
	/* alone, or beside the first version's */
	static const char *const roots[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	char full[ROOM + 64];
	struct statfs fs;
	struct stat st;

	for (unsigned i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		snprintf(full, sizeof(full), "%s%s", roots[i], path);
		if (!statfs(full, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC && !stat(full, &st))
			return st.st_ino;
	}
	return 0;
}

static uint64_t cgroup_of(pid_t pid)
{
	char path[64], line[ROOM];
	uint64_t id = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "0::/", 4))
			id = inode_of_cgroup(line + 3);
	}
	if (f)
		fclose(f);
	return id;
}

/* ---- memory that is there as long as the process ---- */

/* a page of a file that is not in memory yet comes from there: from these, without anybody else's help */
static bool is_local_file(pid_t pid)
{
	static const int64_t kinds[] = { EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,
					 F2FS_SUPER_MAGIC, TMPFS_MAGIC };
	char path[64];
	struct statfs fs;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)proc_task(pid));
	if (statfs(path, &fs))
		return false;
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if ((int64_t)fs.f_type == kinds[i])
			return true;
	return false;
}

/* the executable's own code and constants: user-reads.md */
static void vouch(pid_t pid, const struct proc_maps *maps, struct rt_range *ranges)
{
	char path[64];
	FREE_AUTO char *exe = NULL;
	struct err *err = proc_exe(pid, &exe);
	struct stat st;
	unsigned n = 0;

	err_free(err);
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)proc_task(pid));
	if (err || stat(path, &st) || !is_local_file(pid))
		return;
	for (uint32_t i = 0; i < maps->n && n < RT_SURE_RANGES; i++) {
		const struct proc_map *m = &maps->v[i];

		if (m->ino != st.st_ino || !str_is(m->path, exe) || !m->read || m->write ||
		    m->deleted)
			continue;
		if (n && ranges[n - 1].end == m->start)
			ranges[n - 1].end = m->end;
		else
			ranges[n++] = (struct rt_range){ m->start, m->end };
	}
}

void private_describe(pid_t pid, const struct proc_maps *maps, struct rt_private *ret)
{
	struct stat st;

	*ret = (struct rt_private){
		.is_mine = 1,
		.pid = (uint32_t)pid,
		.own_pid = (uint32_t)proc_ns_pid(pid),
		.has_other_pids = !is_same_namespace(pid, "pid"),
		.has_other_users = !is_same_namespace(pid, "user"),
		.has_fsgsbase = (getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE) != 0,
		.uid_gid = (uint64_t)status_number(pid, "Gid") << 32 | status_number(pid, "Uid"),
		.cgroup_id = cgroup_of(pid),
	};
	if (!stat("/proc/self/ns/pid", &st)) {
		ret->ns_dev = st.st_dev;
		ret->ns_ino = st.st_ino;
	}
	if (getrandom(&ret->seed, sizeof(ret->seed), GRND_NONBLOCK) < 0)
		ret->seed = (uint64_t)pid << 32 ^ (uintptr_t)ret;
	if (maps)
		vouch(pid, maps, ret->sure);
}

static bool asks_for(const struct image *im, int32_t helper)
{
	for (uint32_t i = 0; i < im->n_progs; i++)
		for (uint32_t k = 0; k < im->progs[i]->n_insns; k++) {
			const struct bpf_insn *in = &im->progs[i]->insns[k];

			if (image_runs(im, im->progs[i]) && in->code == (BPF_JMP | BPF_CALL) &&
			    !in->src_reg && in->imm == helper)
				return true;
		}
	return false;
}

struct err *private_refusal(const struct rt_private *p, const struct image *im)
{
	const char *what = NULL;

	if (!p->cgroup_id && asks_for(im, BPF_FUNC_get_current_cgroup_id))
		what = "its cgroup cannot be seen from here";
	else if (p->has_other_pids && (asks_for(im, BPF_FUNC_get_current_pid_tgid) ||
				       asks_for(im, BPF_FUNC_get_ns_current_pid_tgid)))
		what = "in its pid namespace threads have other numbers than here, and it cannot tell these";
	if (!what)
		return NULL;
	return err_hint(err_new(0, "the user engine cannot trace process %u: %s", p->pid, what),
			"--engine kernel can");
}
