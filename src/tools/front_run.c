/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sonde run: an eBPF object instead of a script. What src/object does with it is driven here: the command, the end, the
 * output. The object decides what its programs see; -p and -c choose processes where the kernel lets them be chosen.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/limits.h"
#include "objfile/proc.h"
#include "object/object.h"
#include "output/sink.h"
#include "session/child.h"
#include "session/signals.h"
#include "session/symbols.h"
#include "tools/front_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

enum { POLL_MS = 50 };

struct object_run {
	struct tool_args *a;
	struct object_opts opts;
	VEC(struct object_attach) attach;
	VEC(const char *) set;
	struct child child;
	pid_t child_pid;
	struct sink out;
	uint64_t end_ns; /* 0: never */
	uint64_t n_lines;
	struct symbols names; /* of stacks; symbolizer NULL: the object has none */
	struct output_symbols symbols;
};

static void write_line(void *arg, struct str text)
{
	struct object_run *r = arg;

	if (r->a->session.max_events && r->n_lines >= r->a->session.max_events)
		return;
	r->n_lines++;
	strbuf_add_str(&r->out.pending, text);
	sink_event_end(&r->out);
}

static void remark(void *arg, const char *text)
{
	struct object_run *r = arg;

	sink_flush(&r->out);
	fprintf(stderr, "NOTE: %s\n", text);
}

/* a user whom the kernel tells of no mappings is told by the engine: a process may be gone when its addresses are to have names */
static void on_mapped(void *arg, pid_t pid, const struct proc_map *m)
{
	struct object_run *r = arg;
	STRBUF_AUTO path = { 0 };

	if (!r->names.symbolizer || r->names.watch)
		return;
	if (!m) {
		symbolizer_note_exec(r->names.symbolizer, pid);
		return;
	}
	strbuf_printf(&path, "%.*s%s", STR_ARG(m->path), m->deleted ? " (deleted)" : "");
	symbolizer_note_mmap(r->names.symbolizer, pid, m->start, m->end - m->start, m->offset,
			     m->dev_major, m->dev_minor, m->ino, strbuf_str(&path));
}

/* "PROGRAM=PLACE" */
static ERR_MUST struct err *read_attach(struct object_run *r, struct str text)
{
	struct str place = text, program = str_split(&place, '=');

	if (!program.n || !place.n)
		return err_hint(err_new(0, "--attach '%.*s' is no PROGRAM=PLACE", STR_ARG(text)),
				"--attach handler=uprobe:/bin/app:parse");
	vec_push(&r->attach, ((struct object_attach){ arena_str(&r->a->arena, program).p,
						      arena_str(&r->a->arena, place).p }));
	return NULL;
}

/* "NAME=VALUE" */
static ERR_MUST struct err *read_set(struct object_run *r, struct str text)
{
	if (str_find_char(text, '=', 0) < 1)
		return err_hint(err_new(0, "--set '%.*s' is no NAME=VALUE", STR_ARG(text)),
				"--set targ_pid=4711");
	vec_push(&r->set, arena_str(&r->a->arena, text).p);
	return NULL;
}

static ERR_MUST struct err *read_options(struct object_run *r)
{
	struct session_opts *s = &r->a->session;
	int64_t hertz = 99;

	if (r->a->rest.n > 1)
		return err_new(0, "run takes one object, and '%.*s' is one word more",
			       STR_ARG(r->a->rest.v[1]));
	/* -c brings --follow along */
	if ((s->follow && !s->command) || s->cgroup_id)
		return err_hint(err_new(0, "run does not know --follow, --cgroup and --container"),
				"programs of an object choose by themselves what they look at");
	if (s->budget > 0 && s->engine == ENGINE_USER)
		return err_hint(
			err_new(0, "--budget does not know objects whose programs run in a process: "
				   "they count no hits for it"),
			"--engine kernel has it");
	TRY(tool_args_number(r->a, "hertz", &hertz));
	if (hertz < 1 || hertz > 10000)
		return err_new(0, "--hertz takes 1 to 10000");
	vec_each(g, &r->a->given) {
		if (str_is(g->option->name, "attach"))
			TRY(read_attach(r, g->value));
		if (str_is(g->option->name, "set"))
			TRY(read_set(r, g->value));
	}
	r->opts = (struct object_opts){ .path = arena_str(&r->a->arena, r->a->rest.v[0]).p,
					.pids = s->pids.v,
					.n_pids = (uint32_t)s->pids.n,
					.attach = r->attach.v,
					.n_attach = (uint32_t)r->attach.n,
					.set = r->set.v,
					.n_set = (uint32_t)r->set.n,
					.hertz = (uint32_t)hertz,
					.budget = s->budget,
					.is_user = s->engine == ENGINE_USER,
					.is_json = s->format == OUTPUT_JSON,
					.write = write_line,
					.remark = remark,
					.mapped = on_mapped,
					.arg = r };
	return NULL;
}

