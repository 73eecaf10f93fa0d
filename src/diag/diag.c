/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list of diagnostics that the stages of the compiler fill. Nothing is printed here (render.c does that once,
 * at the end), and a list never stops growing by itself: callers decide when to give up.
 */
#include "diag/diag.h"

void diag_list_init(struct diag_list *l, struct arena *arena)
{
	*l = (struct diag_list){ .arena = arena };
	l->tail = &l->first;
}

static struct diag *diag_add(struct diag_list *l, enum severity sev, enum diag_code code,
			     struct span at, const char *fmt, va_list ap)
{
	struct diag *d = arena_new(l->arena, struct diag);

	d->code = code;
	d->sev = sev;
	d->at = at;
	d->msg = arena_vprintf(l->arena, fmt, ap);
	*l->tail = d;
	l->tail = &d->next;
	if (sev == SEV_ERROR)
		l->n_errors++;
	else
		l->n_warnings++;
	return d;
}

struct diag *diag_error(struct diag_list *l, enum diag_code code, struct span at, const char *fmt,
			...)
{
	struct diag *d;
	va_list ap;

	va_start(ap, fmt);
	d = diag_add(l, SEV_ERROR, code, at, fmt, ap);
	va_end(ap);
	return d;
}

struct diag *diag_warning(struct diag_list *l, enum diag_code code, struct span at, const char *fmt,
			  ...)
{
	struct diag *d;
	va_list ap;

	va_start(ap, fmt);
	d = diag_add(l, SEV_WARNING, code, at, fmt, ap);
	va_end(ap);
	return d;
}

void diag_hint(struct diag_list *l, struct diag *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	d->hint = arena_vprintf(l->arena, fmt, ap);
	va_end(ap);
}

static const char *const code_names[] = {
#define DIAG(code, number) "E" #number,
#include "diag/diag.def"
#undef DIAG
};

const char *diag_code_name(enum diag_code code)
{
	return (unsigned)code < D_N_CODES ? code_names[code] : "E???";
}
