/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * usdt: probes that were compiled into programs. One probe may stand at several places, and the compiler may have left its
 * operands somewhere else at each: places with the same operands form a shape (one program), others get their own.
 */
#include "base/log.h"
#include "objfile/usdt.h"
#include "probe/targets.h"

static bool name_fits(struct str pattern, struct str name)
{
	return str_has_glob(pattern) ? str_glob(pattern, name) : str_eq(pattern, name);
}

static bool note_fits(const struct probe_spec *s, const struct usdt_note *n)
{
	return name_fits(s->ns, n->provider) && name_fits(s->func, n->name);
}

/*
 * The shape for a place with these operands. Operands relative to the probe's own address (rip-relative) are compared and
 * later computed by their distance from it, so the shape's first point is the one that the operands belong to.
 */
static size_t shape_for(struct match *m, struct usdt_operand *ops, uint32_t n, uint64_t addr)
{
	struct probe_shape *shape;
	size_t i;

	for (i = 0; i < m->shapes.n; i++) {
		shape = m->shapes.v[i].shape;
		if (shape->n_argn == n &&
		    usdt_operands_equal(shape->operands, m->shapes.v[i].points.v[0].address, ops,
					addr, n))
			return i;
	}
	i = match_add_shape(m, ARGS_USDT);
	shape = m->shapes.v[i].shape;
	shape->n_argn = n;
	shape->operands = ops;
	return i;
}

static void add_note(struct match *m, const struct target_file *file, const struct usdt_note *note)
{
	struct usdt_operand *ops = NULL;
	struct probe_point *p;
	uint32_t n = 0;
	size_t i = 0;

	if (!m->ignores_args) {
		n = usdt_parse_args(file->f, note->args, m->c->arena, &ops);
		i = shape_for(m, ops, n, note->addr);
	} else if (m->shapes.n == 0) {
		i = match_add_shape(m, ARGS_USDT);
	}
	p = match_add_point(m, i);
	p->path = file->open_path;
	p->address = note->addr;
	p->file_offset = note->file_offset;
	p->ref_ctr_offset = note->semaphore_offset;
	p->symbol = arena_str(m->c->arena, note->name);
	p->name = arena_printf(m->c->arena, "usdt:%.*s:%.*s:%.*s", STR_ARG(file->path),
			       STR_ARG(note->provider), STR_ARG(note->name));
}

/* probes that harm the program that has them, whoever attaches: only with --unsafe */
static void report_harm(struct match *m, const struct usdt_note *n, const char *why)
{
	bool is_error = !str_has_glob(m->spec->func) && m->c->missing != PROBE_MISSING_IGNORE;
	struct diag *d;

	if (m->c->missing == PROBE_MISSING_IGNORE) {
		m->is_reported = true;
		log_verbose("%.*s:%.*s is left out: %s", STR_ARG(n->provider), STR_ARG(n->name),
			    why);
		return;
	}
	d = is_error ? match_error(m, D_PROBE_PLACE, "'%.*s:%.*s' is not attached: %s.",
				   STR_ARG(n->provider), STR_ARG(n->name), why)
		     : diag_warning(m->diags, D_PROBE_PLACE, m->spec->ap->at,
				    "'%.*s:%.*s' is left out: %s.", STR_ARG(n->provider),
				    STR_ARG(n->name), why);
	diag_hint(m->diags, d, "--unsafe attaches it nevertheless");
}

static void report_missing(struct match *m, struct target_files *files)
{
	struct nearest near;
	struct str want = m->spec->func, hint;
	STRBUF_AUTO full = { 0 };
	uint32_t n = 0;

	if (str_has_glob(m->spec->func) && files->files.n != 1)
		return;
	/* "ns:name" when both were given: either may be the wrong one */
	if (!str_has_glob(m->spec->ns)) {
		strbuf_printf(&full, "%.*s:%.*s", STR_ARG(m->spec->ns), STR_ARG(m->spec->func));
		want = strbuf_str(&full);
	}
	nearest_init(&near, want);
	vec_each(f, &files->files) {
		struct usdt_table *t = f->f ? objfile_usdt(f->f) : NULL;

		for (uint32_t i = 0; t && i < t->n; i++) {
			STRBUF_AUTO b = { 0 };

			if (full.n)
				strbuf_printf(&b, "%.*s:", STR_ARG(t->v[i].provider));
			strbuf_add_str(&b, t->v[i].name);
			nearest_offer(&near, strbuf_str(&b));
		}
		n += t ? t->n : 0;
	}
	hint = nearest_hint(&near, m->diags->arena);
	if (files->files.n == 1 && n == 0)
		hint = arena_printf(m->diags->arena, "'%.*s' has no USDT probes",
				    STR_ARG(files->files.v[0].path));
	match_none(m, hint.p);
}

void match_usdt(struct match *m)
{
	struct target_files files = { 0 };
	struct err *e = targets_of(m, &files);
	const struct usdt_note *harmful = NULL;
	const char *harm = NULL;

	if (e) {
		targets_report(m, e);
		targets_free(&files);
		return;
	}
	vec_each(f, &files.files) {
		struct usdt_table *t;

		if (!f->f) {
			targets_report(m, f->error);
			f->error = NULL;
			continue;
		}
		t = objfile_usdt(f->f);
		for (uint32_t i = 0; i < t->n; i++) {
			const char *why;

			if (!note_fits(m->spec, &t->v[i]))
				continue;
			why = m->c->is_unsafe ? NULL : usdt_harm(f->f, &t->v[i]);
			if (!why) {
				add_note(m, f, &t->v[i]);
				continue;
			}
			harm = why;
			harmful = &t->v[i];
		}
	}
	if (harm)
		report_harm(m, harmful, harm);
	if (match_n_points(m) == 0 && !m->is_reported && !m->waits)
		report_missing(m, &files);
	targets_free(&files);
}
