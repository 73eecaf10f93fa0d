/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Patches that were left behind; see clean.h. */
#include "engine/user/guardian/clean.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "engine/user/patch/patches.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { STOP_MS = 1000, PASSES = 8, TRIES = 3, NAP_MS = 20, JMP_REL32 = 0xe9 };
#define CODE_MAX (64u << 20) /* no area has more: what claims to is not ours */

struct err *clean_file_of(int fd, struct clean_file *ret)
{
	struct stat st;

	*ret = (struct clean_file){ 0 };
	if (fstat(fd, &st))
		return err_new(errno, "look at the memory file");
	*ret = (struct clean_file){ .ino = st.st_ino,
				    .dev_major = major(st.st_dev),
				    .dev_minor = minor(st.st_dev) };
	return NULL;
}

static bool is_data(const struct proc_map *m)
{
	return m->ino && !m->offset && str_is(m->path, "/memfd:sonde");
}

static bool is_of(const struct proc_map *m, const struct clean_file *file)
{
	return !file->ino || (m->ino == file->ino && m->dev_major == file->dev_major &&
			      m->dev_minor == file->dev_minor);
}

/* ---- the areas of a process ---- */

void clean_areas_free(struct clean_areas *a)
{
	vec_each(i, &a->v)
		free(i->bytes);
	vec_free(&a->v);
}

/* the code of the area whose data are mapping k: of the mappings in front of it, without a gap, the one with a table */
static bool find_area(const struct remote *r, const struct proc_maps *maps, uint32_t k,
		      struct clean_area *ret)
{
	uint64_t data = maps->v[k].start;

	while (k > 0 && maps->v[k - 1].end == maps->v[k].start && !maps->v[k - 1].ino) {
		const struct proc_map *m = &maps->v[--k];
		size_t n = m->end - m->start;
		struct patches_head head;

		if (!m->exec || n > CODE_MAX || !remote_read(r, m->start, &head, sizeof(head)) ||
		    head.magic != PATCHES_MAGIC)
			continue;
		*ret = (struct clean_area){ .code = m->start, .bytes = base_alloc(n), .n_bytes = n };
		if (remote_read(r, m->start, ret->bytes, n) &&
		    patches_parse(ret->bytes, n, m->start, data, &ret->head))
			return true;
		free(ret->bytes);
	}
	return false;
}

static bool is_alive(const struct patches_head *h)
{
	return h->guardian != getpid() && h->guardian > 0 && h->guardian_start &&
	       proc_start_time(h->guardian) == h->guardian_start && proc_is_alive(h->guardian);
}

struct err *clean_find_areas(const struct remote *r, const struct clean_file *file, bool is_forced,
			     struct clean_areas *out, struct clean_counts *ret)
{
	struct proc_maps maps;

	clean_areas_free(out);
	TRY(proc_maps_read(r->leader, &maps));
	for (uint32_t k = 0; k < maps.n; k++) {
		struct clean_area a;

		if (!is_data(&maps.v[k]) || !find_area(r, &maps, k, &a))
			continue;
		a.data_end = maps.v[k].end;
		a.is_ours = is_of(&maps.v[k], file);
		if (a.is_ours && !is_forced && is_alive(&a.head)) {
			ret->guardian = a.head.guardian;
			a.is_ours = false;
		}
		vec_push(&out->v, a);
	}
	proc_maps_free(&maps);
	return NULL;
}

/* ---- what stands at a place ---- */

enum state { STATE_OURS, STATE_OWN, STATE_FOREIGN };

static bool is_in_area(const struct clean_areas *areas, uint64_t address)
{
	vec_each(a, &areas->v)
		if (address - a->code < a->n_bytes)
			return true;
	return false;
}

/* of a USDT probe: raised as long as it is noted. What it counts may have gone meanwhile */
static enum state look_at_semaphore(const struct remote *r, uint64_t address)
{
	uint16_t n;

	return remote_read(r, address, &n, sizeof(n)) && n ? STATE_OURS : STATE_OWN;
}

static void lower_semaphore(const struct remote *r, uint64_t address, uint64_t entry)
{
	const uint64_t settled = 0;
	uint16_t n;

	if (!remote_write(r, entry + offsetof(struct patches_entry, site), &settled,
			  sizeof(settled)) ||
	    !remote_read(r, address, &n, sizeof(n)) || !n)
		return;
	n--;
	remote_write(r, address, &n, sizeof(n));
}

static enum state look(const struct remote *r, const struct clean_areas *areas,
		       const struct patches_entry *e)
{
	uint8_t now[PATCH_JUMP];
	uint64_t target;
	int32_t rel;

	if (!e->len)
		return look_at_semaphore(r, e->site);
	if (!remote_read(r, e->site, now, sizeof(now)) || !memcmp(now, e->old, sizeof(now)))
		return STATE_OWN; /* or the library is gone */
	memcpy(&rel, now + 1, sizeof(rel));
	target = e->site + PATCH_JUMP + (uint64_t)(int64_t)rel;
	if (now[0] != JMP_REL32)
		return STATE_FOREIGN;
	if (target == e->trampoline)
		return STATE_OURS;
	/* a jump into another area of a sonde is that one's concern */
	return is_in_area(areas, target) ? STATE_OWN : STATE_FOREIGN;
}

