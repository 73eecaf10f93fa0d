/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tracepoint: events of tracefs. An event is a folder events/SUBSYSTEM/EVENT with its number in "id" and its record in
 * "format"; what the record's fields are to a script is tracepoint_format.c's.
 *
 * Events whose records are laid out alike share a shape: xfs has some 100 events of one class.
 */
#include "probe/tracepoint_format.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- walking tracefs ---- */

static int filter_dots(const struct dirent *e)
{
	return e->d_name[0] != '.' && e->d_type == DT_DIR;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool walk_subsystem(struct probe_ctx *c, const char *subsystem, struct str event,
			   bool (*visit)(void *arg, struct str subsystem, struct str event),
			   void *arg)
{
	STRBUF_AUTO path = { 0 };
	struct dirent **list;
	bool go_on = true;
	int n;

	strbuf_printf(&path, "%s/events/%s", c->tracefs, subsystem);
	n = scandir(strbuf_cstr(&path), &list, filter_dots, by_name);
	for (int i = 0; i < n; i++) {
		if (go_on && str_glob(event, str_from(list[i]->d_name)))
			go_on = visit(arg, str_from(subsystem), str_from(list[i]->d_name));
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	return go_on;
}

bool tracepoint_each(struct probe_ctx *c, struct str subsystem, struct str event,
		     bool (*visit)(void *arg, struct str subsystem, struct str event), void *arg)
{
	STRBUF_AUTO path = { 0 };
	struct dirent **list;
	bool go_on = true;
	int n;

	strbuf_printf(&path, "%s/events", c->tracefs);
	n = scandir(strbuf_cstr(&path), &list, filter_dots, by_name);
	if (n < 0)
		return false;
	for (int i = 0; i < n; i++) {
		/* ftrace's own records are described there, but nothing can be attached to them */
		if (go_on && strcmp(list[i]->d_name, "ftrace") &&
		    str_glob(subsystem, str_from(list[i]->d_name)))
			go_on = walk_subsystem(c, list[i]->d_name, event, visit, arg);
		free(list[i]);
	}
	free(list);
	return true;
}

/* a file of an event; NULL with errno set */
static char *read_event_file(struct probe_ctx *c, struct str subsystem, struct str event,
			     const char *file, size_t *n)
{
	STRBUF_AUTO path = { 0 };

	/* a name must stay inside of tracefs */
	if (str_find_char(subsystem, '/', 0) >= 0 || str_find_char(event, '/', 0) >= 0) {
		errno = ENOENT;
		return NULL;
	}
	strbuf_printf(&path, "%s/events/%.*s/%.*s/%s", c->tracefs, STR_ARG(subsystem),
		      STR_ARG(event), file);
	return probe_read_file(strbuf_cstr(&path), n);
}

bool tracepoint_print_args(struct probe_ctx *c, struct str subsystem, struct str event,
			   struct strbuf *out)
{
	size_t n;
	FREE_AUTO char *text = read_event_file(c, subsystem, event, "format", &n);
	struct format_field f;
	struct str rest;

	if (!text)
		return false;
	rest = str_make(text, n);
	while (format_next_field(&rest, &f))
		if (!f.is_common)
			strbuf_printf(out, "    %.*s\n", STR_ARG(f.text));
	return true;
}

/* ---- points ---- */

struct tracepoint_match {
	struct match *m;
	VEC(struct str) formats; /* by shape: the text of the record's description */
	int error;               /* errno of the first file that could not be read */
};

/* the shape whose records are laid out like this one, or a new one */
static size_t shape_of(struct tracepoint_match *t, struct str subsystem, struct str event,
		       struct str format)
{
	struct match *m = t->m;
	size_t i;

	for (i = 0; i < t->formats.n; i++)
		if (str_eq(t->formats.v[i], format))
			return i;
	i = match_add_shape(m, ARGS_TRACEPOINT);
	format = arena_str(m->c->arena, format);
	vec_push(&t->formats, format);
	if (format.n)
		m->shapes.v[i].shape->args = format_type(m->c, subsystem, event, format);
	return i;
}

static bool add_event(void *arg, struct str subsystem, struct str event)
{
	struct tracepoint_match *t = arg;
	struct match *m = t->m;
	struct str format = STR_NULL;
	struct probe_point *p;
	size_t n;
	FREE_AUTO char *id_text = read_event_file(m->c, subsystem, event, "id", &n);
	FREE_AUTO char *format_text = NULL;
	uint64_t id;

	if (!id_text || !str_to_u64(str_trim(str_make(id_text, n)), &id)) {
		t->error = t->error ? t->error : errno;
		return true;
	}
	if (!m->ignores_args) {
		format_text = read_event_file(m->c, subsystem, event, "format", &n);
		if (!format_text) {
			t->error = t->error ? t->error : errno;
			return true;
		}
		format = format_body(str_make(format_text, n));
	}
	p = match_add_point(m, shape_of(t, subsystem, event, format));
	p->tracepoint_id = (uint32_t)id;
	p->symbol = arena_str(m->c->arena, event);
	p->name = arena_printf(m->c->arena, "tracepoint:%.*s:%.*s", STR_ARG(subsystem),
			       STR_ARG(event));
	return true;
}

/* ---- what to say when there is none ---- */

static bool offer_event(void *arg, struct str subsystem, struct str event)
{
	STRBUF_AUTO b = { 0 };

	strbuf_printf(&b, "%.*s:%.*s", STR_ARG(subsystem), STR_ARG(event));
	nearest_offer(arg, strbuf_str(&b));
	return true;
}

/* for those that may be missing a whole folder is said once: a tool has dozens of events in it */
static bool is_said(const struct match *m, struct str text)
{
	for (const struct diag *d = m->diags->first; d; d = d->next)
		if (d->code == D_PROBE_KERNEL && str_eq(d->msg, text))
			return true;
	return false;
}

/*
 * Which events there are is not known, so that none of them is merely missing: missing_probes = ignore lets a script do
 * without some, not be silent because there are none.
 */
__attribute__((format(printf, 2, 3))) static struct diag *report_none_readable(struct match *m,
									       const char *fmt, ...)
{
	struct diag *d = NULL;
	struct str text;
	va_list ap;

	va_start(ap, fmt);
	text = arena_vprintf(m->diags->arena, fmt, ap);
	va_end(ap);
	if (m->c->missing != PROBE_MISSING_IGNORE)
		d = match_missing(m, D_PROBE_KERNEL, "%.*s", STR_ARG(text));
	else if (!is_said(m, text))
		d = match_error(m, D_PROBE_KERNEL, "%.*s", STR_ARG(text));
	m->is_reported = true;
	return d;
}

static void report_unreadable(struct match *m, int error)
{
	struct diag *d =
		report_none_readable(m, "Cannot read the kernel's tracepoints in '%s/events': %s.",
				     m->c->tracefs, strerror(error));

	if (d)
		diag_hint(m->diags, d,
			  error == EACCES || error == EPERM
				  ? "this needs root or CAP_DAC_READ_SEARCH"
				  : "mount it: mount -t tracefs tracefs /sys/kernel/tracing");
}

/* a kernel has tracepoints of all of its system calls, or of none */
static bool has_system_calls(const struct probe_ctx *c)
{
	STRBUF_AUTO path = { 0 };

	strbuf_printf(&path, "%s/events/syscalls", c->tracefs);
	return access(strbuf_cstr(&path), F_OK) == 0 || errno != ENOENT;
}

static void report_no_system_calls(struct match *m)
{
	struct diag *d = report_none_readable(
		m, "This kernel has no tracepoints of system calls in '%s/events/syscalls'.",
		m->c->tracefs);

	if (d)
		diag_hint(m->diags, d, "it was built without CONFIG_FTRACE_SYSCALLS");
}

static void report_missing(struct match *m)
{
	STRBUF_AUTO want = { 0 };
	struct nearest near;

	strbuf_printf(&want, "%.*s:%.*s", STR_ARG(m->spec->target), STR_ARG(m->spec->func));
	nearest_init(&near, strbuf_str(&want));
	if (!tracepoint_each(m->c, STR("*"), STR("*"), offer_event, &near)) {
		report_unreadable(m, errno);
		return;
	}
	if (str_is(m->spec->target, "syscalls") && !has_system_calls(m->c)) {
		report_no_system_calls(m);
		return;
	}
	match_none(m, nearest_hint(&near, m->diags->arena).p);
}

void match_tracepoint(struct match *m)
{
	const struct probe_spec *s = m->spec;
	struct tracepoint_match t = { .m = m };

	if (!str_has_glob(s->target) && !str_has_glob(s->func)) {
		add_event(&t, s->target, s->func);
		if (match_n_points(m) == 0 && t.error != EACCES && t.error != EPERM)
			report_missing(m);
	} else if (!tracepoint_each(m->c, s->target, s->func, add_event, &t)) {
		t.error = errno;
	}
	if (match_n_points(m) == 0 && t.error && !m->is_reported)
		report_unreadable(m, t.error);
	vec_free(&t.formats);
}
