/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The driver of matching: which provider an attach point belongs to (there may be several: "t*point"), the growing list
 * of shapes, and how it is said that something is missing. What each provider looks up is in provider_*.c.
 */
#include "probe/match_private.h"

#include "base/cleanup.h"
#include "objfile/demangle.h"
#include "objfile/elf.h"
#include "probe/file_btf.h"
#include "probe/late.h"
#include "probe/placement.h"
#include "probe/returns.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- context ---- */

void probe_ctx_init(struct probe_ctx *c, struct arena *arena, struct type_table *types,
		    struct btfsrc *btf)
{
	*c = (struct probe_ctx){ .arena = arena, .types = types, .btf = btf };
	/* who may not look into the former is told that, not that the latter is missing */
	c->tracefs = access("/sys/kernel/tracing/events", F_OK) < 0 &&
				     access("/sys/kernel/debug/tracing/events", F_OK) == 0
			     ? "/sys/kernel/debug/tracing"
			     : "/sys/kernel/tracing";
	c->event_source = "/sys/bus/event_source/devices";
	c->kallsyms = "/proc/kallsyms";
	c->modules = "/proc/modules";
}

void probe_ctx_free(struct probe_ctx *c)
{
	file_btf_free(c->file_btf);
	objfile_cache_free(c->files);
	demangler_free(c->demangler);
	late_survey_free(c->survey);
	placement_foreign_free(c->foreign);
	c->foreign = NULL;
	c->survey = NULL;
	c->file_btf = NULL;
	c->files = NULL;
	c->demangler = NULL;
}

void probe_ctx_expect(struct probe_ctx *c, const struct script *script)
{
	struct str *names;
	uint32_t n = 0;

	for (const struct clause *cl = script->clauses; cl; cl = cl->next)
		for (const struct attach_point *ap = cl->points; ap; ap = ap->next)
			n++;
	names = arena_array(c->arena, struct str, n + 1);
	n = 0;
	for (const struct clause *cl = script->clauses; cl; cl = cl->next)
		for (const struct attach_point *ap = cl->points; ap; ap = ap->next) {
			uint32_t kinds = probe_kinds_of(ap->n_parts ? ap->parts[0] : STR_NULL);
			struct str last = ap->n_parts > 1 ? ap->parts[ap->n_parts - 1] : STR_NULL;
			bool is_known = false;

			for (uint32_t i = 0; i < n; i++)
				is_known |= str_eq(names[i], last);
			if (kinds & (1u << PROBE_UPROBE | 1u << PROBE_URETPROBE) && last.n &&
			    !is_known)
				names[n++] = last;
		}
	c->wanted = names;
	c->n_wanted = n;
}

struct objfile_cache *probe_ctx_files(struct probe_ctx *c)
{
	if (!c->files)
		c->files = objfile_cache_new();
	return c->files;
}

struct placement_foreign *probe_ctx_foreign(struct probe_ctx *c)
{
	if (!c->foreign)
		c->foreign = placement_foreign_new();
	return c->foreign;
}

struct demangler *probe_ctx_demangler(struct probe_ctx *c)
{
	if (!c->demangler)
		c->demangler = demangler_new();
	return c->demangler;
}

char *probe_read_file(const char *path, size_t *n)
{
	FD_AUTO fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct strbuf b = { 0 };
	char buf[4096];
	ssize_t got;

	if (fd < 0)
		return NULL;
	/* sizes of such files are not known before they are read */
	while ((got = read(fd, buf, sizeof(buf))) > 0)
		strbuf_add(&b, buf, (size_t)got);
	if (got < 0) {
		strbuf_free(&b);
		return NULL;
	}
	strbuf_putc(&b, 0);
	*n = b.n - 1;
	return b.p;
}

/* ---- shapes ---- */

size_t match_add_shape(struct match *m, enum args_form form)
{
	struct match_shape s = { .shape = arena_new(m->c->arena, struct probe_shape) };

	s.shape->kind = m->spec->kind;
	s.shape->at = m->spec->ap->at;
	s.shape->args_form = form;
	s.shape->is_user = provider_names[m->spec->kind].is_user;
	s.shape->is_return = m->spec->kind == PROBE_URETPROBE || m->spec->kind == PROBE_KRETPROBE ||
			     m->spec->kind == PROBE_FEXIT;
	vec_push(&m->shapes, s);
	return m->shapes.n - 1;
}

