/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See mapped.h. The way to a file leads through the mapping (/proc/PID/map_files), which is the file whatever became of its
 * name and whatever root the process has. A mapping that was split or has gone is looked for in the list of today's, and a
 * file whose process has ended, by its name, if its inode is the same.
 */
#include "objfile/mapped.h"

#include "base/cleanup.h"
#include "objfile/proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static struct str key_of(const struct mapped_file *m)
{
	return str_make((const char *)m, offsetof(struct mapped_file, is_deleted));
}

static void add_map(struct mapped_files *out, pid_t pid, const struct proc_map *map)
{
	struct mapped_file probe = { .ino = map->ino,
				     .dev_major = map->dev_major,
				     .dev_minor = map->dev_minor };
	struct mapped_file *m;

	if (!map->exec || !map->ino || !map->path.n || map->path.p[0] != '/' ||
	    hashmap_get(&out->index, key_of(&probe)))
		return;
	m = arena_new(&out->arena, struct mapped_file);
	*m = probe;
	m->is_deleted = map->deleted;
	m->pid = pid;
	m->start = map->start;
	m->end = map->end;
	m->path = arena_str(&out->arena, map->path);
	vec_push(&out->files, m);
	hashmap_put(&out->index, key_of(m), m);
}

static void add_process(struct mapped_files *out, pid_t pid)
{
	struct proc_maps maps;
	struct err *e = proc_maps_read(pid, &maps);

	for (uint32_t i = 0; !e && i < maps.n; i++)
		add_map(out, pid, &maps.v[i]);
	proc_maps_free(&maps);
	err_free(e); /* it has ended */
}

struct err *mapped_files_read(const pid_t *pids, size_t n, struct mapped_files *ret)
{
	struct pid_list all = { 0 };

	*ret = (struct mapped_files){ 0 };
	arena_init(&ret->arena);
	if (!n)
		TRY(proc_all(&all));
	for (size_t i = 0; i < n; i++)
		add_process(ret, pids[i]);
	vec_each(pid, &all)
		add_process(ret, *pid);
	vec_free(&all);
	return NULL;
}

void mapped_files_free(struct mapped_files *m)
{
	vec_free(&m->files);
	hashmap_free(&m->index);
	arena_free(&m->arena);
}

static bool is_same_map(const struct mapped_file *m, const struct proc_map *map)
{
	return map->exec && map->ino == m->ino && map->dev_major == m->dev_major &&
	       map->dev_minor == m->dev_minor;
}

/* its mapping as it is now; false: none */
static bool find_mapping(const struct mapped_file *m, pid_t pid, uint64_t *start, uint64_t *end)
{
	struct proc_maps maps;
	struct err *e = proc_maps_read(pid, &maps);
	bool found = false;

	for (uint32_t i = 0; !e && i < maps.n && !found; i++) {
		found = is_same_map(m, &maps.v[i]);
		*start = maps.v[i].start;
		*end = maps.v[i].end;
	}
	proc_maps_free(&maps);
	err_free(e);
	return found;
}

bool mapped_file_is_used_by(const struct mapped_file *m, pid_t pid)
{
	uint64_t start, end;

	return find_mapping(m, pid, &start, &end);
}

/* never a device, and never blocking: the name may be anything by now */
static int open_regular(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int open_mapping(pid_t pid, uint64_t start, uint64_t end)
{
	char path[80];

	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", (int)proc_task(pid),
		 (unsigned long long)start, (unsigned long long)end);
	return open_regular(path);
}

static int open_by_name(const struct mapped_file *m)
{
	STRBUF_AUTO path = { 0 };
	struct stat st;
	int fd;

	strbuf_add_str(&path, m->path);
	fd = m->is_deleted ? -1 : open_regular(strbuf_cstr(&path));
	if (fd >= 0 && (fstat(fd, &st) || st.st_ino != m->ino ||
			st.st_dev != makedev(m->dev_major, m->dev_minor))) {
		close(fd);
		return -1;
	}
	return fd;
}

int mapped_file_open(const struct mapped_file *m)
{
	int fd = open_mapping(m->pid, m->start, m->end);
	uint64_t start, end;
	struct stat st;

	/* something else may be mapped there by now */
	if (fd >= 0 && (fstat(fd, &st) || st.st_ino != m->ino)) {
		close(fd);
		fd = -1;
	}
	if (fd < 0 && find_mapping(m, m->pid, &start, &end))
		fd = open_mapping(m->pid, start, end);
	return fd >= 0 ? fd : open_by_name(m);
}

struct str mapped_file_path(const struct mapped_file *m, int fd, struct arena *arena)
{
	STRBUF_AUTO path = { 0 };
	struct stat named, open;

	strbuf_add_str(&path, m->path);
	if (!m->is_deleted && !fstat(fd, &open) && !stat(strbuf_cstr(&path), &named) &&
	    named.st_dev == open.st_dev && named.st_ino == open.st_ino)
		return arena_str(arena, m->path);
	return arena_printf(arena, "/proc/self/fd/%d", fd);
}
