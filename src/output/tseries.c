/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time series; see tseries.h. The window shown is the number of intervals kept, ending at the newest one of the map; a
 * graph begins at the first interval of its key within the window, and intervals without a value show "-".
 */
#include "output/tseries.h"

#include "output/aggregate.h"
#include "output/json.h"

#include <inttypes.h>

#define GRAPH_WIDTH 53
#define MIN_LABEL_WIDTH 21

#define each_point(it, ts)                                    \
	for (const struct tseries_point *it = (ts)->points.v; \
	     (ts)->points.n && it < (ts)->points.v + (ts)->points.n; it++)

static bool value_less(const struct tseries *ts, uint64_t a, uint64_t b)
{
	return ts->type->is_signed ? (int64_t)a < (int64_t)b : a < b;
}

static void merge_cpu(const struct tseries *ts, struct stored_tseries *to,
		      const struct stored_tseries *from)
{
	switch ((enum tseries_agg)ts->type->param[2]) {
	case TSERIES_AVG:
		to->value += from->value;
		to->count += from->count;
		break;
	case TSERIES_SUM: to->value += from->value; break;
	case TSERIES_MIN:
		if (value_less(ts, from->value, to->value))
			to->value = from->value;
		break;
	case TSERIES_MAX:
		if (value_less(ts, to->value, from->value))
			to->value = from->value;
		break;
	case TSERIES_LAST:
		/* count is the time of the write where the code generator keeps one */
		if (from->count > to->count)
			*to = *from;
	}
}

void tseries_add(struct tseries *ts, const void *data, uint32_t n_cpus, size_t stride)
{
	struct stored_tseries merged = { 0 };

	for (uint32_t i = 0; i < n_cpus; i++) {
		struct stored_tseries s;

		memcpy(&s, (const char *)data + i * stride, sizeof(s));
		/* a CPU that did not come here lately holds an older interval in this slot */
		if (!s.count || !s.interval || s.interval < merged.interval)
			continue;
		if (s.interval > merged.interval)
			merged = s;
		else
			merge_cpu(ts, &merged, &s);
	}
	if (ts->type->param[2] == TSERIES_AVG && merged.count)
		merged.value = aggregate_divide(merged.value, merged.count, ts->type->is_signed);
	vec_push(&ts->points, ((struct tseries_point){ merged.interval, merged.value }));
}

static int point_order(const void *a, const void *b)
{
	const struct tseries_point *x = a, *y = b;

	return x->interval < y->interval ? -1 : x->interval > y->interval;
}

void tseries_sort(struct tseries *ts)
{
	if (ts->points.n)
		qsort(ts->points.v, ts->points.n, sizeof(*ts->points.v), point_order);
}

uint64_t tseries_last(const struct tseries *ts)
{
	uint64_t last = 0;

	each_point(p, ts) if (p->interval > last) last = p->interval;
	return last;
}

void tseries_free(struct tseries *ts)
{
	vec_free(&ts->points);
}

/* the window [first, last] that ts has values in; false: nothing to show */
static bool find_window(const struct tseries *ts, uint64_t last, uint64_t *first)
{
	uint64_t kept = (uint64_t)ts->type->param[1];

	/* a window that would begin before 1970 holds only slots that were never written, or were zeroed */
	if (last + 1 < kept)
		return false;
	each_point(p, ts)
	{
		if (p->interval > last || p->interval + kept <= last)
			continue;
		*first = p->interval;
		return true;
	}
	return false;
}

static const struct tseries_point *find_point(const struct tseries *ts, uint64_t interval)
{
	each_point(p, ts) if (p->interval == interval) return p;
	return NULL;
}

static int64_t interval_time(const struct tseries *ts, uint64_t interval,
			     const struct output_clock *clock)
{
	return output_clock_real(clock, CLOCK_STORED_TAI, interval * (uint64_t)ts->type->param[0]);
}

void tseries_put_json(const struct tseries *ts, uint64_t last, const struct output_clock *clock,
		      struct strbuf *out)
{
	uint64_t first;
	const char *separator = "";

	strbuf_putc(out, '[');
	if (find_window(ts, last, &first)) {
		each_point(p, ts)
		{
			if (p->interval < first || p->interval > last)
				continue;
			strbuf_printf(out, "%s{\"interval_start\":\"", separator);
			output_clock_utc(interval_time(ts, p->interval, clock), out);
			strbuf_puts(out, "\",\"value\":");
			if (ts->type->is_signed)
				json_put_i64(out, (int64_t)p->value);
			else
				json_put_u64(out, p->value);
			strbuf_putc(out, '}');
			separator = ",";
		}
	}
	strbuf_putc(out, ']');
}

/* ---- the graph ---- */

struct graph {
	const struct tseries *ts;
	uint64_t first, last;
	uint64_t min, max;
	unsigned digits;   /* of the fraction of a second: 0, 3, 6, 9 */
	size_t time_width; /* of the column of times */
	struct strbuf *out;
};

/* a - b as it is drawn; values beyond 63 bits lose only precision of the picture */
static float distance(const struct graph *g, uint64_t a, uint64_t b)
{
	if (g->ts->type->is_signed)
		return (float)(int64_t)(a - b);
	return a >= b ? (float)(a - b) : -(float)(b - a);
}

