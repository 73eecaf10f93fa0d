/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Merging of per-CPU values and their printing; see aggregate.h. Histograms are merged in hist.c. */
#include "output/aggregate.h"

static bool is_less(uint64_t a, uint64_t b, bool is_signed)
{
	return is_signed ? (int64_t)a < (int64_t)b : a < b;
}

uint64_t aggregate_divide(uint64_t v, uint64_t by, bool is_signed)
{
	if (by == 0)
		by = 1;
	if (is_signed && by == UINT64_MAX)
		return -v;
	return is_signed ? (uint64_t)((int64_t)v / (int64_t)by) : v / by;
}

static void merge_minmax(struct aggregate *a, const struct type *t, const struct stored_minmax *m)
{
	if (!m->is_set)
		return;
	/* count serves as "one was set" */
	if (!a->count || is_less(m->value, a->value, a->is_signed) == (t->kind == TYPE_MIN))
		a->value = m->value;
	a->count = 1;
}

static void merge_one(struct aggregate *a, const struct type *t, const void *data)
{
	struct stored_minmax m;
	struct stored_avg avg;
	uint64_t v;

	switch (t->kind) {
	case TYPE_MIN:
	case TYPE_MAX:
		memcpy(&m, data, sizeof(m));
		merge_minmax(a, t, &m);
		break;
	case TYPE_AVG:
	case TYPE_STATS:
		memcpy(&avg, data, sizeof(avg));
		a->total += avg.total;
		a->count += avg.count;
		break;
	case TYPE_COUNT:
	case TYPE_SUM:
		memcpy(&v, data, sizeof(v));
		a->value += v;
		break;
	default: a->value += value_load(t, data);
	}
}

struct aggregate aggregate_merge(const struct type *t, const void *data, uint32_t n_cpus)
{
	struct aggregate a = { .is_signed = t->is_signed };

	for (uint32_t i = 0; i < n_cpus; i++)
		merge_one(&a, t, (const char *)data + i * aggregate_stride(t));
	if ((t->kind == TYPE_AVG || t->kind == TYPE_STATS) && a.count)
		a.value = aggregate_divide(a.total, a.count, a.is_signed);
	return a;
}

int aggregate_compare(const struct aggregate *a, const struct aggregate *b)
{
	if (a->value == b->value)
		return 0;
	return is_less(a->value, b->value, a->is_signed) ? -1 : 1;
}

void aggregate_put(enum value_form form, const struct type *t, const void *data, uint32_t n_cpus,
		   uint64_t div, struct strbuf *out)
{
	struct aggregate a;
	bool is_json = form == VALUE_JSON;

	if (t->kind == TYPE_HIST || t->kind == TYPE_LHIST || t->kind == TYPE_TSERIES) {
		strbuf_puts(out, "null");
		return;
	}
	a = aggregate_merge(t, data, n_cpus);
	a.value = aggregate_divide(a.value, div, a.is_signed);
	if (t->kind != TYPE_STATS) {
		value_put_number(form, a.value, a.is_signed, out);
		return;
	}
	strbuf_puts(out, is_json ? "{\"count\": " : "{ .count = ");
	value_put_number(form, a.count, false, out);
	strbuf_puts(out, is_json ? ", \"average\": " : ", .average = ");
	value_put_number(form, a.value, a.is_signed, out);
	strbuf_puts(out, is_json ? ", \"total\": " : ", .total = ");
	value_put_number(form, a.total, a.is_signed, out);
	strbuf_puts(out, is_json ? "}" : " }");
}
