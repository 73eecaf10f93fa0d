/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The index on disk; see dwarf_index.h. Runs in the worker.
 *
 * One file for each build-id (or for each device, inode, size and time of files without one) in /var/cache/sonde for root, else in
 * $XDG_CACHE_HOME/sonde. SONDE_INDEX names another folder, and no folder at all when it is empty. A file is written under
 * another name and renamed, so that a reader sees all of it or none; folders and files that somebody else may write to are not
 * used. It is mapped, not read: a question touches a few pages of it.
 */
#include "objfile/dwarf_index.h"

#include "base/cleanup.h"
#include "objfile/elf_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define INDEX_MAGIC "sondeix1" /* another number for another layout */
enum {
	MAX_KEPT_MB = 4096, /* of all files together: the oldest go */
	MAX_FILES_SEEN = 4096,
};

struct index_head {
	char magic[8];
	uint64_t debug_size, info_size, str_size, abbrev_size; /* of the file that it is for */
	int64_t mtime_sec, mtime_nsec;
	uint64_t n_roots, n_codes, n_scopes, n_names;
};

static void fill_head(struct dwarf_file *f, const struct dwarf_index *x, struct index_head *h)
{
	memset(h, 0, sizeof(*h));
	memcpy(h->magic, INDEX_MAGIC, sizeof(h->magic));
	h->debug_size = f->debug->size;
	h->info_size = dwfile_section(f, 0, "info").n;
	h->str_size = dwfile_section(f, 0, "str").n;
	h->abbrev_size = dwfile_section(f, 0, "abbrev").n;
	if (!f->debug->build_id.n) {
		h->mtime_sec = f->debug->mtime.tv_sec;
		h->mtime_nsec = f->debug->mtime.tv_nsec;
	}
	h->n_roots = x->n_roots;
	h->n_codes = x->n_codes;
	h->n_scopes = x->n_scopes;
	h->n_names = x->n_names;
}

/* entries in other files have numbers that depend on the order in which those were found */
static bool is_for_disk(struct dwarf_file *f)
{
	return f->files.n == 1 && dwfile_section(f, 0, "info").n >= f->index_min;
}

/* ours alone: nobody else could have put something in */
static bool is_private(int fd, mode_t type)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == type && st.st_uid == geteuid() &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH));
}

/* the folder, made if need be; -1: none */
static int open_folder(void)
{
	const char *named = getenv("SONDE_INDEX"), *base = getenv("XDG_CACHE_HOME"),
		   *home = getenv("HOME");
	char path[PATH_MAX];
	int fd;

	if (named)
		snprintf(path, sizeof(path), "%s", named);
	else if (geteuid() == 0)
		snprintf(path, sizeof(path), "/var/cache/sonde");
	else if (base && base[0] == '/')
		snprintf(path, sizeof(path), "%s/sonde", base);
	else if (home && home[0] == '/')
		snprintf(path, sizeof(path), "%s/.cache/sonde", home);
	else
		return -1;
	if (!path[0] || (mkdir(path, 0700) && errno != EEXIST))
		return -1;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (named ? 0 : O_NOFOLLOW));
	if (fd >= 0 && !is_private(fd, S_IFDIR)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void file_name(struct dwarf_file *f, char name[NAME_MAX])
{
	struct str id = f->debug->build_id;
	size_t n = 0;

	if (!id.n || id.n > 64) {
		snprintf(name, NAME_MAX, "%llx-%llx-%llx.index", (unsigned long long)f->debug->dev,
			 (unsigned long long)f->debug->ino, (unsigned long long)f->debug->size);
		return;
	}
	for (size_t i = 0; i < id.n; i++)
		n += (size_t)snprintf(name + n, NAME_MAX - n, "%02x", (uint8_t)id.p[i]);
	snprintf(name + n, NAME_MAX - n, ".index");
}

/* a view of the mapped file, or NULL when it does not add up */
static const struct index_head *check_map(struct dwarf_file *f, const void *map, size_t size)
{
	const struct index_head *h = map;
	struct index_head want;
	struct dwarf_index same = { .n_roots = h->n_roots,
				    .n_codes = h->n_codes,
				    .n_scopes = h->n_scopes,
				    .n_names = h->n_names };
	uint64_t n;

	fill_head(f, &same, &want);
	if (memcmp(h, &want, sizeof(want)) != 0 || h->n_roots >= INDEX_NONE - 1 ||
	    h->n_codes >= INDEX_NONE || h->n_scopes > UINT32_MAX || h->n_names > UINT32_MAX)
		return NULL;
	n = sizeof(*h) + h->n_roots * sizeof(struct index_root) +
	    h->n_codes * sizeof(struct index_code) + h->n_scopes * sizeof(struct index_scope) +
	    h->n_names * sizeof(struct index_name);
	return n == size ? h : NULL;
}

bool index_load(struct dwarf_file *f, struct dwarf_index *x)
{
	FD_AUTO dir = is_for_disk(f) ? open_folder() : -1;
	const struct index_head *h = NULL;
	char name[NAME_MAX];
	struct stat st;
	FD_AUTO fd = -1;
	void *map;

	if (dir < 0)
		return false;
	file_name(f, name);
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || !is_private(fd, S_IFREG) || fstat(fd, &st) ||
	    (uint64_t)st.st_size < sizeof(*h))
		return false;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return false;
	h = check_map(f, map, (size_t)st.st_size);
	if (!h) {
		munmap(map, (size_t)st.st_size);
		return false;
	}
	*x = (struct dwarf_index){ .n_roots = h->n_roots,
				   .n_codes = h->n_codes,
				   .n_scopes = h->n_scopes,
				   .n_names = h->n_names,
				   .map = map,
				   .map_size = (size_t)st.st_size };
	x->roots = (const struct index_root *)(h + 1);
	x->codes = (const struct index_code *)(x->roots + x->n_roots);
	x->scopes = (const struct index_scope *)(x->codes + x->n_codes);
	x->names = (const struct index_name *)(x->scopes + x->n_scopes);
	futimens(fd, NULL); /* used: not the next one to go */
	return true;
}

