/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs the compiler's passes in order and prints what the user asked to see of each (-d). */
#include "session/compile.h"

#include "base/log.h"
#include "ebpf/codegen.h"
#include "engine/kernel/features.h"
#include "image/image.h"
#include "ir/build.h"
#include "lang/parse.h"
#include "lang/print.h"
#include "objfile/family.h"
#include "session/cgroup.h"
#include "session/generation.h"
#include "session/perf_rings.h"
#include "session/sizes.h"
#include "session/unwind.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

static bool wants_colour(void)
{
	const char *mode = getenv("BPFTRACE_COLOR");

	if (mode && !strcmp(mode, "always"))
		return true;
	if (mode && !strcmp(mode, "never"))
		return false;
	return isatty(STDERR_FILENO);
}

static uint32_t kernel_version(void)
{
	unsigned major = 0, minor = 0, patch = 0;
	struct utsname u;

	if (uname(&u) || sscanf(u.release, "%u.%u.%u", &major, &minor, &patch) < 2)
		return 0;
	return major << 16 | minor << 8 | (patch > 255 ? 255 : patch);
}

void compile_make_cpp(struct compilation *c)
{
	struct cpp_opts co = {
		.arena = &c->arena,
		.sources = &c->main->sources,
		.diags = &c->diags,
		.include_dirs = c->opts->include_dirs.v,
		.n_include_dirs = (uint32_t)c->opts->include_dirs.n,
		.have_btf = !access("/sys/kernel/btf/vmlinux", R_OK) || getenv("BPFTRACE_BTF"),
		.kernel_version = kernel_version(),
	};

	c->cpp = cpp_new(&co);
}

bool compile_is_in_process(const struct compilation *c, struct span at)
{
	vec_each(s, &c->in_process)
		if (s->file == at.file && s->start == at.start && s->end == at.end)
			return true;
	return c->engine == ENGINE_USER;
}

static bool is_in_process(void *arg, const struct probe_shape *s)
{
	return compile_is_in_process(arg, s->at);
}

static void find_unwind(void *arg, bool in_process, struct ir_unwind_opts *o)
{
	struct compilation *c = arg;

	if (in_process) { /* which has no structures of the kernel to look at */
		*o = (struct ir_unwind_opts){ .is_on = true,
					      .is_in_process = true,
					      .mm_xol_area = -1,
					      .xol_vaddr = -1,
					      .task_utask = -1 };
		return;
	}
	if (features_has(FEATURE_HELPER_LOOP) && features_has(FEATURE_HELPER_TASK_PT_REGS) &&
	    features_has(FEATURE_HELPER_GET_CURRENT_TASK_BTF))
		unwind_find_offsets(btfsrc_source(c->btf), o);
}

static void find_socket(void *arg, struct ir_socket_opts *o)
{
	struct compilation *c = arg;

	unwind_find_sockets(btfsrc_source(c->btf), o);
}

static bool unwinds(void *arg)
{
	const struct compilation *c = arg;
	struct ir_unwind_opts o = { 0 };

	find_unwind(arg, c->is_match_in_process, &o);
	return o.is_on;
}

static bool keeps_red_zone(void)
{
	return features_has(FEATURE_NOP5);
}

static bool calls_nop5(void)
{
	return features_has(FEATURE_NOP5_CALL);
}

void compilation_init(struct compilation *c, const struct session_opts *o)
{
	struct symbolizer_opts so = { .demangle = true };

	*c = (struct compilation){ .opts = o, .main = c };
	arena_init(&c->arena);
	diag_list_init(&c->diags, &c->arena);
	type_table_init(&c->types, &c->arena);
	c->btf = btfsrc_new_kernel(&c->types);
	type_chain_init(&c->chain, &c->types);
	compile_make_cpp(c);
	probe_ctx_init(&c->probes, &c->arena, &c->types, c->btf);
	c->probes.pids = o->pids.v;
	c->probes.n_pids = (uint32_t)o->pids.n;
	if (o->cgroup_path && !o->pids.n && !o->command)
		cgroup_find_roots(o->cgroup_path, &c->roots, &c->probes.has_our_root);
	c->probes.roots = c->roots.v;
	c->probes.n_roots = (uint32_t)c->roots.n;
	c->probes.is_unsafe = o->is_unsafe;
	c->probes.traceable = o->traceable;
	c->probes.lacks = features_missing;
	c->probes.keeps_red_zone = keeps_red_zone;
	c->probes.calls_nop5 = calls_nop5;
	c->probes.unwinds = unwinds;
	c->probes.unwinds_arg = c;
	so.files = probe_ctx_files(&c->probes);
	vec_each(dirs, &o->debuginfo)
		objfile_cache_add_debug_path(so.files, *dirs);
	c->symbolizer = symbolizer_new(&so);
	c->is_colour = wants_colour();
}

