/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kprobe, kretprobe, fentry, fexit: functions of the kernel. Which functions can be probed is said by ftrace's list
 * (available_filter_functions); where that cannot be read, by the symbol table (kprobe) and by BTF (fentry).
 *
 * Kernels of small virtual machines are often built without kprobes or ftrace. Then the message says what is missing and
 * which tracepoint comes nearest, instead of the kernel's bare EOPNOTSUPP.
 */
#include "arch/x86_64/regs.h"
#include "base/cleanup.h"
#include "probe/match_private.h"

#include <errno.h>
#include <stdlib.h>

static bool is_fentry(enum probe_kind kind)
{
	return kind == PROBE_FENTRY || kind == PROBE_FEXIT;
}

/* ---- what the kernel has ---- */

static struct err *lacks_by_files(struct probe_ctx *c, enum probe_kind kind)
{
	STRBUF_AUTO path = { 0 };
	FILE_AUTO f = NULL;

	if (!is_fentry(kind)) {
		strbuf_printf(&path, "%s/kprobe", c->event_source);
		if (access(strbuf_cstr(&path), F_OK) == 0)
			return NULL;
		return err_new(0,
			       "this kernel has no kprobes (it is built without CONFIG_KPROBES)");
	}
	if (!btfsrc_open(c->btf))
		return err_new(
			0, "this kernel has no BTF (it is built without CONFIG_DEBUG_INFO_BTF)");
	strbuf_printf(&path, "%s/available_filter_functions", c->tracefs);
	f = fopen(strbuf_cstr(&path), "re");
	if (f)
		return NULL;
	return err_new(errno, "this kernel does not let its functions be traced: open '%s'",
		       strbuf_cstr(&path));
}

struct err *kernel_lacks(struct probe_ctx *c, enum probe_kind kind)
{
	return c->lacks ? c->lacks(provider_names[kind].name) : lacks_by_files(c, kind);
}

/* ---- lists of functions ---- */

struct function_walk {
	struct probe_ctx *c;
	enum probe_kind kind;
	struct str module, pattern;
	bool (*visit)(void *arg, struct str module, struct str name);
	void *arg;
};

static bool walk_offer(struct function_walk *w, struct str module, struct str name)
{
	if (module.n == 0)
		module = STR("vmlinux");
	if (w->module.n && !str_glob(w->module, module))
		return true;
	if (!str_glob(w->pattern, name) || str_starts(name, STR("__ftrace_invalid_address__")))
		return true;
	/* a fentry probe needs the function's prototype */
	if (is_fentry(w->kind) && !btfsrc_find_id(w->c->btf, BTFSRC_FUNC, name))
		return true;
	return w->visit(w->arg, module, name);
}

/* "name" or "name [module]" */
static bool walk_list(struct function_walk *w, FILE *f)
{
	FREE_AUTO char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, f)) > 0) {
		struct str rest = str_trim(str_make(line, (size_t)n)), name = str_split(&rest, ' ');

		rest = str_trim(rest);
		if (rest.n > 2 && rest.p[0] == '[')
			rest = str_sub(rest, 1, rest.n - 1);
		if (!walk_offer(w, rest, name))
			return false;
	}
	return !ferror(f);
}

/* "address type name[\t[module]]" */
static void walk_kallsyms(struct function_walk *w, FILE *f)
{
	FREE_AUTO char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, f)) > 0) {
		struct str rest = str_trim(str_make(line, (size_t)n)), type, name;

		str_split(&rest, ' ');
		type = str_split(&rest, ' ');
		name = str_trim(str_split(&rest, '\t'));
		rest = str_trim(rest);
		if (rest.n > 2 && rest.p[0] == '[')
			rest = str_sub(rest, 1, rest.n - 1);
		if (type.n != 1 || !strchr("tTwW", type.p[0]))
			continue;
		if (!walk_offer(w, rest, name))
			return;
	}
}

static bool visit_btf_func(void *arg, enum btfsrc_kind kind, struct str name, uint32_t id)
{
	return walk_offer(arg, STR_NULL, name);
}