struct probe_point *match_add_point(struct match *m, size_t shape)
{
	struct match_shape *s = &m->shapes.v[shape];

	vec_push(&s->points, ((struct probe_point){ .pid = -1 }));
	return &vec_last(&s->points);
}

uint32_t match_n_points(const struct match *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->shapes.n; i++)
		n += m->shapes.v[i].points.n;
	return (uint32_t)n;
}

/* the shapes that have points, chained, their points in the arena; appended at *tail, whose new end is returned */
static struct probe_shape **match_finish(struct match *m, struct probe_shape **tail)
{
	struct hashmap names = { 0 };

	for (size_t i = 0; i < m->shapes.n; i++) {
		struct match_shape *s = &m->shapes.v[i];
		struct probe_shape *shape = s->shape;

		entry_regs_run(m, s);
		returns_finish(m, s);
		if (s->points.n) {
			shape->points = arena_array(m->c->arena, struct probe_point, s->points.n);
			memcpy(shape->points, s->points.v, s->points.n * sizeof(*s->points.v));
			shape->n_points = (uint32_t)s->points.n;
			placement_run(m, shape);
			frames_run(m, shape);
			for (uint32_t j = 0; j < shape->n_points; j++) {
				struct probe_point *p = &shape->points[j];

				p->cookie = j;
				p->is_repeat = hashmap_put(&names, p->name, p) != NULL;
			}
		}
		if (shape->n_points) {
			*tail = shape;
			tail = &shape->next;
		}
		vec_free(&s->points);
	}
	vec_free(&m->shapes);
	hashmap_free(&names);
	return tail;
}

/* ---- saying that something is missing ---- */

struct str match_target_text(const struct match *m)
{
	struct str s = m->spec->ap->text;

	str_split(&s, ':');
	return s;
}

static struct diag *report(struct match *m, enum diag_code code, struct span at, const char *fmt,
			   va_list ap)
{
	struct str text;

	m->is_reported = true;
	if (m->c->missing == PROBE_MISSING_IGNORE)
		return NULL;
	text = arena_vprintf(m->diags->arena, fmt, ap);
	if (m->c->missing == PROBE_MISSING_WARN || m->waits)
		return diag_warning(m->diags, code, at, "%.*s Skipping.", STR_ARG(text));
	return diag_error(m->diags, code, at, "%.*s", STR_ARG(text));
}

struct diag *match_missing(struct match *m, enum diag_code code, const char *fmt, ...)
{
	struct diag *d;
	va_list ap;

	va_start(ap, fmt);
	d = report(m, code, m->spec->ap->at, fmt, ap);
	va_end(ap);
	return d;
}

struct diag *match_unplaceable(struct match *m, const char *fmt, ...)
{
	struct diag *d;
	va_list ap;

	va_start(ap, fmt);
	d = report(m, D_PROBE_PLACE, SPAN_NONE, fmt, ap);
	va_end(ap);
	return d;
}

struct diag *match_error(struct match *m, enum diag_code code, const char *fmt, ...)
{
	struct str text;
	va_list ap;

	m->is_reported = true;
	va_start(ap, fmt);
	text = arena_vprintf(m->diags->arena, fmt, ap);
	va_end(ap);
	return diag_error(m->diags, code, m->spec->ap->at, "%.*s", STR_ARG(text));
}

void match_none(struct match *m, const char *hint)
{
	struct str what = match_target_text(m);
	struct diag *d = match_missing(m, D_PROBE_NO_MATCH, "No matches for %s %.*s.",
				       provider_names[m->spec->kind].name, STR_ARG(what));

	if (d && hint && *hint)
		diag_hint(m->diags, d, "%s", hint);
}

struct str match_err_text(struct match *m, struct err *e, struct str *hint)
{
	STRBUF_AUTO b = { 0 };
	struct str text;

	err_format(e, &b);
	text = arena_str(m->diags->arena, strbuf_str(&b));
	if (hint)
		*hint = arena_str(m->diags->arena, str_from(err_get_hint(e)));
	err_free(e);
	return text;
}

/* ---- one attach point ---- */

