/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fault counters to messages; see faults.h. Programs only count (image_fault_count), so nothing here can be lost. The
 * first failure of a site is shown with its place in the script, later ones only as a number at the end.
 */
#include "output/faults.h"

#include "output/json.h"

#include <errno.h>
#include <inttypes.h>

static bool is_loss(enum fault_kind kind)
{
	return kind == FAULT_RING_FULL || kind == FAULT_SCRATCH_BUSY;
}

/* whether the fault is a helper's failure, with its name and result, or stands for itself */
static bool is_helper(enum fault_kind kind)
{
	return kind != FAULT_BOUNDS && kind != FAULT_DIV_ZERO && kind != FAULT_STACK &&
	       kind != FAULT_NO_ENTRY && kind != FAULT_LOOP;
}

static struct str helper_name(const struct image_fault *f)
{
	static const char *const names[FAULT_N_KINDS] = {
		[FAULT_MAP_FULL] = "map_update_elem",
		[FAULT_MAP_UPDATE] = "map_update_elem",
		[FAULT_MAP_DELETE] = "map_delete_elem",
		[FAULT_MAP_LOOKUP] = "map_lookup_elem",
		[FAULT_READ] = "probe_read",
	};

	return f->helper.n || !names[f->kind] ? f->helper : str_from(names[f->kind]);
}

static bool is_script_map(const struct output *o, uint32_t map)
{
	return map >= o->image->n_maps || o->image->maps[map]->role == MAP_SCRIPT;
}

/* of what is kept of calls until they return */
static bool is_call_map(const struct image_map *m)
{
	return str_starts(m->name, STR(IMAGE_CALLS_OF)) ||
	       str_starts(m->name, STR(IMAGE_CALLS_OF_GO));
}

static void put_message(const struct output *o, const struct image_fault *f, int64_t retcode,
			struct strbuf *out)
{
	const char *text = strerror(retcode < 0 ? (int)-retcode : (int)retcode);

	switch (f->kind) {
	case FAULT_MAP_FULL:
		if (!is_script_map(o, f->map) && is_call_map(o->image->maps[f->map])) {
			strbuf_puts(out, "More calls are open than config max_pending allows. The "
					 "returns of some are not seen.");
			break;
		}
		if (!is_script_map(o, f->map)) {
			strbuf_printf(out,
				      "No room to keep the frames of a stack (%s). A larger "
				      "config max_stacks makes some.",
				      text);
			break;
		}
		if (retcode == -ENOMEM) {
			strbuf_puts(out, text);
			break;
		}
		strbuf_puts(
			out,
			"Map full; can't update element. Try increasing max_map_keys config or manually "
			"setting the max entries in a map declaration e.g. `let @a = hash(5000)`");
		break;
	case FAULT_MAP_DELETE:
		strbuf_puts(out, "Can't delete map element because it does not exist.");
		break;
	case FAULT_MAP_LOOKUP:
		strbuf_puts(out, "Can't lookup map element because it does not exist.");
		break;
	case FAULT_BOUNDS:
		strbuf_puts(out,
			    "Array access out of bounds. This can lead to unexpected results.");
		break;
	case FAULT_DIV_ZERO:
		strbuf_puts(
			out,
			"Divide or modulo by 0 detected. This can lead to unexpected results. 1 is being "
			"used as the result.");
		break;
	case FAULT_STACK:
		strbuf_printf(out, "Error reading %s.",
			      str_is(f->helper, "kstack") ? "kstack" : "ustack");
		break;
	case FAULT_LOOP:
		strbuf_puts(out, "A while loop had not ended after a million rounds: it was left.");
		break;
	case FAULT_NO_ENTRY:
		strbuf_puts(out,
			    "A call was met that had begun before the probe was there. What is "
			    "computed from its entry is not known: it is left out.");
		break;
	case FAULT_STREAM:
		strbuf_printf(
			out,
			"Bytes of a connection could not be read (%s): their memory was not there at "
			"that moment. At the end of the call it is.",
			text);
		break;
	default: strbuf_puts(out, text);
	}
}

