/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tokens out of the text of a script, or of C text (see lex.h). Every byte is looked at a bounded number of times
 * and nothing recurses, so hostile input costs linear time. Values of number literals are worked out in
 * lex_number.c.
 */
#include "lang/lex.h"

struct punct {
	enum token_kind kind;
	uint8_t n;
	char text[4];
};

static const struct punct puncts[] = {
#define TOKEN(name, words)
#define PUNCT(name, spelling) { TOKEN_##name, sizeof(spelling) - 1, spelling },
#include "lang/token.def"
#undef TOKEN
};

static const char *const kind_words[] = {
#define TOKEN(name, words) words,
#include "lang/token.def"
#undef TOKEN
};

void lexer_init(struct lexer *l, struct arena *arena, const struct sources *s, uint16_t file)
{
	*l = (struct lexer){ .arena = arena, .file = file };
	if (file < s->files.n)
		l->text = str_sub(s->files.v[file].text, 0, UINT32_MAX - 1);
}

/* the byte at pos + ahead, 0 behind the end */
static char peek(const struct lexer *l, uint32_t ahead)
{
	size_t at = (size_t)l->pos + ahead;

	return at < l->text.n ? l->text.p[at] : 0;
}

static void note_comment(struct lexer *l, uint32_t start)
{
	if (l->comments)
		vec_push(l->comments, ((struct span){ start, l->pos, l->file, 0 }));
}

static void skip_line_comment(struct lexer *l)
{
	uint32_t start = l->pos;

	while (l->pos < l->text.n && l->text.p[l->pos] != '\n') {
		/* C: a comment goes on behind a backslash at the end of its line */
		if (l->is_c && l->text.p[l->pos] == '\\' && peek(l, 1) == '\n')
			l->pos++;
		l->pos++;
	}
	note_comment(l, start);
}

static bool skip_block_comment(struct lexer *l)
{
	struct str rest = str_sub(l->text, l->pos + 2, l->text.n);
	ptrdiff_t end = str_find(rest, STR("*/"));
	uint32_t from = l->pos;

	if (end < 0)
		l->open_comment = from + 1;
	l->pos = end < 0 ? (uint32_t)l->text.n : l->pos + 2 + (uint32_t)end + 2;
	note_comment(l, from);
	return memchr(l->text.p + from, '\n', l->pos - from) != NULL;
}

bool lex_skip_layout(struct lexer *l, bool *line_start)
{
	uint32_t from = l->pos;

	for (;;) {
		char c = peek(l, 0);

		if (l->pos >= l->text.n)
			break;
		if (lex_is_space(c)) {
			if (c == '\n')
				*line_start = true;
			l->pos++;
		} else if (c == '/' && peek(l, 1) == '/') {
			skip_line_comment(l);
		} else if (c == '/' && peek(l, 1) == '*') {
			/* in C a comment is one space, even over several lines */
			if (skip_block_comment(l) && !l->is_c)
				*line_start = true;
		} else if (l->is_c && c == '\\' && peek(l, 1) == '\n') {
			l->pos += 2;
		} else if (l->is_c && c == '\\' && peek(l, 1) == '\r' && peek(l, 2) == '\n') {
			l->pos += 3;
		} else {
			break;
		}
	}
	return l->pos != from;
}

static struct span span_from(const struct lexer *l, uint32_t start)
{
	return (struct span){ start, l->pos, l->file, 0 };
}

/* only the first fault of a token is kept */
static void set_error(struct token *t, enum diag_code code, struct span at, struct str why)
{
	if (t->error.n)
		return;
	t->error = why;
	t->error_code = code;
	t->error_at = at;
}

static void scan_name(struct lexer *l)
{
	while (l->pos < l->text.n && lex_is_name_char(l->text.p[l->pos]))
		l->pos++;
}

