/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The functions that programs call inside of a process, each against what the system itself says: callbacks, clocks, who and where, reads of
 * memory near and far, copies of one's own.
 */
#include "blob_room.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <ucontext.h>

/* runs a program of one piece; ctx is what it gets as R1 */
static uint64_t run(const char *text, const void *map, void *ctx)
{
	struct room *r = room_make();
	uint64_t ret = UINT64_MAX;

	if (room_load(r, text, map))
		ret = r->run(ctx);
	room_free(r);
	return ret;
}

#define LOOP(n, body)                                                     \
	"r6 = r1\n*(u64 *)(r10 -8) = r6\nr1 = " n "\nr2 = subprog each\n" \
	"r3 = r10\nr3 += -8\nr4 = 0\ncall bpf_x#181\nexit\n"              \
	"each:\nr2 = *(u64 *)(r2 +0)\n" body

TEST(loops)
{
	uint64_t sum = 0;

	/* every index once, in order: 3 * sum + index tells orders apart */
	CHECK_INT(run(LOOP("5", "r3 = *(u64 *)(r2 +0)\nr3 *= 3\nr3 += r1\n*(u64 *)(r2 +0) = r3\n"
				"r0 = 0\nexit\n"),
		      NULL, &sum),
		  5);
	CHECK_INT(sum, (((0 * 3 + 1) * 3 + 2) * 3 + 3) * 3 + 4);
	/* 1: enough */
	sum = 0;
	CHECK_INT(run(LOOP("100", "r3 = *(u64 *)(r2 +0)\nr3 += 1\n*(u64 *)(r2 +0) = r3\nr0 = 0\n"
				  "if r1 != 6 goto more\nr0 = 1\nmore:\nexit\n"),
		      NULL, &sum),
		  7);
	CHECK_INT(sum, 7);
	CHECK_INT((int64_t)run(LOOP("8388609", "r0 = 0\nexit\n"), NULL, &sum), -E2BIG);
	CHECK_INT(run(LOOP("0", "r0 = 0\nexit\n"), NULL, &sum), 0);
}

static const char each_element[] =
	"*(u64 *)(r10 -8) = r1\nr1 = MAP\nr2 = subprog each\nr3 = r10\nr3 += -8\nr4 = 0\n"
	"call bpf_x#164\nexit\n"
	"each:\nr4 = *(u64 *)(r4 +0)\nr2 = *(u64 *)(r2 +0)\nr3 = *(u64 *)(r3 +0)\n"
	"r5 = *(u64 *)(r4 +0)\nr5 += r2\n*(u64 *)(r4 +0) = r5\n"
	"r5 = *(u64 *)(r4 +8)\nr5 += r3\n*(u64 *)(r4 +8) = r5\n"
	"r0 = 0\nr5 = *(u64 *)(r4 +16)\nr5 += -1\n*(u64 *)(r4 +16) = r5\n"
	"if r5 != 0 goto more\nr0 = 1\nmore:\nexit\n";

/* keys and values are added up, the third word is how many are wanted */
static void check_each(uint32_t n_tables, bool is_deleted)
{
	const struct rt_map_plan p = { RT_HASH, 8, 8, 100, n_tables };
	struct room *r = room_make();
	struct rt_map *m = (struct rt_map *)(void *)(r->data + MAPS_AT);
	uint64_t out[3] = { 0, 0, 1000 }, keys = 0;

	rt_map_init(m, &p, r->data + MAPS_AT + 4096);
	for (uint64_t k = 1; k <= 50; k++) {
		uint64_t v = k * 7;

		/* in every table, some keys in several of them */
		CHECK_INT(rt_map_update(m, &k, &v, RT_ANY, k % n_tables), 0);
		if (k % 5 == 0)
			CHECK_INT(rt_map_update(m, &k, &v, RT_ANY, (k + 1) % n_tables), 0);
		keys += k;
	}
	if (is_deleted)
		for (uint64_t k = 1; k <= 50; k += 2) {
			CHECK_INT(rt_map_delete(m, &k), 0);
			keys -= k;
		}
	if (room_load(r, each_element, m)) {
		CHECK_INT(r->run(out), is_deleted ? 25 : 50);
		CHECK_INT(out[0], keys);
		if (n_tables == 1)
			CHECK_INT(out[1], keys * 7);
		out[2] = 3;
		CHECK_INT(r->run(out), 3);
	}
	room_free(r);
}

