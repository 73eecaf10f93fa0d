/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clocks and strftime; see clock.h. The offsets between clocks are measured once at start: a step of the wall clock
 * while tracing does not move times that were printed earlier against later ones. But a machine that sleeps stops one of the
 * clocks, and that is added.
 */
#include "output/clock.h"

#include <stdlib.h>
#include <time.h>

#define NS_PER_S 1000000000ll
/* strftime says 0 both for "no room" and for an empty result; a result longer than this is no date */
#define FORMAT_MAX 4096
#define LEAST_SLEEP_NS (NS_PER_S / 100)
#define SLEEP_TRIES 16

static int64_t read_ns(clockid_t id)
{
	struct timespec ts = { 0 };

	clock_gettime(id, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* reading the real time in the middle of two readings of the other clock halves the error */
static int64_t measure_offset(clockid_t id)
{
	int64_t before = read_ns(id), real = read_ns(CLOCK_REALTIME), after = read_ns(id);

	return real - (before + (after - before) / 2);
}

/* ns that the machine has slept since it was started */
static int64_t slept(void)
{
	int64_t best = INT64_MAX, found = 0;

	for (int i = 0; i < SLEEP_TRIES && best > NS_PER_S / 1000; i++) {
		int64_t before = read_ns(CLOCK_MONOTONIC), boot = read_ns(CLOCK_BOOTTIME);
		int64_t took = read_ns(CLOCK_MONOTONIC) - before;

		if (took >= best)
			continue;
		best = took;
		found = boot - (before + took / 2);
	}
	return found;
}

void output_clock_init(struct output_clock *c)
{
	int64_t tai = read_ns(CLOCK_TAI), real = read_ns(CLOCK_REALTIME);

	tzset(); /* localtime_r need not */
	c->offset[CLOCK_STORED_MONOTONIC] = measure_offset(CLOCK_MONOTONIC);
	c->slept = slept();
	c->offset[CLOCK_STORED_BOOT] = measure_offset(CLOCK_BOOTTIME);
	/* whole seconds by definition; 0 until someone told the kernel the number of leap seconds */
	c->offset[CLOCK_STORED_TAI] = -((tai - real + NS_PER_S / 2) / NS_PER_S) * NS_PER_S;
	if (getenv("BPFTRACE_DUMMY_TS_MAP"))
		c->offset[CLOCK_STORED_TAI] = 0;
}

int64_t output_clock_real(const struct output_clock *c, enum stored_clock clock, uint64_t ns)
{
	int64_t since = clock == CLOCK_STORED_MONOTONIC ? slept() - c->slept : 0;

	/* less is what reading both takes */
	if (since < LEAST_SLEEP_NS)
		since = 0;
	return (int64_t)(ns + (uint64_t)since +
			 (uint64_t)(clock <= CLOCK_STORED_TAI ? c->offset[clock] : 0));
}

/* seconds rounded down, so that the rest is never negative */
static time_t split(int64_t real_ns, long *ns)
{
	int64_t s = real_ns / NS_PER_S;
	int64_t rest = real_ns % NS_PER_S;

	if (rest < 0) {
		s--;
		rest += NS_PER_S;
	}
	*ns = (long)rest;
	return (time_t)s;
}

/* %f replaced, which strftime does not know; "%%f" stays */
static void expand_fraction(struct str format, long ns, struct strbuf *out)
{
	for (size_t i = 0; i < format.n; i++) {
		if (format.p[i] != '%' || i + 1 == format.n) {
			strbuf_putc(out, format.p[i]);
			continue;
		}
		if (format.p[++i] == 'f')
			strbuf_printf(out, "%06ld", ns / 1000);
		else
			strbuf_printf(out, "%%%c", format.p[i]);
	}
}

static bool format_tm(const struct tm *tm, const char *format, struct strbuf *out)
{
	char buf[FORMAT_MAX];
	size_t n = strftime(buf, sizeof(buf), format, tm);

	strbuf_add(out, buf, n);
	return n > 0;
}

void output_clock_format(int64_t real_ns, struct str format, struct strbuf *out)
{
	STRBUF_AUTO expanded = { 0 };
	struct tm tm;
	long ns;
	time_t t = split(real_ns, &ns);

	expand_fraction(format, ns, &expanded);
	if (!t || !localtime_r(&t, &tm) || !format_tm(&tm, strbuf_cstr(&expanded), out))
		strbuf_puts(out, "(?)");
}

static void put_fraction(long ns, unsigned digits, struct strbuf *out)
{
	for (unsigned i = digits; i < 9; i++)
		ns /= 10;
	if (digits)
		strbuf_printf(out, ".%0*ld", (int)digits, ns);
}

void output_clock_time_of_day(int64_t real_ns, unsigned digits, struct strbuf *out)
{
	struct tm tm = { 0 };
	long ns;
	time_t t = split(real_ns, &ns);

	localtime_r(&t, &tm);
	strbuf_printf(out, "%02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
	put_fraction(ns, digits, out);
}

void output_clock_utc(int64_t real_ns, struct strbuf *out)
{
	struct tm tm = { 0 };
	long ns;
	time_t t = split(real_ns, &ns);

	gmtime_r(&t, &tm);
	format_tm(&tm, "%Y-%m-%d %H:%M:%S", out);
	put_fraction(ns, 9, out);
}

bool output_clock_now(struct str format, struct strbuf *out)
{
	STRBUF_AUTO f = { 0 };
	struct tm tm;
	time_t t = time(NULL);

	strbuf_add_str(&f, format);
	return localtime_r(&t, &tm) && format_tm(&tm, strbuf_cstr(&f), out);
}