void compilation_free(struct compilation *c)
{
	if (c->has_filter)
		regfree(&c->filter);
	symbolizer_free(c->symbolizer);
	vec_free(&c->in_process);
	generation_free_all(c);
	perf_rings_free(c->mappings);
	vec_free(&c->matched);
	vec_free(&c->roots);
	probe_ctx_free(&c->probes);
	if (c->script_types)
		cdecl_free(c->script_types);
	cpp_free(c->cpp);
	btfsrc_free(c->btf);
	type_table_free(&c->types);
	sources_free(&c->sources);
	arena_free(&c->arena);
}

void report_error(const struct compilation *c, const struct err *e)
{
	const char *red = c && c->is_colour ? "\033[31m" : "",
		   *plain = c && c->is_colour ? "\033[0m" : "";
	const char *hint = err_get_hint(e);
	STRBUF_AUTO text = { 0 }, shown = { 0 };

	err_format(e, &text);
	diag_add_text(&shown, strbuf_str(&text));
	fflush(stdout);
	fprintf(stderr, "%sERROR: %s%s\n", red, strbuf_cstr(&shown), plain);
	if (hint)
		fprintf(stderr, "HINT: %s\n", hint);
}

/* print the collected diagnostics on stderr; true when there are errors */
static bool compile_report(struct compilation *c)
{
	STRBUF_AUTO text = { 0 };
	uint32_t errors = c->diags.n_errors;

	/* the stable codes, for -v: tests/checks/diagcodes.py reads them */
	for (const struct diag *d = c->diags.first; d; d = d->next)
		log_verbose("%s: %.*s", diag_code_name(d->code), STR_ARG(d->msg));
	if (c->diags.first && !((c->opts->no_warnings || c->has_warned) && !errors)) {
		diag_render(&c->diags, &c->sources, c->is_colour, &text);
		fflush(stdout);
		fwrite(text.p, 1, text.n, stderr);
	}
	/* printed once; what comes later is new */
	c->diags.first = NULL;
	c->diags.tail = &c->diags.first;
	c->diags.n_errors = c->diags.n_warnings = 0;
	return errors;
}

void compile_read(struct compilation *c)
{
	const struct session_opts *o = c->opts;
	struct parse_opts po = {
		.arena = &c->arena,
		.sources = &c->main->sources,
		.diags = &c->diags,
		.positional = o->positional.v,
		.n_positional = (uint32_t)o->positional.n,
		.named = o->named.v,
		.n_named = (uint32_t)o->named.n,
		.cpp = c->cpp,
	};

	if (c->main == c)
		c->script_file = sources_add(&c->sources, o->name, o->text);
	vec_each(inc, &o->include_files)
		cpp_include(c->cpp, *inc, (struct span){ .file = c->script_file });
	c->script = script_parse(&po, c->script_file);
	if (!c->diags.n_errors) {
		struct sema_world world;

		world_init(&world, c);
		sema_import(c->script, &po, &world);
	}
}

bool compile_parse(struct compilation *c)
{
	compile_read(c);
	if (c->opts->debug & STAGE_AST) {
		STRBUF_AUTO text = { 0 };

		ast_dump(c->script, &text);
		fwrite(text.p, 1, text.n, stdout);
	}
	return !c->diags.n_errors || !compile_report(c);
}

/* ---- the checker ---- */