TEST(elements)
{
	check_each(1, false);
	check_each(1, true);
	check_each(CPUS, false);
	check_each(CPUS, true);
}

static uint64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

TEST(clocks)
{
	static const struct {
		clockid_t clock;
		const char *text;
	} table[] = { { CLOCK_MONOTONIC, "call bpf_x#5\nexit\n" },
		      { CLOCK_BOOTTIME, "call bpf_x#125\nexit\n" },
		      { CLOCK_TAI, "call bpf_x#208\nexit\n" } };

	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint64_t before = now(table[i].clock), got = run(table[i].text, NULL, NULL);

		CHECK(got >= before && got <= now(table[i].clock));
	}
}

TEST(who)
{
	struct room *r;
	char comm[32], name[17] = "";
	uint32_t info[2];

	prctl(PR_SET_NAME, "a-name-of-15-ch");
	memset(comm, 'x', sizeof(comm));
	CHECK_INT(run("r2 = 16\ncall bpf_x#16\nexit\n", NULL, comm), 0);
	prctl(PR_GET_NAME, name);
	CHECK(!memcmp(comm, name, 16) && comm[16] == 'x');
	CHECK_INT(run("r2 = 4\ncall bpf_x#16\nexit\n", NULL, comm), 0);
	CHECK_STR(comm, "a-n");
	CHECK_INT(run("call bpf_x#15\nexit\n", NULL, NULL), (uint64_t)getgid() << 32 | getuid());
	/* another namespace than was asked for */
	r = room_make();
	r->own->ns_dev = 1;
	r->own->ns_ino = 3;
	if (room_load(r, "r6 = r1\nr1 = 1\nr2 = 2\nr3 = r6\nr4 = 8\ncall bpf_x#120\nexit\n", NULL))
		CHECK_INT((int64_t)r->run(info), -EINVAL);
	CHECK(!info[0] && !info[1]);
	room_free(r);
	r = room_make();
	r->own->ns_dev = 1;
	r->own->ns_ino = 2;
	if (room_load(r, "r6 = r1\nr1 = 1\nr2 = 2\nr3 = r6\nr4 = 8\ncall bpf_x#120\nexit\n", NULL))
		CHECK_INT(r->run(info), 0);
	CHECK_INT(info[0], syscall(SYS_gettid));
	CHECK_INT(info[1], getpid());
	room_free(r);
}

TEST(random_numbers_differ)
{
	struct room *r = room_make();
	uint64_t seen[1000], n_same = 0, bits = 0;

	if (room_load(r, "call bpf_x#7\nexit\n", NULL))
		for (unsigned i = 0; i < 1000; i++) {
			seen[i] = r->run(NULL);
			CHECK(seen[i] <= UINT32_MAX);
			bits |= seen[i];
			for (unsigned k = 0; k < i; k++)
				n_same += seen[k] == seen[i];
		}
	CHECK(n_same <= 1 && bits == UINT32_MAX);
	room_free(r);
}

static volatile sig_atomic_t n_signals;
static void count_signal(int signal)
{
	(void)signal;
	n_signals++;
}

TEST(signals_to_itself)
{
	signal(SIGUSR1, count_signal);
	CHECK_INT(run("r1 = 10\ncall bpf_x#109\nexit\n", NULL, NULL), 0);
	CHECK_INT(n_signals, 1);
	CHECK_INT(run("r1 = 10\ncall bpf_x#117\nexit\n", NULL, NULL), 0);
	CHECK_INT(n_signals, 2);
	CHECK_INT((int64_t)run("r1 = 1000\ncall bpf_x#109\nexit\n", NULL, NULL), -EINVAL);
}

