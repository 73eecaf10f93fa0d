/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The watch on processes; see procwatch.h.
 *
 * Records of one CPU are in order, those of one process are not: it forks on one CPU and maps on the next. So a reading
 * takes what all rings hold, sorts it by time, and leaves for the next reading what is younger than its own beginning,
 * because older records of other CPUs may have come behind it.
 *
 * Memory: a process that has ended is forgotten after a while if no event of it is known. Two full rounds must have gone
 * by, so that an event that was in the event ring at its end has been printed; is_wanted then tells of those whose
 * addresses are kept in maps.
 *
 * A ring that overflows loses records; they are counted, and everything that lives is read again from /proc.
 */
#include "session/procwatch.h"

#include "base/log.h"
#include "base/vec.h"
#include "engine/kernel/sys.h"
#include "objfile/proc.h"
#include "session/perf_record.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

enum {
	RINGS_BYTES = 2 << 20, /* of all CPUs together, within these limits for each */
	RING_MIN = 16 << 10,
	RING_MAX = 64 << 10,
	KEEP_ROUNDS = 2, /* an ended process is kept at least so long */
	KEEP_NS = 1000000000,
	SURVEY_STEP = 4, /* processes that are read each round */
};

struct watch_ring {
	int fd;
	struct perf_event_mmap_page *page;
	const uint8_t *data;
};

struct waiting { /* a record that was read, by the place of its copy */
	uint64_t time;
	size_t at, n;
};

struct ended {
	pid_t pid;
	uint64_t round, time;
};

struct procwatch {
	struct procwatch_opts o;
	VEC(pid_t) only;
	VEC(struct watch_ring) rings;
	size_t ring_bytes;
	struct strbuf bytes; /* the waiting records */
	VEC(struct waiting) waiting;
	VEC(struct ended) ended; /* in the order of their end */
	struct pid_list survey;  /* those still to be read; the last first */
	bool survey_again;
	uint64_t round;
	uint64_t n_records, n_lost, n_forgotten;
};

uint32_t procwatch_wanted_map(const struct image *im)
{
	/* maps of the script have names that begin with @ */
	for (uint32_t i = 0; i < im->n_maps; i++)
		if (str_is(im->maps[i]->name, "noted"))
			return i;
	return IMAGE_NONE;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the rings ---- */

static size_t ring_bytes(size_t n_cpus)
{
	size_t size = RING_MAX;

	while (size > RING_MIN && size * n_cpus > RINGS_BYTES)
		size /= 2;
	return size;
}

static ERR_MUST struct err *open_ring(struct procwatch *w, int cpu)
{
	size_t page = (size_t)getpagesize();
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.sample_type = PERF_SAMPLE_TIME,
		.sample_id_all = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		.mmap = 1, /* executable mappings only */
		.mmap2 = 1,
		.comm = 1,
		.comm_exec = 1,
		.task = 1,
		.exclude_kernel = 1,
		.watermark = 1, /* nobody waits for it, so it should never wake anybody */
		.wakeup_watermark = (uint32_t)w->ring_bytes,
	};
	struct watch_ring r = { .fd = sys_perf_event_open(&attr, -1, cpu) };

	if (r.fd < 0)
		return errno == ENODEV ? NULL : err_new(errno, "open a perf event on CPU %d", cpu);
	r.page = mmap(NULL, page + w->ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, r.fd, 0);
	if (r.page == MAP_FAILED) {
		int code = errno;

		close(r.fd);
		return err_new(code, "map the ring of a perf event on CPU %d", cpu);
	}
	r.data = (const uint8_t *)r.page + page;
	vec_push(&w->rings, r);
	return NULL;
}

static void copy_bytes(const struct procwatch *w, const struct watch_ring *r, uint64_t at, void *to,
		       size_t n)
{
	size_t start = at & (w->ring_bytes - 1), first = w->ring_bytes - start;

	if (first > n)
		first = n;
	memcpy(to, r->data + start, first);
	memcpy((uint8_t *)to + first, r->data, n - first);
}

static void read_ring(struct procwatch *w, struct watch_ring *r)
{
	uint64_t head = __atomic_load_n(&r->page->data_head, __ATOMIC_ACQUIRE),
		 at = r->page->data_tail;

	while (head - at >= sizeof(struct perf_event_header)) {
		struct perf_event_header h;
		struct waiting new = { .at = w->bytes.n };

		copy_bytes(w, r, at, &h, sizeof(h));
		if (h.size < sizeof(h) + sizeof(new.time) || h.size > head - at) {
			at = head; /* never seen: nothing behind it can be read */
			break;
		}
		vec_grow((void **)&w->bytes.p, &w->bytes.cap, w->bytes.n + h.size, 1);
		copy_bytes(w, r, at, w->bytes.p + w->bytes.n, h.size);
		at += h.size;
		new.n = h.size;
		memcpy(&new.time, w->bytes.p + new.at + new.n - sizeof(new.time), sizeof(new.time));
		w->bytes.n += h.size;
		vec_push(&w->waiting, new);
	}
	__atomic_store_n(&r->page->data_tail, at, __ATOMIC_RELEASE);
}

