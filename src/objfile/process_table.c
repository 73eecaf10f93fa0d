/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The symbolizer's memory of processes; see process_table.h.
 *
 * Mappings are read when a process is first met and again when they may have changed: an exec or dlopen leaves no
 * mark that could be seen from outside, so what is older than a tenth of a second is read again (that costs less than
 * 0.1 ms). What vanished between two readings stays in a list of old mappings, which answers when the present ones do
 * not: events arrive later than they happened. When a process ends, its last state stays.
 */
#include "objfile/process_table.h"

#include "base/cleanup.h"
#include "objfile/proc.h"

#include <errno.h>
#include <time.h>

enum {
	MAX_PROCESSES = 8192, /* beyond it, the longest-gone process is forgotten */
	MAX_OLD = 1024,       /* old mappings per process */
	SWEEP_MODULES = 4096, /* so many more than last time are swept */
	SWEEP_PIDS = 16384,
};

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

	return i < l->n && l->v[i].start <= m->start && l->v[i].end >= m->end &&
	       l->v[i].module == m->module &&
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
	e = start ? proc_maps_read((pid_t)p->pid, &maps)
		  : err_new(ESRCH, "process %d", (int)p->pid);
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
		struct mapping mapping = { m->start, m->end, m->offset, NULL, m->exec };

		if (m->ino || str_is(m->path, "[vdso]"))
			mapping.module = process_module(t, m->path, m->dev_major, m->dev_minor,
							m->ino, m->deleted);
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
	int a_rank = (a->gone || a->ended) * 2 + !a->wanted,
	    b_rank = (b->gone || b->ended) * 2 + !b->wanted;

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
	uint64_t *key = arena_new(&t->pid_keys,
				  uint64_t); /* the map keeps the key of a removed entry */

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
		process_sweep_modules(t);
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
