/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The manual of a tool: the comment at the head of its script, cut into sections, and the options that it declares. The
 * views point into .text, which the manual owns; manual_free gives all of it back.
 */
#ifndef SONDE_TOOLS_MANUAL_H
#define SONDE_TOOLS_MANUAL_H

#include "base/err.h"
#include "base/vec.h"

struct tool_option {
	char letter;      /* -x, or 0 */
	struct str name;  /* of --name; the letter where there is no long one */
	struct str value; /* what the option takes, as the manual calls it; empty: nothing */
};

struct tool_manual {
	struct strbuf text;      /* the comment without its frame */
	struct str name;         /* first word of the first line */
	struct str summary;      /* what follows " - " */
	struct str usage;        /* what follows USAGE: */
	struct str options_text; /* the lines of OPTIONS, as written */
	struct str example;
	struct str notes;
	bool is_unsafe; /* UNSAFE: yes; the tool acts on what it traces and takes --unsafe */
	VEC(struct tool_option) options;
};

/* script: the whole text of a tool. What is missing or not understood is an error that names it */
struct err *manual_parse(struct str script, struct tool_manual *ret) ERR_MUST;
void manual_free(struct tool_manual *m);
/* the first line alone: name and summary, views into script; false: there is no such comment */
bool manual_summary(struct str script, struct str *name, struct str *summary);
/* by the letter or by the long name; NULL: the tool has none of its own */
const struct tool_option *manual_find_letter(const struct tool_manual *m, char letter);
const struct tool_option *manual_find_name(const struct tool_manual *m, struct str name);

#endif
