/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of src/diag: locations, and the exact text of rendered diagnostics. */
#include "diag/diag.h"

#include "tap.h"

struct fixture {
	struct arena arena;
	struct sources sources;
	struct diag_list list;
	struct strbuf out;
};

static void fixture_open(struct fixture *f, const char *text)
{
	*f = (struct fixture){ 0 };
	arena_init(&f->arena);
	diag_list_init(&f->list, &f->arena);
	sources_add(&f->sources, STR("stdin"), str_from(text));
}

static void fixture_close(struct fixture *f)
{
	sources_free(&f->sources);
	strbuf_free(&f->out);
	arena_free(&f->arena);
}

static struct span span_of(const struct fixture *f, const char *part)
{
	struct str text = f->sources.files.v[0].text;
	uint32_t start = (uint32_t)str_find(text, str_from(part));

	return (struct span){ start, start + (uint32_t)strlen(part), 0, 0 };
}

TEST(locate_lines)
{
	struct fixture f;
	struct line_col lc;

	fixture_open(&f, "i:s:1 {\n  print(1);\n}\n");
	lc = span_locate(&f.sources, span_of(&f, "print(1)"));
	CHECK_INT(lc.line, 2);
	CHECK_INT(lc.col, 3);
	CHECK_INT(lc.end_line, 2);
	CHECK_INT(lc.end_col, 11);
	lc = span_locate(&f.sources, (struct span){ 0, 22, 0, 0 });
	CHECK_INT(lc.line, 1);
	CHECK_INT(lc.end_line, 4);
	CHECK_INT(lc.end_col, 1);
	/* offsets past the end are clamped, files that do not exist give 1:1 */
	lc = span_locate(&f.sources, (struct span){ 1000, 2000, 0, 0 });
	CHECK_INT(lc.line, 4);
	lc = span_locate(&f.sources, (struct span){ 1, 2, 9, 0 });
	CHECK_INT(lc.line, 1);
	fixture_close(&f);
}

TEST(render_one_line_with_hint)
{
	struct fixture f;
	struct diag *d;

	fixture_open(&f, "begin { foo }");
	d = diag_error(&f.list, D_PARSE_UNEXPECTED, span_of(&f, "foo"), "unknown %s", "thing");
	diag_hint(&f.list, d, "try %d", 3);
	diag_render(&f.list, &f.sources, false, &f.out);
	CHECK_STR(strbuf_cstr(&f.out), "stdin:1:9-12: ERROR: unknown thing\n"
				       "begin { foo }\n"
				       "        ~~~\n"
				       "HINT: try 3\n");
	fixture_close(&f);
}

TEST(render_tabs_as_four_spaces)
{
	struct fixture f;

	fixture_open(&f, "begin {\n\tfoo\tx }");
	diag_error(&f.list, D_PARSE_UNEXPECTED, span_of(&f, "foo\tx"), "bad");
	diag_render(&f.list, &f.sources, false, &f.out);
	CHECK_STR(strbuf_cstr(&f.out), "stdin:2:2-7: ERROR: bad\n"
				       "    foo    x }\n"
				       "    ~~~~~~~~\n");
	fixture_close(&f);
}

TEST(render_several_lines)
{
	struct fixture f;

	fixture_open(&f, "a {\n\tb\n}\nc");
	diag_error(&f.list, D_PARSE_UNEXPECTED, (struct span){ 0, 8, 0, 0 }, "bad");
	diag_render(&f.list, &f.sources, false, &f.out);
	CHECK_STR(strbuf_cstr(&f.out), "stdin:1-3: ERROR: bad\na {\n\tb\n}\n");
	fixture_close(&f);
}

TEST(render_end_of_text)
{
	struct fixture f;

	fixture_open(&f, "k:f { \"as");
	diag_error(&f.list, D_LEX_UNTERMINATED, (struct span){ 9, 9, 0, 0 }, "open");
	diag_render(&f.list, &f.sources, false, &f.out);
	CHECK_STR(strbuf_cstr(&f.out), "stdin:1:10-10: ERROR: open\nk:f { \"as\n         \n");
	fixture_close(&f);
}

TEST(render_errors_before_warnings)
{
	struct fixture f;

	fixture_open(&f, "ab");
	diag_warning(&f.list, D_PARSE_UNEXPECTED, span_of(&f, "a"), "w");
	diag_error(&f.list, D_PARSE_UNEXPECTED, span_of(&f, "b"), "e");
	CHECK_INT(f.list.n_errors, 1);
	CHECK_INT(f.list.n_warnings, 1);
	diag_render(&f.list, &f.sources, false, &f.out);
	CHECK_STR(strbuf_cstr(&f.out),
		  "stdin:1:2-3: ERROR: e\nab\n ~\nstdin:1:1-2: WARNING: w\nab\n~\n");
	fixture_close(&f);
}

TEST(render_macro_chain)
{
	struct fixture f;
	struct span at;

	fixture_open(&f, "macro bad() { x } begin { bad(); }");
	at = span_of(&f, "x");
	at.expansion = sources_add_expansion(&f.sources, span_of(&f, "bad();"), STR("bad"));
	diag_error(&f.list, D_PARSE_UNEXPECTED, at, "oops");
	diag_render(&f.list, &f.sources, false, &f.out);
	CHECK_HAS(strbuf_cstr(&f.out),
		  "stdin:1:15-16: ERROR: oops\nmacro bad() { x } begin { bad(); }\n");
	CHECK_HAS(strbuf_cstr(&f.out), "stdin:1:27-33: ERROR: expanded from\nmacro bad()");
	fixture_close(&f);
}

TEST(render_without_place)
{
	struct fixture f;

	fixture_open(&f, "x");
	diag_error(&f.list, D_PARSE_UNEXPECTED, SPAN_NONE, "nowhere");
	diag_render(&f.list, &f.sources, false, &f.out);
	CHECK_STR(strbuf_cstr(&f.out), "ERROR: nowhere\n");
	fixture_close(&f);
}

TEST(render_colour_and_control_bytes)
{
	struct fixture f;

	fixture_open(&f, "a\033[2Jb");
	diag_warning(&f.list, D_PARSE_UNEXPECTED, span_of(&f, "b"), "w");
	diag_render(&f.list, &f.sources, true, &f.out);
	CHECK_STR(strbuf_cstr(&f.out), "\033[33mstdin:1:6-7: WARNING: w\033[0m\na?[2Jb\n     ~\n");
	fixture_close(&f);
}

TEST(render_at_run_time)
{
	struct fixture f;

	fixture_open(&f, "i:ms:100 { @[2] }");
	diag_render_at(&f.sources, span_of(&f, "@[2]"), "WARNING", STR("no such element"),
		       STR("Additional Info - helper: map_lookup_elem, retcode: 0"), false, &f.out);
	CHECK_STR(strbuf_cstr(&f.out), "stdin:1:12-16: WARNING: no such element\n"
				       "Additional Info - helper: map_lookup_elem, retcode: 0\n"
				       "i:ms:100 { @[2] }\n"
				       "           ~~~~\n");
	fixture_close(&f);
}

TEST(codes_have_names)
{
	CHECK_STR(diag_code_name(D_LEX_BAD_CHAR), "E100");
	CHECK_STR(diag_code_name(D_N_CODES), "E???");
}
