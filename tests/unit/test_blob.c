/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs in this process as they run in a traced one: eBPF compiled to x86-64, helpers from the code that goes with it, maps and rings
 * in memory that is laid out as the engine does.
 */
#include "blob_room.h"

TEST(count_by_key)
{
	static const char text[] = "r6 = r1\n"
				   "r1 = *(u64 *)(r6 +0)\n"
				   "*(u64 *)(r10 -8) = r1\n"
				   "r1 = MAP\n"
				   "r2 = r10\n"
				   "r2 += -8\n"
				   "call bpf_x#1\n"
				   "if r0 != 0 goto have\n"
				   "*(u64 *)(r10 -16) = 0\n"
				   "r1 = MAP\n"
				   "r2 = r10\n"
				   "r2 += -8\n"
				   "r3 = r10\n"
				   "r3 += -16\n"
				   "r4 = 1\n"
				   "call bpf_x#2\n"
				   "r1 = MAP\n"
				   "r2 = r10\n"
				   "r2 += -8\n"
				   "call bpf_x#1\n"
				   "if r0 == 0 goto out\n"
				   "have:\n"
				   "r1 = 1\n"
				   "lock *(u64 *)(r0 +0) += r1\n"
				   "out:\n"
				   "r0 = 0\n"
				   "exit\n";
	const struct rt_map_plan p = { RT_HASH, 8, 8, 100, CPUS };
	struct room *r = room_make();
	struct rt_map *m = (struct rt_map *)(void *)(r->data + MAPS_AT);
	uint64_t counts[50] = { 0 };

	rt_map_init(m, &p, r->data + MAPS_AT + 4096);
	if (room_load(r, text, m)) {
		for (uint64_t i = 0; i < 10000; i++) {
			uint64_t key = i * i % 50;

			r->run(&key);
		}
		for (uint32_t t = 0; t < CPUS; t++) {
			struct rt_element e;
			uint32_t at = 0;

			while (rt_map_next(m, t, &at, &e))
				counts[*(const uint64_t *)e.key] += *(uint64_t *)e.value;
		}
		for (uint64_t i = 0; i < 10000; i++)
			counts[i * i % 50]--;
		for (unsigned i = 0; i < 50; i++)
			CHECK_INT(counts[i], 0);
	}
	room_free(r);
}

TEST(who_and_when)
{
	static const char text[] =
		"r6 = r1\ncall bpf_x#14\n*(u64 *)(r6 +0) = r0\ncall bpf_x#5\n*(u64 *)(r6 +8) = r0\n"
		"call bpf_x#8\n*(u64 *)(r6 +16) = r0\nr0 = 0\nexit\n";
	struct room *r = room_make();
	uint64_t out[3] = { 0 }, before, after;
	struct timespec t;

	if (room_load(r, text, NULL)) {
		clock_gettime(CLOCK_MONOTONIC, &t);
		before = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
		r->run(out);
		clock_gettime(CLOCK_MONOTONIC, &t);
		after = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
		CHECK_INT(out[0], (uint64_t)getpid() << 32 | (uint32_t)syscall(SYS_gettid));
		CHECK(out[1] >= before && out[1] <= after);
		CHECK(out[2] < CPUS);
	}
	room_free(r);
}

TEST(reads_that_fail_do_not_fault)
{
	/* 16 bytes, then a text of at most 16 */
	static const char text[] =
		"r6 = r1\nr1 = r6\nr1 += 16\nr2 = 16\nr3 = *(u64 *)(r6 +0)\ncall bpf_x#112\n"
		"*(u64 *)(r6 +8) = r0\nr1 = r6\nr1 += 32\nr2 = 16\nr3 = *(u64 *)(r6 +0)\ncall bpf_x#114\n"
		"exit\n";
	struct room *r = room_make();
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct {
		uint64_t from, result;
		char bytes[16], text[16];
	} ctx;

	munmap(page + 4096, 4096);
	memcpy(page + 4096 - 6, "hello", 6);
	if (room_load(r, text, NULL)) {
		ctx.from = (uint64_t)(uintptr_t)(page + 4096 - 16);
		CHECK_INT(r->run(&ctx), 1);
		CHECK(ctx.result == 0 && !memcmp(ctx.bytes, page + 4096 - 16, 16));
		/* the text ends where the page does, what is behind is not there */
		ctx.from = (uint64_t)(uintptr_t)(page + 4096 - 6);
		CHECK_INT(r->run(&ctx), 6);
		CHECK_STR(ctx.text, "hello");
		CHECK_INT((int64_t)ctx.result, -14);
		CHECK(!ctx.bytes[0] && !ctx.bytes[15]);
		ctx.from = 8;
		CHECK_INT((int64_t)r->run(&ctx), -14);
	}
	munmap(page, 4096);
	room_free(r);
}

TEST(records)
{
	static const char text[] =
		"r6 = r1\nr1 = 1\nr2 = 8\nr3 = 0\ncall bpf_x#131\nif r0 == 0 goto full\n"
		"r1 = *(u64 *)(r6 +0)\n*(u64 *)(r0 +0) = r1\nr1 = r0\nr2 = 0\ncall bpf_x#132\nr0 = 1\nexit\n"
		"full:\nr0 = 0\nexit\n";
	struct room *r = room_make();
	uint64_t n = 0, sum = 0, got = 0;

	if (room_load(r, text, NULL)) {
		for (uint64_t i = 1; i < 400; i++)
			if (r->run(&i)) {
				sum += i;
				n++;
			}
		for (unsigned c = 0; c < CPUS; c++) {
			struct rt_ring *ring = (struct rt_ring *)(void *)(r->data + RINGS_AT +
									  c * r->area->ring_stride);
			struct rt_ring_reader reader;
			uint32_t length;
			uint64_t time;
			const void *at;

			rt_ring_open(&reader, ring, RING);
			while ((at = rt_ring_peek(&reader, &length, &time))) {
				CHECK(length == 8 && time);
				got += *(const uint64_t *)at;
				n--;
				rt_ring_advance(&reader);
			}
		}
		CHECK_INT(n, 0);
		CHECK_INT(got, sum);
	}
	room_free(r);
}
