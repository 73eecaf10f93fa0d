/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Error chains; see err.h. */
#include "base/err.h"

#include "base/arena.h"

#include <errno.h>
#include <stdlib.h>

static char *format(const char *fmt, va_list ap)
{
	struct strbuf b = { 0 };

	strbuf_vprintf(&b, fmt, ap);
	strbuf_cstr(&b);
	return b.p;
}

struct err *err_new(int code, const char *fmt, ...)
{
	struct err *e = base_alloc(sizeof(*e));
	va_list ap;

	va_start(ap, fmt);
	e->msg = format(fmt, ap);
	va_end(ap);
	e->code = code;
	return e;
}

struct err *err_wrap(struct err *cause, const char *fmt, ...)
{
	struct err *e = base_alloc(sizeof(*e));
	va_list ap;

	va_start(ap, fmt);
	e->msg = format(fmt, ap);
	va_end(ap);
	e->cause = cause;
	return e;
}

struct err *err_hint(struct err *e, const char *fmt, ...)
{
	va_list ap;

	free(e->hint);
	va_start(ap, fmt);
	e->hint = format(fmt, ap);
	va_end(ap);
	return e;
}

void err_free(struct err *e)
{
	while (e) {
		struct err *cause = e->cause;

		free(e->msg);
		free(e->hint);
		free(e);
		e = cause;
	}
}

void err_format(const struct err *e, struct strbuf *out)
{
	for (; e; e = e->cause) {
		strbuf_puts(out, e->msg);
		if (e->code)
			strbuf_printf(out, ": %s", strerror(e->code));
		if (e->cause)
			strbuf_puts(out, ": ");
	}
}

const char *err_get_hint(const struct err *e)
{
	for (; e; e = e->cause)
		if (e->hint)
			return e->hint;
	return NULL;
}

int err_code(const struct err *e)
{
	int code = 0;

	for (; e; e = e->cause)
		if (e->code)
			code = e->code;
	return code;
}