static void find_limits(struct graph *g)
{
	bool is_signed = g->ts->type->is_signed, found = false;

	each_point(p, g->ts)
	{
		if (p->interval < g->first || p->interval > g->last)
			continue;
		if (!found || value_less(g->ts, p->value, g->min))
			g->min = p->value;
		if (!found || value_less(g->ts, g->max, p->value))
			g->max = p->value;
		found = true;
	}
	if (g->min != g->max)
		return;
	/* a flat line gets room on both sides, as far as the type goes */
	if (g->min != (is_signed ? (uint64_t)INT64_MIN : 0))
		g->min--;
	if (g->max != (is_signed ? (uint64_t)INT64_MAX : UINT64_MAX))
		g->max++;
}

static void find_unit(struct graph *g, const char **unit)
{
	int64_t step = g->last > g->first ? g->ts->type->param[0] : 0;

	if (step >= 1000000000) {
		*unit = "";
		g->digits = 0;
	} else if (step >= 1000000) {
		*unit = ".ms";
		g->digits = 3;
	} else if (step >= 1000) {
		*unit = ".μs";
		g->digits = 6;
	} else {
		*unit = ".ns";
		g->digits = 9;
	}
	g->time_width = strlen("hh:mm:ss") + (g->digits ? 1 + g->digits : 0);
}

static void put_number(const struct graph *g, uint64_t v)
{
	strbuf_printf(g->out, g->ts->type->is_signed ? "%" PRId64 : "%" PRIu64, v);
}

/* the least value at the left end of the graph, the greatest at the right */
static void put_scale(const struct graph *g)
{
	STRBUF_AUTO max = { 0 };
	struct graph right = *g;
	size_t start;

	right.out = &max;
	put_number(&right, g->max);
	strbuf_fill(g->out, ' ', g->time_width + 1);
	start = g->out->n;
	put_number(g, g->min);
	if (g->out->n - start < MIN_LABEL_WIDTH)
		strbuf_fill(g->out, ' ', MIN_LABEL_WIDTH - (g->out->n - start));
	if (max.n < GRAPH_WIDTH - MIN_LABEL_WIDTH)
		strbuf_fill(g->out, ' ', GRAPH_WIDTH - MIN_LABEL_WIDTH - max.n);
	strbuf_add_str(g->out, strbuf_str(&max));
	strbuf_putc(g->out, '\n');
}

static void put_rule(const struct graph *g, const char *head, char end)
{
	size_t start = g->out->n;

	strbuf_puts(g->out, head);
	/* bytes, not characters, as in bpftrace: the mu of microseconds counts twice */
	if (g->out->n - start < g->time_width + 1)
		strbuf_fill(g->out, ' ', g->time_width + 1 - (g->out->n - start));
	strbuf_putc(g->out, end);
	strbuf_fill(g->out, '_', GRAPH_WIDTH - 2);
	strbuf_putc(g->out, end);
	strbuf_putc(g->out, '\n');
}

static int zero_column(const struct graph *g)
{
	int column;

	if (!g->ts->type->is_signed || (int64_t)g->min >= 0 || (int64_t)g->max <= 0)
		return 0;
	column = (int)((float)GRAPH_WIDTH * distance(g, g->min, 0) / distance(g, g->min, g->max));
	return column < 0 ? 0 : column < GRAPH_WIDTH ? column : GRAPH_WIDTH - 1;
}

static int point_column(const struct graph *g, uint64_t value)
{
	int column = GRAPH_WIDTH / 2;

	if (g->min != g->max)
		column = (int)((float)(GRAPH_WIDTH - 1) * distance(g, g->min, value) /
			       distance(g, g->min, g->max));
	if (column < 0)
		return 0;
	return column < GRAPH_WIDTH ? column : GRAPH_WIDTH - 1;
}

static void put_row(const struct graph *g, uint64_t interval, int zero,
		    const struct output_clock *clock)
{
	const struct tseries_point *p = find_point(g->ts, interval);
	char line[GRAPH_WIDTH];

	memset(line, ' ', sizeof(line));
	line[0] = line[GRAPH_WIDTH - 1] = '|';
	if (zero > 0)
		line[zero] = '.';
	if (p)
		line[point_column(g, p->value)] = '*';
	output_clock_time_of_day(interval_time(g->ts, interval, clock), g->digits, g->out);
	strbuf_printf(g->out, " %.*s ", GRAPH_WIDTH, line);
	if (p)
		put_number(g, p->value);
	else
		strbuf_putc(g->out, '-');
	strbuf_putc(g->out, '\n');
}

void tseries_put_text(const struct tseries *ts, uint64_t last, const struct output_clock *clock,
		      struct strbuf *out)
{
	struct graph g = { .ts = ts, .last = last, .out = out };
	STRBUF_AUTO head = { 0 };
	const char *unit;
	int zero;

	if (!find_window(ts, last, &g.first)) {
		strbuf_puts(out, "<no data>");
		return;
	}
	find_limits(&g);
	find_unit(&g, &unit);
	put_scale(&g);
	strbuf_printf(&head, "hh:mm:ss%s", unit);
	put_rule(&g, strbuf_cstr(&head), '|');
	zero = zero_column(&g);
	for (uint64_t i = g.first; i <= last; i++)
		put_row(&g, i, zero, clock);
	put_rule(&g, "", 'v');
	put_scale(&g);
}
