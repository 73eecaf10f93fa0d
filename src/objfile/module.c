/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files that processes have mapped; part of process_table.h. A module is a file by its device, inode and path,
 * shared by all processes that map it; it is opened when an address of it is asked for. By then the process may have
 * ended, the file be deleted, replaced or out of sight: it is opened by the path in the process's root, through the
 * mapping while the process lives, or from any root that has this very device and inode there. Another file is never
 * taken instead.
 */
#include "objfile/process_table.h"

#include "base/cleanup.h"
#include "objfile/elf_private.h"
#include "objfile/proc.h"

#include <limits.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

enum { SCAN_MS = 1000 }; /* how often all processes are asked for their roots, at most */

#define OVERLAYFS_MAGIC 0x794c7630
#define BTRFS_MAGIC 0x9123683e

/*
 * Has another file taken the place of the one that was opened, with its name and even its inode number (compilers do
 * that)? Asked when somebody has just mapped it.
 */
static bool was_replaced(const struct module *m)
{
	char path[PATH_MAX];
	struct stat st;

	if (!m->file || m->deleted || m->is_vdso || m->path.n >= sizeof(path))
		return false;
	snprintf(path, sizeof(path), "%.*s", STR_ARG(m->path));
	return !stat(path, &st) && st.st_ino == m->file->ino && st.st_dev == m->file->dev &&
	       !objfile_same(m->file, st.st_dev, st.st_ino, (uint64_t)st.st_size, st.st_mtim);
}

struct module *process_module(struct process_table *t, struct str path, uint32_t dev_major,
			      uint32_t dev_minor, uint64_t ino, bool deleted)
{
	STRBUF_AUTO key = { 0 };
	struct module *m, *old;

	strbuf_printf(&key, "%x:%x:%llx:%d:", dev_major, dev_minor, (unsigned long long)ino,
		      deleted);
	strbuf_add_str(&key, path);
	old = hashmap_get(&t->modules, strbuf_str(&key));
	if (old && !was_replaced(old))
		return old;
	m = base_alloc(sizeof(*m) + key.n);
	*m = (struct module){
		.dev_major = dev_major, .dev_minor = dev_minor, .ino = ino, .deleted = deleted
	};
	memcpy(m->text, key.p, key.n);
	m->key = str_make(m->text, key.n);
	m->path = str_sub(m->key, key.n - path.n, key.n);
	m->is_vdso = !ino && str_is(path, "[vdso]");
	/* the map goes on using the key of the first one, which therefore lives as long as the map */
	hashmap_put(&t->modules, m->key, m);
	if (old)
		vec_push(&t->replaced, old);
	return m;
}

static void mark_modules(struct mapping_list *l)
{
	vec_each(m, l)
		if (m->module)
			m->module->is_marked = true;
}

void process_sweep_modules(struct process_table *t)
{
	struct hashmap kept = { 0 };

	for (size_t i = 0; i < t->by_pid.n; i++) {
		struct process *p = t->by_pid.entries[i].value;

		if (p) {
			mark_modules(&p->now);
			mark_modules(&p->old);
		}
	}
	for (size_t i = 0; i < t->modules.n; i++) {
		struct module *m = t->modules.entries[i].value;

		if (!m->is_marked && !m->is_used && !m->file) {
			free(m);
			continue;
		}
		m->is_marked = false;
		hashmap_put(&kept, m->key, m);
	}
	hashmap_free(&t->modules);
	t->modules = kept;
	t->swept = kept.n;
}

/* the same image is mapped into every 64-bit process, so ours will do */
static struct objfile *open_vdso(struct process_table *t)
{
	uint64_t start = getauxval(AT_SYSINFO_EHDR);
	const struct proc_map *m;
	struct proc_maps maps;
	FD_AUTO fd = -1;

