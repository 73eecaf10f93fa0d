/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The texts that spans point into, and the way from a byte offset to a line and column. Texts are borrowed; the
 * tables of line starts are made when first asked for, because most runs never print a location.
 */
#include "diag/diag.h"

uint16_t sources_add(struct sources *s, struct str name, struct str text)
{
	struct source src = { .name = name, .text = text };

	/* file numbers are 16 bits; far more files than any script imports, the last one is shared then */
	if (s->files.n > UINT16_MAX)
		return UINT16_MAX;
	vec_push(&s->files, src);
	return (uint16_t)(s->files.n - 1);
}

uint16_t sources_add_expansion(struct sources *s, struct span call, struct str macro)
{
	struct expansion e = { call, macro };

	/* beyond the limit a message just lacks its "expanded from" */
	if (s->expansions.n >= UINT16_MAX)
		return 0;
	vec_push(&s->expansions, e);
	return (uint16_t)s->expansions.n;
}

void sources_free(struct sources *s)
{
	for (size_t i = 0; i < s->files.n; i++)
		free(s->files.v[i].lines);
	vec_free(&s->files);
	vec_free(&s->expansions);
}

struct str span_text(const struct sources *s, struct span at)
{
	if (at.file >= s->files.n)
		return STR_NULL;
	return str_sub(s->files.v[at.file].text, at.start, at.end);
}

/* offsets of the first byte of every line; line 1 starts at 0 */
static void source_index_lines(struct source *src)
{
	VEC(uint32_t) lines = { 0 };
	const char *p = src->text.p, *end = p + src->text.n;

	vec_push(&lines, 0);
	while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
		p++;
		vec_push(&lines, (uint32_t)(p - src->text.p));
	}
	src->lines = lines.v;
	src->n_lines = (uint32_t)lines.n;
}

/* number of the line (from 0) that holds the offset; the offset may be the end of the text */
static uint32_t source_find_line(const struct source *src, uint32_t offset)
{
	uint32_t low = 0, high = src->n_lines;

	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;

		if (src->lines[mid] <= offset)
			low = mid;
		else
			high = mid;
	}
	return low;
}

struct str source_line(struct sources *s, uint16_t file, uint32_t line)
{
	struct source *src;
	uint32_t from, to;

	if (file >= s->files.n || line == 0)
		return STR_NULL;
	src = &s->files.v[file];
	if (!src->lines)
		source_index_lines(src);
	if (line > src->n_lines)
		return STR_NULL;
	from = src->lines[line - 1];
	to = line < src->n_lines ? src->lines[line] - 1 : (uint32_t)src->text.n;
	return str_sub(src->text, from, to);
}

struct line_col span_locate(struct sources *s, struct span at)
{
	struct line_col lc = { 1, 1, 1, 1 };
	struct source *src;
	uint32_t first, last, end = at.end;

	if (at.file >= s->files.n)
		return lc;
	src = &s->files.v[at.file];
	if (!src->lines)
		source_index_lines(src);
	if (at.start > src->text.n)
		at.start = (uint32_t)src->text.n;
	if (end > src->text.n)
		end = (uint32_t)src->text.n;
	if (end < at.start)
		end = at.start;
	first = source_find_line(src, at.start);
	last = source_find_line(src, end);
	lc.line = first + 1;
	lc.col = at.start - src->lines[first] + 1;
	lc.end_line = last + 1;
	lc.end_col = end - src->lines[last] + 1;
	return lc;
}

void span_print(struct sources *s, struct span at, struct strbuf *out)
{
	struct line_col lc = span_locate(s, at);

	if (at.file < s->files.n)
		strbuf_add_str(out, s->files.v[at.file].name);
	if (lc.line == lc.end_line)
		strbuf_printf(out, ":%u:%u-%u", lc.line, lc.col, lc.end_col);
	else
		strbuf_printf(out, ":%u-%u", lc.line, lc.end_line);
}
