/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is printed beside events: messages, JSON objects around texts, number of probes, results of tests and
 * benchmarks. Declared in event.h.
 */
#include "output/event.h"
#include "output/json.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <unistd.h>

void output_message(struct output *o, struct str text)
{
	struct sink err = { .fd = o->opts.err_fd, .give_up = o->opts.give_up };

	if (o->out.fd < 0) {
		strbuf_add_str(&o->out.pending, text);
		return;
	}
	/* both often end in one terminal: keep the order of events there */
	if (o->out.mode != SINK_FULL)
		sink_flush(&o->out);
	strbuf_add_str(&err.pending, text);
	sink_flush(&err);
	sink_free(&err);
}

void output_complain(struct output *o, const char *fmt, ...)
{
	STRBUF_AUTO text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	strbuf_vprintf(&text, fmt, ap);
	va_end(ap);
	output_message(o, strbuf_str(&text));
}

void output_json_text(struct output *o, const char *type, struct str text)
{
	struct strbuf *out = &o->out.pending;

	strbuf_printf(out, "{\"type\": \"%s\", \"data\": ", type);
	json_put_string(out, text);
	strbuf_puts(out, "}\n");
}

void output_json_place(struct output *o, struct span at, struct strbuf *out)
{
	struct line_col lc = { 0 };
	struct str name = STR_NULL;

	if (at.file < o->sources->files.n) {
		lc = span_locate(o->sources, at);
		name = o->sources->files.v[at.file].name;
	}
	strbuf_puts(out, ", \"filename\": ");
	json_put_string(out, name);
	strbuf_printf(out, ", \"line\": %u, \"col\": %u}\n", lc.line, lc.col);
}

void output_attached_probes(struct output *o, uint64_t n, bool waits)
{
	if (o->opts.format == OUTPUT_JSON) {
		strbuf_printf(&o->out.pending,
			      "{\"type\": \"attached_probes\", \"count\": %" PRIu64
			      ", \"data\": {\"probes\": %" PRIu64 "}}\n",
			      n, n);
		sink_batch_end(&o->out);
	} else {
		output_complain(o, "Attached %" PRIu64 " probe%s%s\n", n, n == 1 ? "" : "s",
				!waits ? ""
				: n    ? "; waiting for programs that have the others"
				       : "; waiting for programs that have them");
	}
}

void output_end(struct output *o)
{
	if (o->opts.format == OUTPUT_TEXT && !o->opts.pictures.is_folded)
		strbuf_puts(&o->out.pending, "\n\n");
	sink_event_end(&o->out);
}

/* ---- tests and benchmarks ---- */

#define GREEN "\033[32m"
#define RED "\033[31m"
#define RESET "\033[0m"

static const char *plural(uint32_t n)
{
	return n == 1 ? "test" : "tests";
}

/* as bpftrace: the unit, which is the greatest that is not above the duration, and the ns in it */
static void put_duration(struct strbuf *out, uint64_t ns)
{
	if (ns >= 1000000000)
		strbuf_printf(out, "%" PRIu64 " s", ns / 1000000000);
	else if (ns >= 1000000)
		strbuf_printf(out, "%" PRIu64 " ms", ns / 1000000);
	else if (ns >= 1000)
		strbuf_printf(out, "%" PRIu64 " μs", ns / 1000);
	else
		strbuf_printf(out, "%" PRIu64 " ns", ns);
}

/* what a failed test printed, without empty lines */
static void put_lines(struct strbuf *out, struct str text)
{
	while (text.n) {
		struct str line = str_split(&text, '\n');

		if (!line.n)
			continue;
		strbuf_add_str(out, line);
		strbuf_putc(out, '\n');
	}
}

static void put_test_summary(struct strbuf *out, const struct output_test *all, uint32_t n)
{
	uint32_t failed = 0;

	for (uint32_t i = 0; i < n; i++)
		failed += !all[i].passed;
	strbuf_printf(out, GREEN "[==========]" RESET " %u %s ran.\n", n, plural(n));
	strbuf_printf(out, GREEN "[  PASSED  ]" RESET " %u %s.\n", n - failed, plural(n - failed));
	if (!failed)
		return;
	strbuf_printf(out, RED "[  FAILED  ]" RESET " %u %s, listed below:\n", failed,
		      plural(failed));
	for (uint32_t i = 0; i < n; i++)
		if (!all[i].passed)
			strbuf_printf(out, RED "[  FAILED  ]" RESET " %.*s\n",
				      STR_ARG(all[i].name));
}

void output_test_result(struct output *o, const struct output_test *all, uint32_t i, uint32_t n)
{
	struct strbuf *out = &o->out.pending;
	const struct output_test *t = &all[i];

	if (o->opts.format == OUTPUT_JSON) {
		strbuf_puts(out, "{\"type\": \"test_result\", \"data\": {");
		json_put_string(out, t->name);
		strbuf_puts(out, ": {\"duration\": ");
		json_put_u64(out, t->ns);
		strbuf_printf(out, ", \"passed\": %s, \"output\": ", t->passed ? "true" : "false");
		json_put_string(out, t->text);
		strbuf_puts(out, "}}}\n");
		sink_batch_end(&o->out);
		return;
	}
	if (i == 0)
		strbuf_printf(out, GREEN "[==========]" RESET " Running %u tests.\n", n);
	strbuf_printf(out, GREEN "[ RUN      ]" RESET " %.*s\n", STR_ARG(t->name));
	if (!t->passed)
		put_lines(out, t->text);
	strbuf_printf(out, "%s" RESET " %.*s (",
		      t->passed ? GREEN "[       OK ]" : RED "[  FAILED  ]", STR_ARG(t->name));
	put_duration(out, t->ns);
	strbuf_puts(out, ")\n");
	if (i + 1 == n)
		put_test_summary(out, all, n);
	sink_batch_end(&o->out);
}

static void put_column(struct strbuf *out, struct str text, size_t width)
{
	strbuf_add_str(out, text);
	if (text.n < width)
		strbuf_fill(out, ' ', width - text.n);
}

void output_benchmark_result(struct output *o, const struct str *names, uint32_t i, uint32_t n,
			     uint64_t ns, uint64_t iterations)
{
	struct strbuf *out = &o->out.pending;
	STRBUF_AUTO time = { 0 };
	const size_t time_width = 15;
	size_t width = 40;

	for (uint32_t k = 0; k < n; k++)
		if (names[k].n > width)
			width = names[k].n;
	if (o->opts.format == OUTPUT_JSON) {
		strbuf_puts(out, "{\"type\": \"benchmark_result\", \"data\": {");
		json_put_string(out, names[i]);
		strbuf_printf(out, ": {\"average\": %" PRIu64 ", \"iters\": %" PRIu64 "}}}\n", ns,
			      iterations);
		sink_batch_end(&o->out);
		return;
	}
	if (i == 0) {
		put_column(out, STR("Benchmark"), width + 1);
		put_column(out, STR("Time(ns)"), time_width);
		strbuf_puts(out, "Iterations\n");
		strbuf_fill(out, '-', width + 1 + time_width + strlen("Iterations"));
		strbuf_putc(out, '\n');
	}
	strbuf_printf(&time, "%" PRIu64, ns);
	put_column(out, names[i], width + 1);
	put_column(out, strbuf_str(&time), time_width);
	strbuf_printf(out, "%" PRIu64 "\n", iterations);
	sink_batch_end(&o->out);
}