/* at: address of the entry */
typedef void entry_fn(void *arg, const struct patches_entry *e, uint64_t at, enum state s);

static void each_entry(const struct remote *r, const struct clean_areas *areas, entry_fn *fn,
		       void *arg)
{
	struct patches_entry e;
	size_t at;

	vec_each(a, &areas->v)
		for (uint32_t k = 0; a->is_ours && k < a->head.n; k++)
			if (patches_entry_at(a->bytes, a->n_bytes, k, &e, &at))
				fn(arg, &e, a->code + at, look(r, areas, &e));
}

/* ---- one process ---- */

struct cleaning {
	struct remote r;
	struct clean_counts *counts;
	bool is_any;           /* a jump of ours stands somewhere */
	VEC(uint64_t) foreign; /* places that are counted: a later table can name them again */
};

static void on_look(void *arg, const struct patches_entry *e, uint64_t at, enum state s)
{
	struct cleaning *c = arg;

	(void)e;
	(void)at;
	c->is_any |= s == STATE_OURS;
}

static void on_restore(void *arg, const struct patches_entry *e, uint64_t at, enum state s)
{
	struct cleaning *c = arg;

	if (s != STATE_OURS)
		return;
	if (e->len)
		c->counts->n_restored += remote_write(&c->r, e->site, e->old, PATCH_JUMP);
	else
		lower_semaphore(&c->r, e->site, at);
}

static void on_count(void *arg, const struct patches_entry *e, uint64_t at, enum state s)
{
	struct cleaning *c = arg;

	(void)at;
	if (s != STATE_FOREIGN)
		return;
	vec_each(known, &c->foreign)
		if (*known == e->site)
			return;
	vec_push(&c->foreign, e->site);
}

bool clean_has_jumps(const struct remote *r, const struct clean_areas *areas)
{
	struct cleaning c = { 0 };

	each_entry(r, areas, on_look, &c);
	return c.is_any;
}

/* its areas are looked at again when it is stopped; without a jump of ours it is not stopped at all */
static ERR_MUST struct err *clean(struct cleaning *c, const struct clean_file *file, bool is_forced,
				  struct clean_areas *areas)
{
	TRY(clean_find_areas(&c->r, file, is_forced, areas, c->counts));
	if (clean_has_jumps(&c->r, areas)) {
		TRY(remote_stop_most(&c->r, STOP_MS));
		TRY(clean_find_areas(&c->r, file, is_forced, areas, c->counts));
		each_entry(&c->r, areas, on_restore, c);
	}
	each_entry(&c->r, areas, on_count, c);
	vec_each(a, &areas->v)
		c->counts->n_areas += a->is_ours;
	c->counts->n_foreign += (unsigned)c->foreign.n;
	return NULL;
}

struct err *clean_process(pid_t pid, const struct clean_file *file, bool is_forced,
			  struct clean_counts *ret)
{
	struct cleaning c = { .counts = ret };
	struct clean_areas areas = { 0 };
	struct err *e = remote_open(pid, &c.r);

	if (!e)
		e = clean(&c, file, is_forced, &areas);
	remote_close(&c.r);
	clean_areas_free(&areas);
	vec_free(&c.foreign);
	return e;
}

/* ---- all of them ---- */

/* whether the process maps the file: cheaper than asking for its memory */
static bool maps_file(pid_t pid, const struct clean_file *file)
{
	struct proc_maps maps;
	struct err *e = proc_maps_read(pid, &maps);
	bool is_found = false;

	err_free(e);
	if (e)
		return false;
	for (uint32_t k = 0; k < maps.n && !is_found; k++)
		is_found = is_data(&maps.v[k]) && is_of(&maps.v[k], file);
	proc_maps_free(&maps);
	return is_found;
}

/* once over all processes; *n_restored of this pass */
static ERR_MUST struct err *pass(const struct clean_file *file, bool is_forced,
				 struct clean_counts *ret)
{
	struct pid_list all = { 0 };
	struct err *first = NULL;

	TRY(proc_all(&all));
	vec_each(pid, &all) {
		unsigned before = ret->n_restored;
		struct err *e;

		if (*pid == getpid() || !maps_file(*pid, file))
			continue;
		e = clean_process(*pid, file, is_forced, ret);
		ret->n_processes += ret->n_restored > before;
		if (e && !first && proc_is_alive(*pid))
			first = e;
		else
			err_free(e);
	}
	vec_free(&all);
	return first;
}

struct err *clean_mappers(const struct clean_file *file, bool is_forced, struct clean_counts *ret)
{
	struct err *e = NULL;
	unsigned n_failed = 0;

	/* children that were forked while we looked come with the next pass */
	for (unsigned i = 0; i < PASSES && n_failed < TRIES; i++) {
		unsigned before = ret->n_restored;

		ret->n_areas = ret->n_foreign = 0; /* of the last pass */
		err_free(e);
		e = pass(file, is_forced, ret);
		if (!e && ret->n_restored == before)
			break;
		if (e && ++n_failed < TRIES)
			poll(NULL, 0, NAP_MS);
	}
	return e;
}