/* ctx: result, address, then the bytes */
#define READ(n, helper)                                                             \
	"r6 = r1\nr1 += 16\nr2 = " #n "\nr3 = *(u64 *)(r6 +8)\ncall bpf_x#" #helper \
	"\n*(u64 *)(r6 +0) = r0\nexit\n"

struct reading {
	int64_t result;
	uint64_t from;
	char bytes[4096];
};

TEST(reads_of_every_size)
{
	struct reading *c = calloc(1, sizeof(*c));
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	     text[200];
	static const unsigned sizes[] = { 1, 2, 3, 4, 7, 8, 16, 100, 1000 };

	munmap(page + 4096, 4096);
	for (unsigned i = 0; i < 4096; i++)
		page[i] = (char)(i * 31 + (i >> 8) + 1);
	for (unsigned sure = 0; sure < 2; sure++)
		for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			struct room *r = room_make();
			unsigned n = sizes[i];

			if (sure) /* the same by direct loads */
				r->own->sure[2] = (struct rt_range){ (uintptr_t)page,
								     (uintptr_t)page + 4096 };
			snprintf(text, sizeof(text),
				 "r6 = r1\nr1 += 16\nr2 = %u\nr3 = *(u64 *)(r6 +8)\n"
				 "call bpf_x#112\n*(u64 *)(r6 +0) = r0\nexit\n",
				 n);
			memset(c->bytes, 0x55, sizeof(c->bytes));
			c->from = (uintptr_t)(page + 4096 - n);
			if (room_load(r, text, NULL))
				r->run(c);
			CHECK(c->result == 0 && !memcmp(c->bytes, page + 4096 - n, n) &&
			      c->bytes[n] == 0x55);
			/* one byte too far: nothing of it, and no fault */
			c->from++;
			r->run(c);
			CHECK(c->result == -EFAULT && !c->bytes[0] && !c->bytes[n - 1] &&
			      c->bytes[n] == 0x55);
			room_free(r);
		}
	munmap(page, 4096);
	free(c);
}

TEST(texts)
{
	static const struct {
		const char *text;
		unsigned at_end; /* of the page, behind which nothing is */
		int64_t result;
	} table[] = { { "hello", 6, 6 },
		      { "", 1, 1 },
		      { "hello", 5, -EFAULT }, /* its NUL would be on the next page */
		      { "0123456789abcdef", 17, 16 } };
	struct reading *c = calloc(1, sizeof(*c));
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(page + 4096, 4096);
	for (unsigned sure = 0; sure < 2; sure++)
		for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
			struct room *r = room_make();
			char *at = page + 4096 - table[i].at_end;

			if (sure)
				r->own->sure[0] = (struct rt_range){ (uintptr_t)page,
								     (uintptr_t)page + 4096 };
			memcpy(at, table[i].text, table[i].at_end);
			c->from = (uintptr_t)at;
			memset(c->bytes, 'x', sizeof(c->bytes));
			if (room_load(r, READ(16, 114), NULL))
				r->run(c);
			CHECK_INT(c->result, table[i].result);
			if (c->result > 0)
				CHECK(strlen(c->bytes) == (size_t)c->result - 1 &&
				      !strncmp(c->bytes, table[i].text, (size_t)c->result - 1));
			room_free(r);
		}
	munmap(page, 4096);
	free(c);
}

/* programs make keys of buffers that they have cleared: what stands behind a text in memory is not in them */
TEST(nothing_behind_a_text)
{
	struct reading *c = calloc(1, sizeof(*c));
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(page, 'q', 4096);
	strcpy(page + 100, "ab");
	for (unsigned sure = 0; sure < 2; sure++) {
		struct room *r = room_make();

		if (sure)
			r->own->sure[0] = (struct rt_range){ (uintptr_t)page,
							     (uintptr_t)page + 4096 };
		c->from = (uintptr_t)page + 100;
		memset(c->bytes, 0, sizeof(c->bytes));
		if (room_load(r, READ(16, 114), NULL))
			r->run(c);
		CHECK_INT(c->result, 3);
		CHECK(!strcmp(c->bytes, "ab") && !memchr(c->bytes, 'q', sizeof(c->bytes)));
		room_free(r);
	}
	munmap(page, 4096);
	free(c);
}