static ERR_MUST struct err *start_command(struct object_run *r)
{
	const struct session_opts *s = &r->a->session;

	if (!s->command)
		return NULL;
	TRY(child_start(s->command, &r->child));
	r->child_pid = r->child.pid;
	if (!r->opts.n_pids) {
		r->opts.pids = &r->child_pid;
		r->opts.n_pids = 1;
		r->opts.held_pid = r->child_pid;
		r->opts.gate = r->child.release;
		r->opts.program = r->child.program;
	}
	return NULL;
}

static bool should_stop(struct object_run *r)
{
	const struct session_opts *s = &r->a->session;

	if (signals_stop || r->out.error || (r->end_ns && clock_monotonic_ns() >= r->end_ns))
		return true;
	if (s->max_events && r->n_lines >= s->max_events)
		return true;
	if (r->child.pid)
		return child_ended(&r->child);
	vec_each(p, &s->pids)
		if (proc_is_alive(*p))
			return false;
	return s->pids.n > 0;
}

/* ---- names of stacks ---- */

/* all processes have left addresses: the kernel's maps do not say which */
static bool is_wanted(void *arg, pid_t pid)
{
	return true;
}

static void names_open(struct object_run *r, struct object *o)
{
	struct procwatch_opts po = { .only = r->opts.pids,
				     .n_only = r->opts.n_pids,
				     .is_wanted = is_wanted };
	ERR_AUTO err = NULL;

	if (!object_has_stacks(o))
		return;
	r->names.symbolizer = symbolizer_new(&(struct symbolizer_opts){ .demangle = true });
	po.symbolizer = r->names.symbolizer;
	if (r->opts.n_pids)
		err = procwatch_new(&po, &r->names.watch);
	for (uint32_t i = 0; i < r->opts.n_pids; i++)
		symbolizer_note_process(r->names.symbolizer, r->opts.pids[i]);
	symbols_init(&r->symbols, &r->names);
	object_set_symbols(o, &r->symbols);
}

static void names_round(struct object_run *r)
{
	r->names.is_fresh = false;
	procwatch_catch_up(r->names.watch);
	procwatch_round(r->names.watch);
}

static void names_close(struct object_run *r)
{
	procwatch_free(r->names.watch);
	if (r->names.symbolizer)
		symbolizer_free(r->names.symbolizer);
}

static ERR_MUST struct err *trace(struct object_run *r, struct object *o)
{
	const struct session_opts *s = &r->a->session;
	struct err *err = NULL;
	uint32_t n;

	names_open(r, o);
	TRY(object_attach(o, &n));
	if (r->a->says_attached || r->a->verbose)
		fprintf(stderr, "Attached %u %s\n", n, n == 1 ? "program" : "programs");
	if (getenv("__BPFTRACE_NOTIFY_PROBES_ATTACHED"))
		(void)!write(STDOUT_FILENO, "__BPFTRACE_NOTIFY_PROBES_ATTACHED\n", 34);
	if (s->duration_ns)
		r->end_ns = clock_monotonic_ns() + s->duration_ns;
	if (object_has_released(o))
		child_is_released(&r->child);
	child_release(&r->child);
	while (!err && !s->is_dry_run && !should_stop(r)) {
		err = object_poll(o, POLL_MS);
		if (!err)
			err = object_budget_round(o);
		names_round(r);
		sink_batch_end(&r->out);
	}
	r->names.is_fresh = false;
	object_detach(o);
	if (!err)
		err = object_poll(o, 0);
	if (!err && !s->is_dry_run)
		err = object_put_maps(o);
	object_budget_end(o);
	if (object_lost(o))
		fprintf(stderr, "WARNING: %llu events were lost: the buffers were full\n",
			(unsigned long long)object_lost(o));
	return err;
}

static ERR_MUST struct err *open_output(struct object_run *r)
{
	const char *path = r->a->session.output_path;

	r->out.fd = STDOUT_FILENO;
	r->out.mode = SINK_LINE;
	r->out.give_up = &signals_stop;
	if (!path)
		return NULL;
	r->out.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	return r->out.fd < 0 ? err_new(errno, "open output file '%s'", path) : NULL;
}

struct err *front_run(struct tool_args *a, int *status)
{
	struct object_run r = { .a = a, .child = { .release = -1 } };
	struct object *o = NULL;
	struct err *err;

	a->says_attached = true;
	signals_install();
	limits_raise_files();
	err = read_options(&r);
	if (!err)
		err = open_output(&r);
	if (!err)
		err = start_command(&r);
	if (!err)
		err = object_open(&r.opts, &o);
	if (!err)
		err = trace(&r, o);
	sink_flush(&r.out);
	child_stop(&r.child);
	object_free(o);
	names_close(&r);
	if (r.out.fd > STDERR_FILENO)
		close(r.out.fd);
	sink_free(&r.out);
	vec_free(&r.attach);
	vec_free(&r.set);
	*status = err ? 1 : 0;
	return err;
}
