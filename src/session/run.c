/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A run: load, begin programs, attach, events until something ends it (exit(), Ctrl-C, the child, the traced processes),
 * detach, end programs, maps, totals. Every way out goes through the same clean-up.
 */
#include "session/compile.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "object/emit.h"
#include "output/faults.h"
#include "session/budget.h"
#include "session/calls.h"
#include "session/child.h"
#include "session/follow.h"
#include "session/keeper.h"
#include "session/late.h"
#include "session/replaced.h"
#include "session/signals.h"
#include "session/symbols.h"
#include "session/tests.h"
#include "stream/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <stdio.h>
#include <unistd.h>

enum { POLL_MS = 20, CHECK_ROUNDS = 10, GRACE_NS = 500000000 };

struct run {
	const struct session_opts *o;
	struct compilation c;
	struct child child;
	const struct engine_ops *ops;
	struct engine *engine;
	struct output *out;
	struct output_symbols symbols;
	struct symbols names;
	struct calls *calls;
	struct budget *budget;     /* NULL: no --budget */
	struct late *late;         /* NULL: nothing is waited for */
	struct replaced *replaced; /* NULL: no file can be */
	struct keeper *keeper;     /* --pin */
	struct output_opts out_opts;
	int out_fd;
	bool is_attached;
	uint64_t stop_ns;   /* when Ctrl-C was seen; 0: not yet */
	uint64_t n_printed; /* events of --max-events */
	struct stream *stream;
	struct err *stream_err; /* of running clauses on messages */
	uint64_t n_skipped;     /* events that were waiting then and were not printed any more */
	bool is_ending;         /* the end programs have run: what they print is always shown */
	int status;
};

static void engine_report(void *arg, struct span at, const char *severity, const char *text)
{
	struct run *r = arg;
	STRBUF_AUTO b = { 0 };

	diag_render_at(&r->c.sources, at, severity, str_from(text), STR_NULL, r->c.is_colour, &b);
	fflush(stdout);
	fwrite(b.p, 1, b.n, stderr);
}

/* ---- setting up ---- */