TEST(near_the_stack)
{
	struct reading c = { .result = -1 };
	volatile char here[64] = "on this very stack";

	c.from = (uintptr_t)here;
	run(READ(18, 112), NULL, &c);
	CHECK(c.result == 0 && !memcmp(c.bytes, (const char *)here, 18));
}

TEST(copies_of_ones_own)
{
	/* 600 bytes of a map's value to another place, as large copies are made; then a clearing by address 0 */
	struct room *r = room_make();
	struct reading c = { .result = -1 };

	memset(r->data + MAPS_AT, 'm', 600);
	c.from = (uintptr_t)(r->data + MAPS_AT);
	if (room_load(r, READ(600, 113), NULL)) {
		r->run(&c);
		CHECK(c.result == 0 && c.bytes[0] == 'm' && c.bytes[599] == 'm' && !c.bytes[600]);
		c.from = 0;
		r->run(&c);
		CHECK(c.result == -EFAULT && !c.bytes[0] && !c.bytes[599]);
		/* neither the kernel's nor other memory of the process is to be had so; nor what overlaps the end */
		c.from = 0xffffffff81000000u;
		r->run(&c);
		CHECK_INT(c.result, -EFAULT);
		c.from = (uintptr_t)r->data + DATA - 599;
		r->run(&c);
		CHECK_INT(c.result, -EFAULT);
	}
	room_free(r);
}

TEST(writes)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t ctx[2] = { (uintptr_t)page + 8, 0x1122334455667788 };
	static const char text[] =
		"r6 = r1\nr1 = *(u64 *)(r6 +0)\nr2 = r6\nr2 += 8\nr3 = 8\ncall bpf_x#36\nexit\n";
	uint64_t got;

	CHECK_INT(run(text, NULL, ctx), 0);
	memcpy(&got, page + 8, 8);
	CHECK_INT(got, ctx[1]);
	mprotect(page, 4096, PROT_READ);
	CHECK_INT((int64_t)run(text, NULL, ctx), -EFAULT);
	munmap(page, 4096);
}

TEST(texts_compared)
{
	struct {
		char a[8], b[8];
	} c = { "abc", "abd" };
	static const char text[] =
		"r3 = r1\nr3 += 8\nr2 = 8\ncall bpf_x#182\nr0 <<= 32\nr0 s>>= 32\nexit\n";

	CHECK((int64_t)run(text, NULL, &c) < 0);
	c.b[2] = 'c';
	CHECK_INT(run(text, NULL, &c), 0);
	c.b[2] = 'a';
	CHECK((int64_t)run(text, NULL, &c) > 0);
}

/* ---- how much stack they need ---- */

enum { PAINTED = 16384, MARGIN = 48 }; /* of the C function that calls the program */

static struct room *painted_room;
static void *painted_ctx;
static char *painted_top;

static void run_painted(void)
{
	painted_top = __builtin_frame_address(0);
	(void)painted_room->run(painted_ctx);
}

/* bytes below the frame that calls a program */
static uint32_t stack_used(struct room *r, void *ctx)
{
	static _Alignas(4096) char stack[PAINTED];
	ucontext_t here, there;
	uint32_t n = 0;

	memset(stack, 0xa5, sizeof(stack));
	painted_room = r;
	painted_ctx = ctx;
	getcontext(&there);
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = sizeof(stack);
	there.uc_link = &here;
	makecontext(&there, run_painted, 0);
	swapcontext(&here, &there);
	while (n < sizeof(stack) && stack[n] == (char)0xa5)
		n++;
	return (uint32_t)(painted_top - stack) - n;
}

