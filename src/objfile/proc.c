/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading of /proc/PID; see proc.h. Nothing is cached here (symbolize.c does that), nothing is followed out of a
 * process's root: a traced process chooses its paths and links and must not make us open something else.
 */
#include "objfile/proc.h"

#include "base/cleanup.h"
#include "base/vec.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* /proc/PID/<file> whole; sizes there read as 0. -errno on failure. */
static int read_proc(pid_t pid, const char *file, struct strbuf *out)
{
	char path[64];
	FD_AUTO fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do {
		vec_grow((void **)&out->p, &out->cap, out->n + 16384, 1);
		n = read(fd, out->p + out->n, out->cap - out->n);
		if (n > 0)
			out->n += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

/* --- threads ---------------------------------------------------------------------------------------------------- */

/* n-th field of /proc/PID/stat, a view into *text; 1 = pid. Counted behind the name, which may hold blanks and brackets */
static struct str stat_text(pid_t pid, unsigned n, struct strbuf *text)
{
	const char *close;
	struct str rest;

	if (read_proc(pid, "stat", text) || !text->n)
		return STR_NULL;
	close = memrchr(text->p, ')', text->n);
	if (!close)
		return STR_NULL;
	rest = str_sub(strbuf_str(text), (size_t)(close - text->p) + 2, text->n);
	for (unsigned i = 3; i < n; i++)
		str_split(&rest, ' ');
	return str_split(&rest, ' ');
}

char proc_state(pid_t pid)
{
	STRBUF_AUTO text = { 0 };
	struct str state = stat_text(pid, 3, &text);

	return state.n ? state.p[0] : '?';
}

static bool can_run(pid_t tid)
{
	return !strchr("?XZ", proc_state(tid));
}

pid_t proc_task(pid_t pid)
{
	struct pid_list threads;
	pid_t found = 0;

	if (can_run(pid))
		return pid;
	err_free(proc_threads(pid, UINT_MAX, &threads));
	vec_each(tid, &threads)
		if (!found && *tid != pid && can_run(*tid))
			found = *tid;
	vec_free(&threads);
	/* the last one may have executed a program meanwhile: then it has the first one's number */
	return !found && can_run(pid) ? pid : found;
}

/* for names of files; of a process that has ended, its own */
static pid_t task_or(pid_t pid)
{
	pid_t task = proc_task(pid);

	return task ? task : pid;
}

/* --- mappings --------------------------------------------------------------------------------------------------- */

/* a number in the given base up to `end`, which is skipped; false when it is not there */
static bool take_number(struct str *s, unsigned base, char end, uint64_t *ret)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < s->n && isxdigit((unsigned char)s->p[i]); i++) {
		char c = s->p[i];

		v = v * base +
		    (uint64_t)(isdigit((unsigned char)c) ? c - '0' : (c | 32) - 'a' + 10);
	}
	if (i == 0 || i == s->n || s->p[i] != end)
		return false;
	*ret = v;
	*s = str_sub(*s, i + 1, s->n);
	return true;
}

/* the kernel writes a newline in a path as \012 */
static struct str unescape(struct arena *a, struct str path)
{
	struct str out = arena_str(a, path);
	char *w = (char *)out.p;

	if (str_find(path, STR("\\012")) < 0)
		return out;
	out.n = 0;
	for (size_t i = 0; i < path.n; i++) {
		if (str_starts(str_sub(path, i, path.n), STR("\\012"))) {
			w[out.n++] = '\n';
			i += 3;
		} else {
			w[out.n++] = path.p[i];
		}
	}
	return out;
}

static bool parse_map_line(struct str line, struct arena *a, struct proc_map *m)
{
	uint64_t major, minor, ino;
	struct str perms;

	*m = (struct proc_map){ 0 };
	if (!take_number(&line, 16, '-', &m->start) || !take_number(&line, 16, ' ', &m->end))
		return false;
	perms = str_split(&line, ' ');
	if (perms.n < 4 || !take_number(&line, 16, ' ', &m->offset) ||
	    !take_number(&line, 16, ':', &major) || !take_number(&line, 16, ' ', &minor))
		return false;
	/* the last field of a mapping without a path may end the line */
	if (!str_to_u64(str_split(&line, ' '), &ino) || m->end <= m->start)
		return false;
	m->read = perms.p[0] == 'r';
	m->write = perms.p[1] == 'w';
	m->exec = perms.p[2] == 'x';
	m->dev_major = (uint32_t)major;
	m->dev_minor = (uint32_t)minor;
	m->ino = ino;
	while (line.n && line.p[0] == ' ')
		line = str_sub(line, 1, line.n);
	if (ino && str_ends(line, STR(" (deleted)"))) {
		m->deleted = true;
		line.n -= strlen(" (deleted)");
	}
	m->path = unescape(a, line);
	return true;
}

