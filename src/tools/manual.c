/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads the head of a tool's script: the first comment that has a line USAGE:. It is read when the tool is called, and
 * only that one's, so it has to be quick, and nothing here knows what an option means.
 */
#include "tools/manual.h"

#include "base/cleanup.h"

/* ---- finding the comment ---- */

/* the inside of the first block comment that has this text in it */
static bool find_comment(struct str script, struct str *ret)
{
	struct str rest = script;

	for (;;) {
		ptrdiff_t start = str_find(rest, STR("/*")), end;

		if (start < 0)
			return false;
		rest = str_sub(rest, (size_t)start + 2, rest.n);
		end = str_find(rest, STR("*/"));
		if (end < 0)
			return false;
		*ret = str_sub(rest, 0, (size_t)end);
		if (str_find(*ret, STR("USAGE:")) >= 0)
			return true;
		rest = str_sub(rest, (size_t)end + 2, rest.n);
	}
}

static size_t indentation(struct str line)
{
	size_t n = 0;

	while (n < line.n && (line.p[n] == ' ' || line.p[n] == '\t'))
		n++;
	return n;
}

/* how much every line is moved to the right, and whether all have a column of stars */
static size_t frame_of(struct str comment, bool *has_stars)
{
	size_t least = SIZE_MAX;

	*has_stars = true;
	str_split(&comment, '\n'); /* what stands behind the opening has no column */
	while (comment.n) {
		struct str line = str_split(&comment, '\n');
		size_t n = indentation(line);

		if (n == line.n)
			continue;
		*has_stars &= line.p[n] == '*';
		if (n < least)
			least = n;
	}
	return least == SIZE_MAX ? 0 : least;
}