static ERR_MUST struct err *open_output(struct run *r)
{
	const struct session_opts *o = r->o;
	struct output_opts oo = {
		.format = o->format,
		.buffering = o->buffering,
		.rotation = { .path = o->output_path,
			      .max_bytes = o->rotate_bytes,
			      .keep = o->rotate_keep },
		.err_fd = STDERR_FILENO,
		.colour = r->c.is_colour,
		.no_warnings = o->no_warnings,
		.show_quiet = o->warn_level > 0,
		.tell_unread = !o->is_bpftrace,
		.allow_system = o->is_unsafe,
		.is_tool = o->is_tool,
		.message_filter = o->message_filter,
		.map_table = r->c.unit->config.map_table,
		.print_differences = r->c.unit->config.print_differences,
		.trunc_trailer = r->c.unit->config.str_trunc_trailer,
		.max_cat_bytes = (uint64_t)r->c.unit->config.max_cat_bytes,
		.give_up = &signals_stop,
		.pictures = o->pictures,
		.is_bpftrace = o->is_bpftrace,
	};

	if (o->pictures.is_folded && o->format == OUTPUT_JSON)
		return err_hint(err_new(0, "--folded and JSON exclude one another"),
				"--speedscope FILE writes the stacks as JSON");
	if (!oo.pictures.title.n)
		oo.pictures.title = o->name;
	r->out_fd = STDOUT_FILENO;
	if (o->output_path) {
		r->out_fd = open(o->output_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (r->out_fd < 0)
			return err_new(errno, "open output file '%s'", o->output_path);
	}
	oo.fd = r->out_fd;
	oo.escape_control = o->is_one_line || isatty(r->out_fd);
	oo.is_one_line = o->is_one_line;
	r->names.symbolizer = r->c.symbolizer;
	if (r->c.unit->config.show_debug_info)
		r->names.lines = source_lines_new();
	r->names.go_types = go_types_new(r->c.image, probe_ctx_files(&r->c.probes));
	symbols_init(&r->symbols, &r->names);
	r->out_opts = oo;
	return output_new(r->c.image, &r->c.sources, &r->symbols, &oo, &r->out);
}

static void on_event(void *arg, const struct event_head *head, const void *payload, uint32_t size);

static ERR_MUST struct err *open_engine(struct run *r)
{
	const struct session_opts *o = r->o;
	const struct sema_config *cfg = &r->c.unit->config;
	VEC(int32_t) pids = { 0 };
	struct engine_opts eo = {
		.ring_bytes = r->c.ring_bytes,
		.cgroup_id = o->cgroup_id,
		.warn_missing = cfg->missing_probes == MISSING_WARN,
		.ignore_missing = cfg->missing_probes == MISSING_IGNORE,
		.max_memory = (uint64_t)cfg->max_memory,
		.log_size = (uint32_t)cfg->log_size,
		.verifier_log = o->debug & STAGE_VERIFIER,
		.no_feature = o->no_feature,
		.report = engine_report,
		.report_arg = r,
	};
	struct err *err;

	/* with --follow the set of processes grows: the programs test it, and probes are attached for all */
	if (!o->follow) {
		vec_each(p, &o->pids)
			vec_push(&pids, *p);
	}
	if (r->ops == &engine_user && r->child.pid) {
		eo.held_pid = r->child.pid;
		eo.gate = r->child.release;
		vec_push(&pids, r->child.pid);
	}
	/* the engine keeps a copy of the options, not of the list */
	eo.pids = arena_alloc(&r->c.arena, (pids.n + 1) * sizeof(*pids.v));
	if (pids.n)
		memcpy((void *)eo.pids, pids.v, pids.n * sizeof(*pids.v));
	eo.n_pids = (uint32_t)pids.n;
	vec_free(&pids);
	err = r->ops->open(r->c.image, &r->c.sources, &eo, &r->engine);
	if (err)
		return err;
	output_set_engine(r->out, r->ops, r->engine);
	r->stream = stream_new(&(struct stream_opts){ .image = r->c.image,
						      .ops = r->ops,
						      .engine = r->engine,
						      .on_event = on_event,
						      .on_event_arg = r });
	output_set_blobs(r->out, stream_blob, r->stream);
	r->ops->globals(r->engine)->start_ns = clock_monotonic_ns();
	r->ops->globals(r->engine)->cpid = (uint64_t)r->child.pid;
	return NULL;
}

/* ---- events ---- */

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
static void on_event(void *arg, const struct event_head *head, const void *payload, uint32_t size)
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
}

static void say_skipped(const struct run *r)
{
	if (r->n_skipped && !r->o->is_quiet)
		fprintf(stderr, "%llu events that waited at the interrupt were not printed\n",
			(unsigned long long)r->n_skipped);
}

