/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of object files to files; see resolve.h. Each way of naming is one function that adds what it finds to the
 * list; resolve_object tries them in order. Paths inside a process's root stay inside it (proc_root_path).
 */
#include "objfile/resolve.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "objfile/proc.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>

/* clang-format off */
static const char *const lib_folders[] = {
	"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib",
	"/usr/local/lib/x86_64-linux-gnu", "/usr/local/lib64", "/usr/local/lib",
};
/* clang-format on */

void resolved_free(struct resolved *r)
{
	vec_each(f, r) {
		free(f->path);
		free(f->open_path);
	}
	vec_free(r);
}

/* --- the list --------------------------------------------------------------------------------------------------- */

/* takes both strings; a file that is there already under another name is dropped */
static void add_file(struct resolved *r, char *path, char *open_path, pid_t pid)
{
	struct stat st, other;

	if (stat(open_path, &st) == 0) {
		vec_each(f, r) {
			if (stat(f->open_path, &other) == 0 && other.st_dev == st.st_dev &&
			    other.st_ino == st.st_ino) {
				free(path);
				free(open_path);
				return;
			}
		}
	}
	vec_push(r, ((struct resolved_file){ path, open_path, pid }));
}

/* where `path`, as pid sees it (0: we), can be opened; malloc'ed. "" (which opens nothing) when it is not there. */
static char *open_path_of(pid_t pid, struct str path)
{
	char *p = pid ? proc_root_path(pid, path) : base_strndup(path);

	return p ? p : base_strdup("");
}

static bool is_regular(const char *path, bool executable)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (!executable || (st.st_mode & 0111));
}

/* adds dir/name when it is a file there (an executable one, when asked) */
static bool add_if_there(struct resolved *r, pid_t pid, struct str dir, struct str name,
			 bool executable)
{
	STRBUF_AUTO path = { 0 };
	char *open_path;

	strbuf_printf(&path, "%.*s/%.*s", STR_ARG(dir), STR_ARG(name));
	open_path = open_path_of(pid, strbuf_str(&path));
	if (!is_regular(open_path, executable)) {
		free(open_path);
		return false;
	}
	add_file(r, base_strdup(strbuf_cstr(&path)), open_path, pid);
	return true;
}

/* --- wildcards -------------------------------------------------------------------------------------------------- */

