/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of the lexer: kinds, spans, values of literals, and the message of each kind of fault. */
#include "lang/lex.h"

#include "tap.h"

struct fixture {
	struct arena arena;
	struct sources sources;
	struct lexer lexer;
};

static void fixture_open(struct fixture *f, const char *text)
{
	*f = (struct fixture){ 0 };
	arena_init(&f->arena);
	sources_add(&f->sources, STR("stdin"), str_from(text));
	lexer_init(&f->lexer, &f->arena, &f->sources, 0);
}

static void fixture_close(struct fixture *f)
{
	sources_free(&f->sources);
	arena_free(&f->arena);
}

/* the kinds of all tokens of a text, by their words */
static void check_kinds(const char *text, const enum token_kind *want, size_t n)
{
	struct fixture f;

	fixture_open(&f, text);
	for (size_t i = 0; i < n; i++) {
		struct token t = lex_next(&f.lexer);

		CHECK_STR(token_kind_words(t.kind), token_kind_words(want[i]));
		CHECK_INT(t.error.n, 0);
	}
	CHECK_INT(lex_next(&f.lexer).kind, TOKEN_END);
	CHECK_INT(lex_next(&f.lexer).kind, TOKEN_END);
	fixture_close(&f);
}

#define CHECK_KINDS(text, ...)                                            \
	do {                                                              \
		static const enum token_kind want_[] = { __VA_ARGS__ };   \
		check_kinds(text, want_, sizeof(want_) / sizeof(*want_)); \
	} while (0)

TEST(kinds)
{
	CHECK_KINDS("", TOKEN_END);
	CHECK_KINDS(" \t\r\n// c\n/* d */", TOKEN_END);
	CHECK_KINDS("a _b9 if", TOKEN_NAME, TOKEN_NAME, TOKEN_NAME);
	CHECK_KINDS("$x $1 $# @ @m @m[1]", TOKEN_VAR, TOKEN_POSITIONAL, TOKEN_PARAM_COUNT,
		    TOKEN_MAP, TOKEN_MAP, TOKEN_MAP, TOKEN_LBRACKET, TOKEN_INT, TOKEN_RBRACKET);
	CHECK_KINDS("0..10", TOKEN_INT, TOKEN_DOTDOT, TOKEN_INT);
	CHECK_KINDS("$kv.0.1", TOKEN_VAR, TOKEN_DOT, TOKEN_INT, TOKEN_DOT, TOKEN_INT);
	CHECK_KINDS("a->b--", TOKEN_NAME, TOKEN_ARROW, TOKEN_NAME, TOKEN_MINUS_MINUS);
	CHECK_KINDS("<<= << <= <", TOKEN_SHL_ASSIGN, TOKEN_SHL, TOKEN_LESS_EQUAL, TOKEN_LESS);
	CHECK_KINDS("a/*x*/b", TOKEN_NAME, TOKEN_NAME);
	CHECK_KINDS("1/2", TOKEN_INT, TOKEN_SLASH, TOKEN_INT);
}

TEST(punctuation_takes_the_longest)
{
	static const struct {
		const char *text;
		enum token_kind kind;
	} cases[] = {
#define TOKEN(name, words)
#define PUNCT(name, text) { text, TOKEN_##name },
#include "lang/token.def"
#undef TOKEN
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct fixture f;
		struct token t;

		fixture_open(&f, cases[i].text);
		t = lex_next(&f.lexer);
		CHECK_STR(token_kind_words(t.kind), token_kind_words(cases[i].kind));
		CHECK_INT(lex_next(&f.lexer).kind, TOKEN_END);
		fixture_close(&f);
	}
}

TEST(spans)
{
	struct fixture f;
	struct token t;

	fixture_open(&f, "  foo\n/* x\n */ \"a b\"");
	t = lex_next(&f.lexer);
	CHECK_INT(t.at.start, 2);
	CHECK_INT(t.at.end, 5);
	CHECK(t.at_line_start);
	t = lex_next(&f.lexer);
	CHECK_INT(t.at.start, 15);
	CHECK_INT(t.at.end, 20);
	CHECK_VIEW(t.string, "a b");
	CHECK_VIEW(t.text, "\"a b\"");
	fixture_close(&f);
}

static void check_number(const char *text, uint64_t want)
{
	struct fixture f;
	struct token t;

	fixture_open(&f, text);
	t = lex_next(&f.lexer);
	CHECK_INT(t.kind, TOKEN_INT);
	CHECK_VIEW(t.error, "");
	CHECK_INT(t.integer, want);
	CHECK_INT(lex_next(&f.lexer).kind, TOKEN_END);
	fixture_close(&f);
}

TEST(numbers)
{
	check_number("0", 0);
	check_number("42", 42);
	check_number("0x1F", 31);
	check_number("0Xff", 255);
	check_number("0123", 83);
	check_number("1_000_123_000", 1000123000);
	check_number("0xff_ff", 65535);
	check_number("1e6", 1000000);
	check_number("2E3", 2000);
	check_number("9e18", 9000000000000000000ull);
	check_number("123UL", 123);
	check_number("1u", 1);
	check_number("1ll", 1);
	check_number("1ull", 1);
	check_number("18446744073709551615", UINT64_MAX);
	check_number("0xffffffffffffffff", UINT64_MAX);
	check_number("1ns", 1);
	check_number("2us", 2000);
	check_number("3ms", 3000000);
	check_number("1s", 1000000000);
	check_number("1m", 60000000000);
	check_number("1h", 3600000000000);
	check_number("1d", 86400000000000);
}

