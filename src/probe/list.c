/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The listing of probes. A pattern is cut into provider and parts, every provider that the first part fits lists what it
 * has with the others, in the form that an attach point takes. Lines go to a buffer that is handed on when it is full.
 */
#include "probe/list.h"

#include "base/cleanup.h"
#include "objfile/usdt.h"
#include "probe/list_private.h"
#include "probe/targets.h"

/* ---- output ---- */

static void list_flush(struct listing *l)
{
	if (l->out.n && !l->is_stopped)
		l->is_stopped = !l->o->write(l->o->arg, strbuf_str(&l->out));
	strbuf_clear(&l->out);
}

bool list_line(struct listing *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strbuf_vprintf(&l->out, fmt, ap);
	va_end(ap);
	strbuf_putc(&l->out, '\n');
	l->o->n_listed++;
	if (l->out.n > LIST_FLUSH_BYTES)
		list_flush(l);
	return !l->is_stopped;
}

/* a file that is mapped and has no name any more, or never had (memfd): the tracer gets at it through the process */
static bool is_nameless(const struct listing *l)
{
	return l->o->with_remarks && str_starts(l->file->open_path, STR("/proc/")) &&
	       str_find(l->file->open_path, STR("/map_files/")) > 0;
}

void list_put_path(const struct listing *l, struct strbuf *out)
{
	struct str path = is_nameless(l) ? l->file->open_path : l->file->path;
	bool needs_quotes = false;

	for (size_t i = 0; i < path.n && !needs_quotes; i++)
		needs_quotes = strchr(" :{}(),@*$'", path.p[i]);
	strbuf_printf(out, needs_quotes ? "\"%.*s\"" : "%.*s", STR_ARG(path));
}

void list_remark(struct strbuf *out, const char *fmt, ...)
{
	va_list ap;

	strbuf_puts(out, out->n ? "; " : "  # ");
	va_start(ap, fmt);
	strbuf_vprintf(out, fmt, ap);
	va_end(ap);
}

void list_remark_file(const struct listing *l, struct strbuf *out)
{
	if (is_nameless(l))
		list_remark(out, "%.*s, which has no name any more", STR_ARG(l->file->path));
}

/* ---- kernel-side providers ---- */

static bool list_tracepoint(void *arg, struct str subsystem, struct str event)
{
	struct listing *l = arg;
	bool go_on = list_line(l, "tracepoint:%.*s:%.*s", STR_ARG(subsystem), STR_ARG(event));

	if (go_on && l->o->verbose)
		tracepoint_print_args(l->c, subsystem, event, &l->out);
	return go_on;
}

static bool list_rawtracepoint(void *arg, struct str name, uint32_t id)
{
	struct listing *l = arg;
	bool go_on = list_line(l, "rawtracepoint:vmlinux:%.*s", STR_ARG(name));

	if (go_on && l->o->verbose)
		rawtracepoint_print_args(l->c, name, id, &l->out);
	return go_on;
}

static bool list_iter(void *arg, struct str name)
{
	struct listing *l = arg;
	bool go_on = list_line(l, "iter:%.*s", STR_ARG(name));

	if (go_on && l->o->verbose)
		iter_print_args(l->c, name, &l->out);
	return go_on;
}

static bool list_kernel_function(void *arg, struct str module, struct str name)
{
	struct listing *l = arg;
	const char *provider = provider_names[l->kind].name;
	bool is_fentry = l->kind == PROBE_FENTRY || l->kind == PROBE_FEXIT;
	bool go_on;

	if (is_fentry || l->shows_module || !str_is(module, "vmlinux"))
		go_on = list_line(l, "%s:%.*s:%.*s", provider, STR_ARG(module), STR_ARG(name));
	else
		go_on = list_line(l, "%s:%.*s", provider, STR_ARG(name));
	if (go_on && l->o->verbose && l->kind != PROBE_KRETPROBE)
		btfsrc_print_params(l->c->btf, btfsrc_find_id(l->c->btf, BTFSRC_FUNC, name), 0,
				    l->kind == PROBE_FEXIT, "    ", &l->out);
	return go_on;
}

