/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a run needs before its first program: the output, the engine with its maps and programs, a watch over processes. */
#include "session/run_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "objfile/proc.h"
#include "session/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void engine_report(void *arg, struct span at, const char *severity, const char *text)
{
	struct run *r = arg;
	STRBUF_AUTO b = { 0 };

	diag_render_at(&r->c.sources, at, severity, str_from(text), STR_NULL, r->c.is_colour, &b);
	fflush(stdout);
	fwrite(b.p, 1, b.n, stderr);
}

/* the kernel's watch tells of it, too, and earlier; an ordinary user has none */
static void on_mapped(void *arg, pid_t pid, const struct proc_map *m)
{
	const struct run *r = arg;
	STRBUF_AUTO path = { 0 };

	if (r->names.watch)
		return;
	if (!m) {
		symbolizer_note_exec(r->c.symbolizer, pid);
		return;
	}
	strbuf_printf(&path, "%.*s%s", STR_ARG(m->path), m->deleted ? " (deleted)" : "");
	symbolizer_note_mmap(r->c.symbolizer, pid, m->start, m->end - m->start, m->offset,
			     m->dev_major, m->dev_minor, m->ino, strbuf_str(&path));
}

struct err *run_open_output(struct run *r)
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

struct err *run_open_engine(struct run *r)
{
	const struct session_opts *o = r->o;
	const struct sema_config *cfg = &r->c.unit->config;
	VEC(int32_t) pids = { 0 };
	struct engine_opts eo = {
		.ring_bytes = r->c.ring_bytes,
		.cgroup_id = o->cgroup_id,
		.grows = r->c.waits || o->follow,
		.follow = o->follow,
		.warn_missing = cfg->missing_probes == MISSING_WARN,
		.ignore_missing = cfg->missing_probes == MISSING_IGNORE,
		.no_warnings = o->no_warnings,
		.max_memory = (uint64_t)cfg->max_memory,
		.log_size = (uint32_t)cfg->log_size,
		.verifier_log = o->debug & STAGE_VERIFIER,
		.no_feature = o->no_feature,
		.report = engine_report,
		.mapped = on_mapped,
		.report_arg = r,
	};
	struct err *err;

	/* with --follow the set of processes grows: in the kernel the programs test it, and probes are attached for all */
	if (!o->follow || r->ops == &engine_user) {
		vec_each(p, &o->pids)
			vec_push(&pids, *p);
	}
	if (r->ops != &engine_kernel && r->child.pid) {
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
						      .on_event = run_on_event,
						      .on_event_arg = r });
	output_set_blobs(r->out, stream_blob, r->stream);
	r->ops->globals(r->engine)->start_ns = clock_monotonic_ns();
	r->ops->globals(r->engine)->cpid = (uint64_t)r->child.pid;
	return NULL;
}

/* ---- processes ---- */

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

void run_watch_processes(struct run *r)
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

void run_image_grown(void *arg, pid_t pid)
{
	struct run *r = arg;

	if (!r->names.watch || (!r->names.unwinder && r->c.image->unwind_stats_map != IMAGE_NONE)) {
		procwatch_free(r->names.watch);
		r->names.watch = NULL;
		run_watch_processes(r);
		/* its mappings came before the watch */
		symbolizer_note_process(r->c.symbolizer, pid);
		unwinder_prepare(r->names.unwinder, pid);
	}
	if (!r->calls)
		r->calls = calls_new(r->c.image, r->ops, r->engine);
	go_types_free(r->names.go_types);
	r->names.go_types = go_types_new(r->c.image, probe_ctx_files(&r->c.probes));
}
