/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The clock that programs of the user engine read, against the kernel's: it stays near, never goes backwards, and what somebody does
 * to it (a rate that is wrong, a step as after a suspend, other clocks that were set) is mended at the next look.
 */
#include "engine/user/memory/shared_private.h"

#include "base/clock.h"
#include "tap.h"

#include <time.h>
#include <unistd.h>

enum { NEAR_NS = 20000, MOST_STEP_NS = 1000000, SECOND = 1000000000 };

static uint64_t stamp(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static uint64_t read_clock(const struct shared *s)
{
	const struct rt_area *a = s->view;

	return shared_clock_at(&a->clocks[a->clock_now % 2], stamp());
}

/* ns that it is ahead of the kernel's: of many readings the one that was interrupted least */
static int64_t ahead(const struct shared *s)
{
	uint64_t best = UINT64_MAX;
	int64_t found = 0;

	for (int i = 0; i < 200; i++) {
		uint64_t before = clock_monotonic_ns(), now = read_clock(s),
			 after = clock_monotonic_ns();

		if (after - before >= best)
			continue;
		best = after - before;
		found = (int64_t)(now - (before + best / 2));
	}
	return found;
}

static bool is_near(int64_t ns)
{
	return ns < NEAR_NS && -ns < NEAR_NS;
}

static uint64_t boot_less_monotonic(void)
{
	struct timespec t;
	uint64_t before = clock_monotonic_ns();

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec - before;
}

/* a clock that runs; false: this machine's time is not the time stamp counter's */
static bool begin(struct shared *s, struct rt_area *own, struct rt_area *view)
{
	*own = *view = (struct rt_area){ 0 };
	*s = (struct shared){ .own = own, .view = view };
	shared_clock_start(s);
	return own->clocks[own->clock_now % 2].scale != 0;
}

/* looks for so long; -> the least that time went on between two readings, beside the looks */
static int64_t look_for(struct shared *s, unsigned ms)
{
	uint64_t last = read_clock(s), end = clock_monotonic_ns() + ms * 1000000ull;
	int64_t least = INT64_MAX;

	while (clock_monotonic_ns() < end) {
		uint64_t now = read_clock(s);

		if ((int64_t)(now - last) < least)
			least = (int64_t)(now - last);
		last = now;
		shared_clock_round(s);
	}
	return least;
}

TEST(stays_with_the_kernels)
{
	struct rt_area own, view;
	struct shared s;

	if (!begin(&s, &own, &view))
		SKIP("the clock is not the time stamp counter");
	CHECK(is_near(ahead(&s)));
	CHECK(look_for(&s, 600) >= 0);
	CHECK(is_near(ahead(&s)));
	CHECK(own.clock_now >= 3);
	CHECK_INT(own.clock_now, view.clock_now);
}

/* 100 millionths: 20 us at the next look, which the line then makes up for without a step back */
TEST(a_wrong_rate)
{
	struct rt_area own, view;
	struct shared s;

	if (!begin(&s, &own, &view))
		SKIP("the clock is not the time stamp counter");
	for (int i = 0; i < 2; i++)
		for (struct rt_area *a = &own;; a = &view) {
			a->clocks[i].scale += a->clocks[i].scale / 10000;
			if (a == &view)
				break;
		}
	CHECK(look_for(&s, 700) >= 0);
	CHECK(is_near(ahead(&s)));
}

TEST(a_step)
{
	struct rt_area own, view;
	struct shared s;

	if (!begin(&s, &own, &view))
		SKIP("the clock is not the time stamp counter");
	own.clocks[own.clock_now % 2].ns += 5ull * SECOND; /* as if the machine had slept */
	view.clocks[view.clock_now % 2].ns += 5ull * SECOND;
	CHECK(!is_near(ahead(&s)));
	look_for(&s, 250);
	CHECK(is_near(ahead(&s)));
}

TEST(other_clocks)
{
	struct rt_area own, view;
	struct shared s;
	int64_t off;

	if (!begin(&s, &own, &view))
		SKIP("the clock is not the time stamp counter");
	own.clocks[own.clock_now % 2].boot_offset = view.clocks[view.clock_now % 2].boot_offset = 77;
	look_for(&s, 250);
	off = (int64_t)(view.clocks[view.clock_now % 2].boot_offset - boot_less_monotonic());
	CHECK(off < MOST_STEP_NS && -off < MOST_STEP_NS);
}

/* what a process writes there is not what we go by */
TEST(a_process_writes_there)
{
	struct rt_area own, view;
	struct shared s;

	if (!begin(&s, &own, &view))
		SKIP("the clock is not the time stamp counter");
	memset(&view, 0xa5, sizeof(view));
	look_for(&s, 250);
	CHECK(is_near(ahead(&s)));
}