/*
 * Names of functions and their prototypes are worth a listing even where they cannot be probed: but that must be said,
 * and who only looks around is spared them.
 */
static bool is_worth_listing(struct listing *l)
{
	struct err *e = kernel_lacks(l->c, l->kind);
	STRBUF_AUTO text = { 0 };

	if (!e)
		return true;
	if (l->is_wide && !l->o->with_lacking) {
		err_free(e);
		return false;
	}
	err_format(e, &text);
	strbuf_printf(&text, ": %s probes are listed, but cannot be attached",
		      provider_names[l->kind].name);
	if (l->o->warn)
		l->o->warn(l->o->arg, strbuf_cstr(&text));
	err_free(e);
	return true;
}

/* [module:]function, wildcards in both */
static void list_kernel(struct listing *l, const struct pattern *p)
{
	struct str module = p->n == 2 ? p->parts[0] : STR_NULL;

	l->shows_module = p->n == 2;
	if (p->n <= 2 && is_worth_listing(l))
		kernel_each(l->c, l->kind, module, p->n ? p->parts[p->n - 1] : STR("*"),
			    list_kernel_function, l);
}

static void list_perf(struct listing *l, const struct pattern *p)
{
	struct str want = p->n ? p->parts[0] : STR("*");

	for (uint32_t i = 0; perf_event_name(l->kind, i); i++)
		if (str_glob(want, str_from(perf_event_name(l->kind, i))) &&
		    !list_line(l, "%s:%s:", provider_names[l->kind].name,
			       perf_event_name(l->kind, i)))
			return;
}

static void list_timer(struct listing *l, const struct pattern *p)
{
	static const char *const units[] = { "hz", "us", "ms", "s" };
	struct str want = p->n ? p->parts[0] : STR("*");

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (str_glob(want, str_from(units[i])) &&
		    !list_line(l, "%s:%s:", provider_names[l->kind].name, units[i]))
			return;
}

/* ---- programs and libraries ---- */

/* what a probe's operands are: "arg0 int32 in %eax" */
static void remark_operand(uint32_t i, const struct usdt_operand *a, struct strbuf *out)
{
	ptrdiff_t at = str_find_char(a->text, '@', 0);
	struct str where = str_sub(a->text, at < 0 ? 0 : (size_t)at + 1, a->text.n);

	strbuf_printf(out, "%sarg%u ", out->n ? ", " : "  # ", i);
	switch (a->kind) {
	case USDT_ARG_CONST:
		strbuf_printf(out, "%sint%u %lld", a->is_signed ? "" : "u", a->size * 8u,
			      (long long)a->value);
		break;
	case USDT_ARG_REG:
	case USDT_ARG_MEM:
		strbuf_printf(out, "%s%u %s %.*s",
			      a->is_float    ? "float"
			      : a->is_signed ? "int"
					     : "uint",
			      a->size * 8u,
			      a->kind == USDT_ARG_REG ? "in" : "at", STR_ARG(where));
		break;
	case USDT_ARG_FLOAT: strbuf_printf(out, "floating point %.*s", STR_ARG(where)); break;
	default: strbuf_printf(out, "not readable: %.*s", STR_ARG(a->text));
	}
}

/* of the probe whose first place is note i */
static void remark_usdt(struct listing *l, const struct usdt_table *t, uint32_t i,
			struct strbuf *out)
{
	const struct usdt_note *n = &t->v[i];
	struct usdt_operand *args;
	struct arena arena;
	uint32_t n_places = 0, n_args;

	arena_init(&arena);
	n_args = usdt_parse_args(l->file->f, n->args, &arena, &args);
	for (uint32_t k = 0; k < n_args; k++)
		remark_operand(k, &args[k], out);
	for (uint32_t k = i; k < t->n; k++)
		n_places += str_eq(t->v[k].name, n->name) && str_eq(t->v[k].provider, n->provider);
	if (n->semaphore)
		list_remark(out, "semaphore");
	if (n_places > 1)
		list_remark(out, "%u places", n_places);
	list_remark_file(l, out);
	arena_free(&arena);
}

