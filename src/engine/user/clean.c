/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Patches that were left behind; see clean.h. */
#include "engine/user/clean.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "engine/user/patches.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { STOP_MS = 1000, PASSES = 8, TRIES = 3, NAP_MS = 20 };
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

static bool is_data(const struct proc_map *m, const struct clean_file *file)
{
	if (!m->ino || m->offset || !str_is(m->path, "/memfd:sonde"))
		return false;
	return !file->ino || (m->ino == file->ino && m->dev_major == file->dev_major &&
			      m->dev_minor == file->dev_minor);
}

/* ---- one area ---- */

struct area {
	uint64_t code;
	struct patches_head head;
	uint8_t *bytes; /* its table */
	size_t n_bytes;
};

/* the code of the area whose data are mapping k: of the mappings in front of it, without a gap, the one with a table */
static bool find_area(const struct remote *r, const struct proc_maps *maps, uint32_t k,
		      struct area *ret)
{
	uint64_t data = maps->v[k].start;

	while (k > 0 && maps->v[k - 1].end == maps->v[k].start && !maps->v[k - 1].ino) {
		const struct proc_map *m = &maps->v[--k];
		size_t n = m->end - m->start;
		struct patches_head head;

		if (!m->exec || n > CODE_MAX || !remote_read(r, m->start, &head, sizeof(head)))
			continue;
		if (head.magic != PATCHES_MAGIC || patches_bytes(head.capacity) > n)
			continue;
		ret->code = m->start;
		ret->bytes = base_realloc(ret->bytes, n);
		ret->n_bytes = n;
		if (remote_read(r, m->start, ret->bytes, n) &&
		    patches_parse(ret->bytes, n, m->start, data, &ret->head))
			return true;
	}
	return false;
}

static bool is_alive(const struct patches_head *h)
{
	return h->guardian != getpid() && h->guardian > 0 && h->guardian_start &&
	       proc_start_time(h->guardian) == h->guardian_start &&
	       !strchr("ZX?", proc_state(h->guardian));
}

enum state { STATE_OURS, STATE_OWN, STATE_FOREIGN };

static enum state look(const struct remote *r, const struct patches_entry *e)
{
	uint8_t now[PATCH_JUMP], jump[PATCH_JUMP] = { 0xe9 };
	int32_t rel = (int32_t)(e->trampoline - (e->site + PATCH_JUMP));

	memcpy(jump + 1, &rel, sizeof(rel));
	if (!remote_read(r, e->site, now, sizeof(now)))
		return STATE_OWN; /* the library is gone */
	if (!memcmp(now, jump, sizeof(now)))
		return STATE_OURS;
	return memcmp(now, e->old, sizeof(now)) ? STATE_FOREIGN : STATE_OWN;
}

/* is_last: count, and restore if the process is stopped; it is when there was a jump of ours. True: there is one */
static bool restore(const struct remote *r, const struct area *a, bool is_last,
		    struct clean_counts *ret)
{
	struct patches_entry e;
	bool is_any = false;

	for (uint32_t k = 0; k < a->head.n; k++) {
		enum state s;

		if (!patches_entry_at(a->bytes, a->n_bytes, k, &e))
			continue;
		s = look(r, &e);
		is_any |= s == STATE_OURS;
		if (!is_last)
			continue;
		ret->n_foreign += s == STATE_FOREIGN;
		ret->n_restored += s == STATE_OURS && r->threads.n &&
				   remote_write(r, e.site, e.old, PATCH_JUMP);
	}
	return is_any;
}

/* ---- one process ---- */

/* all its areas; *is_any: there are jumps of ours */
static ERR_MUST struct err *walk(struct remote *r, const struct clean_file *file, bool is_forced,
				 bool is_last, bool *is_any, struct clean_counts *ret)
{
	struct area a = { 0 };
	struct proc_maps maps;

	TRY(proc_maps_read(r->leader, &maps));
	for (uint32_t k = 0; k < maps.n; k++) {
		if (!is_data(&maps.v[k], file) || !find_area(r, &maps, k, &a))
			continue;
		if (!is_forced && is_alive(&a.head)) {
			ret->guardian = a.head.guardian;
			continue;
		}
		ret->n_areas += is_last;
		*is_any |= restore(r, &a, is_last, ret);
	}
	free(a.bytes);
	proc_maps_free(&maps);
	return NULL;
}

struct err *clean_process(pid_t pid, const struct clean_file *file, bool is_forced,
			  struct clean_counts *ret)
{
	bool is_any = false;
	struct remote r;
	struct err *e = remote_open(pid, &r);

	if (!e)
		e = walk(&r, file, is_forced, false, &is_any, ret);
	if (!e && is_any)
		e = remote_stop(&r, STOP_MS);
	/* what counts is what stands there when nothing moves; without jumps of ours it is not stopped at all */
	if (!e)
		e = walk(&r, file, is_forced, true, &is_any, ret);
	remote_close(&r);
	return e;
}

/* ---- all of them ---- */

static bool is_gone(pid_t pid)
{
	return strchr("ZX?", proc_state(pid)) != NULL;
}

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
		is_found = is_data(&maps.v[k], file);
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
		if (e && !first && !is_gone(*pid))
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