static void put_json(struct output *o, const struct image_fault *f, int64_t retcode)
{
	struct strbuf *out = &o->out.pending;
	STRBUF_AUTO msg = { 0 };

	if (is_helper(f->kind)) {
		strbuf_puts(out, "{\"type\": \"helper_error\", \"msg\": ");
		json_put_string(out,
				str_from(strerror(retcode < 0 ? (int)-retcode : (int)retcode)));
		strbuf_puts(out, ", \"helper\": ");
		json_put_string(out, helper_name(f));
		strbuf_printf(out, ", \"retcode\": %" PRId64, retcode);
	} else {
		strbuf_puts(out, "{\"type\": \"runtime_error\", \"msg\": ");
		put_message(o, f, retcode, &msg);
		json_put_string(out, strbuf_str(&msg));
	}
	output_json_place(o, f->at, out);
	sink_event_end(&o->out);
}

static void show(struct output *o, const struct image_fault *f, int64_t retcode)
{
	STRBUF_AUTO text = { 0 };
	STRBUF_AUTO msg = { 0 };
	STRBUF_AUTO info = { 0 };

	if (o->opts.format == OUTPUT_JSON) {
		put_json(o, f, retcode);
		return;
	}
	put_message(o, f, retcode, &msg);
	if (is_helper(f->kind))
		strbuf_printf(&info, "Additional Info - helper: %.*s, retcode: %" PRId64,
			      STR_ARG(helper_name(f)), retcode);
	diag_render_at(o->sources, f->at, "WARNING", strbuf_str(&msg), strbuf_str(&info),
		       o->opts.colour, &text);
	output_message(o, strbuf_str(&text));
}

static bool is_shown(const struct output *o, const struct image_fault *f)
{
	return !is_loss(f->kind) && !o->opts.no_warnings && (!f->is_quiet || o->opts.show_quiet);
}

static const struct image_fault_count *counters(const struct output *o)
{
	return o->engine && o->ops->faults ? o->ops->faults(o->engine) : NULL;
}