/* the escape at pos (its backslash); moves behind it and gives the byte that it stands for */
static char scan_escape(struct lexer *l, struct token *t)
{
	static const char simple[] = "n\nt\tr\r\"\"\\\\";
	uint32_t start = l->pos++;
	char c = peek(l, 0);
	int value = 0, n = 0;

	for (size_t i = 0; i + 1 < sizeof(simple); i += 2) {
		if (c == simple[i]) {
			l->pos++;
			return simple[i + 1];
		}
	}
	if (c >= '0' && c <= '7') {
		for (; n < 3 && peek(l, 0) >= '0' && peek(l, 0) <= '7'; n++)
			value = value * 8 + (l->text.p[l->pos++] - '0');
		if (value > 255)
			set_error(
				t, D_LEX_BAD_ESCAPE, span_from(l, start),
				arena_printf(
					l->arena,
					"octal escape '\\%o' is more than one byte (at most \\377)",
					value));
		return (char)value;
	}
	if (c == 'x' || c == 'X') {
		l->pos++;
		for (; n < 2 && str_digit_value(peek(l, 0)) < 16; n++)
			value = value * 16 + str_digit_value(l->text.p[l->pos++]);
		if (n == 0)
			set_error(t, D_LEX_BAD_ESCAPE, span_from(l, start),
				  STR("hexadecimal digits expected behind '\\x'"));
		return (char)value;
	}
	if (l->is_c) { /* the rest of C's escapes: only header files have them */
		static const char more[] = "a\ab\bf\fv\v''?\?";

		for (size_t i = 0; i + 1 < sizeof(more); i += 2) {
			if (c == more[i]) {
				l->pos++;
				return more[i + 1];
			}
		}
	}
	if (l->pos < l->text.n && c != '\n')
		l->pos++;
	set_error(
		t, D_LEX_BAD_ESCAPE, span_from(l, start),
		arena_printf(
			l->arena,
			"unknown escape '%.*s' in a string; known are \\n \\t \\r \\\" \\\\ \\ooo \\xhh",
			(int)(l->pos - start), l->text.p + start));
	return c;
}

/* the closing quote, or the end of the line or text where it is missing; looks at each byte of the string once */
static uint32_t find_string_end(const struct lexer *l, bool *has_escape)
{
	uint32_t i = l->pos;

	*has_escape = false;
	for (; i < l->text.n && l->text.p[i] != '"'; i++) {
		if (l->text.p[i] == '\n')
			break;
		if (l->text.p[i] == '\\') {
			*has_escape = true;
			if (i + 1 < l->text.n && (l->text.p[i + 1] != '\n' || l->is_c))
				i++;
		}
	}
	return i < l->text.n ? i : (uint32_t)l->text.n;
}

static void scan_string(struct lexer *l, struct token *t)
{
	uint32_t start = l->pos++, end;
	bool has_escape;

	t->kind = TOKEN_STRING;
	end = find_string_end(l, &has_escape);
	if (!has_escape) {
		t->string = str_sub(l->text, l->pos, end);
		l->pos = end;
	} else {
		/* escapes only make the value shorter */
		char *out = arena_alloc(l->arena, end - l->pos + 1);
		size_t n = 0;

		while (l->pos < end) {
			if (l->text.p[l->pos] != '\\') {
				out[n++] = l->text.p[l->pos++];
			} else if (l->is_c && peek(l, 1) == '\n') {
				l->pos += 2; /* C: the line goes on */
			} else {
				out[n++] = scan_escape(l, t);
			}
		}
		t->string = str_make(out, n);
	}
	if (peek(l, 0) == '"')
		l->pos++;
	else
		set_error(t, D_LEX_UNTERMINATED, span_from(l, start),
			  STR("string without closing '\"' on its line"));
}

/* C only: 'x' is a number */
static void scan_char(struct lexer *l, struct token *t)
{
	uint32_t start = l->pos++;
	char c = peek(l, 0);

	t->kind = TOKEN_INT;
	if (c == '\\') {
		c = scan_escape(l, t);
	} else if (c && c != '\n') {
		l->pos++;
	}
	t->integer = (uint64_t)(int64_t)c;
	if (peek(l, 0) == '\'') {
		l->pos++;
	} else {
		t->kind = TOKEN_BAD;
		set_error(t, D_LEX_UNTERMINATED, span_from(l, start),
			  STR("character constant without closing \"'\""));
	}
}

static void scan_number(struct lexer *l, struct token *t)
{
	uint32_t start = l->pos;
	struct str why = STR_NULL;

	t->kind = TOKEN_INT;
	scan_name(l);
	if (!lex_integer(l->arena,
			 span_from(l, start).end > start ? str_sub(l->text, start, l->pos)
							 : STR_NULL,
			 l->is_c, &t->integer, &why))
		set_error(t, D_LEX_BAD_INTEGER, span_from(l, start), why);
}

static void scan_dollar(struct lexer *l, struct token *t)
{
	uint32_t start = l->pos++;

	if (peek(l, 0) == '#') {
		l->pos++;
		t->kind = TOKEN_PARAM_COUNT;
	} else if (lex_is_digit(peek(l, 0))) {
		struct str digits;

		while (lex_is_digit(peek(l, 0)))
			l->pos++;
		t->kind = TOKEN_POSITIONAL;
		digits = str_sub(l->text, start + 1, l->pos);
		/* the leading digit decides octal in str_to_u64: $010 is meant as 10 by nobody, refuse it with $0 */
		if (digits.p[0] == '0' || !str_to_u64(digits, &t->integer) ||
		    t->integer > INT64_MAX) {
			t->integer = 1;
			set_error(
				t, D_PARSE_POSITIONAL, span_from(l, start),
				arena_printf(
					l->arena,
					"positional parameter '$%.*s' is out of range: they count from $1",
					(int)(digits.n > 40 ? 40 : digits.n), digits.p));
		}
	} else if (lex_is_name_start(peek(l, 0))) {
		scan_name(l);
		t->kind = TOKEN_VAR;
		t->name = str_sub(l->text, start + 1, l->pos);
	} else {
		t->kind = TOKEN_BAD;
		set_error(
			t, D_LEX_BAD_NAME, span_from(l, start),
			STR("'$' without a name: expected a variable ($x), a parameter ($1) or $#"));
	}
}