void proc_maps_parse(struct str text, struct proc_maps *ret)
{
	size_t cap = 0;

	*ret = (struct proc_maps){ 0 };
	arena_init(&ret->strings);
	while (text.n) {
		struct proc_map m;

		/* ascending and disjoint by the kernel's word; anything else would break the search */
		if (!parse_map_line(str_split(&text, '\n'), &ret->strings, &m) ||
		    (ret->n && m.start < ret->v[ret->n - 1].end))
			continue;
		vec_grow((void **)&ret->v, &cap, (size_t)ret->n + 1, sizeof(*ret->v));
		ret->v[ret->n++] = m;
	}
}

struct err *proc_maps_read(pid_t pid, struct proc_maps *ret)
{
	STRBUF_AUTO text = { 0 };
	int r = read_proc(task_or(pid), "maps", &text);

	*ret = (struct proc_maps){ 0 };
	arena_init(&ret->strings);
	if (r)
		return err_new(r == -ENOENT ? ESRCH : -r, "read the mappings of process %d",
			       (int)pid);
	proc_maps_parse(strbuf_str(&text), ret);
	return NULL;
}

void proc_maps_free(struct proc_maps *m)
{
	free(m->v);
	arena_free(&m->strings);
	*m = (struct proc_maps){ 0 };
}

const struct proc_map *proc_maps_find(const struct proc_maps *m, uint64_t addr)
{
	uint32_t lo = 0, hi = m->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (m->v[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < m->n && m->v[lo].start <= addr ? &m->v[lo] : NULL;
}

/* --- one process ------------------------------------------------------------------------------------------------ */

static bool stat_field(pid_t pid, unsigned n, uint64_t *ret)
{
	STRBUF_AUTO text = { 0 };

	return str_to_u64(stat_text(pid, n, &text), ret);
}

bool proc_is_alive(pid_t pid)
{
	return proc_task(pid) != 0;
}

pid_t proc_parent(pid_t pid)
{
	uint64_t v;

	return stat_field(pid, 4, &v) ? (pid_t)v : 0;
}

uint64_t proc_start_time(pid_t pid)
{
	uint64_t v;

	return stat_field(pid, 22, &v) ? v : 0;
}

/* the value of a "Key:\tvalue" line of /proc/PID/status; a view into *text */
static bool status_line(pid_t pid, struct str key, struct strbuf *text, struct str *ret)
{
	struct str rest;

	if (read_proc(pid, "status", text))
		return false;
	rest = strbuf_str(text);
	while (rest.n) {
		struct str line = str_split(&rest, '\n');

		if (str_starts(line, key)) {
			*ret = str_trim(str_sub(line, key.n, line.n));
			return true;
		}
	}
	return false;
}

bool proc_status(pid_t pid, const char *key, char *value, size_t size)
{
	STRBUF_AUTO text = { 0 }, line = { 0 };
	struct str found;

	strbuf_printf(&line, "%s:", key);
	if (!status_line(pid, strbuf_str(&line), &text, &found))
		return false;
	snprintf(value, size, "%.*s", STR_ARG(found));
	return true;
}

uid_t proc_uid(pid_t pid, bool *ok)
{
	STRBUF_AUTO text = { 0 };
	struct str value;
	uint64_t v = 0;

	/* real, effective, saved, filesystem: files are made with the last */
	*ok = status_line(pid, STR("Uid:"), &text, &value);
	for (int i = 0; *ok && i < 4; i++)
		*ok = str_to_u64(str_split(&value, '\t'), &v);
	return (uid_t)v;
}

pid_t proc_ns_pid(pid_t pid)
{
	STRBUF_AUTO text = { 0 };
	struct str value;
	uint64_t v = 0;

	if (!status_line(pid, STR("NSpid:"), &text, &value))
		return pid;
	while (value.n)
		if (!str_to_u64(str_split(&value, '\t'), &v))
			return pid;
	return v ? (pid_t)v : pid;
}

struct err *proc_exe(pid_t pid, char **ret)
{
	char link[64], path[PATH_MAX];
	ssize_t n;
	struct str s;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)task_or(pid));
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return err_new(errno == ENOENT ? ESRCH : errno, "read the executable of process %d",
			       (int)pid);
	s = str_make(path, (size_t)n);
	if (str_ends(s, STR(" (deleted)")))
		s.n -= strlen(" (deleted)");
	*ret = base_strndup(s);
	return NULL;
}

/* --- roots ------------------------------------------------------------------------------------------------------ */