void compile_check_opts(struct compilation *c, const struct sema_world *world, struct sema_opts *so)
{
	const struct session_opts *o = c->opts;

	*so = (struct sema_opts){
		.arena = &c->arena,
		.types = &c->main->types,
		.source = &c->main->chain.base,
		.script_source = c->main->script_types,
		.sources = &c->main->sources,
		.diags = &c->diags,
		.world = world,
		.positional = o->positional.v,
		.n_positional = (uint32_t)o->positional.n,
		.named = o->named.v,
		.n_named = (uint32_t)o->named.n,
		.is_unsafe = o->is_unsafe,
		.is_test = o->is_test,
		.is_bench = o->is_bench,
		.is_bpftrace = o->is_bpftrace,
		.has_child = o->command != NULL,
	};
}

static bool check(struct compilation *c)
{
	struct sema_world world;
	struct sema_opts so;

	world_init(&world, c);
	c->script_types = cdecl_new(&(struct cdecl_opts){
		.table = &c->types, .diags = &c->diags, .next = btfsrc_source(c->btf) });
	cdecl_parse(c->script_types, c->cpp);
	type_chain_add(&c->chain, c->script_types);
	type_chain_add(&c->chain, btfsrc_source(c->btf));
	compile_check_opts(c, &world, &so);
	c->unit = sema_check(c->script, &so);
	return !compile_report(c) && c->unit;
}

/* ---- code ---- */

static bool has_feature(void *arg, const char *name)
{
	const struct sema_world *w = arg;

	return w->has_feature(w->arg, name);
}

static void find_pid_namespace(struct ir_build_opts *bo)
{
	enum { INITIAL_PIDNS_INO = 0xEFFFFFFC };
	struct stat st;

	if (stat("/proc/self/ns/pid", &st) || st.st_ino == INITIAL_PIDNS_INO)
		return;
	bo->pidns_dev = st.st_dev;
	bo->pidns_ino = st.st_ino;
}

static void dump(const char *title, struct strbuf *text)
{
	printf("%s\n", title);
	fwrite(text->p, 1, text->n, stdout);
	strbuf_clear(text);
}

/*
 * --follow is kept by two programs of our own on the scheduler's events. They are in no script, and none can do without
 * them, whatever its missing_probes: without the filter every process would be traced.
 */
static const struct probe_shape *scheduler_event(struct compilation *c, const char *provider,
						 const char *event, struct diag_list *why)
{
	enum probe_missing missing = c->probes.missing;
	bool is_raw = !strcmp(provider, "rawtracepoint");
	struct attach_point ap = { .n_parts = is_raw ? 2 : 3,
				   .parts = { str_from(provider),
					      is_raw ? str_from(event) : STR("sched"),
					      is_raw ? STR_NULL : str_from(event) } };
	struct probe_shape *shape;

	ap.text = arena_printf(&c->arena, is_raw ? "%s:%s" : "%s:sched:%s", provider, event);
	diag_list_init(why, &c->arena);
	c->probes.missing = PROBE_MISSING_ERROR;
	shape = probe_match(&c->probes, &ap, is_raw, why);
	c->probes.missing = missing;
	/* no probe of the script's: it is not counted as one */
	for (uint32_t i = 0; shape && i < shape->n_points; i++)
		shape->points[i].is_repeat = true;
	return shape;
}

static void cannot_follow(struct compilation *c, const struct diag_list *why)
{
	const struct diag *first = why->first;
	struct diag *d = diag_error(&c->diags, D_PROBE_KERNEL, SPAN_NONE,
				    "Children cannot be followed: %.*s",
				    STR_ARG(first ? first->msg : STR("the kernel does not tell.")));

	if (first && first->hint.n)
		diag_hint(&c->diags, d, "%.*s", STR_ARG(first->hint));
}

/*
 * The raw tracepoints are there without tracefs, too. That of exits is wanted anyway: its programs run in the order in which
 * they were attached, behind the script's own, where the place of others is that of whoever used the event first.
 */
