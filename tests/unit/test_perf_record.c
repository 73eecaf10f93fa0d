/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decoding of perf records from bytes that are put together here, by <linux/perf_event.h>; and of broken ones. */
#include "session/perf_record.h"

#include "base/strbuf.h"
#include "tap.h"

#include <linux/perf_event.h>

static void put(struct strbuf *b, uint64_t v, size_t size)
{
	strbuf_add(b, &v, size);
}

static void begin(struct strbuf *b, uint32_t type, uint16_t misc)
{
	struct perf_event_header h = { .type = type, .misc = misc };

	strbuf_clear(b);
	strbuf_add(b, &h, sizeof(h));
}

/* the time and the size, which is known now */
static bool end(struct strbuf *b, uint64_t time, struct perf_record *r)
{
	uint16_t size;

	put(b, time, 8);
	size = (uint16_t)b->n;
	memcpy(b->p + offsetof(struct perf_event_header, size), &size, sizeof(size));
	return perf_record_parse(b->p, b->n, r);
}

static void put_mmap(struct strbuf *b, uint32_t pid, uint16_t misc)
{
	begin(b, PERF_RECORD_MMAP2, misc);
	put(b, pid, 4);
	put(b, 78, 4); /* thread */
	put(b, 0x401000, 8);
	put(b, 0x2000, 8);
	put(b, 0x1000, 8);
	put(b, 8, 4);
	put(b, 1, 4);
	put(b, 1234567, 8);
	put(b, 42, 8); /* generation */
	put(b, 5, 4);
	put(b, 2, 4);
	strbuf_add(b, "/usr/bin/app\0\0\0\0", 16); /* padded to 8 */
}

TEST(a_mapping)
{
	STRBUF_AUTO b = { 0 };
	struct perf_record r;

	put_mmap(&b, 77, PERF_RECORD_MISC_USER);
	CHECK(end(&b, 99, &r));
	CHECK_INT(r.kind, PERF_MAPPED);
	CHECK_INT(r.pid, 77);
	CHECK_INT(r.start, 0x401000);
	CHECK_INT(r.len, 0x2000);
	CHECK_INT(r.offset, 0x1000);
	CHECK_INT(r.dev_major, 8);
	CHECK_INT(r.dev_minor, 1);
	CHECK_INT(r.ino, 1234567);
	CHECK_VIEW(r.path, "/usr/bin/app");
	CHECK_INT(r.time, 99);
	put_mmap(&b, UINT32_MAX, 0); /* the kernel's own memory */
	CHECK(!end(&b, 99, &r));
	put_mmap(&b, 77,
		 PERF_RECORD_MISC_MMAP_BUILD_ID); /* a build id stands where the inode would */
	CHECK(!end(&b, 99, &r));
}

static bool parse_task(uint32_t type, uint32_t pid, uint32_t parent, uint32_t tid,
		       struct perf_record *r)
{
	STRBUF_AUTO b = { 0 };

	begin(&b, type, 0);
	put(&b, pid, 4);
	put(&b, parent, 4);
	put(&b, tid, 4);
	put(&b, parent, 4);
	put(&b, 5, 8);
	return end(&b, 6, r);
}

TEST(begin_and_end)
{
	struct perf_record r;

	CHECK(parse_task(PERF_RECORD_FORK, 20, 10, 20, &r));
	CHECK_INT(r.kind, PERF_FORKED);
	CHECK_INT(r.pid, 20);
	CHECK_INT(r.parent, 10);
	CHECK_INT(r.time, 6);
	CHECK(parse_task(PERF_RECORD_EXIT, 20, 10, 20, &r));
	CHECK_INT(r.kind, PERF_EXITED);
	/* threads are no processes */
	CHECK(!parse_task(PERF_RECORD_FORK, 20, 20, 21, &r));
	CHECK(!parse_task(PERF_RECORD_EXIT, 20, 20, 21, &r));
}

TEST(a_name_is_an_exec_only_with_its_mark)
{
	STRBUF_AUTO b = { 0 };
	struct perf_record r;

	for (int is_exec = 0; is_exec < 2; is_exec++) {
		begin(&b, PERF_RECORD_COMM, is_exec ? PERF_RECORD_MISC_COMM_EXEC : 0);
		put(&b, 30, 4);
		put(&b, 30, 4);
		strbuf_add(&b, "app\0\0\0\0\0", 8);
		CHECK_INT(end(&b, 7, &r), is_exec);
	}
	CHECK_INT(r.kind, PERF_EXECUTED);
	CHECK_INT(r.pid, 30);
}

TEST(lost_records)
{
	STRBUF_AUTO b = { 0 };
	struct perf_record r;

	begin(&b, PERF_RECORD_LOST, 0);
	put(&b, 3, 8);
	put(&b, 1000, 8);
	CHECK(end(&b, 7, &r));
	CHECK_INT(r.kind, PERF_LOST);
	CHECK_INT(r.n_lost, 1000);
}

TEST(broken_and_strange_ones)
{
	STRBUF_AUTO b = { 0 };
	STRBUF_AUTO no_nul = { 0 };
	struct perf_record r;

	put_mmap(&b, 77, 0);
	CHECK(end(&b, 1, &r));
	for (size_t n = 0; n < b.n; n++) /* cut anywhere: the size of the header does not fit */
		CHECK(!perf_record_parse(b.p, n, &r));
	for (uint16_t n = 0; n < 88; n++) { /* and with a size that does: too short for its kind */
		memcpy(b.p + offsetof(struct perf_event_header, size), &n, sizeof(n));
		CHECK(!perf_record_parse(b.p, n, &r));
	}
	begin(&no_nul, PERF_RECORD_MMAP2, 0);
	for (int i = 0; i < 9; i++)
		strbuf_add(&no_nul, "xxxxxxxx", 8); /* a path without its end */
	CHECK(!end(&no_nul, 1, &r));
	begin(&b, PERF_RECORD_SAMPLE, 0);
	put(&b, 1, 8);
	CHECK(!end(&b, 1, &r));
}
