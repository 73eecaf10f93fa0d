/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See perf_rings.h. Records of one CPU are in order, those of one process are not: it forks on one CPU and maps on the next. So a
 * reading takes what all rings hold, sorts it by time, and leaves for the next reading what is younger than its own
 * beginning, because older records of other CPUs may have come behind it.
 *
 * A ring that overflows loses records; the kernel says so by a record of its own.
 */
#include "session/perf_rings.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/vec.h"
#include "engine/kernel/sys.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

enum {
	RINGS_BYTES = 2 << 20, /* of all CPUs together, within these limits for each */
	RING_MIN = 16 << 10,
	RING_MAX = 256 << 10, /* a build fills 64 KB while a burst of first stacks is unwound */
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

struct perf_rings {
	VEC(struct watch_ring) rings;
	size_t ring_bytes;
	struct strbuf bytes; /* the waiting records */
	VEC(struct waiting) waiting;
	uint64_t n_read;
};

static size_t ring_bytes(size_t n_cpus)
{
	size_t size = RING_MAX;

	while (size > RING_MIN && size * n_cpus > RINGS_BYTES)
		size /= 2;
	return size;
}

static ERR_MUST struct err *open_ring(struct perf_rings *w, const struct perf_rings_opts *o,
				      int cpu)
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
		.comm = o->has_tasks,
		.comm_exec = o->has_tasks,
		.task = o->has_tasks,
		.exclude_kernel = 1,
		.watermark = 1,
		.wakeup_watermark = o->wakes ? 1 : (uint32_t)w->ring_bytes,
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

static void copy_bytes(const struct perf_rings *w, const struct watch_ring *r, uint64_t at,
		       void *to, size_t n)
{
	size_t start = at & (w->ring_bytes - 1), first = w->ring_bytes - start;

	if (first > n)
		first = n;
	memcpy(to, r->data + start, first);
	memcpy((uint8_t *)to + first, r->data, n - first);
}

static void read_ring(struct perf_rings *w, struct watch_ring *r)
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

/* the records up to a time, in their order; the others stay */
static void tell_until(struct perf_rings *w, uint64_t limit,
		       void (*tell)(void *arg, const struct perf_record *rec), void *arg)
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
		w->n_read++;
		if (perf_record_parse(w->bytes.p + i->at, i->n, &r))
			tell(arg, &r);
	}
	w->waiting.n = n;
	strbuf_free(&w->bytes);
	w->bytes = rest;
}

void perf_rings_read(struct perf_rings *w, void (*tell)(void *arg, const struct perf_record *rec),
		     void *arg)
{
	bool has_news = false;
	uint64_t now;

	vec_each(r, &w->rings)
		has_news |= __atomic_load_n(&r->page->data_head, __ATOMIC_RELAXED) !=
			    r->page->data_tail;
	if (!has_news && !w->waiting.n)
		return;
	now = clock_monotonic_ns();
	vec_each(r, &w->rings)
		read_ring(w, r);
	tell_until(w, now, tell, arg);
}

int perf_rings_fd(const struct perf_rings *w, size_t i)
{
	return i < w->rings.n ? w->rings.v[i].fd : -1;
}

uint64_t perf_rings_n_read(const struct perf_rings *w)
{
	return w->n_read;
}

struct err *perf_rings_new(const struct perf_rings_opts *o, struct perf_rings **ret)
{
	struct perf_rings *w = base_alloc(sizeof(*w));
	struct sys_ints cpus = { 0 };
	struct err *err = NULL;

	*ret = NULL;
	sys_online_cpus(&cpus);
	w->ring_bytes = ring_bytes(cpus.n);
	for (size_t i = 0; !err && i < cpus.n; i++)
		err = open_ring(w, o, cpus.v[i]);
	vec_free(&cpus);
	if (err) {
		perf_rings_free(w);
		return err;
	}
	log_verbose("watching processes through %zu rings of %zu KiB", w->rings.n,
		    w->ring_bytes >> 10);
	*ret = w;
	return NULL;
}

void perf_rings_free(struct perf_rings *w)
{
	if (!w)
		return;
	vec_each(r, &w->rings) {
		munmap(r->page, (size_t)getpagesize() + w->ring_bytes);
		close(r->fd);
	}
	vec_free(&w->rings);
	vec_free(&w->waiting);
	strbuf_free(&w->bytes);
	free(w);
}