static uint64_t load(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

/* events and hits lost so far */
static uint64_t faults_lost(const struct output *o)
{
	const struct image_fault_count *c = counters(o);
	uint64_t lost = 0;

	for (uint32_t i = 0; c && i < o->image->n_faults; i++)
		if (is_loss(o->image->faults[i].kind))
			lost += load(&c[i].count);
	return lost;
}

static void report_lost(struct output *o)
{
	uint64_t lost = faults_lost(o), n = lost - o->lost_seen;

	if (!n)
		return;
	o->lost_seen = lost;
	if (o->opts.format == OUTPUT_JSON) {
		strbuf_printf(&o->out.pending,
			      "{\"type\": \"lost_events\", \"count\": %" PRIu64
			      ", \"data\": {\"events\": %" PRIu64 "}}\n",
			      n, n);
		sink_event_end(&o->out);
	} else {
		output_complain(o, "Lost %" PRIu64 " events\n", n);
	}
}

void faults_poll(struct output *o)
{
	const struct image_fault_count *c = counters(o);

	for (uint32_t i = 0; c && i < o->image->n_faults; i++) {
		const struct image_fault *f = &o->image->faults[i];
		uint64_t n = load(&c[i].count);

		if (n == o->faults_seen[i])
			continue;
		if (!f->is_quiet && !is_loss(f->kind))
			o->n_errors += n - o->faults_seen[i];
		if (!o->faults_seen[i] && is_shown(o, f))
			show(o, f, c[i].last_retcode);
		o->faults_seen[i] = n;
	}
	report_lost(o);
}

/* faults of a clause are counted together, the kernel counts for all programs that are the same */
enum counted_by { BY_CLAUSE, BY_PROGRAM };

static bool is_counted_as(const struct output *o, uint32_t other, uint32_t prog, enum counted_by by)
{
	if (other == prog)
		return true;
	return by == BY_CLAUSE ? o->image->progs[other]->first == prog
			       : image_find_twin(o->image, other) == prog;
}

/* the attach points of what is counted as prog, as the script has them */
static void put_probes(const struct output *o, uint32_t prog, enum counted_by by,
		       struct strbuf *out)
{
	size_t start = out->n;
	struct str before = STR_NULL;

	for (uint32_t i = prog; i < o->image->n_progs; i++) {
		const struct image_prog *p = o->image->progs[i];
		struct str text = p->shape && is_counted_as(o, i, prog, by)
					  ? span_text(o->sources, p->shape->at)
					  : STR_NULL;

		/* the shapes of an attach point follow each other */
		if (!text.n || (text.p == before.p && text.n == before.n))
			continue;
		strbuf_printf(out, "%s%.*s", out->n > start ? ", " : "", STR_ARG(text));
		before = text;
	}
	if (out->n == start)
		strbuf_puts(out, "a probe");
}

static void put_lost(const struct output *o, const struct image_fault *f, uint64_t n,
		     struct strbuf *out)
{
	strbuf_printf(out, "  %" PRIu64 " of ", n);
	put_probes(o, f->prog, BY_CLAUSE, out);
	strbuf_printf(out, "%s\n", f->kind == FAULT_SCRATCH_BUSY ? " (no free work area)" : "");
}

static void report_lost_total(struct output *o, const struct image_fault_count *c)
{
	uint64_t total = faults_lost(o);
	STRBUF_AUTO text = { 0 };

	if (!total)
		return;
	strbuf_printf(&text, "WARNING: Total lost event count: %" PRIu64 "\n", total);
	for (uint32_t i = 0; i < o->image->n_faults; i++) {
		const struct image_fault *f = &o->image->faults[i];
		uint64_t n = load(&c[i].count);

		if (n && is_loss(f->kind))
			put_lost(o, f, n, &text);
	}
	output_message(o, strbuf_str(&text));
}

static void report_repeated(struct output *o, const struct image_fault *f, uint64_t n,
			    int64_t retcode)
{
	STRBUF_AUTO text = { 0 };

	span_print(o->sources, f->at, &text);
	strbuf_puts(&text, text.n ? ": WARNING: " : "WARNING: ");
	put_message(o, f, retcode, &text);
	strbuf_printf(&text, " (%" PRIu64 " times)\n", n);
	output_message(o, strbuf_str(&text));
}

/* the user engine counts them for all programs of returns together */
static bool has_others(const struct output *o, uint32_t prog)
{
	for (uint32_t i = prog + 1; i < o->image->n_progs; i++)
		if (probe_is_kernel_return(o->image->progs[i]->shape))
			return true;
	return false;
}

static void report_missed(struct output *o)
{
	uint64_t all = o->ops->without_stack ? o->ops->without_stack(o->engine) : 0;

	if (all)
		output_complain(
			o, "WARNING: %" PRIu64 " hits in Go code were skipped: no stack was free\n",
			all);
	for (uint32_t i = 0; o->ops->missed && i < o->image->n_progs; i++) {
		uint64_t n = o->ops->missed(o->engine, i);
		STRBUF_AUTO probes = { 0 };

		if (!n)
			continue;
		put_probes(o, i, BY_PROGRAM, &probes);
		if (o->ops->misses_returns && o->ops->misses_returns(o->engine, i))
			output_complain(
				o,
				"WARNING: %" PRIu64
				" returns were not noticed, too many calls were open at once: %s%s\n",
				n, strbuf_cstr(&probes), has_others(o, i) ? " or others" : "");
		else
			output_complain(o, "WARNING: The kernel skipped %" PRIu64 " hits of %s\n",
					n, strbuf_cstr(&probes));
	}
}

/* scripts go on with nothing where memory cannot be read, often on purpose; but nobody is to take that for what was there */
static void report_unread(struct output *o, const struct image_fault_count *c)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < o->image->n_faults; i++)
		if (o->image->faults[i].kind == FAULT_READ && o->image->faults[i].is_quiet)
			total += load(&c[i].count);
	if (total)
		output_complain(
			o,
			"%" PRIu64
			" read%s of memory that was not there gave empty text or 0 (-k shows where)\n",
			total, total == 1 ? "" : "s");
}

void faults_report_totals(struct output *o)
{
	const struct image_fault_count *c = counters(o);

	faults_poll(o);
	if (!o->engine || o->opts.no_warnings)
		return;
	if (c)
		report_lost_total(o, c);
	for (uint32_t i = 0; c && i < o->image->n_faults; i++) {
		const struct image_fault *f = &o->image->faults[i];
		uint64_t n = load(&c[i].count);

		if (n > 1 && is_shown(o, f))
			report_repeated(o, f, n, c[i].last_retcode);
	}
	if (c && o->opts.tell_unread && !o->opts.show_quiet && o->opts.format == OUTPUT_TEXT)
		report_unread(o, c);
	report_missed(o);
}