static bool list_usdt_line(struct listing *l, const struct usdt_table *t, uint32_t i)
{
	const struct usdt_note *n = &t->v[i];
	STRBUF_AUTO remark = { 0 }, path = { 0 };

	if (l->o->with_remarks)
		remark_usdt(l, t, i, &remark);
	list_put_path(l, &path);
	return list_line(l, "usdt:%s:%.*s:%.*s%.*s", strbuf_cstr(&path), STR_ARG(n->provider),
			 STR_ARG(n->name), STR_ARG(strbuf_str(&remark)));
}

static void list_usdt_file(struct listing *l, struct str ns, struct str name)
{
	struct usdt_table *t = objfile_usdt(l->file->f);

	for (uint32_t i = 0; i < t->n; i++) {
		const struct usdt_note *n = &t->v[i];
		bool is_repeat = false;

		/* a probe with several places is one probe */
		for (uint32_t j = 0; j < i && !is_repeat; j++)
			is_repeat = str_eq(t->v[j].name, n->name) &&
				    str_eq(t->v[j].provider, n->provider);
		if (is_repeat || !str_glob(ns, n->provider) || !str_glob(name, n->name))
			continue;
		if (!list_usdt_line(l, t, i))
			return;
		if (l->o->verbose && n->args.n)
			strbuf_printf(&l->out, "    %.*s\n", STR_ARG(n->args));
	}
}

static void list_file(struct listing *l, const struct pattern *p)
{
	struct str name = p->n > 1 ? p->parts[p->n - 1] : STR("*"), file = STR_NULL;
	ptrdiff_t at = str_find_char(name, '@', 0);

	if (l->kind == PROBE_USDT) {
		list_usdt_file(l, p->n == 3 && p->parts[1].n ? p->parts[1] : STR("*"),
			       p->n > 1 ? p->parts[p->n - 1] : STR("*"));
		return;
	}
	if (l->source_file.n) {
		list_line_places(l, p);
		return;
	}
	if (at > 0) {
		file = str_sub(name, (size_t)at + 1, name.n);
		name = str_sub(name, 0, (size_t)at);
	}
	list_functions(l, name, file, p->n == 3);
}

/*
 * Without a process, "*" for the target means every file that any process has mapped. That is only done for who asks
 * for a name in them ("usdt:*:loop"), not in passing.
 */
static struct err *list_user(struct listing *l, const struct pattern *as_written)
{
	struct target_files files = { 0 };
	struct pattern joined = *as_written, *p = &joined;
	struct str target = p->n ? p->parts[0] : STR("*");
	ptrdiff_t at = str_find_char(target, '@', 0);
	struct err *e;

	if (l->kind != PROBE_USDT)
		p->n = probe_join_name(p->parts, p->n, l->c->arena);
	if (p->n > 3)
		return NULL;
	if (at > 0 && l->kind != PROBE_USDT) { /* BIN@FILE:LINE */
		l->source_file = str_sub(target, (size_t)at + 1, target.n);
		target = str_sub(target, 0, (size_t)at);
	} else {
		l->source_file = STR_NULL;
	}
	if (str_is(target, "*") && l->c->n_pids == 0 && (l->is_wide || p->n < 2)) {
		const char *provider = provider_names[l->kind].name;

		return l->is_wide ? NULL
				  : err_hint(err_new(0, "'%s:*' needs a program or a process",
						     provider),
					     "%s:PATH:*, or -p PID", provider);
	}
	e = targets_find(l->c, target, &files);
	for (size_t i = 0; !e && i < files.files.n; i++) {
		l->file = &files.files.v[i];
		if (l->file->f) {
			list_file(l, p);
		} else {
			e = files.files.v[i].error;
			files.files.v[i].error = NULL;
		}
	}
	targets_free(&files);
	/* "*:/bin/x:*" asks everyone: who cannot answer is silent */
	if (e && l->is_wide) {
		err_free(e);
		e = NULL;
	}
	return e;
}