static int by_time(const void *a, const void *b)
{
	const struct waiting *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* ---- what they tell ---- */

static bool concerns(const struct procwatch *w, pid_t pid)
{
	if (!w->only.n)
		return true;
	vec_each(p, &w->only)
		if (*p == pid)
			return true;
	return false;
}

static void tell(struct procwatch *w, const struct perf_record *r)
{
	struct symbolizer *s = w->o.symbolizer;

	switch (r->kind) {
	case PERF_MAPPED:
		symbolizer_note_mmap(s, r->pid, r->start, r->len, r->offset, r->dev_major,
				     r->dev_minor, r->ino, r->path);
		unwinder_mapped(w->o.unwinder, r->pid);
		break;
	case PERF_FORKED:
		symbolizer_note_fork(s, r->parent, r->pid);
		unwinder_forked(w->o.unwinder, r->parent, r->pid);
		break;
	case PERF_EXECUTED:
		symbolizer_note_exec(s, r->pid);
		unwinder_executed(w->o.unwinder, r->pid);
		break;
	case PERF_EXITED:
		symbolizer_note_exit(s, r->pid);
		unwinder_exited(w->o.unwinder, r->pid);
		vec_push(&w->ended, ((struct ended){ r->pid, w->round, r->time }));
		break;
	case PERF_LOST:
		w->n_lost += r->n_lost;
		w->survey_again = true;
		break;
	}
}

/* the records up to a time, in their order; the others stay */
static void tell_until(struct procwatch *w, uint64_t limit)
{
	struct strbuf rest = { 0 };
	size_t n = 0;

	qsort(w->waiting.v, w->waiting.n, sizeof(*w->waiting.v), by_time);
	vec_each(i, &w->waiting) {
		struct perf_record r;

		if (i->time > limit) {
			struct waiting later = { i->time, rest.n, i->n };

			strbuf_add(&rest, w->bytes.p + i->at, i->n);
			w->waiting.v[n++] = later;
			continue;
		}
		w->n_records++;
		if (perf_record_parse(w->bytes.p + i->at, i->n, &r) &&
		    (r.kind == PERF_LOST || concerns(w, r.pid)))
			tell(w, &r);
	}
	w->waiting.n = n;
	strbuf_free(&w->bytes);
	w->bytes = rest;
}

void procwatch_catch_up(struct procwatch *w)
{
	bool has_news = false;
	uint64_t now;

	if (!w)
		return;
	vec_each(r, &w->rings)
		has_news |= __atomic_load_n(&r->page->data_head, __ATOMIC_RELAXED) !=
			    r->page->data_tail;
	if (!has_news && !w->waiting.n)
		return;
	now = now_ns();
	vec_each(r, &w->rings)
		read_ring(w, r);
	tell_until(w, now);
	unwinder_flush(w->o.unwinder);
}

/* ---- once a round ---- */

static void forget(struct procwatch *w)
{
	uint64_t now = now_ns();
	size_t n = 0;

	while (n < w->ended.n && w->ended.v[n].round + KEEP_ROUNDS <= w->round &&
	       now > w->ended.v[n].time && now - w->ended.v[n].time > KEEP_NS) {
		if (!w->o.is_wanted || !w->o.is_wanted(w->o.arg, w->ended.v[n].pid)) {
			symbolizer_forget(w->o.symbolizer, w->ended.v[n].pid);
			w->n_forgotten++;
		}
		n++;
	}
	if (!n)
		return;
	w->ended.n -= n;
	memmove(w->ended.v, w->ended.v + n, w->ended.n * sizeof(*w->ended.v));
}

static void survey(struct procwatch *w)
{
	if (!w->survey.n && w->survey_again) {
		w->survey_again = false;
		vec_free(&w->survey);
		if (w->only.n)
			vec_each(p, &w->only)
				vec_push(&w->survey, *p);
		else
			err_free(proc_all(&w->survey));
	}
	for (int i = 0; i < SURVEY_STEP && w->survey.n; i++)
		symbolizer_survey(w->o.symbolizer, w->survey.v[--w->survey.n]);
}

void procwatch_round(struct procwatch *w)
{
	if (!w)
		return;
	procwatch_catch_up(w);
	w->round++;
	forget(w);
	survey(w);
}

/* ---- begin and end ---- */

struct err *procwatch_new(const struct procwatch_opts *o, struct procwatch **ret)
{
	struct procwatch *w = base_alloc(sizeof(*w));
	struct sys_ints cpus = { 0 };
	struct err *err = NULL;

	*ret = NULL;
	w->o = *o;
	for (size_t i = 0; i < o->n_only; i++)
		vec_push(&w->only, o->only[i]);
	sys_online_cpus(&cpus);
	w->ring_bytes = ring_bytes(cpus.n);
	for (size_t i = 0; !err && i < cpus.n; i++)
		err = open_ring(w, cpus.v[i]);
	vec_free(&cpus);
	if (err) {
		procwatch_free(w);
		return err;
	}
	w->survey_again = true;
	log_verbose("watching processes through %zu rings of %zu KiB", w->rings.n,
		    w->ring_bytes >> 10);
	*ret = w;
	return NULL;
}

void procwatch_free(struct procwatch *w)
{
	if (!w)
		return;
	if (w->n_records)
		log_verbose(
			"the watch on processes: %llu records, %llu lost, %llu ended processes forgotten",
			(unsigned long long)w->n_records, (unsigned long long)w->n_lost,
			(unsigned long long)w->n_forgotten);
	vec_each(r, &w->rings) {
		munmap(r->page, (size_t)getpagesize() + w->ring_bytes);
		close(r->fd);
	}
	vec_free(&w->rings);
	vec_free(&w->only);
	vec_free(&w->waiting);
	vec_free(&w->ended);
	vec_free(&w->survey);
	strbuf_free(&w->bytes);
	free(w);
}