static ERR_MUST struct err *drain(struct run *r, int timeout_ms)
{
	struct err *err = r->ops->poll(r->engine, timeout_ms, on_event, r);

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

static ERR_MUST struct err *run_kind(struct run *r, enum probe_kind kind)
{
	const struct image *im = r->c.image;
	uint64_t ret, ns;

	for (uint32_t i = 0; i < im->n_progs; i++) {
		if (im->progs[i]->shape->kind != kind)
			continue;
		TRY(r->ops->run_once(r->engine, i, 1, &ret, &ns));
		if (kind == PROBE_BEGIN && r->ops->globals(r->engine)->exiting)
			break; /* begin clauses behind one that called exit() do not run */
	}
	/* what begin prints comes behind the line that says how many probes are attached */
	return kind == PROBE_BEGIN ? NULL : drain(r, 0);
}

/* is there anything that can still happen after begin? */
static bool has_events(const struct image *im)
{
	for (uint32_t i = 0; i < im->n_progs; i++)
		if (im->progs[i]->shape->kind != PROBE_BEGIN &&
		    im->progs[i]->shape->kind != PROBE_END)
			return true;
	return false;
}

static bool all_gone(const struct run *r)
{
	if (!r->o->pids.n || r->child.pid)
		return false;
	vec_each(p, &r->o->pids)
		if (proc_is_alive(*p))
			return false;
	return true;
}

/* --follow: has the last of the processes ended? The kernel keeps the set; one that ended before that began stays in it */
static bool followed_gone(const struct run *r)
{
	uint64_t *words = follow_read(r->c.image, r->ops, r->engine);
	bool is_gone = true;

	for (pid_t w = 0; is_gone && w < IMAGE_FOLLOWED_PIDS / 64; w++)
		for (uint64_t bits = words[w]; is_gone && bits; bits &= bits - 1)
			is_gone = !proc_is_alive(w * 64 + __builtin_ctzll(bits));
	free(words);
	return is_gone;
}

static bool should_stop(struct run *r, unsigned round)
{
	if (signals_stop || output_exit_requested(r->out) || output_error(r->out) ||
	    r->ops->globals(r->engine)->exiting)
		return true;
	if (r->ops->is_finished(r->engine))
		return true;
	if (r->o->follow)
		return round % CHECK_ROUNDS == 0 && (!r->child.pid || child_ended(&r->child)) &&
		       followed_gone(r);
	if (child_ended(&r->child))
		return true;
	return round % CHECK_ROUNDS == 0 && all_gone(r);
}

/* --read: the maps as they are now */
static void show_maps(void *arg, int fd)
{
	struct run *r = arg;
	struct output_opts oo = r->out_opts;
	struct output *o = NULL;

	oo.fd = fd;
	oo.rotation = (struct sink_rotation){ 0 };
	oo.escape_control = false;
	output_batch_end(r->out);
	sink_flush(&r->out->out);
	err_free(output_new(r->c.image, &r->c.sources, &r->symbols, &oo, &o));
	if (!o)
		return;
	output_set_engine(o, r->ops, r->engine);
	output_maps(o);
	output_free(o);
}

static ERR_MUST struct err *loop(struct run *r)
{
	for (unsigned round = 0; !should_stop(r, round); round++) {
		late_wait(r->late, POLL_MS);
		late_round(r->late);
		replaced_round(r->replaced);
		procwatch_catch_up(r->names.watch);
		TRY(drain(r, r->late ? 0 : POLL_MS));
		procwatch_round(r->names.watch);
		calls_round(r->calls);
		TRY(budget_round(r->budget));
		if (keeper_round(r->keeper, show_maps, r))
			break;
		if (signals_user) {
			signals_user = 0;
			TRY(run_kind(r, PROBE_SELF));
		}
	}
	return NULL;
}

/* what users call a probe: begin, end and self count too, though nothing is attached for them */
static uint32_t count_probes(const struct image *im, const struct engine_attach_result *res)
{
	uint32_t n = res->n_attached;

	for (uint32_t i = 0; i < im->n_progs; i++) {
		const struct probe_shape *s = im->progs[i]->shape;

		if (s->kind == PROBE_BEGIN || s->kind == PROBE_END || s->kind == PROBE_SELF ||
		    s->kind == PROBE_MESSAGE)
			n += s->n_points ? s->n_points : 1;
	}
	return n;
}

static void announce(struct run *r, const struct engine_attach_result *res)
{
	if (!r->o->is_quiet)
		output_attached_probes(r->out, count_probes(r->c.image, res),
				       r->late && !res->n_attached);
	else if (r->o->is_tool && r->late && !res->n_attached && r->o->format == OUTPUT_TEXT)
		output_complain(r->out,
				"no program that runs has what is looked for; waiting for one\n");
	output_batch_end(r->out);
	if (getenv("__BPFTRACE_NOTIFY_PROBES_ATTACHED"))
		(void)!write(STDOUT_FILENO, "__BPFTRACE_NOTIFY_PROBES_ATTACHED\n", 34);
	keeper_attached(r->keeper);
}

/* from loaded programs to the last event */
static ERR_MUST struct err *trace(struct run *r)
{
	struct engine_attach_result res = { 0 };
	struct err *err;

	if (!r->o->is_dry_run)
		TRY(run_kind(r, PROBE_BEGIN));
	if (!r->ops->globals(r->engine)->exiting && !signals_stop) {
		r->is_attached = true;
		budget_begin(r->budget);
		TRY(r->ops->attach(r->engine, &res));
	}
	announce(r, &res);
	if (res.has_released)
		child_is_released(&r->child);
	child_release(&r->child);
	if (r->o->duration_ns)
		signals_stop_in(r->o->duration_ns);
	err = (has_events(r->c.image) || r->late) && !r->o->is_dry_run ? loop(r) : NULL;
	/* what exit() came behind of is acted on while the probes are still there */
	if (!err)
		err = drain(r, 0);
	budget_end(r->budget);
	r->ops->detach(r->engine);
	if (!err)
		err = drain(r, 0);
	if (!err)
		err = stream_finish(r->stream);
	r->is_ending = true;
	if (!err && !r->o->is_dry_run)
		err = run_kind(r, PROBE_END);
	if (err)
		return err;
	r->names.is_fresh = false;
	if (!r->o->is_tool)
		output_end(r->out);
	if (r->c.unit->config.print_maps_on_exit && !r->o->is_dry_run)
		output_maps(r->out);
	if (!r->o->is_dry_run)
		TRY(output_pictures(r->out));
	faults_report_totals(r->out);
	say_skipped(r);
	say_streams(r);
	say_late(r);
	budget_report(r->budget);
	r->status = (int)r->ops->globals(r->engine)->exit_code;
	return NULL;
}

/* the programs note the processes whose addresses they keep */
static bool has_addresses(void *arg, pid_t pid)
{
	struct run *r = arg;
	uint32_t key = (uint32_t)pid, value;
	ERR_AUTO err = r->ops->map_lookup(r->engine, procwatch_wanted_map(r->c.image), &key,
					  &value);

	return !err;
}

/* those that run what is probed will be the first to be unwound */
static void prepare_targets(struct run *r)
{
	const struct image *im = r->c.image;
	VEC(uint64_t) inodes = { 0 };

	for (uint32_t i = 0; i < im->n_progs; i++) {
		const struct probe_shape *s = im->progs[i]->shape;
		struct stat st;

		for (uint32_t k = 0; s->is_user && k < s->n_points; k++)
			if (s->points[k].path.n &&
			    (!k || !str_eq(s->points[k].path, s->points[k - 1].path)) &&
			    !stat(s->points[k].path.p, &st))
				vec_push(&inodes, st.st_ino);
	}
	unwinder_prepare_files(r->names.unwinder, inodes.v, inodes.n);
	vec_free(&inodes);
}

/* before the first probe: a process that begins now is known from its first mapping on */
static void watch_processes(struct run *r)
{
	struct procwatch_opts po = { .symbolizer = r->c.symbolizer,
				     .is_wanted = has_addresses,
				     .arg = r };
	STRBUF_AUTO text = { 0 };
	ERR_AUTO err = NULL;

	if (procwatch_wanted_map(r->c.image) == IMAGE_NONE)
		return;
	r->names.unwinder = unwinder_new(r->c.image, r->ops, r->engine, r->c.symbolizer);
	po.unwinder = r->names.unwinder;
	if (!r->o->follow) {
		po.only = r->o->pids.v;
		po.n_only = r->o->pids.n;
	}
	err = procwatch_new(&po, &r->names.watch);
	if (err) {
		err_format(err, &text);
		log_verbose(
			"processes are not watched, those that end at once may have no symbols: %s",
			strbuf_cstr(&text));
	}
	vec_each(p, &r->o->pids) {
		symbolizer_note_process(r->c.symbolizer, *p);
		unwinder_prepare(r->names.unwinder, *p);
	}
	if (!r->o->pids.n)
		prepare_targets(r);
}

/* programs came: they may keep what none kept before */
static void image_grown(void *arg, pid_t pid)
{
	struct run *r = arg;

	if (!r->names.watch || (!r->names.unwinder && r->c.image->unwind_stats_map != IMAGE_NONE)) {
		procwatch_free(r->names.watch);
		r->names.watch = NULL;
		watch_processes(r);
		/* its mappings came before the watch */
		symbolizer_note_process(r->c.symbolizer, pid);
		unwinder_prepare(r->names.unwinder, pid);
	}
	if (!r->calls)
		r->calls = calls_new(r->c.image, r->ops, r->engine);
	go_types_free(r->names.go_types);
	r->names.go_types = go_types_new(r->c.image, probe_ctx_files(&r->c.probes));
}

/* the user engine probes later what it has a place for already: a file that a pattern might name is none */
static ERR_MUST struct err *check_waiting(const struct run *r)
{
	bool has_places = false;

	if (r->ops != &engine_user || !r->c.waits)
		return NULL;
	for (uint32_t i = 0; i < r->c.image->n_progs; i++)
		has_places |= r->c.image->progs[i]->shape->is_user &&
			      r->c.image->progs[i]->shape->n_points;
	if (!has_places)
		return err_hint(err_new(0, "no file that is there now has what is to be probed, "
					   "and the user engine does not wait for others"),
				"--engine kernel does");
	if (!r->o->no_warnings)
		fprintf(stderr, "NOTE: the user engine does not probe files that are mapped later "
				"and have no name in the script; --engine kernel does\n");
	return NULL;
}

static ERR_MUST struct err *run_script(struct run *r)
{
	struct late_opts lo;

	TRY(open_output(r));
	if (!r->c.image->n_progs && !r->c.mappings) {
		fprintf(stderr, "No probes to attach\n");
		r->status = 1;
		return NULL;
	}
	TRY(check_waiting(r));
	TRY(open_engine(r));
	watch_processes(r);
	r->calls = calls_new(r->c.image, r->ops, r->engine);
	r->budget = budget_new(&(struct budget_opts){ .share = r->o->budget,
						      .image = r->c.image,
						      .ops = r->ops,
						      .engine = r->engine,
						      .is_quiet = r->o->no_warnings });
	lo = (struct late_opts){ .c = &r->c,
				 .ops = r->ops,
				 .engine = r->engine,
				 .out = r->out,
				 .grown = image_grown,
				 .arg = r };
	if (r->ops == &engine_kernel) {
		r->late = late_new(&lo);
		r->replaced = replaced_new(&lo);
	}
	if (r->o->is_test || r->o->is_bench)
		return tests_run(&r->c, r->ops, r->engine, r->out, r->o->is_bench, &r->status);
	return trace(r);
}

static void finish_output(struct run *r)
{
	int failed;

	if (!r->out)
		return;
	output_batch_end(r->out);
	sink_flush(&r->out->out);
	failed = output_error(r->out);
	if (failed && failed != EPIPE) {
		ERR_AUTO err = err_new(failed, "write the output%s%s",
				       r->o->output_path ? " to " : "",
				       r->o->output_path ? r->o->output_path : "");

		report_error(&r->c, err);
		r->status = 1;
	}
	output_free(r->out);
	if (r->out_fd >= 0 && r->out_fd != STDOUT_FILENO)
		close(r->out_fd);
}

/* a process that is not there would be waited for in vain, or another one that gets its number be traced */
static ERR_MUST struct err *check_pids(const struct session_opts *o)
{
	vec_each(p, &o->pids)
		if (!proc_is_alive(*p))
			return err_hint(err_new(0, "there is no process %d", (int)*p),
					"ps -e lists those that run");
	return NULL;
}

/* the user engine works in the processes that are named */
static ERR_MUST struct err *check_engine(const struct session_opts *o)
{
	const char *what = o->follow      ? "children that come later"
			   : o->cgroup_id ? "whatever a cgroup has"
					  : NULL;

	if (o->engine != ENGINE_USER || !what)
		return NULL;
	return err_hint(err_new(0, "the user engine traces processes that are named, not %s", what),
			"--engine kernel does");
}

static void emit_remark(void *arg, const char *text)
{
	const struct run *r = arg;

	if (!r->o->no_warnings)
		fprintf(stderr, "NOTE: %s\n", text);
}

static bool compile_for(struct run *r, enum session_engine engine)
{
	r->c.engine = engine;
	r->ops = engine == ENGINE_USER ? &engine_user : &engine_kernel;
	r->c.child = r->child.pid;
	r->c.probes.program = r->child.program;
	return compile_image(&r->c);
}

/*
 * For the engine that runs it. auto: the user engine where processes are named and all of the script can run in them, which is known
 * when it has been compiled for that
 */
static bool compile(struct run *r, const struct session_opts *o)
{
	ERR_AUTO why = NULL;
	STRBUF_AUTO text = { 0 };

	if (o->engine != ENGINE_AUTO)
		return compile_for(r, o->engine);
	if ((o->pids.n || r->child.pid) && !o->follow) {
		if (!compile_for(r, ENGINE_USER))
			return false;
		why = r->c.waits ? err_new(0, "it waits for files that are mapped later")
				 : user_engine_refusal(r->c.image);
		if (!why) {
			log_verbose("engine: user, all of it can run in the process");
			return true;
		}
		err_format(why, &text);
		compilation_free(&r->c);
		compilation_init(&r->c, o);
	}
	log_verbose("engine: kernel, since %s",
		    why ? strbuf_cstr(&text) : "no process is named, or children are followed");
	return compile_for(r, ENGINE_KERNEL);
}

int session_run(struct session_opts *o)
{
	struct run r = { .o = o, .ops = &engine_kernel, .child = { .release = -1 }, .out_fd = -1 };
	struct err *err = NULL;

	if (o->pin_name) {
		err = keeper_start(o, &r.keeper, &r.status);
		if (err) {
			report_error(&r.c, err);
			err_free(err);
			return 1;
		}
		if (!r.keeper)
			return r.status;
	}
	signals_install();
	limits_raise_files();
	compilation_init(&r.c, o);
	err = check_pids(o);
	if (!err)
		err = check_engine(o);
	if (!err && o->command)
		err = child_start(o->command, &r.child);
	if (!err && !compile(&r, o))
		r.status = 1;
	else if (!err && o->emit_path)
		err = object_emit(r.c.image, o->emit_path, emit_remark, &r);
	else if (!err && !o->is_compile_only)
		err = run_script(&r);
	/* what was printed is on its way before anything waits: closing perf events takes the kernel long */
	if (r.out) {
		output_batch_end(r.out);
		sink_flush(&r.out->out);
	}
	if (err) {
		report_error(&r.c, err);
		r.status = 1;
		err_free(err);
	}
	child_stop(&r.child);
	finish_output(&r);
	late_free(r.late);
	replaced_free(r.replaced);
	calls_free(r.calls);
	budget_free(r.budget);
	unwinder_free(r.names.unwinder);
	source_lines_free(r.names.lines);
	go_types_free(r.names.go_types);
	stream_free(r.stream);
	err_free(r.stream_err);
	if (r.engine)
		r.ops->close(r.engine);
	procwatch_free(r.names.watch);
	compilation_free(&r.c);
	keeper_free(r.keeper);
	return r.status;
}
