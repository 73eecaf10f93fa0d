/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Histograms; see hist.h. A bucket lies between two *edges*: edge(i) is the upper end of bucket i and the lower end of
 * bucket i + 1. An edge has a number and, when it is a multiple of 1024 on a scale of such, a short label (4K).
 */
#include "output/hist.h"

#include "base/arena.h"
#include "output/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define HEADER_WIDTH 16
#define COUNT_WIDTH 8
#define BAR_WIDTH 52

struct edge {
	int64_t value;
	bool is_plain; /* label is the number itself: two plain neighbours that differ by 1 make "[n]" */
	char label[32];
};

bool hist_add(struct hist *h, uint64_t bucket, uint64_t count)
{
	if (bucket >= (h->type->kind == TYPE_HIST ? HIST_MAX_BUCKETS : LHIST_MAX_BUCKETS))
		return false;
	if (bucket >= h->cap_counts) {
		uint32_t cap = (uint32_t)bucket + 64;

		h->counts = base_realloc(h->counts, cap * sizeof(*h->counts));
		memset(h->counts + h->cap_counts, 0, (cap - h->cap_counts) * sizeof(*h->counts));
		h->cap_counts = cap;
	}
	if (bucket >= h->n_counts)
		h->n_counts = (uint32_t)bucket + 1;
	h->counts[bucket] += count;
	return true;
}

uint64_t hist_total(const struct hist *h)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < h->n_counts; i++)
		total += h->counts[i];
	return total;
}

void hist_free(struct hist *h)
{
	free(h->counts);
	h->counts = NULL;
	h->n_counts = h->cap_counts = 0;
}

static void plain_edge(struct edge *e, int64_t value)
{
	e->value = value;
	e->is_plain = true;
	snprintf(e->label, sizeof(e->label), "%" PRId64, value);
}

/*
 * hist with k bits: up to 2 * 2^k buckets hold one number each. Behind, bucket i belongs to a power of two that is cut
 * into 2^k parts: power (i >> k) - 1, part i & (2^k - 1).
 */
static void log_edge(struct edge *e, uint32_t i, uint32_t k)
{
	uint32_t parts = 1u << k, power, decade;
	uint64_t mantissa;

	if (i <= 2u << k) {
		plain_edge(e, i);
		return;
	}
	power = (i >> k) - 1;
	mantissa = parts + (i & (parts - 1));
	decade = power / 10 < 6 ? power / 10 : 6;
	e->value = (int64_t)(mantissa << power);
	e->is_plain = false;
	snprintf(e->label, sizeof(e->label), "%" PRIu64 "%.1s", mantissa << (power - 10 * decade),
		 &"\0KMGTPE"[decade]);
}

/* suffixes only when every edge can have one, which the step tells */
static void linear_edge(struct edge *e, uint32_t i, int64_t min, int64_t step)
{
	const int64_t kilo = 1024, mega = 1024 * 1024;
	int64_t value = min + (int64_t)i * step;

	plain_edge(e, value);
	if (step % kilo != 0)
		return;
	e->is_plain = false;
	if (value == 0)
		return;
	if (value % mega == 0)
		snprintf(e->label, sizeof(e->label), "%" PRId64 "M", value / mega);
	else if (value % kilo == 0)
		snprintf(e->label, sizeof(e->label), "%" PRId64 "K", value / kilo);
}

static void make_edge(const struct hist *h, uint32_t i, struct edge *e)
{
	if (h->type->kind == TYPE_HIST)
		log_edge(e, i, (uint32_t)h->type->param[0]);
	else
		linear_edge(e, i, h->type->param[0], h->type->param[2]);
}

/* bucket i has no upper end: the last one of lhist */
static bool is_open(const struct hist *h, uint32_t i)
{
	return h->type->kind == TYPE_LHIST &&
	       h->type->param[0] + (int64_t)i * h->type->param[2] > h->type->param[1];
}

/* first and last bucket with a count; false when there is none */
static bool find_range(const struct hist *h, uint32_t *first, uint32_t *last)
{
	bool found = false;

	for (uint32_t i = 0; i < h->n_counts; i++) {
		if (!h->counts[i])
			continue;
		if (!found)
			*first = i;
		*last = i;
		found = true;
	}
	return found;
}

static uint64_t shown_count(const struct hist *h, uint32_t i, uint64_t div)
{
	/* div has no effect on linear histograms, in bpftrace neither */
	return h->type->kind == TYPE_HIST && div > 1 ? h->counts[i] / div : h->counts[i];
}

static void put_header(const struct hist *h, uint32_t i, struct strbuf *out)
{
	struct edge low = { 0 }, high = { 0 };

	if (i > 0)
		make_edge(h, i - 1, &low);
	if (!is_open(h, i))
		make_edge(h, i, &high);
	if (i == 0)
		strbuf_printf(out, "(..., %s)", high.label);
	else if (is_open(h, i))
		strbuf_printf(out, "[%s, ...)", low.label);
	else if (low.is_plain && high.is_plain && low.value + 1 == high.value)
		strbuf_printf(out, "[%s]", low.label);
	else
		strbuf_printf(out, "[%s, %s)", low.label, high.label);
}

void hist_put_text(const struct hist *h, uint64_t div, struct strbuf *out)
{
	uint32_t first = 0, last = 0;
	uint64_t max = 0;

	if (!find_range(h, &first, &last))
		return;
	for (uint32_t i = first; i <= last; i++)
		if (shown_count(h, i, div) > max)
			max = shown_count(h, i, div);
	for (uint32_t i = first; i <= last; i++) {
		uint64_t count = shown_count(h, i, div);
		/* in single precision: the width must round as bpftrace's does */
		int bar = max ? (int)((float)count / (float)max * BAR_WIDTH) : 0;
		size_t start = out->n;

		put_header(h, i, out);
		if (out->n - start < HEADER_WIDTH)
			strbuf_fill(out, ' ', HEADER_WIDTH - (out->n - start));
		strbuf_printf(out, "%*" PRIu64 " |", COUNT_WIDTH, count);
		strbuf_fill(out, '@', (size_t)bar);
		strbuf_fill(out, ' ', (size_t)(BAR_WIDTH - bar));
		strbuf_puts(out, "|\n");
	}
}

/* in JSON both ends are inclusive */
void hist_put_json(const struct hist *h, uint64_t div, struct strbuf *out)
{
	uint32_t first = 0, last = 0;

	strbuf_putc(out, '[');
	if (find_range(h, &first, &last)) {
		for (uint32_t i = first; i <= last; i++) {
			struct edge e;

			strbuf_puts(out, i > first ? ",{" : "{");
			if (i > 0) {
				make_edge(h, i - 1, &e);
				strbuf_puts(out, "\"min\": ");
				json_put_i64(out, e.value);
				strbuf_puts(out, ", ");
			}
			if (!is_open(h, i)) {
				make_edge(h, i, &e);
				strbuf_puts(out, "\"max\": ");
				json_put_i64(out, e.value - 1);
				strbuf_puts(out, ", ");
			}
			strbuf_printf(out, "\"count\": %" PRIu64 "}", shown_count(h, i, div));
		}
	}
	strbuf_putc(out, ']');
}