/* every function, without asking whether probes exist */
static void walk_functions(struct function_walk *w)
{
	STRBUF_AUTO path = { 0 };
	FILE_AUTO f = NULL;

	strbuf_printf(&path, "%s/available_filter_functions", w->c->tracefs);
	f = fopen(w->c->traceable ? w->c->traceable : strbuf_cstr(&path), "re");
	if (f) {
		walk_list(w, f);
		return;
	}
	if (is_fentry(w->kind)) {
		btfsrc_each(w->c->btf, BTFSRC_FUNC, visit_btf_func, w);
		return;
	}
	f = fopen(w->c->kallsyms, "re");
	if (f)
		walk_kallsyms(w, f);
}

void kernel_each(struct probe_ctx *c, enum probe_kind kind, struct str module, struct str pattern,
		 bool (*visit)(void *arg, struct str module, struct str name), void *arg)
{
	struct function_walk w = { c, kind, module, pattern, visit, arg };

	walk_functions(&w);
}

static bool found_function(void *arg, struct str module, struct str name)
{
	*(bool *)arg = true;
	return false;
}

/* in the list that the user gave, else in the symbol table at all, traceable or not */
static bool is_known_function(struct probe_ctx *c, struct str name)
{
	bool found = false;
	struct function_walk w = {
		.c = c, .kind = PROBE_KPROBE, .pattern = name, .visit = found_function, .arg = &found
	};
	FILE_AUTO f = fopen(c->traceable ? c->traceable : c->kallsyms, "re");

	if (!f)
		return true; /* nobody knows: do not claim that it is absent */
	if (c->traceable)
		walk_list(&w, f);
	else
		walk_kallsyms(&w, f);
	return found;
}

static bool is_module_loaded(struct probe_ctx *c, struct str module)
{
	FREE_AUTO char *line = NULL;
	FILE_AUTO f = fopen(c->modules, "re");
	size_t cap = 0;
	ssize_t n;

	if (str_is(module, "vmlinux"))
		return true;
	while (f && (n = getline(&line, &cap, f)) > 0) {
		struct str rest = str_make(line, (size_t)n);

		if (str_eq(str_split(&rest, ' '), module))
			return true;
	}
	return false;
}

/* ---- points ---- */

/* arguments in words of the context; a struct of more than eight bytes takes several */
static const struct type *args_of(struct match *m, const struct type *f, struct str name,
				  uint32_t *n_words)
{
	struct type *args = type_new_struct(
		m->c->types, arena_printf(m->c->arena, "%.*s_args", STR_ARG(name)), false);
	uint32_t at = 0;

	args->n_fields = f->n_fields;
	args->fields = arena_array(m->c->arena, struct type_field, f->n_fields);
	for (uint32_t i = 0; i < f->n_fields; i++) {
		const struct type *t = f->fields[i].type;

		type_complete(t);
		args->fields[i] = f->fields[i];
		args->fields[i].offset = at;
		at += t->size > 8 ? (t->size + 7) / 8 * 8 : 8;
	}
	args->size = at;
	args->align = 8;
	args->is_complete = true;
	*n_words = at / 8;
	return args;
}

static size_t fentry_shape(struct match *m, struct str name, uint32_t id)
{
	const struct type *f = btfsrc_function(m->c->btf, id);
	struct probe_shape *shape;
	size_t i;

	/* one program serves all entries when nobody asks for arguments; the result stands behind them, so exits differ */
	if (m->ignores_args && m->spec->kind == PROBE_FENTRY && m->shapes.n)
		return 0;
	i = match_add_shape(m, ARGS_U64_ARRAY);
	shape = m->shapes.v[i].shape;
	if (!f)
		return i;
	shape->args = args_of(m, f, name, &shape->n_argn);
	if (shape->is_return && f->elem->kind != TYPE_VOID)
		shape->retval = f->elem;
	return i;
}

