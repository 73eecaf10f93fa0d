/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Expressions and formats as bcc's tools take them, in sonde's language: arg1 is arg0, $uid is uid, args->x is args.x,
 * STRCMP("x", e), names of a signature. What is written in sonde's own words passes unchanged.
 */
#ifndef SONDE_TOOLS_REWRITE_H
#define SONDE_TOOLS_REWRITE_H

#include "tools/spec.h"

/*
 * At the end of a system call its arguments are those that were kept at its beginning: args.x is @lateN_x[tid], and what
 * has been asked for is noted, one word each.
 */
struct rewrite_late {
	unsigned number;
	struct strbuf fields; /* all */
	struct strbuf texts;  /* those that texts are read from */
};

struct rewrite {
	struct arena *arena;
	const struct tool_spec *spec;
	/* replaces a $name of argdist's ($latency, $entry(x)); false: not known */
	bool (*special)(void *arg, struct str name, struct str argument, struct strbuf *out);
	void *arg;
	bool bare_fields;          /* of a tracepoint: irq is args.irq */
	struct rewrite_late *late; /* NULL: arguments are at hand */
};

/* the macro that makes text of whatever a %s is given */
#define REWRITE_TEXT_MACRO "macro text(x) { if comptime (is_text(x)) { str(x) } else { x } }\n"

void rewrite_expr(const struct rewrite *w, struct str expr, struct strbuf *out);
/* for a place where text is wanted: text(e), or str(e, length) where the probe is known to have one */
void rewrite_text(const struct rewrite *w, struct str expr, struct strbuf *out);
/* "%s %d", e, e: *format gets the format as it stands between the quotes, args ", e, e" */
struct err *rewrite_action(const struct rewrite *w, struct str action, struct strbuf *format,
			   struct strbuf *args) ERR_MUST;
/* the part of *text up to a comma (or c) that is in no bracket or quote; *text becomes what follows */
struct str rewrite_split(struct str *text, char c);

/* the inside of the parentheses at the beginning of *text, which becomes what follows them */
struct str rewrite_bracketed(struct str *text);

#endif
