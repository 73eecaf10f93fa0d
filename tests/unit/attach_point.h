/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attach points without a parser, for tests of what takes them apart. */
#ifndef SONDE_TESTS_UNIT_ATTACH_POINT_H
#define SONDE_TESTS_UNIT_ATTACH_POINT_H

#include "base/strbuf.h"
#include "lang/ast.h"

/* as the parser cuts: at ':' outside quotes */
static inline struct attach_point *attach_point_cut(struct arena *arena, const char *text)
{
	struct attach_point *ap = arena_new(arena, struct attach_point);
	STRBUF_AUTO part = { 0 };
	bool quoted = false;

	ap->text = arena_str(arena, str_from(text));
	ap->at = SPAN_NONE;
	for (const char *p = text;; p++) {
		if (*p && *p == '"') {
			quoted = !quoted;
		} else if (*p && (*p != ':' || quoted)) {
			strbuf_putc(&part, *p);
		} else {
			ap->parts[ap->n_parts++] = arena_str(arena, strbuf_str(&part));
			strbuf_clear(&part);
			if (!*p)
				return ap;
		}
	}
}

#endif