static bool add_function(void *arg, struct str module, struct str name)
{
	struct match *m = arg;
	const struct probe_spec *s = m->spec;
	const char *provider = provider_names[s->kind].name;
	uint32_t id = is_fentry(s->kind) ? btfsrc_find_id(m->c->btf, BTFSRC_FUNC, name) : 0;
	bool in_module = !str_is(module, "vmlinux");
	struct probe_point *p;
	size_t i = 0;

	if (is_fentry(s->kind)) {
		i = fentry_shape(m, name, id);
	} else if (m->shapes.n == 0) {
		match_add_shape(m, ARGS_REGS);
		m->shapes.v[0].shape->n_argn = ARCH_N_ARG_REGS;
	}
	p = match_add_point(m, i);
	p->symbol = arena_str(m->c->arena, name);
	p->func_offset = s->offset;
	p->btf_id = id;
	if (in_module)
		p->path = arena_str(m->c->arena, module);
	/* with the module where it was written, or where it says something */
	if (is_fentry(s->kind) || in_module || s->target.n)
		p->name = arena_printf(m->c->arena, "%s:%.*s:%.*s", provider, STR_ARG(module),
				       STR_ARG(name));
	else
		p->name = arena_printf(m->c->arena, "%s:%.*s", provider, STR_ARG(name));
	if (s->has_offset && s->offset)
		p->name = arena_printf(m->c->arena, "%.*s+%llu", STR_ARG(p->name),
				       (unsigned long long)s->offset);
	return true;
}

static void add_address(struct match *m)
{
	struct probe_point *p;

	if (!m->c->is_unsafe) {
		match_error(m, D_PROBE_PLACE, "Probing by address requires --unsafe");
		return;
	}
	match_add_shape(m, ARGS_REGS);
	m->shapes.v[0].shape->n_argn = ARCH_N_ARG_REGS;
	p = match_add_point(m, 0);
	p->address = m->spec->address;
	p->name = arena_printf(m->c->arena, "%s:%llu", provider_names[m->spec->kind].name,
			       (unsigned long long)p->address);
}

/* ---- functions that the compiler put into their caller ---- */

static const struct {
	const char *function, *caller;
} inlined_functions[] = {
#define KERNEL_INLINED(function, caller) { function, caller },
#include "probe/kernel_inlined.def"
#undef KERNEL_INLINED
};

/* entry and result of the caller are those of the function; its arguments are nowhere to be read */
static bool reads_arguments(const struct probe_needs *n)
{
	return !n->is_known || n->args || n->stack_args || n->typed_args || n->anything;
}

/* true: a place stands in, or it was said why none can */
static bool match_inlined(struct match *m)
{
	const struct probe_spec *s = m->spec;
	struct str caller = STR_NULL;
	struct function_walk w = { m->c, s->kind, s->target, STR_NULL, add_function, m };

	for (size_t i = 0; i < sizeof(inlined_functions) / sizeof(inlined_functions[0]); i++)
		if (str_is(s->func, inlined_functions[i].function))
			caller = str_from(inlined_functions[i].caller);
	if (!caller.n || is_fentry(s->kind) || (s->has_offset && s->offset) ||
	    is_known_function(m->c, s->func) || !is_known_function(m->c, caller))
		return false;
	if (reads_arguments(&s->ap->needs)) {
		match_error(m, D_PROBE_PLACE,
			    "%.*s is inlined into %.*s in this kernel, its arguments cannot be read",
			    STR_ARG(s->func), STR_ARG(caller));
		return true;
	}
	w.pattern = caller;
	walk_functions(&w);
	if (match_n_points(m) == 0)
		return false;
	/* what the script calls it: the event is the same one */
	m->shapes.v[0].points.v[0].name =
		arena_printf(m->c->arena, "%s:%.*s", provider_names[s->kind].name, STR_ARG(s->func));
	diag_warning(m->diags, D_PROBE_NOT_TRACEABLE, s->ap->at,
		     "%.*s is inlined into %.*s in this kernel, which is entered exactly as often: the probe is there",
		     STR_ARG(s->func), STR_ARG(caller));
	return true;
}

/* ---- what to say when there is none ---- */

