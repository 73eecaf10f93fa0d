/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lexer: one token at a time, as a span over the source. It works without state but a position, so the parser
 * may set it back, and reports nothing itself: a faulty token carries its message, which the parser (or the C
 * preprocessor, that keeps tokens it may never need) puts into the diagnostic list when it takes the token.
 *
 * Literal values live in the arena; everything else borrows the source text.
 */
#ifndef SONDE_LANG_LEX_H
#define SONDE_LANG_LEX_H

#include "diag/diag.h"

enum token_kind {
#define TOKEN(name, words) TOKEN_##name,
#include "lang/token.def"
#undef TOKEN
	TOKEN_N_KINDS
};

struct token {
	enum token_kind kind;
	bool at_line_start; /* only white space and comments before it on its line */
	bool space_before;  /* white space or a comment before it */
	bool no_expand;  /* a name that came out of the define of that name: not replaced again */
	struct span at;  /* of a token out of a C define: where the define is used */
	struct str text; /* as written */
	union {
		uint64_t integer;  /* INT, POSITIONAL */
		struct str string; /* STRING: escapes resolved */
		struct str name;   /* NAME, VAR (without $), MAP (with @) */
	};
	/* error.n != 0: what is wrong with this token; the rest of it is still usable unless the kind is BAD */
	struct str error;
	enum diag_code error_code;
	struct span error_at;
};

/* where comments stand, for the formatter; in the order they were met, some more than once */
struct lex_comments {
	struct span *v;
	size_t n, cap;
};

struct lexer {
	struct arena *arena;
	struct str text;
	uint32_t pos;
	uint16_t file;
	uint32_t open_comment;         /* 1 + where a comment without end begins; 0: none met */
	struct lex_comments *comments; /* NULL: not wanted */
	bool is_c;                     /* C text: 'x' constants, backslash-newline, $ in no name */
};

/* texts of 4 GiB and more are cut: spans count in 32 bits */
void lexer_init(struct lexer *l, struct arena *arena, const struct sources *s, uint16_t file);
struct token lex_next(struct lexer *l);
/* past white space and comments; true when any was skipped. An open comment runs to the end of the text. */
bool lex_skip_layout(struct lexer *l, bool *line_start);
/* put the error of t, if any, into the list */
void token_report(const struct token *t, struct diag_list *diags);
/* "';'", "a name": for messages about what was expected */
const char *token_kind_words(enum token_kind kind);
/* "'foo'", "end of the script": for messages about what was found; long tokens are cut */
struct str token_describe(struct arena *a, const struct token *t);

static inline bool token_is(const struct token *t, const char *word)
{
	return t->kind == TOKEN_NAME && str_is(t->text, word);
}

static inline bool lex_is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static inline bool lex_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool lex_is_name_char(char c)
{
	return lex_is_name_start(c) || lex_is_digit(c);
}

static inline bool lex_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/*
 * The value of an integer literal: decimal, 0x, octal with a leading 0; '_' between digits; 1e6; suffixes of C (no
 * meaning) and of durations (ns us ms s m h d; the value is in nanoseconds). False and a message in *why otherwise.
 */
bool lex_integer(struct arena *a, struct str text, bool is_c, uint64_t *value, struct str *why);

#endif
