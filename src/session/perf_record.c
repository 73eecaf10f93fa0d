/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoding of perf records; see perf_record.h. The bytes come from the kernel, but names of files are anybody's, so every
 * read is bounded all the same.
 */
#include "session/perf_record.h"

#include "base/bytes.h"

#include <linux/perf_event.h>

enum { TRAILER = 8 }; /* of each record: its time */

/* beginnings and ends of threads are no news: only those of whole processes count */
static bool parse_task(struct bytes *b, bool is_fork, struct perf_record *r)
{
	r->pid = (pid_t)bytes_u32(b);
	r->parent = (pid_t)bytes_u32(b);
	pid_t tid = (pid_t)bytes_u32(b);

	r->kind = is_fork ? PERF_FORKED : PERF_EXITED;
	return tid == r->pid;
}

static bool parse_comm(struct bytes *b, uint16_t misc, struct perf_record *r)
{
	r->pid = (pid_t)bytes_u32(b);
	r->kind = PERF_EXECUTED;
	return misc & PERF_RECORD_MISC_COMM_EXEC;
}

static bool parse_mmap(struct bytes *b, uint16_t misc, struct perf_record *r)
{
	r->kind = PERF_MAPPED;
	r->pid = (pid_t)bytes_u32(b);
	bytes_u32(b); /* thread */
	r->start = bytes_u64(b);
	r->len = bytes_u64(b);
	r->offset = bytes_u64(b);
	r->dev_major = bytes_u32(b);
	r->dev_minor = bytes_u32(b);
	r->ino = bytes_u64(b);
	r->generation = bytes_u64(b);
	bytes_u64(b); /* protection, flags */
	r->path = bytes_cstr(b);
	/* these say that the place of the device and the inode holds a build id, or that the memory is the kernel's */
	return !(misc & PERF_RECORD_MISC_MMAP_BUILD_ID) && r->pid > 0;
}

static bool parse_lost(struct bytes *b, struct perf_record *r)
{
	r->kind = PERF_LOST;
	bytes_u64(b); /* id of the event */
	r->n_lost = bytes_u64(b);
	return true;
}

static bool parse_body(struct bytes *b, const struct perf_event_header *h, struct perf_record *r)
{
	switch (h->type) {
	case PERF_RECORD_MMAP2: return parse_mmap(b, h->misc, r);
	case PERF_RECORD_COMM: return parse_comm(b, h->misc, r);
	case PERF_RECORD_FORK:
	case PERF_RECORD_EXIT: return parse_task(b, h->type == PERF_RECORD_FORK, r);
	case PERF_RECORD_LOST: return parse_lost(b, r);
	default: return false;
	}
}

bool perf_record_parse(const void *p, size_t n, struct perf_record *ret)
{
	struct perf_event_header h;
	struct bytes b;

	*ret = (struct perf_record){ 0 };
	if (n < sizeof(h) + TRAILER)
		return false;
	memcpy(&h, p, sizeof(h));
	if (h.size != n)
		return false;
	b = bytes_make((const uint8_t *)p + sizeof(h), n - sizeof(h) - TRAILER);
	if (!parse_body(&b, &h, ret) || b.bad)
		return false;
	memcpy(&ret->time, (const uint8_t *)p + n - TRAILER, TRAILER);
	return true;
}
