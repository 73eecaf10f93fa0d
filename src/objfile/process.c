// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The symbolizer's memory of processes; see process.h.
 *
 * Mappings are read when a process is first met and again when they may have changed: an exec or dlopen leaves no
 * mark that could be seen from outside, so what is older than a tenth of a second is read again (that costs less than
 * 0.1 ms). What vanished between two readings stays in a list of old mappings, which answers when the present ones do
 * not: events arrive later than they happened. When a process ends, its last state stays.
 */
#include "objfile/process.h"

#include "base/cleanup.h"
#include "objfile/elf_private.h"
#include "objfile/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>

enum {
	MAX_PROCESSES = 8192,  /* beyond it, the longest-gone process is forgotten */
	MAX_OLD = 1024,	       /* old mappings per process */
	SCAN_MS = 1000,	       /* how often all processes are asked for their roots, at most */
	SWEEP_MODULES = 4096,  /* so many more than last time are swept */
	SWEEP_PIDS = 16384,
};

#define OVERLAYFS_MAGIC 0x794c7630
#define BTRFS_MAGIC 0x9123683e

uint64_t process_clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void process_table_init(struct process_table *t, struct objfile_cache *files)
{
	*t = (struct process_table){ 0 };
	arena_init(&t->pid_keys);
	t->owns_files = !files;
	t->files = files ? files : objfile_cache_new();
}

static void process_free(struct process *p)
{
	vec_free(&p->now);
	vec_free(&p->old);
	perfmap_free(p->perfmap);
	root_unref(p->root);
	free(p);
}

void process_table_free(struct process_table *t)
{
	for (size_t i = 0; i < t->by_pid.n; i++)
		if (t->by_pid.entries[i].value)
			process_free(t->by_pid.entries[i].value);
	for (size_t i = 0; i < t->modules.n; i++)
		free(t->modules.entries[i].value);
	vec_each(m, &t->replaced)
		free(*m);
	vec_free(&t->replaced);
	hashmap_free(&t->by_pid);
	hashmap_free(&t->modules);
	roots_free(&t->roots);
	objfile_unref(t->vdso);
	if (t->owns_files)
		objfile_cache_free(t->files);
	arena_free(&t->pid_keys);
}

/* --- modules ---------------------------------------------------------------------------------------------------- */

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

struct module *process_module(struct process_table *t, struct str path, uint32_t dev_major, uint32_t dev_minor,
			      uint64_t ino, bool deleted)
{
	STRBUF_AUTO key = { 0 };
	struct module *m, *old;

	strbuf_printf(&key, "%x:%x:%llx:%d:", dev_major, dev_minor, (unsigned long long)ino, deleted);
	strbuf_add_str(&key, path);
	old = hashmap_get(&t->modules, strbuf_str(&key));
	if (old && !was_replaced(old))
		return old;
	m = base_alloc(sizeof(*m) + key.n);
	*m = (struct module){ .dev_major = dev_major, .dev_minor = dev_minor, .ino = ino, .deleted = deleted };
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

/* modules that no process refers to, and that no result shows, go: every program that anybody starts makes some */
static void sweep_modules(struct process_table *t)
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
	if (m && fd >= 0 && write(fd, (const void *)m->start, m->end - m->start) == (ssize_t)(m->end - m->start))
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
		       (statfs(path, &fs) == 0 && (fs.f_type == OVERLAYFS_MAGIC || fs.f_type == BTRFS_MAGIC));
	return is_sure && statfs(path, &fs) == 0 && fs.f_type == OVERLAYFS_MAGIC;
}

static struct objfile *try_open(struct process_table *t, const char *path, const struct module *m, bool is_sure)
{
	FREE_AUTO char *name = base_strndup(m->path);
	struct objfile *f = NULL;

	if (is_mapped_file(path, m, is_sure))
		err_free(objfile_cache_get_as(t->files, path, name, &f));
	return f;
}

/* by its path, from a root (NULL: ours) */
static struct objfile *open_below(struct process_table *t, const struct root *root, const struct module *m, bool is_sure)
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