TEST(stack)
{
	static const struct {
		int32_t helper;
		const char *text;
	} table[] = {
		{ 1, "r2 = r1\nr1 = MAP\ncall bpf_x#1\nexit\n" },
		/* a key that is new */
		{ 2, "r2 = r1\nr3 = r1\nr1 = MAP\nr4 = 0\ncall bpf_x#2\nexit\n" },
		{ 3, "r2 = r1\nr1 = MAP\ncall bpf_x#3\nexit\n" },
		{ 5, "call bpf_x#5\nexit\n" },
		{ 14, "call bpf_x#14\nexit\n" },
		{ 15, "call bpf_x#15\nexit\n" },
		{ 16, "r2 = 16\ncall bpf_x#16\nexit\n" },
		{ 112, "r3 = r1\nr1 += 64\nr2 = 100\ncall bpf_x#112\nexit\n" },
		{ 114, "r3 = r1\nr1 += 64\nr2 = 100\ncall bpf_x#114\nexit\n" },
		/* a line of four arguments, and of three */
		{ 177,
		  "r6 = r1\nr1 += 320\nr2 = 24\nr3 = r6\nr3 += 240\nr4 = 40\ncall bpf_x#177\nexit\n" },
		{ 6, "r3 = r1\nr1 += 320\nr2 = 13\nr4 = 7\nr5 = 8\ncall bpf_x#6\nexit\n" },
		{ 27, "r2 = MAP\nr3 = 256\nr4 = 3\ncall bpf_x#27\nexit\n" },
		{ 67, "r2 = r1\nr2 += 64\nr3 = 64\nr4 = 256\nr5 = 3\ncall bpf_x#67\nexit\n" },
		{ 130, "r2 = r1\nr1 = 1\nr3 = 24\nr4 = 0\ncall bpf_x#130\nexit\n" },
		/* callbacks that read texts and put keys */
		{ 181, "r3 = r1\nr1 = 2\nr2 = subprog each\nr4 = 0\ncall bpf_x#181\nexit\n"
		       "each:\nr3 = r2\nr1 = r2\nr1 += 64\nr2 = 100\ncall bpf_x#114\n"
		       "r0 = 0\nexit\n" },
		{ 164, "r3 = r1\nr1 = MAP\nr2 = subprog each\nr4 = 0\ncall bpf_x#164\nexit\n"
		       "each:\nr3 = r4\nr1 = r4\nr1 += 64\nr2 = 100\ncall bpf_x#114\n"
		       "r0 = 0\nexit\n" },
		{ 164, "r3 = r1\nr1 = MAP\nr2 = subprog each\nr4 = 0\ncall bpf_x#164\nexit\n"
		       "each:\nr2 = r4\nr2 += 8\nr3 = r4\nr4 = 0\ncall bpf_x#2\nr0 = 0\nexit\n" },
		/* callbacks in callbacks */
		{ 164, "r3 = r1\nr1 = MAP\nr2 = subprog each\nr4 = 0\ncall bpf_x#164\nexit\n"
		       "each:\nr3 = r4\nr1 = MAP\nr2 = subprog again\nr4 = 0\n"
		       "call bpf_x#164\nr0 = 0\nexit\n"
		       "again:\nr1 = 2\nr2 = subprog last\nr3 = r4\nr4 = 0\ncall bpf_x#181\n"
		       "r0 = 0\nexit\n"
		       "last:\nr3 = r2\nr1 = r2\nr1 += 64\nr2 = 100\ncall bpf_x#114\n"
		       "r0 = 0\nexit\n" },
	};

	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		/* maps of stacks are arrays */
		const struct rt_map_plan p = { table[i].helper == 27 ? RT_ARRAY : RT_HASH,
					       table[i].helper == 27 ? 4 : 8,
					       table[i].helper == 27 ? 1040 : 8, 100,
					       table[i].helper == 27 ? 1 : CPUS };
		struct room *r = room_make();
		struct rt_map *m = (struct rt_map *)(void *)(r->data + MAPS_AT);
		uint64_t ctx[64] = { 12345, 777 }, key = 99;
		uint32_t used;

		strcpy((char *)&ctx[40], "%s %020llx %px %pI6 %d");
		ctx[30] = ctx[33] = (uint64_t)(uintptr_t)&ctx[40];
		rt_map_init(m, &p, r->data + MAPS_AT + 4096);
		if (p.kind == RT_HASH)
			rt_map_update(m, &key, &key, RT_ANY, 0);
		r->own->has_fsgsbase = getauxval(AT_HWCAP2) >> 1 & 1;
		if (room_load(r, table[i].text, m)) {
			used = stack_used(r, ctx);
			if (!CHECK(used <= r->stack + blob_stack(table[i].helper) + MARGIN))
				printf("# function %d: %u bytes, %u counted\n",
				       (int)table[i].helper, used, r->stack);
		}
		room_free(r);
	}
}