static void follow(struct compilation *c, struct ir_build_opts *bo)
{
	struct diag_list why, ignored;

	bo->fork_shape = scheduler_event(c, "tracepoint", "sched_process_fork", &why);
	if (!bo->fork_shape) {
		bo->task_pid = unwind_find_task_pid(btfsrc_source(c->btf));
		if (bo->task_pid >= 0)
			bo->fork_shape = scheduler_event(c, "rawtracepoint", "sched_process_fork",
							 &ignored);
	}
	bo->exit_shape = scheduler_event(c, "rawtracepoint", "sched_process_exit", &ignored);
	if (!bo->exit_shape)
		bo->exit_shape = scheduler_event(c, "tracepoint", "sched_process_exit",
						 bo->fork_shape ? &why : &ignored);
	if (!bo->fork_shape || !bo->exit_shape)
		cannot_follow(c, &why);
	if (!bo->exit_shape)
		bo->fork_shape = NULL;
}

void compile_build_opts(struct compilation *c, const struct sema_world *world,
			struct ir_build_opts *bo)
{
	/* sites of faults that clauses without a probe may still get */
	enum { FAULT_ROOM = 2048 };
	const struct session_opts *o = c->opts;
	struct pid_list pids = { 0 };

	*bo = (struct ir_build_opts){
		.ring_bytes = c->ring_bytes,
		.cgroup_id = o->cgroup_id,
		.warn_helpers = o->warn_level > 0,
		.has_func_ip = features_has(FEATURE_UPROBE_MULTI) &&
			       features_has(FEATURE_HELPER_GET_FUNC_IP),
		.find_unwind = find_unwind,
		.unwind_arg = c->main,
		.is_in_process = c->main->in_process.n ? is_in_process : NULL,
		.is_user = c->main->engine == ENGINE_USER,
		.dummy_ts_map = getenv("BPFTRACE_DUMMY_TS_MAP"),
		.find_socket = find_socket,
		.has_feature = has_feature,
		.feature_arg = (void *)world,
		.n_cpus = world->n_cpus,
		.has_no_books = c->engine == ENGINE_USER &&
				log_level<1, .has_budget = o->budget> 0 &&
				!o->emit_path, /* nobody would watch an object */
		.base = c->main == c ? NULL : c->main->image,
		.fault_room = c->main->waits ? FAULT_ROOM : 0,
	};
	vec_each(p, &o->pids)
		vec_push(&pids, *p);
	if (o->follow && c->engine == ENGINE_USER) {
		pids.n = 0; /* the guardian knows them; where a program runs at all, the process is traced */
	} else if (o->follow) {
		/* the set is made once, for all generations. A child of ours waits: it has no children yet */
		if (c->main == c)
			family_add_descendants(&pids);
		if (c->child)
			vec_push(&pids, c->child);
		follow(c, bo);
	}
	bo->n_pids = (uint32_t)pids.n;
	bo->pids = arena_alloc(&c->arena, (pids.n + 1) * sizeof(*pids.v));
	if (pids.n)
		memcpy((void *)bo->pids, pids.v, pids.n * sizeof(*pids.v));
	vec_free(&pids);
	find_pid_namespace(bo);
}

static bool generate(struct compilation *c)
{
	const struct session_opts *o = c->opts;
	struct sema_world world;
	struct ir_build_opts bo;
	struct ebpf_opts eo = { 0 };
	ERR_AUTO err = NULL;
	STRBUF_AUTO text = { 0 };

	world_init(&world, c);
	compile_build_opts(c, &world, &bo);
	c->module = ir_build(c->unit, &bo, &c->diags);
	if (compile_report(c) || !c->module)
		return false;
	if (o->debug & STAGE_IR_RAW) {
		ir_print(c->module, &text);
		dump("; ---- IR as built ----", &text);
	}
	err = ir_check(c->module);
	if (err) {
		report_error(c, err);
		return false;
	}
	ir_optimize(c->module);
	if (o->debug & STAGE_IR) {
		ir_print(c->module, &text);
		dump("; ---- IR ----", &text);
	}
	c->image = c->module->image;
	err = ebpf_compile(c->module, c->image, &eo);
	if (err) {
		diag_error(&c->diags, D_LIMIT_CODE, eo.at, "%s", err->msg);
		compile_report(c);
		return false;
	}
	if (o->debug & (STAGE_IMAGE | STAGE_EBPF)) {
		image_dump(c->image, &c->sources, &text);
		dump("; ---- image ----", &text);
	}
	return true;
}