static void add_line(struct strbuf *out, struct str line, size_t indent, bool has_stars)
{
	size_t n = indentation(line);

	if (has_stars && n < line.n && line.p[n] == '*') {
		line = str_sub(line, n + 1, line.n);
		if (line.n && (line.p[0] == ' ' || line.p[0] == '\t'))
			line = str_sub(line, 1, line.n);
	} else if (!has_stars) {
		line = str_sub(line, n < indent ? n : indent, line.n);
	}
	while (line.n && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t'))
		line.n--;
	strbuf_add_str(out, line);
	strbuf_putc(out, '\n');
}

static void strip_frame(struct str comment, struct strbuf *out)
{
	bool has_stars;
	size_t indent = frame_of(comment, &has_stars);
	struct str first = str_trim(str_split(&comment, '\n'));

	if (first.n)
		add_line(out, first, 0, false);
	while (comment.n)
		add_line(out, str_split(&comment, '\n'), indent, has_stars);
}

/* ---- sections ---- */

enum section {
	SECTION_NONE,
	SECTION_USAGE,
	SECTION_OPTIONS,
	SECTION_EXAMPLE,
	SECTION_NOTES,
	SECTION_UNSAFE,
	N_SECTIONS
};

static enum section section_of(struct str line, struct str *behind)
{
	static const struct {
		const char *word;
		enum section section;
	} words[] = {
		{ "USAGE:", SECTION_USAGE },     { "OPTIONS:", SECTION_OPTIONS },
		{ "EXAMPLE:", SECTION_EXAMPLE }, { "EXAMPLES:", SECTION_EXAMPLE },
		{ "NOTES:", SECTION_NOTES },     { "UNSAFE:", SECTION_UNSAFE },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (str_starts(line, str_from(words[i].word))) {
			*behind = str_sub(line, strlen(words[i].word), line.n);
			return words[i].section;
		}
	return SECTION_NONE;
}

/* empty lines around a section are no part of it, the indentation of its first line is */
static struct str trim_lines(struct str s)
{
	while (s.n && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == ' '))
		s.n--;
	for (;;) {
		ptrdiff_t end = str_find_char(s, '\n', 0);

		if (end < 0 || str_trim(str_sub(s, 0, (size_t)end)).n)
			return s;
		s = str_sub(s, (size_t)end + 1, s.n);
	}
}

static void cut_sections(struct str text, struct str sections[N_SECTIONS])
{
	enum section now = SECTION_NONE;
	struct str rest = text;

	sections[now] = str_make(text.p, 0);
	while (rest.n) {
		struct str line = str_split(&rest, '\n'), behind;
		enum section next = section_of(line, &behind);

		if (next) {
			now = next;
			sections[now] = str_make(behind.p, 0);
		}
		/* up to the end of this line */
		sections[now].n = (size_t)(line.p + line.n - sections[now].p);
	}
	for (int i = 0; i < N_SECTIONS; i++)
		sections[i] = trim_lines(sections[i]);
}

/* ---- options ---- */

static struct str next_word(struct str *line)
{
	size_t n = 0;
	struct str word;

	while (line->n && (line->p[0] == ' ' || line->p[0] == ',' || line->p[0] == '='))
		*line = str_sub(*line, 1, line->n);
	while (n < line->n && line->p[n] != ' ' && line->p[n] != ',' && line->p[n] != '=')
		n++;
	word = str_sub(*line, 0, n);
	*line = str_sub(*line, n, line->n);
	return word;
}

/* "-n, --name NAME" as it stands before the gap of two blanks */
static struct err *parse_option(struct str line, struct tool_option *ret)
{
	ptrdiff_t gap = str_find(line, STR("  "));
	struct str word, rest = gap < 0 ? line : str_sub(line, 0, (size_t)gap);

	*ret = (struct tool_option){ 0 };
	while ((word = next_word(&rest)).n) {
		if (str_starts(word, STR("--")) && word.n > 2 && !ret->value.n)
			ret->name = str_sub(word, 2, word.n);
		else if (word.p[0] == '-' && word.n == 2 && !ret->value.n)
			ret->letter = word.p[1];
		else if (word.p[0] != '-' && !ret->value.n)
			ret->value = word;
		else
			return err_new(0, "option not understood: %.*s", STR_ARG(line));
	}
	if (!ret->name.n && ret->letter)
		ret->name = str_make(str_trim(line).p + 1, 1);
	return ret->name.n ? NULL : err_new(0, "option not understood: %.*s", STR_ARG(line));
}

static ERR_MUST struct err *parse_options(struct tool_manual *m)
{
	struct str rest = m->options_text;

	while (rest.n) {
		struct str line = str_trim(str_split(&rest, '\n'));
		struct tool_option o;

		if (!line.n || line.p[0] != '-')
			continue; /* the description goes on */
		TRY(parse_option(line, &o));
		vec_push(&m->options, o);
	}
	return NULL;
}

/* ---- the whole ---- */

static bool split_title(struct str head, struct str *name, struct str *summary)
{
	struct str line = str_split(&head, '\n');
	ptrdiff_t dash = str_find(line, STR(" - "));

	if (dash < 0)
		return false;
	*name = str_trim(str_sub(line, 0, (size_t)dash));
	*summary = str_trim(str_sub(line, (size_t)dash + 3, line.n));
	return name->n && summary->n;
}

bool manual_summary(struct str script, struct str *name, struct str *summary)
{
	struct str comment;

	if (!find_comment(script, &comment))
		return false;
	while (comment.n) {
		struct str line = str_trim(str_split(&comment, '\n'));

		if (line.n && line.p[0] == '*')
			line = str_trim(str_sub(line, 1, line.n));
		if (line.n)
			return split_title(line, name, summary);
	}
	return false;
}

struct err *manual_parse(struct str script, struct tool_manual *ret)
{
	struct str comment, sections[N_SECTIONS] = { 0 };
	struct tool_manual m = { 0 };
	struct err *err = NULL;

	*ret = m;
	if (!find_comment(script, &comment))
		return err_new(0, "the script has no comment with a line 'USAGE:' at its head");
	strip_frame(comment, &m.text);
	cut_sections(strbuf_str(&m.text), sections);
	if (!split_title(sections[SECTION_NONE], &m.name, &m.summary))
		err = err_new(0, "the head does not begin with 'name - what the tool does'");
	m.usage = str_trim(sections[SECTION_USAGE]);
	m.options_text = sections[SECTION_OPTIONS];
	m.example = sections[SECTION_EXAMPLE];
	m.notes = sections[SECTION_NOTES];
	m.is_unsafe = str_is(str_trim(sections[SECTION_UNSAFE]), "yes");
	if (!err)
		err = parse_options(&m);
	if (err) {
		manual_free(&m);
		return err;
	}
	*ret = m;
	return NULL;
}

void manual_free(struct tool_manual *m)
{
	strbuf_free(&m->text);
	vec_free(&m->options);
}

const struct tool_option *manual_find_letter(const struct tool_manual *m, char letter)
{
	vec_each(o, &m->options)
		if (o->letter == letter)
			return o;
	return NULL;
}

const struct tool_option *manual_find_name(const struct tool_manual *m, struct str name)
{
	vec_each(o, &m->options)
		if (str_eq(o->name, name))
			return o;
	return NULL;
}
