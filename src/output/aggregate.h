/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of aggregations: per-CPU parts merged to what is printed. Plain values: data is borrowed
 * for the call, nothing is allocated.
 */
#ifndef SONDE_OUTPUT_AGGREGATE_H
#define SONDE_OUTPUT_AGGREGATE_H

#include "output/value.h"

struct aggregate {
	uint64_t value; /* count, sum, min, max; avg, stats: the average; plain integers: the sum over CPUs */
	uint64_t count, total; /* avg, stats */
	bool is_signed;
};

/* bytes from one CPU's part to the next: the kernel rounds each up to 8 */
static inline size_t aggregate_stride(const struct type *t)
{
	return ((size_t)t->size + 7) & ~(size_t)7;
}

/*
 * by 0 counts as 1. By -1 the processor cannot divide every number: only what a traced process wrote over a count is that
 */
uint64_t aggregate_divide(uint64_t v, uint64_t by, bool is_signed);
struct aggregate aggregate_merge(const struct type *t, const void *data, uint32_t n_cpus);
/* print it; div 0 counts as 1. hist, lhist and tseries are no single value: they print as null */
void aggregate_put(enum value_form form, const struct type *t, const void *data, uint32_t n_cpus,
		   uint64_t div, struct strbuf *out);
/* <0, 0, >0 by value */
int aggregate_compare(const struct aggregate *a, const struct aggregate *b);

#endif
