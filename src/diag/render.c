/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Diagnostics as text, in the shape that bpftrace users and their tools know:
 *
 *   stdin:1:9-12: ERROR: message          columns count bytes from 1, the second is the first byte behind
 *   begin { foo }                         tabs are shown as four spaces
 *           ~~~
 *   HINT: what to do
 *   stdin:2:5-9: ERROR: expanded from     one for each macro call around it, with its own line
 *
 * A span over several lines prints "stdin:2-4: ERROR: ..." and the lines without marks.
 */
#include "diag/diag.h"

#define COLOUR_RED "\033[31m"
#define COLOUR_YELLOW "\033[33m"
#define COLOUR_RESET "\033[0m"
#define TAB_WIDTH 4
/* a macro chain longer than this is cut: expansion depth is limited elsewhere, this only bounds the output */
#define MAX_CHAIN 64
/* longest part of a line that is shown, and how much of it stands before the span */
/* lines of one span that are shown */
#define MAX_LINES 50
#define MAX_LINE 2000
#define LINE_LEAD 100

/* control bytes of the script must not reach a terminal; one '?' for each keeps the columns */
static void render_byte(struct strbuf *out, char c)
{
	strbuf_putc(out, (unsigned char)c < 0x20 || c == 0x7f ? '?' : c);
}

void diag_add_text(struct strbuf *out, struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\n' || text.p[i] == '\t')
			strbuf_putc(out, text.p[i]);
		else
			render_byte(out, text.p[i]);
	}
}

/*
 * A line that no screen holds (a generated script): only the part around the span is shown, "..." where it was cut.
 */
static struct str cut_line(struct str line, uint32_t *col, uint32_t *end_col, bool *is_cut_front,
			   bool *is_cut_back)
{
	size_t from, to;

	*is_cut_front = *is_cut_back = false;
	if (line.n <= MAX_LINE)
		return line;
	from = *col > LINE_LEAD ? *col - LINE_LEAD : 0;
	to = from + MAX_LINE;
	if (to > line.n)
		to = line.n;
	*is_cut_front = from > 0;
	*is_cut_back = to < line.n;
	*col -= (uint32_t)from;
	*end_col = *end_col - from > to - from + 1 ? (uint32_t)(to - from + 1)
						   : *end_col - (uint32_t)from;
	return str_sub(line, from, to);
}

static void render_one_line(struct strbuf *out, struct str line, uint32_t col, uint32_t end_col)
{
	bool is_cut_front, is_cut_back;

	line = cut_line(line, &col, &end_col, &is_cut_front, &is_cut_back);
	if (is_cut_front)
		strbuf_puts(out, "...");
	for (size_t i = 0; i < line.n; i++) {
		if (line.p[i] == '\t')
			strbuf_fill(out, ' ', TAB_WIDTH);
		else
			render_byte(out, line.p[i]);
	}
	strbuf_puts(out, is_cut_back ? "...\n" : "\n");
	if (is_cut_front)
		strbuf_fill(out, ' ', 3);
	for (size_t i = 0; i < line.n && i + 1 < end_col; i++) {
		char mark = i + 1 < col ? ' ' : '~';

		strbuf_fill(out, mark, line.p[i] == '\t' ? TAB_WIDTH : 1);
	}
	strbuf_putc(out, '\n');
}

static void render_context(struct sources *s, struct span at, struct strbuf *out)
{
	struct line_col lc = span_locate(s, at);

	if (at.file >= s->files.n)
		return;
	if (lc.line == lc.end_line) {
		render_one_line(out, source_line(s, at.file, lc.line), lc.col, lc.end_col);
		return;
	}
	for (uint32_t l = lc.line; l <= lc.end_line && l < lc.line + MAX_LINES; l++) {
		struct str line = source_line(s, at.file, l);

		for (size_t i = 0; i < line.n; i++) {
			if (line.p[i] == '\t')
				strbuf_putc(out, '\t');
			else
				render_byte(out, line.p[i]);
		}
		strbuf_putc(out, '\n');
	}
}

static void render_message(struct sources *s, struct span at, const char *severity, struct str msg,
			   struct str info, const char *colour, struct strbuf *out)
{
	if (colour)
		strbuf_puts(out, colour);
	if (at.file < s->files.n) {
		span_print(s, at, out);
		strbuf_puts(out, ": ");
	}
	strbuf_printf(out, "%s: ", severity);
	diag_add_text(out, msg);
	if (colour)
		strbuf_puts(out, COLOUR_RESET);
	strbuf_putc(out, '\n');
	if (info.n) {
		diag_add_text(out, info);
		strbuf_putc(out, '\n');
	}
	render_context(s, at, out);
}

/* the calls that the text at came out of, innermost first */
static void render_chain(struct sources *s, struct span at, const char *severity,
			 const char *colour, struct strbuf *out)
{
	for (int i = 0; i < MAX_CHAIN && at.expansion && at.expansion <= s->expansions.n; i++) {
		struct span call = s->expansions.v[at.expansion - 1].call;

		render_message(s, call, severity, STR("expanded from"), STR_NULL, colour, out);
		at = call;
	}
}

static const char *severity_colour(const char *severity)
{
	return strcmp(severity, "WARNING") == 0 ? COLOUR_YELLOW : COLOUR_RED;
}

void diag_render_at(struct sources *s, struct span at, const char *severity, struct str msg,
		    struct str info, bool colour, struct strbuf *out)
{
	const char *seq = colour ? severity_colour(severity) : NULL;

	render_message(s, at, severity, msg, info, seq, out);
	render_chain(s, at, severity, seq, out);
}

static void diag_render_one(const struct diag *d, struct sources *s, bool colour,
			    struct strbuf *out)
{
	const char *severity = d->sev == SEV_ERROR ? "ERROR" : "WARNING";
	const char *seq = colour ? severity_colour(severity) : NULL;

	render_message(s, d->at, severity, d->msg, STR_NULL, seq, out);
	if (d->hint.n) {
		strbuf_puts(out, "HINT: ");
		diag_add_text(out, d->hint);
		strbuf_putc(out, '\n');
	}
	render_chain(s, d->at, severity, seq, out);
}

void diag_render(const struct diag_list *l, struct sources *s, bool colour, struct strbuf *out)
{
	for (const struct diag *d = l->first; d; d = d->next)
		if (d->sev == SEV_ERROR)
			diag_render_one(d, s, colour, out);
	for (const struct diag *d = l->first; d; d = d->next)
		if (d->sev == SEV_WARNING)
			diag_render_one(d, s, colour, out);
}