/* not in a wide search: there is nothing to be found out about them */
static void list_messages(struct listing *l, const struct pattern *p)
{
	for (uint32_t i = 0; !l->is_wide && message_kind_name(i); i++)
		if (str_glob(p->n ? p->parts[0] : STR("*"), str_from(message_kind_name(i))))
			list_line(l, "message:%s", message_kind_name(i));
}

/* ---- patterns ---- */

static struct err *list_kind(struct listing *l, const struct pattern *p)
{
	switch (l->kind) {
	case PROBE_UPROBE:
	case PROBE_URETPROBE:
	case PROBE_USDT: return list_user(l, p);
	case PROBE_TRACEPOINT:
		if (p->n <= 2)
			tracepoint_each(l->c, p->n == 2 ? p->parts[0] : STR("*"),
					p->n ? p->parts[p->n - 1] : STR("*"), list_tracepoint, l);
		return NULL;
	case PROBE_RAWTRACEPOINT:
		if (p->n < 2 || str_glob(p->parts[0], STR("vmlinux")))
			rawtracepoint_each(l->c, p->n ? p->parts[p->n - 1] : STR("*"),
					   list_rawtracepoint, l);
		return NULL;
	case PROBE_SOFTWARE:
	case PROBE_HARDWARE: list_perf(l, p); return NULL;
	case PROBE_PROFILE:
	case PROBE_INTERVAL: list_timer(l, p); return NULL;
	case PROBE_ITER: iter_each(l->c, p->n ? p->parts[0] : STR("*"), list_iter, l); return NULL;
	case PROBE_KPROBE:
	case PROBE_KRETPROBE:
	case PROBE_FENTRY:
	case PROBE_FEXIT: list_kernel(l, p); return NULL;
	case PROBE_MESSAGE: list_messages(l, p); return NULL;
	default:
		/* begin, end and the like are not looked for: list them only by their names */
		if (!l->is_wide)
			list_line(l, "%s", provider_names[l->kind].name);
		return NULL;
	}
}

static bool is_return_kind(unsigned k)
{
	return k == PROBE_URETPROBE || k == PROBE_KRETPROBE || k == PROBE_FEXIT;
}

/* every provider of the set; in a wide search returns are left out: they are where their entries are */
static struct err *list_kinds(struct listing *l, uint32_t kinds, const struct pattern *p)
{
	l->is_wide = __builtin_popcount(kinds) > 1;
	for (unsigned k = 0; k < PROBE_N_KINDS && !l->is_stopped; k++) {
		if (!(kinds & (1u << k)) ||
		    (l->is_wide && !p->is_provider_named && is_return_kind(k)))
			continue;
		l->kind = k;
		TRY(list_kind(l, p));
	}
	return NULL;
}

/* a pattern without ':' that fits no provider: any line that holds it */
static bool write_matching(void *arg, struct str text)
{
	struct listing *l = arg;
	while (text.n) {
		struct str line = str_split(&text, '\n');

		/* indented lines belong to the probe above them */
		if (line.n && line.p[0] != ' ')
			l->is_shown = str_glob(l->filter, line);
		if (!l->is_shown)
			continue;
		l->o->n_listed += line.n && line.p[0] != ' ';
		strbuf_printf(&l->out, "%.*s\n", STR_ARG(line));
	}
	list_flush(l);
	return !l->is_stopped;
}

static struct err *list_by_text(struct listing *l, struct str text)
{
	struct probe_list_opts inner = { .verbose = l->o->verbose,
					 .with_lacking = l->o->with_lacking,
					 .write = write_matching,
					 .arg = l };
	STRBUF_AUTO filter = { 0 };

	strbuf_printf(&filter, str_has_glob(text) ? "%.*s" : "*%.*s*", STR_ARG(text));
	l->filter = strbuf_str(&filter);
	return probe_list(l->c, STR_NULL, &inner);
}