/* ---- writing ---- */

struct kept_file {
	char name[NAME_MAX];
	struct timespec used;
	uint64_t size;
};

static int compare_kept(const void *a, const void *b)
{
	const struct kept_file *x = a, *y = b;

	return x->used.tv_sec < y->used.tv_sec ? -1 : x->used.tv_sec > y->used.tv_sec;
}

/* those that were not used for longest go when there is too much */
static void make_room(int dir)
{
	VEC(struct kept_file) files = { 0 };
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
	uint64_t total = 0;

	for (struct dirent *e; d && (e = readdir(d)) && files.n < MAX_FILES_SEEN;) {
		struct kept_file k = { 0 };
		struct stat st;

		if (!strstr(e->d_name, ".index") || strlen(e->d_name) >= sizeof(k.name) ||
		    fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
			continue;
		strcpy(k.name, e->d_name);
		k.used = st.st_mtim;
		k.size = (uint64_t)st.st_size;
		total += k.size;
		vec_push(&files, k);
	}
	if (d)
		closedir(d);
	else if (copy >= 0)
		close(copy);
	if (files.n)
		qsort(files.v, files.n, sizeof(*files.v), compare_kept);
	/* the last one is the one just written */
	for (size_t i = 0; i + 1 < files.n && total > (uint64_t)MAX_KEPT_MB << 20; i++) {
		if (unlinkat(dir, files.v[i].name, 0) == 0)
			total -= files.v[i].size;
	}
	vec_free(&files);
}

static bool write_all(int fd, const void *buf, size_t n)
{
	const uint8_t *p = buf;

	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		p += done;
		n -= (size_t)done;
	}
	return true;
}

void index_save(struct dwarf_file *f, const struct dwarf_index *x)
{
	FD_AUTO dir = is_for_disk(f) ? open_folder() : -1;
	char name[NAME_MAX], temp[NAME_MAX + 32];
	struct index_head h;
	FD_AUTO fd = -1;
	bool ok;

	if (dir < 0)
		return;
	file_name(f, name);
	snprintf(temp, sizeof(temp), "%s.%d", name, getpid());
	fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	fill_head(f, x, &h);
	ok = write_all(fd, &h, sizeof(h)) &&
	     write_all(fd, x->roots, x->n_roots * sizeof(*x->roots)) &&
	     write_all(fd, x->codes, x->n_codes * sizeof(*x->codes)) &&
	     write_all(fd, x->scopes, x->n_scopes * sizeof(*x->scopes)) &&
	     write_all(fd, x->names, x->n_names * sizeof(*x->names));
	if (!ok || renameat(dir, temp, dir, name))
		unlinkat(dir, temp, 0);
	else
		make_room(dir);
}

void index_free(struct dwarf_index *x)
{
	if (!x)
		return;
	if (x->is_owned) {
		free((void *)x->roots);
		free((void *)x->codes);
		free((void *)x->scopes);
		free((void *)x->names);
	}
	if (x->map)
		munmap(x->map, x->map_size);
	free(x);
}