static bool compile_filter(struct compilation *c)
{
	ERR_AUTO err = NULL;
	char why[256];
	int code;

	if (!c->opts->probe_filter)
		return true;
	code = regcomp(&c->filter, c->opts->probe_filter, REG_EXTENDED | REG_NOSUB);
	c->has_filter = code == 0;
	if (!code)
		return true;
	regerror(code, &c->filter, why, sizeof(why));
	err = err_hint(
		err_new(0, "Invalid --probe-filter regex '%s': %s", c->opts->probe_filter, why),
		"it is an extended regular expression, as of grep -E");
	report_error(c, err);
	return false;
}

/* keeps the points whose name matches; begin and end are always kept */
static bool filter_points(struct compilation *c, struct probe_shape *s)
{
	uint32_t n = 0;

	if (s->kind == PROBE_BEGIN || s->kind == PROBE_END)
		return true;
	for (uint32_t i = 0; i < s->n_points; i++) {
		const char *name = arena_str(&c->arena, s->points[i].name).p;

		if (regexec(&c->filter, name, 0, NULL, 0))
			continue;
		s->points[n] = s->points[i];
		s->points[n].cookie = n;
		n++;
	}
	s->n_points = n;
	return n > 0;
}

/* the places of our own go with the functions that they are for */
static void filter_helpers(struct compilation *c, const struct probe_shape *s)
{
	if (s->entries)
		filter_points(c, (struct probe_shape *)s->entries);
	if (s->tails)
		filter_points(c, (struct probe_shape *)s->tails);
}

void compile_filter_unit(struct compilation *c)
{
	struct unit *u = c->unit;
	uint32_t n = 0;

	if (!c->has_filter)
		return;
	for (uint32_t i = 0; i < u->n_insts; i++)
		filter_helpers(c, u->insts[i]->shape);
	for (uint32_t i = 0; i < u->n_insts; i++)
		/* shapes are the compilation's own; later stages only read them */
		if (filter_points(c, (struct probe_shape *)u->insts[i]->shape))
			u->insts[n++] = u->insts[i];
	u->n_insts = n;
}

/* -v: where each probe on a function stands, when that is not simply its first instruction */
static void report_places(const struct compilation *c)
{
	const struct unit *u = c->unit;

	for (uint32_t i = 0; log_level > 0 && i < u->n_insts; i++) {
		const struct probe_shape *s = u->insts[i]->shape;

		for (uint32_t k = 0; k < s->n_points; k++)
			if (s->points[k].why)
				log_verbose("%.*s: 0x%llx, %s", STR_ARG(s->points[k].name),
					    (unsigned long long)s->points[k].address,
					    s->points[k].why);
	}
}

/* do bytes of connections come through the ring? */
static bool has_messages(const struct unit *u)
{
	for (uint32_t i = 0; i < u->n_insts; i++)
		if (u->insts[i]->shape->kind == PROBE_MESSAGE)
			return true;
	return false;
}

bool compile_image(struct compilation *c)
{
	if (!compile_filter(c))
		return false;
	if (!compile_parse(c))
		return false;
	generation_watch(c);
	if (!check(c))
		return false;
	late_survey_trim(c->probes.survey);
	compile_filter_unit(c);
	if (c->opts->debug & STAGE_TYPES) {
		STRBUF_AUTO text = { 0 };

		for (uint32_t i = 0; i < c->unit->n_insts; i++)
			ast_dump_node(c->unit->insts[i]->body, 0, &text);
		dump("; ---- typed ----", &text);
	}
	report_places(c);
	c->ring_bytes = sizes_ring_bytes(c->unit->config.perf_rb_pages);
	if (c->unit->config.perf_rb_pages <= 0 && has_messages(c->unit))
		c->ring_bytes = sizes_ring_for_streams(c->ring_bytes);
	if (!generate(c))
		return false;
	/* what comes later may send more than what is there */
	if (c->unit->config.perf_rb_pages <= 0 && !c->waits)
		c->ring_bytes = sizes_ring_for(c->image, c->ring_bytes);
	return true;
}