static void report_lacking(struct match *m, struct err *e)
{
	const struct probe_spec *s = m->spec;
	struct str hint, text = match_err_text(m, e, &hint), event = STR_NULL;
	struct diag *d;

	if (s->func.n && !str_has_glob(s->func))
		event = kernel_nearest_event(m->c, s->func,
					     s->kind == PROBE_KRETPROBE || s->kind == PROBE_FEXIT);
	d = match_missing(m, D_PROBE_KERNEL, "Cannot attach %s: %.*s.",
			  provider_names[s->kind].name, STR_ARG(text));
	if (d && event.n)
		diag_hint(m->diags, d, "the nearest that this kernel has is %.*s", STR_ARG(event));
	else if (d)
		diag_hint(m->diags, d,
			  "sonde -l 'tracepoint:*' lists the events that this kernel has");
}

static bool offer_function(void *arg, struct str module, struct str name)
{
	nearest_offer(arg, name);
	return true;
}

/* a warning of its own, because a function may exist and still not be traceable */
static void warn_not_traceable(struct match *m)
{
	if (m->c->missing != PROBE_MISSING_IGNORE)
		diag_warning(
			m->diags, D_PROBE_NOT_TRACEABLE, m->spec->ap->at,
			"%.*s is not traceable (either non-existing, inlined, or marked as \"notrace\"); attaching "
			"to it will likely fail",
			STR_ARG(m->spec->func));
}

static void report_missing(struct match *m, bool is_lacking)
{
	const struct probe_spec *s = m->spec;
	struct nearest near;
	struct function_walk w = { .c = m->c,
				   .kind = s->kind,
				   .module = s->target,
				   .pattern = STR("*"),
				   .visit = offer_function,
				   .arg = &near };

	nearest_init(&near, s->func);
	if (!is_lacking)
		walk_functions(&w);
	match_none(m, nearest_hint(&near, m->diags->arena).p);
}

/* with --unsafe a function need not be known; that there is nothing to attach to is told all the same */
static void report_unsafe(struct match *m, const struct err *lacking)
{
	STRBUF_AUTO why = { 0 };

	err_format(lacking, &why);
	match_missing(m, D_PROBE_KERNEL, "Unable to attach probe: %s:%.*s: %s.",
		      provider_names[m->spec->kind].name, STR_ARG(match_target_text(m)),
		      strbuf_cstr(&why));
}

void match_kernel(struct match *m)
{
	const struct probe_spec *s = m->spec;
	struct err *lacking = kernel_lacks(m->c, s->kind);

	if (str_is(s->target, "bpf") && is_fentry(s->kind)) {
		err_free(lacking);
		match_error(m, D_PROBE_TARGET,
			    "Attaching to BPF programs (%s:bpf:...) is not supported",
			    provider_names[s->kind].name);
		return;
	}
	if (s->target.n && !str_has_glob(s->target) && !is_module_loaded(m->c, s->target)) {
		err_free(lacking);
		match_missing(m, D_PROBE_TARGET,
			      "specified module %.*s in probe %s:%.*s is not loaded.",
			      STR_ARG(s->target), provider_names[s->kind].name,
			      STR_ARG(match_target_text(m)));
		return;
	}
	if (s->has_address) {
		add_address(m);
		err_free(lacking);
		return;
	}
	/* a function that does not exist is the more useful thing to hear, but some that the compiler inlined are familiar */
	if (lacking && (str_has_glob(s->func) || is_known_function(m->c, s->func) ||
			kernel_nearest_event(m->c, s->func, false).n)) {
		report_lacking(m, lacking);
		return;
	}
	if (!lacking) {
		struct function_walk w = { m->c, s->kind, s->target, s->func, add_function, m };

		walk_functions(&w);
	}
	if (match_n_points(m) == 0 && !lacking && !str_has_glob(s->func) && match_inlined(m))
		return;
	if (match_n_points(m) == 0 && !str_has_glob(s->func) && !str_has_glob(s->target)) {
		if (!is_fentry(s->kind))
			warn_not_traceable(m);
		if (m->c->is_unsafe && !lacking && !is_fentry(s->kind))
			add_function(m, s->target.n ? s->target : STR("vmlinux"), s->func);
		else if (m->c->is_unsafe && lacking)
			report_unsafe(m, lacking);
		else
			report_missing(m, lacking != NULL);
	}
	err_free(lacking);
}
