/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The clock of programs: a line from the time stamp counter to CLOCK_MONOTONIC, and the distance of the other clocks. Found when a run
 * begins, by a comparison of 2 ms that is right to some millionths, and then again and again, since rates are adjusted (NTP) and
 * clocks step (suspend, somebody sets the time). Each new line begins where the old one is at that moment, and is so steep that it
 * meets the kernel's clock at the next look: time never goes backwards and no interval is off by more than 0.05 %. Only when
 * both are further apart than that allows, as after a suspend, the line steps.
 */
#include "engine/user/memory/shared_private.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
	CALIBRATION_NS = 2000000,
	SCALE_BITS = 32,
	FIRST_LOOK_NS = 50000000,
	LOOK_NS = 200000000,
	MOST_SLEWED_NS = 100000, /* in LOOK_NS */
};

static uint64_t time_stamp(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* is the kernel's own clock the time stamp counter? Then it runs at one rate on all processors */
static bool is_tsc_clock(void)
{
	char name[16] = "";
	FILE *f = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");

	if (!f)
		return false;
	if (!fgets(name, sizeof(name), f))
		name[0] = '\0';
	fclose(f);
	return !strncmp(name, "tsc", 3);
}

/* both clocks at one moment: of a few tries the one that took least */
static void read_both(uint64_t *tsc, uint64_t *ns)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 8; i++) {
		uint64_t before = time_stamp(), now = clock_monotonic_ns(), after = time_stamp();

		if (after - before >= best)
			continue;
		best = after - before;
		*tsc = before + (after - before) / 2;
		*ns = now;
	}
}

/* of another clock from CLOCK_MONOTONIC */
static uint64_t offset_of(clockid_t clock)
{
	struct timespec other;
	uint64_t before = clock_monotonic_ns(), after;

	if (clock_gettime(clock, &other))
		return 0;
	after = clock_monotonic_ns();
	return (uint64_t)other.tv_sec * 1000000000u + (uint64_t)other.tv_nsec -
	       (before + (after - before) / 2);
}

/* what the processes and we go by is written twice: the latter is what we believe */
static void publish(struct shared *s, const struct rt_clock *c)
{
	struct rt_area *const areas[] = { s->own, s->view };
	uint64_t next = s->own->clock_now + 1;

	for (int i = 0; i < 2; i++) {
		areas[i]->clocks[next % 2] = *c;
		__atomic_store_n(&areas[i]->clock_now, next, __ATOMIC_RELEASE);
	}
}

static void find_offsets(struct rt_clock *c)
{
	c->boot_offset = offset_of(CLOCK_BOOTTIME);
	c->tai_offset = offset_of(CLOCK_TAI);
}

static uint64_t scale_of(uint64_t ns, uint64_t tsc)
{
	return (uint64_t)(((unsigned __int128)ns << SCALE_BITS) / tsc);
}

void shared_clock_start(struct shared *s)
{
	struct rt_clock c = { 0 };

	if (!is_tsc_clock())
		return; /* scale 0: programs ask the kernel */
	read_both(&c.tsc, &c.ns);
	while (clock_monotonic_ns() < c.ns + CALIBRATION_NS)
		;
	read_both(&s->seen_tsc, &s->seen_ns);
	c.scale = scale_of(s->seen_ns - c.ns, s->seen_tsc - c.tsc);
	s->before_tsc = c.tsc;
	s->before_ns = c.ns;
	find_offsets(&c);
	publish(s, &c);
	s->next_look_ns = s->seen_ns + FIRST_LOOK_NS;
}

/* in parts of a thousand by which the rate may differ from before: more, and a clock has stepped */
static bool is_near(uint64_t scale, uint64_t before)
{
	uint64_t most = before / 1000;

	return scale >= before - most && scale <= before + most;
}

void shared_clock_round(struct shared *s)
{
	const struct rt_clock *old = &s->own->clocks[s->own->clock_now % 2];
	struct rt_clock c = { .scale = old->scale };
	uint64_t now = clock_monotonic_ns(), scale = 0;
	int64_t off;

	if (!old->scale || now < s->next_look_ns)
		return;
	read_both(&c.tsc, &now);
	if (c.tsc > s->seen_tsc && now > s->seen_ns)
		scale = scale_of(now - s->seen_ns, c.tsc - s->seen_tsc);
	c.ns = shared_clock_at(old, c.tsc);
	off = (int64_t)(now - c.ns);
	if (scale && is_near(scale, old->scale) && off < MOST_SLEWED_NS && -off < MOST_SLEWED_NS)
		c.scale = scale + (uint64_t)((__int128)scale * off / LOOK_NS);
	else
		c.ns = now;
	find_offsets(&c);
	publish(s, &c);
	s->before_tsc = s->seen_tsc;
	s->before_ns = s->seen_ns;
	s->seen_tsc = c.tsc;
	s->seen_ns = now;
	s->next_look_ns = now + LOOK_NS;
}

uint64_t shared_clock_at(const struct rt_clock *c, uint64_t tsc)
{
	return c->ns +
	       (uint64_t)((__int128)(int64_t)(tsc - c->tsc) * (int64_t)c->scale >> SCALE_BITS);
}

struct rt_clock shared_clock_now(const struct shared *s)
{
	struct rt_clock c = { 0 };

	read_both(&c.tsc, &c.ns);
	/* the true rate, not the one by which the programs' line comes back to where it should be */
	if (s->own->clocks[s->own->clock_now % 2].scale && c.tsc > s->before_tsc)
		c.scale = scale_of(c.ns - s->before_ns, c.tsc - s->before_tsc);
	return c;
}