	if (t->vdso_tried || !start)
		return t->vdso;
	t->vdso_tried = true;
	err_free(proc_maps_read(getpid(), &maps));
	m = proc_maps_find(&maps, start);
	fd = memfd_create("vdso", MFD_CLOEXEC);
	if (m && fd >= 0 &&
	    write(fd, (const void *)m->start, m->end - m->start) == (ssize_t)(m->end - m->start))
		err_free(objfile_open_fd(fd, "[vdso]", &t->vdso));
	proc_maps_free(&maps);
	return t->vdso;
}

/*
 * Is the file at path the one that was mapped, not one that took its name since? is_sure: the path was opened from the
 * process's own root; anywhere else only the device and the inode count.
 */
static bool is_mapped_file(const char *path, const struct module *m, bool is_sure)
{
	struct statfs fs;
	struct stat st;

	if (stat(path, &st) || !S_ISREG(st.st_mode))
		return false;
	/* btrfs and overlayfs show other devices in stat than in maps, overlayfs other inodes too */
	if (st.st_ino == m->ino)
		return is_sure || st.st_dev == makedev(m->dev_major, m->dev_minor) ||
		       (statfs(path, &fs) == 0 &&
			(fs.f_type == OVERLAYFS_MAGIC || fs.f_type == BTRFS_MAGIC));
	return is_sure && statfs(path, &fs) == 0 && fs.f_type == OVERLAYFS_MAGIC;
}

static struct objfile *try_open(struct process_table *t, const char *path, const struct module *m,
				bool is_sure)
{
	FREE_AUTO char *name = base_strndup(m->path);
	struct objfile *f = NULL;

	if (is_mapped_file(path, m, is_sure))
		err_free(objfile_cache_get_as(t->files, path, name, &f));
	return f;
}

/* by its path, from a root (NULL: ours) */
static struct objfile *open_below(struct process_table *t, const struct root *root,
				  const struct module *m, bool is_sure)
{
	char path[PATH_MAX + 64];

	if (root)
		snprintf(path, sizeof(path), "/proc/self/fd/%d%.*s", root->fd, STR_ARG(m->path));
	else
		snprintf(path, sizeof(path), "%.*s", STR_ARG(m->path));
	return try_open(t, path, m, is_sure);
}

/* a process that ended before it was looked at: whichever root has this very file under this path */
static struct objfile *open_anywhere(struct process_table *t, const struct module *m)
{
	uint64_t now = process_clock_ms();
	struct objfile *f = open_below(t, NULL, m, false);

	for (size_t i = 0; !f && i < t->roots.v.n; i++)
		f = open_below(t, t->roots.v.v[i], m, false);
	if (f || (t->roots.scanned && now - t->roots.scanned < SCAN_MS))
		return f;
	t->roots.scanned = now;
	roots_scan(&t->roots);
	for (size_t i = 0; !f && i < t->roots.v.n; i++)
		f = open_below(t, t->roots.v.v[i], m, false);
	return f;
}

struct objfile *process_open_module(struct process_table *t, struct process *p,
				    const struct mapping *at)
{
	struct module *m = at->module;
	char path[64];

	if (!m || m->file || m->tried == (pid_t)p->pid)
		return m ? m->file : NULL;
	if (m->is_vdso) {
		m->file = open_vdso(t);
		m->tried = (pid_t)p->pid;
		return m->file;
	}
	if (!m->ino || !m->path.n || m->path.p[0] != '/' || m->path.n >= PATH_MAX)
		return NULL;
	if (!m->deleted && (p->root || !p->is_foreign))
		m->file = open_below(t, p->root, m, p->root_known);
	if (!m->file && !p->gone) { /* deleted, replaced or hidden: the mapping itself leads to it */
		snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", (int)p->pid,
			 (unsigned long long)at->start, (unsigned long long)at->end);
		m->file = try_open(t, path, m, true);
	}
	if (!m->file && !m->deleted && p->gone)
		m->file = open_anywhere(t, m);
	m->tried = (pid_t)p->pid;
	return m->file;
}