static bool is_elf(const char *path)
{
	FD_AUTO fd = -1;
	char magic[SELFMAG];

	if (!is_regular(path, false))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd >= 0 && read(fd, magic, sizeof(magic)) == sizeof(magic) &&
	       memcmp(magic, ELFMAG, SELFMAG) == 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/*
 * shown: the folders so far, as printed, with the slash ("" for the current folder); rest: components still to match.
 * Names come sorted, so that listings are stable. One component at a time, as deep as the pattern is.
 */
static void expand(struct resolved *r, pid_t pid, struct str shown, struct str rest)
{
	struct str part = str_split(&rest, '/');
	bool last = rest.n == 0;
	VEC(char *) names = { 0 };
	FREE_AUTO char *dir_path = open_path_of(pid, shown.n ? shown : STR("."));
	STRBUF_AUTO path = { 0 };
	struct dirent *e;
	DIR *dir;

	while (!last && part.n == 0) { /* "//" */
		part = str_split(&rest, '/');
		last = rest.n == 0;
	}
	if (!str_has_glob(part)) {
		vec_push(&names, base_strndup(part));
	} else {
		dir = opendir(dir_path);
		while (dir && (e = readdir(dir)))
			if (str_glob(part, str_from(e->d_name)) &&
			    (e->d_name[0] != '.' || part.p[0] == '.'))
				vec_push(&names, base_strdup(e->d_name));
		if (dir)
			closedir(dir);
		if (names.n)
			qsort(names.v, names.n, sizeof(*names.v), compare_names);
	}
	vec_each(name, &names) {
		strbuf_clear(&path);
		strbuf_add_str(&path, shown);
		strbuf_puts(&path, *name);
		if (last) {
			FREE_AUTO char *open_path = open_path_of(pid, strbuf_str(&path));

			if (is_elf(open_path))
				add_file(r, base_strdup(strbuf_cstr(&path)), steal_ptr(open_path),
					 pid);
		} else {
			strbuf_putc(&path, '/');
			expand(r, pid, strbuf_str(&path), rest);
		}
		free(*name);
	}
	vec_free(&names);
}

static void expand_path(struct resolved *r, pid_t pid, struct str spec)
{
	bool absolute = spec.p[0] == '/';

	expand(r, absolute ? pid : 0, absolute ? STR("/") : STR(""),
	       absolute ? str_sub(spec, 1, spec.n) : spec);
}

static bool add_mapped(struct resolved *r, pid_t pid, struct str name);
static void add_library(struct resolved *r, pid_t pid, struct str name);

/* --- what else could be meant ------------------------------------------------------------------------------------ */

/*
 * A library that is not where a script looks for it (scripts carry paths of the machine they were written on): those of that
 * name that the loader would find, and those that processes have mapped. e with a hint, or as it is.
 */
static struct err *suggest_libraries(struct err *e, struct str path)
{
	enum { MANY = 4 };
	const char *slash = memrchr(path.p, '/', path.n);
	struct str file = str_sub(path, (size_t)(slash - path.p) + 1, path.n);
	ptrdiff_t so = str_find(file, STR(".so"));
	struct resolved found = { 0 };
	struct pid_list all = { 0 };
	STRBUF_AUTO names = { 0 };
	struct str name;

	if (so <= 0 || !str_starts(file, STR("lib")))
		return e;
	name = str_sub(file, 0, (size_t)so);
	add_library(&found, 0, name);
	err_free(proc_all(&all));
	for (size_t i = 0; i < all.n && found.n < MANY; i++)
		add_mapped(&found, all.v[i], name);
	for (size_t i = 0; i < found.n && i < MANY; i++)
		strbuf_printf(&names, "%s%s", i ? ", " : "", found.v[i].path);
	if (found.n)
		e = err_hint(e, "on this machine it is %s; '%.*s' as a path finds it by itself",
			     strbuf_cstr(&names), STR_ARG(name));
	vec_free(&all);
	resolved_free(&found);
	return e;
}

/* --- paths, programs, libraries ---------------------------------------------------------------------------------- */

/* a path as it is. Whether it is an ELF file, objfile_open says better; here only what is not there. */
static struct err *add_path(struct resolved *r, pid_t pid, struct str spec)
{
	pid_t root_pid = spec.p[0] == '/'
				 ? pid
				 : 0; /* a relative path is relative to where the user stands */
	FREE_AUTO char *open_path = open_path_of(root_pid, spec);
	struct stat st;

	if (stat(open_path, &st)) {
		int code = errno;

		if (root_pid && kill(root_pid, 0) && errno == ESRCH)
			return err_new(0, "process %d does not exist", (int)root_pid);
		errno = code;
		if (root_pid && proc_has_own_root(pid))
			return err_new(errno, "'%.*s' in the root of process %d", STR_ARG(spec),
				       (int)pid);
		return suggest_libraries(err_new(errno, "'%.*s'", STR_ARG(spec)), spec);
	}
	add_file(r, base_strndup(spec), steal_ptr(open_path), root_pid);
	return NULL;
}

/* programs in PATH; a pattern takes all that match, a plain name the first */
static void add_from_path(struct resolved *r, pid_t pid, struct str name)
{
	const char *env = getenv("PATH");
	struct str path = str_from(
		env && *env ? env : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");

	while (path.n) {
		struct str dir = str_split(&path, ':');
		STRBUF_AUTO pattern = { 0 };

		if (dir.n == 0 || dir.p[0] != '/')
			continue;
		if (!str_has_glob(name)) {
			if (add_if_there(r, pid, dir, name, true))
				return;
			continue;
		}
		strbuf_printf(&pattern, "%.*s/%.*s", STR_ARG(dir), STR_ARG(name));
		expand_path(r, pid, strbuf_str(&pattern));
	}
}

static char *map_files_path(pid_t pid, const struct proc_map *m)
{
	char *path;

	if (asprintf(&path, "/proc/%d/map_files/%llx-%llx", (int)proc_task(pid),
		     (unsigned long long)m->start, (unsigned long long)m->end) < 0)
		base_out_of_memory();
	return path;
}

/* a program or library among what a process has mapped; a plain name stops at the first match. Found any? */
static bool add_mapped(struct resolved *r, pid_t pid, struct str name)
{
	struct proc_maps maps;
	struct err *e = proc_maps_read(pid, &maps);
	bool found = false;

	err_free(e); /* a process that is gone has nothing mapped */
	for (uint32_t i = 0; i < maps.n; i++) {
		struct proc_map *m = &maps.v[i];
		struct str file = m->path;
		const char *slash;
		char *open_path;

		/* any mapping of the file names it: the first of a library is often its read-only head */
		if (!m->ino || !m->path.n || m->path.p[0] != '/')
			continue;
		slash = memrchr(file.p, '/', file.n);
		file = str_sub(file, (size_t)(slash - file.p) + 1, file.n);
		if (str_has_glob(name) ? !str_glob(name, file) || !m->exec
				       : !resolve_lib_name_matches(file, name))
			continue;
		if (m->deleted) /* the name is gone or is another file now; the mapping itself still leads there */
			open_path = map_files_path(pid, m);
		else
			open_path = open_path_of(pid, m->path);
		if (!is_elf(open_path)) {
			free(open_path);
			continue;
		}
		add_file(r, base_strndup(m->path), open_path, pid);
		found = true;
		if (!str_has_glob(name))
			break;
	}
	proc_maps_free(&maps);
	return found;
}

static bool read_file(const char *path, struct strbuf *out)
{
	FD_AUTO fd = -1;
	ssize_t n;

	if (!is_regular(path, false))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return false;
	do {
		vec_grow((void **)&out->p, &out->cap, out->n + (1 << 16), 1);
		n = read(fd, out->p + out->n, out->cap - out->n);
		if (n > 0)
			out->n += (size_t)n;
	} while (n > 0 && out->n < (64u << 20));
	return n >= 0;
}

static void add_library(struct resolved *r, pid_t pid, struct str name)
{
	FREE_AUTO char *cache_path = open_path_of(pid, STR("/etc/ld.so.cache"));
	FREE_AUTO char *found = NULL;
	STRBUF_AUTO cache = { 0 };
	STRBUF_AUTO pattern = { 0 };
	struct resolved matches = { 0 };

	if (read_file(cache_path, &cache))
		found = resolve_ld_cache(strbuf_str(&cache), name);
	if (found) {
		FREE_AUTO char *open_path = open_path_of(pid, str_from(found));

		if (is_regular(open_path, false)) {
			add_file(r, steal_ptr(found), steal_ptr(open_path), pid);
			return;
		}
	}
	/* no cache (musl, a bare root), or newer than it */
	for (size_t i = 0; i < sizeof(lib_folders) / sizeof(lib_folders[0]) && !r->n; i++) {
		strbuf_clear(&pattern);
		strbuf_printf(&pattern, "%s/%.*s*", lib_folders[i], STR_ARG(name));
		expand_path(&matches, pid, strbuf_str(&pattern));
		vec_each(m, &matches) {
			const char *slash = strrchr(m->path, '/');

			if (!resolve_lib_name_matches(str_from(slash + 1), name))
				continue;
			add_file(r, base_strdup(m->path), base_strdup(m->open_path), pid);
			break;
		}
		resolved_free(&matches);
	}
}

/* --- all together ------------------------------------------------------------------------------------------------ */

static struct err *resolve_for(struct str spec, pid_t pid, struct resolved *r)
{
	size_t before = r->n;

	if (memchr(spec.p, '/', spec.n)) {
		if (!str_has_glob(spec))
			return add_path(r, pid, spec);
		expand_path(r, pid, spec);
		return NULL;
	}
	if (pid && (add_mapped(r, pid, spec) || str_is(spec, "*")))
		return NULL;
	add_from_path(r, pid, spec);
	if (r->n == before && !str_has_glob(spec))
		add_library(r, pid, spec);
	return NULL;
}

static struct err *nothing_found(struct str spec, size_t n_pids)
{
	struct err *e;

	if (str_has_glob(spec)) {
		e = err_new(0, "no ELF file matches '%.*s'", STR_ARG(spec));
		return n_pids || memchr(spec.p, '/', spec.n)
			       ? e
			       : err_hint(
					 e,
					 "give a path, or a process with -p, whose mapped files are then searched");
	}
	if (str_starts(spec, STR("lib")))
		return err_new(0, "cannot find library '%.*s'", STR_ARG(spec));
	e = err_new(0, "cannot find program '%.*s' in PATH", STR_ARG(spec));
	return err_hint(e, "write './%.*s' for a file in the current folder", STR_ARG(spec));
}

struct err *resolve_object(struct str spec, const pid_t *pids, size_t n_pids, struct resolved *ret)
{
	struct err *e = NULL;

	*ret = (struct resolved){ 0 };
	if (spec.n == 0)
		return err_new(0, "an empty path names no file");
	if (memchr(spec.p, 0, spec.n) || spec.n >= PATH_MAX)
		return err_new(ENAMETOOLONG, "a path of %zu bytes", spec.n);
	if (str_find(spec, STR("!/")) >= 0)
		return err_hint(
			err_new(0,
				"'%.*s' is an entry of a zip archive, which cannot be traced in place",
				STR_ARG(spec)),
			"unpack the library and name the file");
	if (str_is(spec, "*") && n_pids == 0)
		return err_hint(
			err_new(0, "'*' as a path means every file that a process has mapped"),
			"name the process with -p");
	if (n_pids == 0)
		e = resolve_for(spec, 0, ret);
	for (size_t i = 0; i < n_pids && !e; i++)
		e = resolve_for(spec, pids[i], ret);
	if (!e && ret->n == 0)
		e = nothing_found(spec, n_pids);
	if (e)
		resolved_free(ret);
	return e;
}
