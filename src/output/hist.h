/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Histograms: counters by bucket to rows or JSON. How buckets are numbered stands in types/type.h.
 * A struct hist starts zeroed, owns its counts (hist_free) and borrows its type.
 */
#ifndef SONDE_OUTPUT_HIST_H
#define SONDE_OUTPUT_HIST_H

#include "base/strbuf.h"
#include "types/type.h"

struct hist {
	const struct type *type; /* TYPE_HIST or TYPE_LHIST */
	uint64_t *counts;        /* by bucket number */
	uint32_t n_counts, cap_counts;
};

/* bucket numbers of hist at most (65 powers with 32 parts each), and of lhist; larger ones are refused by hist_add */
#define HIST_MAX_BUCKETS 2080
#define LHIST_MAX_BUCKETS 65536

/* add to a bucket; false when the number makes no sense */
bool hist_add(struct hist *h, uint64_t bucket, uint64_t count);
uint64_t hist_total(const struct hist *h);
void hist_free(struct hist *h);
/* rows from the first to the last bucket that is not empty, each with a newline; counts of hist are divided by div */
void hist_put_text(const struct hist *h, uint64_t div, struct strbuf *out);
void hist_put_json(const struct hist *h, uint64_t div, struct strbuf *out);

#endif