/* ---- lines ---- */

/* what a format makes of three numbers; the result of the call */
static int64_t line_of(const char *format, const uint64_t args[3], struct strbuf *out)
{
	struct room *r = room_make();
	uint64_t ctx[5] = { (uint64_t)(uintptr_t)format, strlen(format) + 1, args[0], args[1],
			    args[2] };
	int64_t ret = INT64_MIN;

	strbuf_clear(out);
	r->own->has_fsgsbase = getauxval(AT_HWCAP2) >> 1 & 1;
	if (room_load(r,
		      "r6 = r1\nr1 = *(u64 *)(r6 +0)\nr2 = *(u64 *)(r6 +8)\nr3 = *(u64 *)(r6 +16)\n"
		      "r4 = *(u64 *)(r6 +24)\nr5 = *(u64 *)(r6 +32)\ncall bpf_x#6\nexit\n",
		      NULL))
		ret = (int64_t)r->run(ctx);
	for (unsigned i = 0; i < CPUS; i++) {
		struct rt_ring_reader reader;
		const struct rt_line *line;
		char comm[16] = "";
		uint64_t time;
		uint32_t n;

		rt_ring_open(
			&reader,
			(struct rt_ring *)(void *)(r->data + RINGS_AT + i * r->area->ring_stride),
			RING);
		line = rt_ring_peek(&reader, &n, &time);
		if (!line)
			continue;
		CHECK_INT(reader.kind, RT_RING_LINE);
		CHECK(line->n + sizeof(*line) < n);
		CHECK_INT(line->tid, syscall(SYS_gettid));
		CHECK(!prctl(PR_GET_NAME, comm) && !strcmp(line->comm, comm));
		strbuf_add(out, line + 1, line->n);
	}
	room_free(r);
	return ret;
}

TEST(lines_as_printf_has_them)
{
	static const char *const formats[] = {
		"",          "%d %u %x", "%lld|%20lld|%-20lld", "%020lx %X %lu", "%+d % d %05d",
		"[%s] %c%%", "%016llx",  "%ld%ld%ld",           "%5s|%-8s|%1s",  "%d\n",
	};
	static const uint64_t numbers[] = { 0,          1,          0x7fffffff, 0x80000000,
					    0xffffffff, 1ull << 63, UINT64_MAX, 12345 };
	STRBUF_AUTO got = { 0 };
	char want[2048];

	for (unsigned f = 0; f < sizeof(formats) / sizeof(*formats); f++)
		for (unsigned k = 0; k < sizeof(numbers) / sizeof(*numbers); k++) {
			uint64_t v[3] = { numbers[k], numbers[(k + 3) % 8], numbers[(k + 5) % 8] };

			if (strstr(formats[f], "s")) {
				v[0] = v[2] = (uintptr_t) "text";
				v[1] = strstr(formats[f], "%c") ? 'c' : (uintptr_t) "";
			}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(want, sizeof(want), formats[f], v[0], v[1], v[2]);
#pragma GCC diagnostic pop
			CHECK_INT(line_of(formats[f], v, &got), strlen(want));
			if (!CHECK(str_is(strbuf_str(&got), want)))
				printf("# '%s': '%s', '%s'\n", formats[f], strbuf_cstr(&got), want);
		}
}

