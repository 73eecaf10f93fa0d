/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When a system call begins, a text that it is handed may not be in memory yet (a file's name in a page of the program that
 * nothing has touched), and programs of the kernel cannot wait for it; the call itself brings it in. So a call with such a
 * text is shown when it ends, with the arguments that it began with. Here are the statements for that; what is shown is the
 * front end's business.
 */
#ifndef SONDE_TOOLS_LATE_TEXT_H
#define SONDE_TOOLS_LATE_TEXT_H

#include "tools/rewrite.h"

/* owned by whoever made it: late_text_free */
struct late_text {
	struct rewrite_late words; /* what was read with rewrite.late = &words */
	struct strbuf
		before; /* at the beginning: keep the arguments and leave, if a text cannot be read */
	struct strbuf attach; /* the end of the call */
	struct strbuf waits;  /* " && has_key(...)": it is one of those */
	struct strbuf behind; /* forget them */
};

/* is it the beginning of one system call? */
bool late_text_is_possible(const struct tool_spec *s);
/* fills the statements; before that, words.number and the reading. False: no text is asked for */
bool late_text_make(struct tool_args *a, const struct tool_spec *s, struct late_text *l);
void late_text_free(struct late_text *l);

#endif