static int open_root(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/root", (int)task_or(pid));
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

bool proc_has_own_root(pid_t pid)
{
	char path[64], ns[64], own_ns[64];
	struct stat theirs, ours;
	ssize_t n, own_n;

	pid = task_or(pid);
	snprintf(path, sizeof(path), "/proc/%d/root/.", (int)pid);
	if (stat(path, &theirs) || stat("/", &ours))
		return false;
	if (theirs.st_dev != ours.st_dev || theirs.st_ino != ours.st_ino)
		return true;
	/* the same folder, but with other mounts in it */
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)pid);
	n = readlink(path, ns, sizeof(ns));
	own_n = readlink("/proc/self/ns/mnt", own_ns, sizeof(own_ns));
	return n > 0 && own_n > 0 && (n != own_n || memcmp(ns, own_ns, (size_t)n) != 0);
}

/*
 * A path that the kernel gives for a file in a root of another name: when that root is itself a folder of its namespace (chroot),
 * the path begins with the folder's. The part behind it; NULL: it does not.
 */
static const char *path_behind_root(int root, const char *path)
{
	char self[64], name[PATH_MAX];
	ssize_t n;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", root);
	n = readlink(self, name, sizeof(name));
	if (n <= 1 || n == sizeof(name) || strncmp(path, name, (size_t)n) || path[n] != '/')
		return NULL;
	return path + n;
}

static int open_beneath(int root, const char *path, uint64_t flags)
{
	struct open_how how = { .flags = flags | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	const char *behind;

	if (fd >= 0)
		return fd;
	if (errno != ENOENT)
		return -errno;
	behind = path_behind_root(root, path);
	if (behind)
		fd = (int)syscall(SYS_openat2, root, behind, &how, sizeof(how));
	return fd < 0 ? -ENOENT : fd;
}

int proc_open_in_root(pid_t pid, const char *path, bool follow)
{
	FD_AUTO root = open_root(pid);
	FD_AUTO handle = -1;
	char self[64];
	struct stat st;
	int fd;

	if (root < 0)
		return -errno;
	/* look before opening: devices and FIFOs are never opened */
	handle = open_beneath(root, path, O_PATH | (follow ? 0 : O_NOFOLLOW));
	if (handle < 0)
		return handle;
	if (fstat(handle, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", handle);
	fd = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

static bool is_file(const char *path, const struct stat *want)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_dev == want->st_dev && st.st_ino == want->st_ino;
}

/*
 * An absolute link inside a container would lead out of it when the kernel walks /proc/PID/root/<path> for us, so the
 * file is looked up inside the root first, and the path then asked from the descriptor. From another mount namespace
 * that path begins at the namespace's own root; whichever spelling reaches the same file from here is the answer.
 */
char *proc_root_path(pid_t pid, struct str path)
{
	FREE_AUTO char *wanted = base_strndup(path);
	char self[64], real[PATH_MAX];
	FD_AUTO root = -1;
	FD_AUTO fd = -1;
	const char *behind;
	char *ret;
	struct stat st;
	ssize_t n;

	pid = task_or(pid);
	if (!proc_has_own_root(pid))
		return steal_ptr(wanted);
	root = open_root(pid);
	fd = root < 0 ? -errno : open_beneath(root, wanted, O_PATH);
	if (fd >= 0 && fstat(fd, &st) == 0) {
		snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
		n = readlink(self, real, sizeof(real) - 1);
		if (n > 0) {
			real[n] = '\0';
			if (asprintf(&ret, "/proc/%d/root%s", (int)pid, real) < 0)
				base_out_of_memory();
			if (is_file(ret, &st))
				return ret;
			free(ret);
			behind = path_behind_root(root, real);
			if (behind) {
				if (asprintf(&ret, "/proc/%d/root%s", (int)pid, behind) < 0)
					base_out_of_memory();
				if (is_file(ret, &st))
					return ret;
				free(ret);
			}
			if (is_file(real, &st))
				return base_strdup(real);
		}
	}
	if (fd >= 0)
		errno = ENOENT; /* it is there, but no path of ours leads to it */
	else if (root >= 0)
		errno = -fd;
	return NULL;
}

/* --- lists ------------------------------------------------------------------------------------------------------ */

static ERR_MUST struct err *list_numbers(const char *dir, unsigned most, struct pid_list *ret)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	uint64_t v;

	if (!d)
		return err_new(errno == ENOENT ? ESRCH : errno, "list '%s'", dir);
	while (ret->n < most && (e = readdir(d)))
		if (isdigit((unsigned char)e->d_name[0]) && str_to_u64(str_from(e->d_name), &v) &&
		    v <= INT32_MAX)
			vec_push(ret, (pid_t)v);
	closedir(d);
	return NULL;
}

struct err *proc_all(struct pid_list *ret)
{
	*ret = (struct pid_list){ 0 };
	return list_numbers("/proc", UINT_MAX, ret);
}

struct err *proc_threads(pid_t pid, unsigned most, struct pid_list *ret)
{
	char path[64];

	*ret = (struct pid_list){ 0 };
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	return list_numbers(path, most, ret);
}
