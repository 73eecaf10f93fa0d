/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time series: the values of intervals as a graph or JSON. A struct tseries starts zeroed, owns its
 * points (tseries_free) and borrows its type.
 */
#ifndef SONDE_OUTPUT_TSERIES_H
#define SONDE_OUTPUT_TSERIES_H

#include "base/vec.h"
#include "output/clock.h"

/* one interval of one key, CPUs merged */
struct tseries_point {
	uint64_t interval; /* number */
	uint64_t value;
};

struct tseries {
	const struct type
		*type; /* TYPE_TSERIES: param interval ns, number of intervals, enum tseries_agg */
	VEC(struct tseries_point) points; /* in any order until tseries_sort */
};

/* merge the CPUs' parts of one slot and add it; a slot that was never written reads as interval 0, value 0 */
void tseries_add(struct tseries *ts, const void *data, uint32_t n_cpus, size_t stride);
void tseries_sort(struct tseries *ts);           /* by interval */
uint64_t tseries_last(const struct tseries *ts); /* the newest interval, 0: none */
void tseries_free(struct tseries *ts);
/* last: the newest interval of all keys of the map, where every graph of it ends */
void tseries_put_text(const struct tseries *ts, uint64_t last, const struct output_clock *clock,
		      struct strbuf *out);
void tseries_put_json(const struct tseries *ts, uint64_t last, const struct output_clock *clock,
		      struct strbuf *out);

#endif
