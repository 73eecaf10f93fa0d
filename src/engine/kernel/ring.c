/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading events: the kernel writes records into a ring that is mapped here, each behind a header
 * of 8 bytes whose first word is the length and two marks (busy: not yet committed, discard). The
 * layout is from Documentation/bpf/ringbuf.rst.
 *
 * A poll delivers what was there when it began and then returns, so that a flood of events cannot
 * keep the session from its signals and its clock. Our position is given back to the kernel after
 * each record: room is free at once.
 *
 * A ring of 8 MB is 4,096 pages of mappings, which the kernel makes at once: a millisecond of a start that takes three. So its
 * address space is set aside, and mapped piece by piece as records come to stand there.
 */
#include "engine/kernel/kernel.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#define RECORD_HEADER 8

enum {
	PIECES = 32, /* of both mappings of the data: bits of kernel_ring.mapped */
	PIECE_LEAST = 128 << 10,
};

static struct err *ring_map(struct engine *e, uint32_t map)
{
	size_t page = (size_t)getpagesize();
	bool is_main = e->image->maps[map]->role == MAP_RING;
	uint64_t size = is_main && e->opts.ring_bytes ? e->opts.ring_bytes
						      : e->image->maps[map]->max_entries;
	struct kernel_ring r = { .fd = e->map_fds[map], .size = size };
	uint8_t *pages = MAP_FAILED;

	r.consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, r.fd, 0);
	if (r.consumer == MAP_FAILED)
		return err_new(errno, "map the event ring");
	pages = mmap(NULL, page + 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		     -1, 0);
	if (pages == MAP_FAILED ||
	    mmap(pages, page, PROT_READ, MAP_SHARED | MAP_FIXED, r.fd, (off_t)page) == MAP_FAILED) {
		int code = errno;

		munmap(r.consumer, page);
		if (pages != MAP_FAILED)
			munmap(pages, page + 2 * size);
		return err_new(code, "map the event ring");
	}
	r.producer = (const uint64_t *)pages;
	r.data = pages + page;
	r.piece = 2 * size / PIECES > PIECE_LEAST ? 2 * size / PIECES : PIECE_LEAST;
	if (is_main)
		vec_push(&e->rings, r);
	else
		e->message_ring = r;
	return NULL;
}

struct err *kernel_ring_open(struct engine *e)
{
	for (uint32_t i = 0; i < e->image->n_maps; i++)
		if (e->image->maps[i]->role == MAP_RING ||
		    e->image->maps[i]->role == MAP_MESSAGE_RING)
			TRY(ring_map(e, i));
	TRY(kernel_packets_open(e));
	if (e->rings.n < 2 && !e->packets)
		return NULL;
	e->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (e->epoll_fd < 0)
		return err_new(errno, "wait for several event rings");
	vec_each(r, &e->rings) {
		struct epoll_event ev = { .events = EPOLLIN };

		if (epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, r->fd, &ev) < 0)
			return err_new(errno, "wait for several event rings");
	}
	if (e->packets) {
		struct epoll_event ev = { .events = EPOLLIN };

		if (epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, kernel_packets_fd(e), &ev) < 0)
			return err_new(errno, "wait for packets");
	}
	return NULL;
}

static void ring_unmap(const struct kernel_ring *r)
{
	size_t page = (size_t)getpagesize();

	munmap(r->consumer, page);
	munmap((void *)(uintptr_t)r->producer, page + 2 * r->size);
}

void kernel_ring_close(struct engine *e)
{
	vec_each(r, &e->rings)
		ring_unmap(r);
	vec_free(&e->rings);
	if (e->message_ring.data)
		ring_unmap(&e->message_ring);
	e->message_ring.data = NULL;
	kernel_packets_close(e);
	if (e->epoll_fd >= 0)
		close(e->epoll_fd);
	e->epoll_fd = -1;
}

/* n bytes of the data from there on can be read; the last of them may be in the second mapping */
static bool ring_reach(struct kernel_ring *r, uint64_t from, uint64_t n)
{
	size_t page = (size_t)getpagesize();

	for (uint64_t i = from / r->piece; i <= (from + n - 1) / r->piece; i++) {
		uint64_t at = i * r->piece, left;

		if (r->mapped >> i & 1)
			continue;
		left = 2 * r->size - at;
		if (mmap((void *)(uintptr_t)(r->data + at), left < r->piece ? left : r->piece,
			 PROT_READ, MAP_SHARED | MAP_FIXED, r->fd,
			 (off_t)(2 * page + at)) == MAP_FAILED) {
			r->code = errno;
			return false;
		}
		r->mapped |= 1u << i;
	}
	return true;
}