static void match_kind(struct match *m)
{
	switch (m->spec->kind) {
	case PROBE_BEGIN:
	case PROBE_END:
	case PROBE_SELF:
	case PROBE_TEST:
	case PROBE_BENCH: match_special(m); break;
	case PROBE_UPROBE:
	case PROBE_URETPROBE: match_uprobe(m); break;
	case PROBE_USDT: match_usdt(m); break;
	case PROBE_TRACEPOINT: match_tracepoint(m); break;
	case PROBE_RAWTRACEPOINT: match_rawtracepoint(m); break;
	case PROBE_PROFILE:
	case PROBE_INTERVAL: match_timer(m); break;
	case PROBE_SOFTWARE:
	case PROBE_HARDWARE: match_perf(m); break;
	case PROBE_WATCHPOINT: match_watchpoint(m); break;
	case PROBE_ITER: match_iter(m); break;
	case PROBE_MESSAGE: match_message(m); break;
	default: match_kernel(m); break;
	}
}

uint32_t probe_kinds_of(struct str provider)
{
	uint32_t kinds = 0;
	enum probe_kind kind;

	if (!str_has_glob(provider)) {
		kind = provider_find(provider);
		return kind == PROBE_N_KINDS ? 0 : 1u << kind;
	}
	for (unsigned k = 0; k < PROBE_N_KINDS; k++)
		if (str_glob(provider, str_from(provider_names[k].name)))
			kinds |= 1u << k;
	return kinds;
}

static void report_unknown_provider(struct str provider, const struct attach_point *ap,
				    struct diag_list *diags)
{
	struct diag *d = diag_error(diags, D_PROBE_SYNTAX, ap->at, "Invalid probe type: %.*s",
				    STR_ARG(provider));
	struct nearest near;
	struct str hint;

	if (str_is(provider, "asyncwatchpoint")) {
		diag_hint(diags, d, "watchpoint:ADDRESS:LENGTH:MODE is what remains of it");
		return;
	}
	nearest_init(&near, provider);
	for (unsigned k = 0; k < PROBE_N_KINDS; k++)
		nearest_offer(&near, str_from(provider_names[k].name));
	hint = nearest_hint(&near, diags->arena);
	if (hint.n)
		diag_hint(diags, d, "%.*s", STR_ARG(hint));
}

/*
 * With a wildcard for the provider the parts have to fit some of the providers only: those that they do not fit are
 * left out, and their complaints with them. diag_error does not know of drafts, so they go to a list of their own.
 */
static struct probe_shape **match_as(struct probe_ctx *c, const struct attach_point *ap,
				     enum probe_kind kind, bool ignores_args, bool is_one_of_many,
				     struct diag_list *diags, struct probe_shape **tail)
{
	struct diag_list draft;
	struct probe_spec spec;
	struct match m = { .c = c,
			   .spec = &spec,
			   .diags = is_one_of_many ? &draft : diags,
			   .ignores_args = ignores_args,
			   .reads_result = !ap->needs.is_known || ap->needs.result };

	diag_list_init(&draft, c->arena);
	if (!probe_spec_parse(ap, kind, c->n_pids > 0, c->arena, m.diags, &spec))
		return tail;
	m.waits = late_is_pattern(c, &spec);
	match_kind(&m);
	returns_run(&m);
	return match_finish(&m, tail);
}

bool probe_waits(const struct probe_ctx *c, const struct attach_point *ap, const struct str *path)
{
	struct late_specs specs = { 0 };
	struct arena arena;
	bool waits = false;

	arena_init(&arena);
	late_add_specs(c, ap, &arena, &specs);
	vec_each(spec, &specs)
		waits |= !path || late_path_fits(spec, *path);
	vec_free(&specs);
	arena_free(&arena);
	return waits;
}

struct probe_shape *probe_match(struct probe_ctx *c, const struct attach_point *ap,
				bool ignores_args, struct diag_list *diags)
{
	struct str provider = ap->n_parts ? ap->parts[0] : STR_NULL;
	uint32_t kinds = probe_kinds_of(provider);
	struct probe_shape *first = NULL, **tail = &first;

	if (!kinds) {
		report_unknown_provider(provider, ap, diags);
		return NULL;
	}
	for (unsigned k = 0; k < PROBE_N_KINDS; k++)
		if (kinds & (1u << k))
			tail = match_as(c, ap, k, ignores_args, str_has_glob(provider), diags,
					tail);
	return first;
}