/* cut at ':' outside quotes; quotes taken off */
static void pattern_cut(struct str text, struct arena *a, struct pattern *p)
{
	STRBUF_AUTO part = { 0 };
	bool quoted = false;

	*p = (struct pattern){ 0 };
	for (size_t i = 0; i <= text.n; i++) {
		bool end = i == text.n || (text.p[i] == ':' && !quoted);

		if (!end && text.p[i] == '"') {
			quoted = !quoted;
		} else if (!end) {
			strbuf_putc(&part, text.p[i]);
		} else {
			struct str s = arena_str(a, strbuf_str(&part));

			if (!p->has_provider)
				p->provider = s;
			else if (p->n < LIST_MAX_PARTS)
				p->parts[p->n++] = s;
			p->has_provider = true;
			strbuf_clear(&part);
		}
	}
	/* "software:cpu:" ends in an empty part that means nothing */
	if (p->n && p->parts[p->n - 1].n == 0)
		p->n--;
	p->is_provider_named = p->provider.n && !str_is(p->provider, "*");
}

static struct err *list_one(struct listing *l, struct str text)
{
	struct pattern p;
	uint32_t kinds;

	if (probe_list_is_type(text))
		return list_types(l, text);
	pattern_cut(text, l->c->arena, &p);
	kinds = probe_kinds_of(p.provider);
	if (kinds)
		return list_kinds(l, kinds, &p);
	if (p.n == 0)
		return list_by_text(l, text);
	return err_hint(err_new(0, "'%.*s' is no probe type", STR_ARG(p.provider)),
			"'*:%.*s' looks in all of them",
			STR_ARG(str_sub(text, p.provider.n + 1, text.n)));
}

/* the text up to the next comma that is not in quotes: C++ names have some of their own */
static struct str split_patterns(struct str *rest)
{
	struct str all = *rest;
	bool quoted = false;

	for (size_t i = 0; i < all.n; i++) {
		quoted ^= all.p[i] == '"';
		if (all.p[i] == ',' && !quoted) {
			*rest = str_sub(all, i + 1, all.n);
			return str_sub(all, 0, i);
		}
	}
	*rest = STR_NULL;
	return all;
}

struct err *probe_list(struct probe_ctx *c, struct str pattern, struct probe_list_opts *o)
{
	struct listing l = { .c = c, .o = o };
	struct err *e = NULL;

	pattern = str_trim(pattern);
	if (pattern.n == 0) {
		struct pattern all = { 0 };

		e = list_kinds(&l, (1u << PROBE_N_KINDS) - 1, &all);
	}
	while (pattern.n && !e && !l.is_stopped)
		e = list_one(&l, str_trim(split_patterns(&pattern)));
	list_flush(&l);
	strbuf_free(&l.out);
	return e;
}

/* ---- a program's probes ---- */

/* what a listing calls the attach point's probes: for timers and counters the number behind the name is left out */
static void pattern_of_point(const struct attach_point *ap, enum probe_kind kind, struct pattern *p)
{
	*p = (struct pattern){ .is_provider_named = true };
	for (uint32_t i = 1; i < ap->n_parts && p->n < LIST_MAX_PARTS; i++)
		p->parts[p->n++] = ap->parts[i];
	switch (kind) {
	case PROBE_SOFTWARE:
	case PROBE_HARDWARE:
	case PROBE_ITER: p->n = p->n ? 1 : 0; break;
	case PROBE_PROFILE:
	case PROBE_INTERVAL:
		/* interval:1s has no unit of its own: it is kept in microseconds */
		if (p->n == 1)
			p->parts[0] = STR("us");
		p->n = 1;
		break;
	default: break;
	}
}

struct err *probe_list_points(struct probe_ctx *c, const struct attach_point *points,
			      struct probe_list_opts *o)
{
	struct listing l = { .c = c, .o = o };
	struct err *e = NULL;

	for (const struct attach_point *ap = points; ap && !e; ap = ap->next) {
		uint32_t kinds = ap->n_parts ? probe_kinds_of(ap->parts[0]) : 0;

		for (unsigned k = 0; k < PROBE_N_KINDS && !e; k++) {
			struct pattern p;

			if (!(kinds & (1u << k)))
				continue;
			pattern_of_point(ap, k, &p);
			l.kind = k;
			e = list_kind(&l, &p);
		}
	}
	list_flush(&l);
	strbuf_free(&l.out);
	return e;
}
