/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Times read in the kernel, as dates of the wall clock. Plain values, nothing to free; text is
 * appended to the caller's buffer.
 */
#ifndef SONDE_OUTPUT_CLOCK_H
#define SONDE_OUTPUT_CLOCK_H

#include "base/strbuf.h"
#include "types/type.h"

/* what to add to a reading of each clock to get ns since 1970, UTC */
struct output_clock {
	int64_t offset[CLOCK_STORED_TAI + 1]; /* by enum stored_clock */
	int64_t slept; /* ns for which the machine had stood by then, and CLOCK_MONOTONIC with it */
};

/* measured now; with BPFTRACE_DUMMY_TS_MAP in the environment the tai clock is taken as it is (a test writes it) */
void output_clock_init(struct output_clock *c);
/* ns since 1970 */
int64_t output_clock_real(const struct output_clock *c, enum stored_clock clock, uint64_t ns);
/*
 * strftime(3) in local time, with %f: microseconds, six digits. "(?)" when the time cannot be written, or lies in the
 * first second of 1970, which says that the clock was not known.
 */
void output_clock_format(int64_t real_ns, struct str format, struct strbuf *out);
/* "hh:mm:ss" of local time and, when digits is not 0, "." and that many digits of the second's fraction (3, 6 or 9) */
void output_clock_time_of_day(int64_t real_ns, unsigned digits, struct strbuf *out);
/* "2026-01-31 23:59:59.000000000", UTC */
void output_clock_utc(int64_t real_ns, struct strbuf *out);
/* the present time by a strftime format; false when the format gives nothing */
bool output_clock_now(struct str format, struct strbuf *out);

#endif
