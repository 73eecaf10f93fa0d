/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See needed.h; the order of search is that of ld.so(8): RPATH (where there is no RUNPATH), LD_LIBRARY_PATH, RUNPATH, the cache,
 * the default folders. A guess that is wrong does no harm: the kernel tells of what is mapped in truth.
 */
#include "objfile/needed.h"

#include "base/cleanup.h"
#include "objfile/elf.h"
#include "objfile/resolve.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { MAX_FILES = 512, MAX_ENTRIES = 4096, MAX_SCRIPTS = 4 };

struct needed {
	struct mapped_files *out;
	struct strbuf cache; /* ld.so.cache */
	bool has_cache;
};

static void add_opened_by(struct needed *n, struct str path);

static bool add_path(struct needed *n, struct str path)
{
	STRBUF_AUTO name = { 0 };
	struct mapped_file *m;
	struct stat st;

	strbuf_add_str(&name, path);
	if (stat(strbuf_cstr(&name), &st) || !S_ISREG(st.st_mode))
		return false;
	vec_each(known, &n->out->files)
		if ((*known)->ino == st.st_ino &&
		    makedev((*known)->dev_major, (*known)->dev_minor) == st.st_dev)
			return true;
	if (n->out->files.n >= MAX_FILES)
		return true;
	m = arena_new(&n->out->arena, struct mapped_file);
	*m = (struct mapped_file){ .ino = st.st_ino,
				   .dev_major = major(st.st_dev),
				   .dev_minor = minor(st.st_dev),
				   .path = arena_str(&n->out->arena, path) };
	vec_push(&n->out->files, m);
	add_opened_by(n, path);
	return true;
}

static struct str folder_of(struct str path)
{
	const char *slash = memrchr(path.p, '/', path.n);

	return slash ? str_sub(path, 0, (size_t)(slash - path.p)) : STR(".");
}

/* what a library is known to open by name at once: the launcher of Java the virtual machine, whose first threads would be missed */
static void add_opened_by(struct needed *n, struct str path)
{
	STRBUF_AUTO jvm = { 0 };

	if (!str_ends(path, STR("/libjli.so")))
		return;
	strbuf_printf(&jvm, "%.*s/server/libjvm.so", STR_ARG(folder_of(path)));
	add_path(n, strbuf_str(&jvm));
}

/* "$ORIGIN" is the folder of the object that says so */
static void put_folder(struct strbuf *b, struct str folder, struct str origin)
{
	static const char *const names[] = { "$ORIGIN", "${ORIGIN}" };

	for (unsigned i = 0; i < 2; i++) {
		if (!str_starts(folder, str_from(names[i])))
			continue;
		strbuf_add_str(b, origin);
		folder = str_sub(folder, strlen(names[i]), folder.n);
		break;
	}
	strbuf_add_str(b, folder);
}

static bool find_in(struct needed *n, struct str folders, struct str origin, struct str name)
{
	while (folders.n) {
		struct str folder = str_split(&folders, ':');
		STRBUF_AUTO path = { 0 };

		if (!folder.n)
			continue;
		put_folder(&path, folder, origin);
		strbuf_printf(&path, "/%.*s", STR_ARG(name));
		if (add_path(n, strbuf_str(&path)))
			return true;
	}
	return false;
}

static bool find_in_cache(struct needed *n, struct str name)
{
	FREE_AUTO char *path = NULL;
	char buf[65536];
	ssize_t got;

	if (!n->has_cache) {
		FD_AUTO fd = open("/etc/ld.so.cache", O_RDONLY | O_CLOEXEC);

		n->has_cache = true;
		while (fd >= 0 && (got = read(fd, buf, sizeof(buf))) > 0)
			strbuf_add(&n->cache, buf, (size_t)got);
	}
	path = resolve_ld_cache(strbuf_str(&n->cache), name);
	return path && add_path(n, str_from(path));
}

static void find_library(struct needed *n, struct str name, struct str origin, struct str rpath,
			 struct str runpath)
{
	const char *env = getenv("LD_LIBRARY_PATH");

	if (memchr(name.p, '/', name.n)) {
		add_path(n, name);
		return;
	}
	if (!runpath.n && find_in(n, rpath, origin, name))
		return;
	if (find_in(n, str_from(env ? env : ""), origin, name) ||
	    find_in(n, runpath, origin, name) || find_in_cache(n, name))
		return;
	find_in(n,
		STR("/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:/lib64:/usr/lib64:/lib:/usr/lib"),
		origin, name);
}