static void scan_map(struct lexer *l, struct token *t)
{
	uint32_t start = l->pos++;

	t->kind = TOKEN_MAP;
	scan_name(l);
	t->name = str_sub(l->text, start, l->pos);
	if (t->name.n > 1 && lex_is_digit(t->name.p[1]))
		set_error(t, D_LEX_BAD_NAME, span_from(l, start),
			  STR("the name of a map cannot begin with a digit"));
}

static void scan_bad(struct lexer *l, struct token *t)
{
	uint32_t start = l->pos++;

	/* one message for a run of bytes above ASCII: a curly quote is three of them */
	if ((unsigned char)l->text.p[start] >= 0x80)
		while (l->pos < l->text.n && (unsigned char)l->text.p[l->pos] >= 0x80)
			l->pos++;
	t->kind = TOKEN_BAD;
	if ((unsigned char)l->text.p[start] < 0x20 || l->text.p[start] == 0x7f)
		set_error(t, D_LEX_BAD_CHAR, span_from(l, start),
			  arena_printf(l->arena, "unexpected byte \\x%02x",
				       (unsigned char)l->text.p[start]));
	else
		set_error(t, D_LEX_BAD_CHAR, span_from(l, start),
			  arena_printf(l->arena, "unexpected character '%.*s'",
				       (int)(l->pos - start > 32 ? 32 : l->pos - start),
				       l->text.p + start));
}

static bool scan_punct(struct lexer *l, struct token *t)
{
	char c = peek(l, 0);

	for (size_t i = 0; i < sizeof(puncts) / sizeof(*puncts); i++) {
		const struct punct *p = &puncts[i];

		if (p->text[0] == c && l->text.n - l->pos >= p->n &&
		    !memcmp(l->text.p + l->pos, p->text, p->n)) {
			l->pos += p->n;
			t->kind = p->kind;
			return true;
		}
	}
	return false;
}

struct token lex_next(struct lexer *l)
{
	struct token t = { .kind = TOKEN_END };
	bool line_start = l->pos == 0;
	uint32_t start;
	char c;

	t.space_before = lex_skip_layout(l, &line_start);
	t.at_line_start = line_start;
	start = l->pos;
	if (start >= l->text.n) {
		t.at = (struct span){ start, start, l->file, 0 };
		if (l->open_comment) /* it swallowed the rest: say so here, where it is noticed */
			set_error(&t, D_LEX_UNTERMINATED,
				  (struct span){ l->open_comment - 1, l->open_comment + 1, l->file,
						 0 },
				  STR("comment without closing '*/'"));
		return t;
	}
	c = l->text.p[start];
	if (lex_is_name_start(c)) {
		scan_name(l);
		t.kind = TOKEN_NAME;
		t.name = str_sub(l->text, start, l->pos);
	} else if (lex_is_digit(c)) {
		scan_number(l, &t);
	} else if (c == '"') {
		scan_string(l, &t);
	} else if (c == '$') {
		scan_dollar(l, &t);
	} else if (c == '@') {
		scan_map(l, &t);
	} else if (c == '\'' && l->is_c) {
		scan_char(l, &t);
	} else if (!scan_punct(l, &t)) {
		scan_bad(l, &t);
	}
	t.at = span_from(l, start);
	t.text = str_sub(l->text, start, l->pos);
	return t;
}

void token_report(const struct token *t, struct diag_list *diags)
{
	if (t->error.n)
		diag_error(diags, t->error_code, t->error_at, "%.*s", STR_ARG(t->error));
}

const char *token_kind_words(enum token_kind kind)
{
	return kind < TOKEN_N_KINDS ? kind_words[kind] : "?";
}

struct str token_describe(struct arena *a, const struct token *t)
{
	if (t->kind == TOKEN_END)
		return str_from(kind_words[TOKEN_END]);
	if (t->text.n > 40)
		return arena_printf(a, "'%.*s...'", 40, t->text.p);
	return arena_printf(a, "'%.*s'", STR_ARG(t->text));
}
