/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Growable byte buffer; see strbuf.h. */
#include "base/strbuf.h"

#include "base/vec.h"

#include <stdio.h>

void strbuf_free(struct strbuf *b)
{
	free(b->p);
	*b = (struct strbuf){ 0 };
}

static void reserve(struct strbuf *b, size_t more)
{
	vec_grow((void **)&b->p, &b->cap, b->n + more + 1, 1);
}

void strbuf_add(struct strbuf *b, const void *p, size_t n)
{
	if (!n)
		return;
	reserve(b, n);
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

void strbuf_add_str(struct strbuf *b, struct str s)
{
	strbuf_add(b, s.p, s.n);
}

void strbuf_puts(struct strbuf *b, const char *s)
{
	strbuf_add(b, s, strlen(s));
}

void strbuf_putc(struct strbuf *b, char c)
{
	strbuf_add(b, &c, 1);
}

void strbuf_fill(struct strbuf *b, char c, size_t count)
{
	if (!count)
		return;
	reserve(b, count);
	memset(b->p + b->n, c, count);
	b->n += count;
}

void strbuf_vprintf(struct strbuf *b, const char *fmt, va_list ap)
{
	va_list again;
	size_t room;
	int n;

	/* most texts are short: print at once, and again only when it did not fit */
	reserve(b, 64);
	room = b->cap - b->n;
	va_copy(again, ap);
	n = vsnprintf(b->p + b->n, room, fmt, again);
	va_end(again);
	if (n <= 0)
		return;
	if ((size_t)n >= room) {
		reserve(b, (size_t)n);
		vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
	}
	b->n += (size_t)n;
}

void strbuf_printf(struct strbuf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strbuf_vprintf(b, fmt, ap);
	va_end(ap);
}

const char *strbuf_cstr(struct strbuf *b)
{
	reserve(b, 0);
	b->p[b->n] = '\0';
	return b->p;
}