TEST(lines_that_are_none_and_long_ones)
{
	static const char *const none[] = { "%",   "%q",    "%d %d %d %d", "%lld%", "%l",
					    "%sx", "%lllx", "%pz",         "%hd",   "%-" };
	uint64_t v[3] = { 1, 2, 3 };
	STRBUF_AUTO got = { 0 };
	char text[2000];

	for (unsigned i = 0; i < sizeof(none) / sizeof(*none); i++) {
		CHECK_INT(line_of(none[i], v, &got), RT_EINVAL);
		CHECK_INT(got.n, 0);
	}
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	v[0] = v[1] = v[2] = (uintptr_t)text;
	CHECK_INT(line_of("%s", v, &got), 511);
	CHECK_INT(line_of("%s%s%s", v, &got), 1022);
	CHECK_INT(got.n, 1022);
	CHECK_INT(line_of("%512d %500d %9d", v, &got), 1023);
	CHECK_INT(line_of(text, v, &got), 1023);
	/* what is no address */
	v[0] = 8;
	CHECK_INT(line_of("<%s>", v, &got), 2);
}

/* ---- stacks ---- */

enum { CHAIN = 12, KEPT = 8 };

struct stack_room {
	struct room *room;
	struct rt_map *map;
	uint64_t regs[21], chain[2 * CHAIN];
};

/* frames k, k + 1, ...: chain[2 * k] leads to the next one, and returns to 1000 + k */
static bool stack_make(struct stack_room *s)
{
	const struct rt_map_plan p = { RT_ARRAY, 4, sizeof(struct rt_kept_stack) + 8 * KEPT, 16,
				       1 };

	s->room = room_make();
	s->map = (struct rt_map *)(void *)(s->room->data + MAPS_AT);
	rt_map_init(s->map, &p, s->room->data + MAPS_AT + 4096);
	for (unsigned i = 0; i < CHAIN; i++) {
		s->chain[2 * i] = i + 1 < CHAIN ? (uint64_t)(uintptr_t)&s->chain[2 * i + 2] : 0;
		s->chain[2 * i + 1] = 1000 + i;
	}
	s->regs[4] = (uint64_t)(uintptr_t)&s->chain[0];
	s->regs[19] = (uint64_t)(uintptr_t)&s->chain[1];
	s->regs[16] = 77;
	return room_load(
		s->room,
		"r6 = r1\nr1 = *(u64 *)(r6 +0)\nr2 = *(u64 *)(r6 +8)\nr3 = *(u64 *)(r6 +16)\n"
		"r4 = *(u64 *)(r6 +24)\ncall bpf_x#27\nexit\n",
		NULL);
}

static int64_t stack_id(struct stack_room *s, uint64_t flags, uint64_t from)
{
	uint64_t ctx[4] = { (uint64_t)(uintptr_t)s->regs, (uint64_t)(uintptr_t)s->map, flags,
			    from };

	return (int64_t)s->room->run(ctx);
}

static const struct rt_kept_stack *stack_at(struct stack_room *s, int64_t id)
{
	uint32_t at = (uint32_t)id;

	return id < 0 ? NULL : rt_map_lookup_in(s->map, &at, 0);
}

