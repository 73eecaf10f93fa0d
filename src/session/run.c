/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A run: load, begin programs, attach, events until something ends it (exit(), Ctrl-C, the child, the traced processes),
 * detach, end programs, maps, totals. Every way out goes through the same clean-up.
 */
#include "session/run_private.h"

#include "base/clock.h"
#include "base/limits.h"
#include "object/emit.h"
#include "output/faults.h"
#include "session/follow.h"
#include "session/signals.h"
#include "session/tests.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { POLL_MS = 20, CHECK_ROUNDS = 10 };

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
	return kind == PROBE_BEGIN ? NULL : run_drain(r, 0);
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
	if (r->o->follow && r->ops == &engine_user)
		return false; /* the engine is finished with the last of the processes */
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
		/* late_wait has waited for events, too, where the engine has a descriptor for them */
		TRY(run_drain(r, r->late && !r->ops->wake_by ? 0 : late_patience(r->late, POLL_MS)));
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
				       r->c.waits && r->late && !res->n_attached);
	else if (r->o->is_tool && r->c.waits && r->late && !res->n_attached &&
		 r->o->format == OUTPUT_TEXT)
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
	if (!r->ops->globals(r->engine)->exiting)
		absent_warn(&r->c, r->out);
	late_released(r->late, res.released_at);
	if (res.has_released)
		child_is_released(&r->child);
	child_release(&r->child);
	if (r->o->duration_ns)
		signals_stop_in(r->o->duration_ns);
	err = (has_events(r->c.image) || r->late) && !r->o->is_dry_run ? loop(r) : NULL;
	late_end(r->late);
	/* what exit() came behind of is acted on while the probes are still there */
	if (!err)
		err = run_drain(r, 0);
	budget_end(r->budget);
	r->ops->detach(r->engine);
	if (!err)
		err = run_drain(r, 0);
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
	run_say_missing(r);
	budget_report(r->budget);
	r->status = (int)r->ops->globals(r->engine)->exit_code;
	return NULL;
}

static ERR_MUST struct err *run_script(struct run *r)
{
	struct late_opts lo;

	TRY(run_open_output(r));
	if (!r->c.image->n_progs && !r->c.mappings && !(r->ops == &engine_user && r->c.waits)) {
		fprintf(stderr, "No probes to attach\n");
		r->status = 1;
		return NULL;
	}
	TRY(run_open_engine(r));
	run_watch_processes(r);
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
				 .grown = run_image_grown,
				 .arg = r };
	/* two engines cannot grow: a script that waits for files is not divided */
	if (r->ops->extend) {
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
	vec_each(p, &o->pids) {
		if (proc_is_alive(*p))
			continue;
		if (proc_state(*p) == 'Z')
			return err_hint(
				err_new(0, "process %d has ended", (int)*p),
				"it is a zombie: its parent has not asked for its status yet");
		return err_hint(err_new(0, "there is no process %d", (int)*p),
				"ps -e lists those that run");
	}
	return NULL;
}

/* who may not ask the kernel can still trace processes of his own, from inside */
static enum session_engine choose_engine(const struct session_opts *o)
{
	if (o->engine != ENGINE_UNSAID)
		return o->engine;
	return (o->pids.n || o->command) && !engine_kernel_is_permitted() ? ENGINE_AUTO
									  : ENGINE_KERNEL;
}

/* the user engine works in the processes that are named */
static ERR_MUST struct err *check_engine(const struct session_opts *o)
{
	if (o->engine != ENGINE_USER || !o->cgroup_id)
		return NULL;
	return err_hint(err_new(0, "the user engine traces processes that are named, not whatever "
				   "a cgroup has"),
			"--engine kernel does");
}

static void emit_remark(void *arg, const char *text)
{
	const struct run *r = arg;

	if (!r->o->no_warnings)
		fprintf(stderr, "NOTE: %s\n", text);
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
	o->engine = choose_engine(o);
	compilation_init(&r.c, o);
	err = check_pids(o);
	if (!err)
		err = check_engine(o);
	if (!err && o->command)
		err = child_start(o->command, &r.child);
	if (!err && !run_compile(&r))
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