struct objfile *process_open_module(struct process_table *t, struct process *p, const struct mapping *at)
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

/* --- mappings --------------------------------------------------------------------------------------------------- */

static size_t first_ending_after(const struct mapping_list *l, uint64_t addr)
{
	size_t lo = 0, hi = l->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->v[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct mapping *process_mapping(const struct process *p, uint64_t addr)
{
	size_t i = first_ending_after(&p->now, addr);

	if (i < p->now.n && p->now.v[i].start <= addr)
		return &p->now.v[i];
	for (i = p->old.n; i-- > 0;)
		if (addr >= p->old.v[i].start && addr < p->old.v[i].end)
			return &p->old.v[i];
	return NULL;
}

bool process_has_mapping_in(const struct process *p, uint64_t start, uint64_t end)
{
	size_t i = first_ending_after(&p->now, start);

	return i < p->now.n && p->now.v[i].start < end;
}

static void remember_old(struct process *p, const struct mapping *m)
{
	if (p->old.n == MAX_OLD) {
		memmove(p->old.v, p->old.v + MAX_OLD / 2, MAX_OLD / 2 * sizeof(*p->old.v));
		p->old.n = MAX_OLD / 2;
	}
	vec_push(&p->old, *m);
}

/* is the very same mapping in the list? */
static bool still_there(const struct mapping_list *l, const struct mapping *m)
{
	size_t i = first_ending_after(l, m->start);

	return i < l->n && l->v[i].start <= m->start && l->v[i].end >= m->end && l->v[i].module == m->module &&
	       l->v[i].start - l->v[i].offset == m->start - m->offset;
}

static void replace_mappings(struct process *p, struct mapping_list *fresh)
{
	vec_each(m, &p->now)
		if (m->module && !still_there(fresh, m))
			remember_old(p, m);
	vec_free(&p->now);
	p->now = *fresh;
	*fresh = (struct mapping_list){ 0 };
}

void process_forget(struct process *p)
{
	struct mapping_list none = { 0 };

	replace_mappings(p, &none);
	p->checked = 0;
	p->root_known = false; /* a program may be started in another root */
}

void process_restart(struct process *p)
{
	process_forget(p);
	p->ended = p->gone = false;
	p->start_time = 0;
	p->met = time(NULL);
}

void process_add_mapping(struct process *p, struct mapping m)
{
	struct mapping_list fresh = { 0 };
	bool added = false;

	vec_reserve(&fresh, p->now.n + 2);
	vec_each(o, &p->now) {
		if (!added && o->start >= m.start) {
			vec_push(&fresh, m);
			added = true;
		}
		if (o->end <= m.start || o->start >= m.end) {
			vec_push(&fresh, *o);
			continue;
		}
		/* what sticks out on either side stays; the part behind comes after the new one */
		if (o->start < m.start) {
			struct mapping head = *o;

			head.end = m.start;
			vec_push(&fresh, head);
		}
		if (o->end > m.end) {
			struct mapping tail = *o;

			tail.offset += m.end - o->start;
			tail.start = m.end;
			if (!added) {
				vec_push(&fresh, m);
				added = true;
			}
			vec_push(&fresh, tail);
		}
	}
	if (!added)
		vec_push(&fresh, m);
	replace_mappings(p, &fresh);
}

/* --- processes -------------------------------------------------------------------------------------------------- */

static void learn_root(struct process_table *t, struct process *p)
{
	struct root *former = p->root;

	p->root = roots_get(&t->roots, (pid_t)p->pid, &p->is_foreign);
	p->root_known = true;
	root_unref(former);
}

static void read_mappings(struct process_table *t, struct process *p)
{
	struct mapping_list fresh = { 0 };
	struct proc_maps maps;
	struct err *e;
	uint64_t start;

	p->checked = process_clock_ms();
	start = proc_start_time((pid_t)p->pid);
	e = start ? proc_maps_read((pid_t)p->pid, &maps) : err_new(ESRCH, "process %d", (int)p->pid);
	if (!start)
		maps = (struct proc_maps){ 0 };
	/* a zombie has no mappings any more; what was known of it holds */
	if (e || maps.n == 0) {
		err_free(e);
		proc_maps_free(&maps);
		p->gone = true;
		return;
	}
	p->gone = p->ended = false;
	if (p->start_time != start) { /* new here, or the number went to another process */
		p->start_time = start;
		p->root_known = false;
		perfmap_free(p->perfmap);
		p->perfmap = NULL;
	}
	if (!p->root_known)
		learn_root(t, p);
	for (uint32_t i = 0; i < maps.n; i++) {
		const struct proc_map *m = &maps.v[i];
		struct mapping mapping = { m->start, m->end, m->offset, NULL };

		if (m->ino || str_is(m->path, "[vdso]"))
			mapping.module = process_module(t, m->path, m->dev_major, m->dev_minor, m->ino, m->deleted);
		else if (!m->exec)
			continue;
		vec_push(&fresh, mapping);
	}
	replace_mappings(p, &fresh);
	proc_maps_free(&maps);
}

bool process_refresh(struct process_table *t, struct process *p, uint64_t age_ms)
{
	/* one that is gone is looked for too: its number may be another process's by now */
	if (process_clock_ms() - p->checked < age_ms)
		return false;
	read_mappings(t, p);
	return true;
}

void process_drop(struct process_table *t, struct process *p)
{
	hashmap_remove(&t->by_pid, hashmap_key_u64(&p->pid));
	process_free(p);
	t->n--;
}

/* living processes are the last to be forgotten, those before whose names are still wanted */
static bool is_better_to_forget(const struct process *a, const struct process *b)
{
	int a_rank = (a->gone || a->ended) * 2 + !a->wanted, b_rank = (b->gone || b->ended) * 2 + !b->wanted;

	return a_rank != b_rank ? a_rank > b_rank : a->seen < b->seen;
}

static void forget_oldest(struct process_table *t)
{
	struct process *oldest = NULL;

	for (size_t i = 0; i < t->by_pid.n; i++) {
		struct process *p = t->by_pid.entries[i].value;

		if (p && (!oldest || is_better_to_forget(p, oldest)))
			oldest = p;
	}
	if (oldest)
		process_drop(t, oldest);
}

static void add_pid(struct process_table *t, struct process *p)
{
	uint64_t *key = arena_new(&t->pid_keys, uint64_t); /* the map keeps the key of a removed entry */

	*key = p->pid;
	hashmap_put(&t->by_pid, hashmap_key_u64(key), p);
}

/* removed entries stay in the map, so now and then it is made anew */
static void rebuild_pids(struct process_table *t)
{
	struct hashmap former = t->by_pid;
	struct arena keys = t->pid_keys;

	t->by_pid = (struct hashmap){ 0 };
	arena_init(&t->pid_keys);
	for (size_t i = 0; i < former.n; i++)
		if (former.entries[i].value)
			add_pid(t, former.entries[i].value);
	hashmap_free(&former);
	arena_free(&keys);
}

static void stay_small(struct process_table *t)
{
	if (t->n >= MAX_PROCESSES)
		forget_oldest(t);
	if (t->by_pid.n > 2 * t->n + SWEEP_PIDS)
		rebuild_pids(t);
	if (t->modules.n > t->swept + SWEEP_MODULES)
		sweep_modules(t);
}

struct process *process_find(struct process_table *t, pid_t pid)
{
	uint64_t key = (uint64_t)pid;

	return hashmap_get(&t->by_pid, hashmap_key_u64(&key));
}

struct process *process_make(struct process_table *t, pid_t pid)
{
	struct process *p = process_find(t, pid);

	if (p) {
		p->seen = process_clock_ms();
		return p;
	}
	stay_small(t);
	p = base_alloc(sizeof(*p));
	p->pid = (uint64_t)pid;
	p->met = time(NULL);
	p->seen = process_clock_ms();
	add_pid(t, p);
	t->n++;
	return p;
}

struct process *process_get(struct process_table *t, pid_t pid)
{
	struct process *p = process_find(t, pid);

	if (p)
		return p;
	p = process_make(t, pid);
	read_mappings(t, p);
	return p;
}
