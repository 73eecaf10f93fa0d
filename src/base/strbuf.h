/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A growable byte buffer on the heap; a zeroed one is empty, the owner calls strbuf_free. */
#ifndef SONDE_BASE_STRBUF_H
#define SONDE_BASE_STRBUF_H

#include "base/str.h"

#include <stdarg.h>

struct strbuf {
	char *p;
	size_t n, cap;
};

void strbuf_free(struct strbuf *b);
void strbuf_add(struct strbuf *b, const void *p, size_t n);
void strbuf_add_str(struct strbuf *b, struct str s);
void strbuf_puts(struct strbuf *b, const char *s);
void strbuf_putc(struct strbuf *b, char c);
void strbuf_fill(struct strbuf *b, char c, size_t count);
void strbuf_printf(struct strbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strbuf_vprintf(struct strbuf *b, const char *fmt, va_list ap);
/* the contents as a C string; valid until the next change */
const char *strbuf_cstr(struct strbuf *b);
static inline struct str strbuf_str(const struct strbuf *b)
{
	return str_make(b->p, b->n);
}
static inline void strbuf_clear(struct strbuf *b)
{
	b->n = 0;
}
static inline void strbuf_cleanup(struct strbuf *b)
{
	strbuf_free(b);
}
/* a strbuf that frees itself at the end of its scope */
#define STRBUF_AUTO __attribute__((cleanup(strbuf_cleanup))) struct strbuf

#endif