static void deliver(struct engine *e, const uint8_t *record, uint32_t length, engine_event_fn *fn,
		    void *arg)
{
	if (e->image->has_times) {
		if (length < sizeof(e->event_time))
			return;
		memcpy(&e->event_time, record, sizeof(e->event_time));
		record += sizeof(e->event_time);
		length -= (uint32_t)sizeof(e->event_time);
	}
	if (length >= sizeof(struct event_head))
		fn(arg, (const struct event_head *)record, record + sizeof(struct event_head),
		   length - (uint32_t)sizeof(struct event_head));
}

/* deliver what stands in the ring now; the number of records passed */
static uint64_t ring_drain(struct engine *e, struct kernel_ring *r, engine_event_fn *fn, void *arg)
{
	uint64_t at = __atomic_load_n(r->consumer, __ATOMIC_RELAXED);
	uint64_t end = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
	uint64_t n = 0;

	while (at < end) {
		const uint8_t *record = r->data + (at & (r->size - 1));
		uint32_t length;

		if (!ring_reach(r, at & (r->size - 1), RECORD_HEADER))
			break;
		length = __atomic_load_n((const uint32_t *)record, __ATOMIC_ACQUIRE);
		if (length & BPF_RINGBUF_BUSY_BIT)
			break;
		if (!ring_reach(r, at & (r->size - 1),
				RECORD_HEADER + (length & ~BPF_RINGBUF_DISCARD_BIT)))
			break;
		at += ((length & ~BPF_RINGBUF_DISCARD_BIT) + RECORD_HEADER + 7) & ~(uint64_t)7;
		if (!(length & BPF_RINGBUF_DISCARD_BIT))
			deliver(e, record + RECORD_HEADER, length, fn, arg);
		__atomic_store_n(r->consumer, at, __ATOMIC_RELEASE);
		n++;
	}
	return n;
}

static uint64_t drain_all(struct engine *e, engine_event_fn *fn, void *arg)
{
	uint64_t n = 0;

	vec_each(r, &e->rings)
		n += ring_drain(e, r, fn, arg);
	e->event_time = 0; /* packets have none */
	return n + kernel_packets_drain(e, fn, arg);
}

static struct err *rings_error(const struct engine *e)
{
	vec_each(r, &e->rings)
		if (r->code)
			return err_new(r->code, "map a piece of the event ring");
	return e->message_ring.code ? err_new(e->message_ring.code,
					      "map a piece of the ring of messages' events")
				    : NULL;
}

void kernel_ring_drain_messages(struct engine *e, engine_event_fn *fn, void *arg)
{
	if (e->message_ring.data)
		ring_drain(e, &e->message_ring, fn, arg);
}

int kernel_poll_fd(struct engine *e)
{
	return e->epoll_fd >= 0 ? e->epoll_fd : e->rings.v[0].fd;
}

struct err *kernel_poll(struct engine *e, int timeout_ms, engine_event_fn *fn, void *arg)
{
	uint64_t until = timeout_ms < 0 ? UINT64_MAX
					: clock_monotonic_ns() + (uint64_t)timeout_ms * 1000000u;

	for (;;) {
		struct pollfd p = { .fd = kernel_poll_fd(e), .events = POLLIN };
		uint64_t now;
		int r;

		if (drain_all(e, fn, arg))
			return NULL;
		TRY(rings_error(e));
		now = clock_monotonic_ns();
		if (now >= until)
			return NULL;
		r = poll(&p, 1, timeout_ms < 0 ? -1 : (int)((until - now + 999999) / 1000000));
		if (r < 0)
			return errno == EINTR ? NULL : err_new(errno, "wait for events");
		if (r == 0)
			return NULL;
		/*
		 * readable means a record, perhaps one that its program has not finished: let that
		 * one run
		 */
		if (!drain_all(e, fn, arg))
			sched_yield();
		else
			return NULL;
	}
}