static void check_error(const char *text, enum diag_code code, uint32_t start, uint32_t end,
			const char *part)
{
	struct fixture f;
	struct token t;

	fixture_open(&f, text);
	do
		t = lex_next(&f.lexer);
	while (!t.error.n && t.kind != TOKEN_END);
	if (CHECK(t.error.n)) {
		CHECK_INT(t.error_code, code);
		CHECK_INT(t.error_at.start, start);
		CHECK_INT(t.error_at.end, end);
		CHECK_HAS(strndupa(t.error.p, t.error.n), part);
	}
	fixture_close(&f);
}

TEST(number_errors)
{
	check_error("18446744073709551616", D_LEX_BAD_INTEGER, 0, 20, "too large");
	check_error("1e21", D_LEX_BAD_INTEGER, 0, 4, "too large");
	check_error("1e99999999999999999999", D_LEX_BAD_INTEGER, 0, 22, "too large");
	check_error("10000000000m", D_LEX_BAD_INTEGER, 0, 12, "too large");
	check_error("12e4", D_LEX_BAD_INTEGER, 0, 4, "must be 1 to 9");
	check_error("1_1_", D_LEX_BAD_INTEGER, 0, 4, "ends its digits with '_'");
	check_error("1ulll", D_LEX_BAD_INTEGER, 0, 5, "unknown suffix 'ulll'");
	check_error("5e", D_LEX_BAD_INTEGER, 0, 2, "digits expected");
	check_error("0x", D_LEX_BAD_INTEGER, 0, 2, "digits expected");
	check_error("089", D_LEX_BAD_INTEGER, 0, 3, "octal");
	check_error("4294967296u", D_LEX_BAD_INTEGER, 0, 11, "too large");
	check_error("$0", D_PARSE_POSITIONAL, 0, 2, "count from $1");
	check_error("$999999999999999999999999", D_PARSE_POSITIONAL, 0, 25, "out of range");
}

static void check_string(const char *text, const char *want, size_t n)
{
	struct fixture f;
	struct token t;

	fixture_open(&f, text);
	t = lex_next(&f.lexer);
	CHECK_INT(t.kind, TOKEN_STRING);
	CHECK_VIEW(t.error, "");
	if (CHECK_INT(t.string.n, n))
		CHECK(memcmp(t.string.p, want, n) == 0);
	fixture_close(&f);
}

TEST(strings)
{
	check_string("\"\"", "", 0);
	check_string("\"a\\n\\t\\r\\\"\\\\b\"", "a\n\t\r\"\\b", 7);
	check_string("\"\\101\\0\\x41\\x4g\"", "A\0A\x04g", 5);
	check_string("\"\\377\"", "\xff", 1);
	check_string("\"\\033[31m\"", "\033[31m", 5);
	check_string("\"\xc3\xa4\"", "\xc3\xa4", 2);
}

TEST(string_errors)
{
	check_error("a \"asdf }\nb", D_LEX_UNTERMINATED, 2, 9, "closing");
	check_error("\"abc", D_LEX_UNTERMINATED, 0, 4, "closing");
	check_error("\"abc\\", D_LEX_BAD_ESCAPE, 4, 5, "escape");
	check_error("\"\\777\"", D_LEX_BAD_ESCAPE, 1, 5, "\\777");
	check_error("\"a\\qb\"", D_LEX_BAD_ESCAPE, 2, 4, "'\\q'");
	check_error("\"\\xzz\"", D_LEX_BAD_ESCAPE, 1, 3, "hexadecimal");
}

TEST(other_errors)
{
	check_error("a /* b", D_LEX_UNTERMINATED, 2, 4, "comment");
	check_error("/* a */ /* b", D_LEX_UNTERMINATED, 8, 10, "comment");
	check_error("// a /* b\n `", D_LEX_BAD_CHAR, 11, 12, "'`'");
	check_error("x \xe2\x80\x9c y", D_LEX_BAD_CHAR, 2, 5, "unexpected character");
	check_error("\x01", D_LEX_BAD_CHAR, 0, 1, "\\x01");
	check_error("$ x", D_LEX_BAD_NAME, 0, 1, "without a name");
	check_error("@ + @1x", D_LEX_BAD_NAME, 4, 7, "cannot begin with a digit");
	check_error("'a'", D_LEX_BAD_CHAR, 0, 1, "'''");
}

TEST(c_text)
{
	struct fixture f;
	struct token t;

	fixture_open(&f, "#define A 'x' \\\n '\\n' 1llu\n# \"a\\\nb\"");
	f.lexer.is_c = true;
	t = lex_next(&f.lexer);
	CHECK_INT(t.kind, TOKEN_HASH);
	CHECK(t.at_line_start);
	lex_next(&f.lexer);
	CHECK(lex_next(&f.lexer).space_before);
	t = lex_next(&f.lexer);
	CHECK_INT(t.integer, 'x');
	t = lex_next(&f.lexer);
	CHECK_INT(t.integer, '\n');
	CHECK(!t.at_line_start);
	t = lex_next(&f.lexer);
	CHECK_INT(t.integer, 1);
	t = lex_next(&f.lexer);
	CHECK_INT(t.kind, TOKEN_HASH);
	CHECK(t.at_line_start);
	t = lex_next(&f.lexer);
	CHECK_VIEW(t.string, "ab");
	fixture_close(&f);
}
