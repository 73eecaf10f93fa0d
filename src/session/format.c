/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --fmt: the script again, in canonical form. Nothing is resolved or attached; defines stay as written. */
#include "session/session.h"

#include "lang/print.h"

#include <stdio.h>
#include <unistd.h>

int session_format(struct session_opts *o)
{
	struct sources sources = { 0 };
	struct diag_list diags;
	struct arena arena;
	STRBUF_AUTO text = { 0 };
	bool is_good;

	arena_init(&arena);
	diag_list_init(&diags, &arena);
	is_good = source_format(&arena, &sources, &diags, sources_add(&sources, o->name, o->text),
				&text);
	if (!is_good) {
		strbuf_clear(&text);
		diag_render(&diags, &sources, isatty(STDERR_FILENO), &text);
	}
	fwrite(text.p, 1, text.n, is_good ? stdout : stderr);
	sources_free(&sources);
	arena_free(&arena);
	return is_good ? 0 : 1;
}