static struct str string_at(const struct bytes *strings, uint64_t at)
{
	struct str all = str_make((const char *)strings->p, strings->n);
	ptrdiff_t end = at < all.n ? str_find_char(all, 0, at) : -1;

	return end < 0 ? STR_NULL : str_sub(all, at, (size_t)end);
}

/* entry of the dynamic section with this tag, from *i on; false: no further one */
static bool next_entry(const struct bytes *dynamic, uint64_t tag, size_t *i, uint64_t *value)
{
	for (; *i < MAX_ENTRIES && (*i + 1) * sizeof(Elf64_Dyn) <= dynamic->n; (*i)++) {
		Elf64_Dyn d;

		memcpy(&d, dynamic->p + *i * sizeof(d), sizeof(d));
		if (d.d_tag == DT_NULL)
			return false;
		if ((uint64_t)d.d_tag != tag)
			continue;
		(*i)++;
		*value = d.d_un.d_val;
		return true;
	}
	return false;
}

static struct str path_entry(const struct bytes *dynamic, const struct bytes *strings, uint64_t tag)
{
	uint64_t at;
	size_t i = 0;

	return next_entry(dynamic, tag, &i, &at) ? string_at(strings, at) : STR_NULL;
}

static void add_needs(struct needed *n, struct objfile *f, struct str path)
{
	const struct objfile_section *dyn = objfile_find_section(f, STR(".dynamic")),
				     *str = objfile_find_section(f, STR(".dynstr"));
	struct bytes dynamic = { 0 }, strings = { 0 };
	struct str rpath, runpath;
	uint64_t at;
	size_t i = 0;

	if (f->interp.n)
		add_path(n, f->interp);
	if (!dyn || !str)
		return;
	err_free(objfile_section_bytes(f, dyn, &dynamic));
	err_free(objfile_section_bytes(f, str, &strings));
	rpath = path_entry(&dynamic, &strings, DT_RPATH);
	runpath = path_entry(&dynamic, &strings, DT_RUNPATH);
	while (next_entry(&dynamic, DT_NEEDED, &i, &at))
		find_library(n, string_at(&strings, at), folder_of(path), rpath, runpath);
}

/* "#!/bin/sh": the interpreter is what is run */
static void add_interpreter(struct needed *n, struct str path)
{
	STRBUF_AUTO name = { 0 };
	char line[PATH_MAX];
	FD_AUTO fd = -1;
	struct str s;
	ssize_t got;

	strbuf_add_str(&name, path);
	fd = open(strbuf_cstr(&name), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	got = fd < 0 ? -1 : read(fd, line, sizeof(line));
	if (got < 3 || line[0] != '#' || line[1] != '!')
		return;
	s = str_make(line + 2, (size_t)got - 2);
	s = str_trim(str_split(&s, '\n'));
	add_path(n, str_split(&s, ' '));
}

bool needed_files_add(struct str path, struct mapped_files *to)
{
	struct needed n = { .out = to };

	return add_path(&n, path);
}

void needed_files_read(const char *program, struct mapped_files *ret)
{
	struct needed n = { .out = ret };
	struct str preload = str_from(getenv("LD_PRELOAD"));
	FREE_AUTO char *real = realpath(program, NULL);

	*ret = (struct mapped_files){ 0 };
	arena_init(&ret->arena);
	/* "$ORIGIN" of a program is where it really is, whatever links lead there */
	add_path(&n, str_from(real ? real : program));
	while (preload.n) {
		struct str name = str_split(&preload, ':');

		if (name.n)
			find_library(&n, name, STR("."), STR_NULL, STR_NULL);
	}
	/* the list grows while it is gone through */
	for (size_t i = 0; i < ret->files.n; i++) {
		struct str path = ret->files.v[i]->path;
		STRBUF_AUTO name = { 0 };
		OBJFILE_AUTO f = NULL;

		strbuf_add_str(&name, path);
		err_free(objfile_open(strbuf_cstr(&name), &f));
		if (f)
			add_needs(&n, f, path);
		else if (i < MAX_SCRIPTS)
			add_interpreter(&n, path);
	}
	strbuf_free(&n.cache);
}