TEST(stacks_by_frame_pointers)
{
	struct stack_room s;
	const struct rt_kept_stack *k;
	int64_t id, other;

	if (stack_make(&s)) {
		/* rsp below the chain: inside of a function, entry, return */
		s.regs[19] = (uint64_t)(uintptr_t)s.regs;
		s.regs[0] = 555;
		id = stack_id(&s, 256, RT_FROM_IP);
		k = stack_at(&s, id);
		if (CHECK(k != NULL)) {
			CHECK_INT(k->n, KEPT);
			CHECK_INT(k->pid, getpid());
			CHECK_INT(k->frames[0], 77);
			CHECK_INT(k->frames[1], 1000);
			CHECK_INT(k->frames[KEPT - 1], 1000 + KEPT - 2);
		}
		CHECK_INT(stack_id(&s, 256, RT_FROM_IP), id);
		other = stack_id(&s, 256, RT_FROM_IP | RT_FROM_SLOT);
		k = stack_at(&s, other);
		CHECK(other != id && k && k->frames[0] == 77 && k->frames[1] == 555 &&
		      k->frames[2] == 1000);
		k = stack_at(&s, stack_id(&s, 256, RT_FROM_SLOT));
		CHECK(k && k->frames[0] == 555 && k->frames[1] == 1000);
		k = stack_at(&s, stack_id(&s, 256 + 9, RT_FROM_IP));
		CHECK(k && k->n == 4 && k->frames[0] == 1008 && k->frames[3] == 1011);
		CHECK_INT(stack_id(&s, 256 + 200, RT_FROM_IP), -14);
		CHECK_INT(stack_id(&s, 0, RT_FROM_IP), -14);
		CHECK_INT(stack_id(&s, 256 | 1 << 11, RT_FROM_IP), RT_EINVAL);
	}
	room_free(s.room);
}

/* what a frame pointer can hold where it is none */
TEST(chains_that_are_none)
{
	struct stack_room s;
	const struct rt_kept_stack *k;

	if (stack_make(&s)) {
		static const uint64_t nothing[] = {
			0, 8, 1, UINT64_MAX, UINT64_MAX - 7, 1ull << 63, 0x7ffffffff000
		};

		s.regs[19] = (uint64_t)(uintptr_t)s.regs;
		for (unsigned i = 0; i < sizeof(nothing) / sizeof(*nothing); i++) {
			s.regs[4] = nothing[i];
			k = stack_at(&s, stack_id(&s, 256, RT_FROM_IP));
			CHECK(k && k->n == 1 && k->frames[0] == 77);
			s.regs[4] = (uint64_t)(uintptr_t)&s.chain[0];
			s.chain[2] = nothing[i];
			k = stack_at(&s, stack_id(&s, 256, RT_FROM_IP));
			CHECK(k && k->n == 3 && k->frames[2] == 1001);
		}
		/* to itself, and back */
		s.chain[2] = (uint64_t)(uintptr_t)&s.chain[2];
		k = stack_at(&s, stack_id(&s, 256, RT_FROM_IP));
		CHECK(k && k->n == 3);
		s.chain[2] = (uint64_t)(uintptr_t)&s.chain[0];
		k = stack_at(&s, stack_id(&s, 256, RT_FROM_IP));
		CHECK(k && k->n == 3);
		s.regs[19] = 8;
		CHECK_INT(stack_id(&s, 256, RT_FROM_SLOT), -14);
	}
	room_free(s.room);
}

/* a full map refuses; one that a killed thread has begun is passed by, and both leave the others as they are */
TEST(maps_of_stacks_that_are_full)
{
	struct stack_room s;
	unsigned n_kept = 0, n_refused = 0;
	int64_t ids[64];

	if (stack_make(&s)) {
		s.regs[19] = (uint64_t)(uintptr_t)s.regs;
		for (uint32_t i = 0; i < 3; i++) {
			struct rt_kept_stack *k = rt_map_lookup_in(s.map, &i, 0);

			k->state = RT_STACK_BUSY;
		}
		for (unsigned i = 0; i < 64; i++) {
			s.regs[16] = 5000 + i;
			ids[i] = stack_id(&s, 256, RT_FROM_IP);
			n_kept += ids[i] >= 3;
			n_refused += ids[i] == RT_EEXIST;
		}
		CHECK_INT(n_kept, 13);
		CHECK_INT(n_refused, 51);
		for (unsigned i = 0; i < 64; i++) {
			const struct rt_kept_stack *k = stack_at(&s, ids[i]);

			s.regs[16] = 5000 + i;
			CHECK_INT(stack_id(&s, 256, RT_FROM_IP), ids[i]);
			CHECK(ids[i] < 0 || k->frames[0] == 5000 + i);
		}
	}
	room_free(s.room);
}
