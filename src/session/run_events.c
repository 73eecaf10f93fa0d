/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events on their way from the engine to the output, and what is to be said of those that did not get there. */
#include "session/run_private.h"

#include "base/clock.h"
#include "output/faults.h"
#include "session/signals.h"

#include <stdio.h>

enum { GRACE_NS = 500000000 };

/* does this event print something for a hit? begin's heading and end's sums are none */
static bool is_counted(const struct run *r, const struct event_head *head)
{
	enum probe_kind kind = r->c.image->progs[head->prog]->shape->kind;

	if (kind == PROBE_BEGIN || kind == PROBE_END)
		return false;
	switch (r->c.image->events[head->layout]->kind) {
	case EVENT_PRINTF:
	case EVENT_PRINT:
	case EVENT_PRINT_MAP:
	case EVENT_PRINT_MAP_KEY:
	case EVENT_TIME:
	case EVENT_JOIN:
	case EVENT_CAT: return true;
	default: return false;
	}
}

/* --max-events: false: there were enough. The exit word keeps the programs from making more */
static bool is_wanted(struct run *r, const struct event_head *head)
{
	if (!r->o->max_events || head->prog >= r->c.image->n_progs || !is_counted(r, head))
		return true;
	if (r->n_printed >= r->o->max_events)
		return false;
	if (++r->n_printed == r->o->max_events)
		r->ops->globals(r->engine)->exiting = 1;
	return true;
}

/*
 * Events that wait when the user presses Ctrl-C are still printed, but not for longer than half a second: printing can be slow
 * (system(), a terminal), and there can be many.
 */
void run_on_event(void *arg, const struct event_head *head, const void *payload, uint32_t size)
{
	struct run *r = arg;

	r->names.is_fresh = false;
	if (r->c.image->events[head->layout]->kind == EVENT_STACK) { /* later events need it */
		output_event(r->out, head, payload, size);
		return;
	}
	if (!is_wanted(r, head))
		return;
	if (signals_stop && !r->is_ending) {
		uint64_t now = clock_monotonic_ns();

		if (!r->stop_ns)
			r->stop_ns = now;
		if (now - r->stop_ns > GRACE_NS) {
			r->n_skipped++;
			return;
		}
	}
	if (r->c.image->events[head->layout]->kind == EVENT_STREAM) {
		if (!r->stream_err)
			r->stream_err = stream_event(r->stream, r->c.image->events[head->layout],
						     payload, size);
		return;
	}
	output_event(r->out, head, payload, size);
}

/* what messages were made of, when some of it is missing */
static void say_streams(const struct run *r)
{
	const struct stream_stats *s = stream_get_stats(r->stream);

	if (!s)
		return;
	if (s->n_gaps)
		fprintf(stderr,
			"WARNING: bytes are missing at %llu places of %llu connections (%llu bytes where it is "
			"known how many); messages that lack something for it say so (args.lost)\n",
			(unsigned long long)s->n_gaps, (unsigned long long)s->n_lossy,
			(unsigned long long)s->n_lost_bytes);
	if (s->n_evicted)
		fprintf(stderr,
			"WARNING: %llu connections were given up, there was no room for more\n",
			(unsigned long long)s->n_evicted);
}

/* programs that begin meanwhile run for a while before their files have probes */
static void say_late(const struct run *r)
{
	uint64_t worst_ns;
	uint32_t n = late_files(r->late, &worst_ns);

	if (n && !r->o->is_quiet && !r->o->no_warnings)
		fprintf(stderr,
			"NOTE: %u file%s that programs mapped meanwhile got %s probes up to %.0f ms later; what was "
			"called until then was not seen (-v names them)\n",
			n, n == 1 ? "" : "s", n == 1 ? "its" : "their", (double)worst_ns / 1e6);
	n = late_missed(r->late);
	if (n && !r->o->is_quiet && !r->o->no_warnings)
		fprintf(stderr,
			"WARNING: %u time%s a process ended before a program that it had become, or a library that it "
			"had loaded, got its probes: what was called there was not seen%s\n",
			n, n == 1 ? "" : "s",
			r->o->follow ? "" : " (with --follow, programs are probed before they begin)");
}

static void say_skipped(const struct run *r)
{
	if (r->n_skipped && !r->o->is_quiet)
		fprintf(stderr, "%llu events that waited at the interrupt were not printed\n",
			(unsigned long long)r->n_skipped);
}

struct err *run_drain(struct run *r, int timeout_ms)
{
	struct err *err = r->ops->poll(r->engine, timeout_ms, run_on_event, r);

	if (!err) {
		err = r->stream_err;
		r->stream_err = NULL;
	}
	if (!err)
		err = stream_round(r->stream);
	output_batch_end(r->out);
	if (!err)
		faults_poll(r->out);
	return err;
}

void run_say_missing(const struct run *r)
{
	say_skipped(r);
	say_streams(r);
	say_late(r);
}
