/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of src/lang share: a script parsed from a string, its tree and its diagnostics as text. */
#ifndef SONDE_TESTS_UNIT_LANG_FIXTURE_H
#define SONDE_TESTS_UNIT_LANG_FIXTURE_H

#include "lang/cpp.h"
#include "lang/parse.h"
#include "lang/print.h"

struct lang {
	struct arena arena;
	struct sources sources;
	struct diag_list diags;
	struct lex_comments comments;
	struct parse_opts opts;
	struct cpp *cpp;
	struct script *script;
	struct strbuf out;
	uint16_t file;
};

/* no file exists, whatever the machine has */
static inline bool lang_no_file(void *arg, struct arena *arena, struct str path, struct str *text)
{
	return false;
}

static inline void lang_open(struct lang *l, const char *text, bool with_cpp)
{
	*l = (struct lang){ 0 };
	arena_init(&l->arena);
	diag_list_init(&l->diags, &l->arena);
	l->file = sources_add(&l->sources, STR("stdin"), str_from(text));
	l->opts = (struct parse_opts){ .arena = &l->arena,
				       .sources = &l->sources,
				       .diags = &l->diags,
				       .comments = &l->comments };
	if (with_cpp) {
		struct cpp_opts co = { .arena = &l->arena,
				       .sources = &l->sources,
				       .diags = &l->diags,
				       .have_btf = true,
				       .read_file = lang_no_file };

		l->cpp = l->opts.cpp = cpp_new(&co);
	}
}

static inline void lang_close(struct lang *l)
{
	cpp_free(l->cpp);
	sources_free(&l->sources);
	strbuf_free(&l->out);
	free(l->comments.v);
	arena_free(&l->arena);
}

static inline void lang_parse(struct lang *l, const char *text, bool with_cpp)
{
	lang_open(l, text, with_cpp);
	l->script = script_parse(&l->opts, l->file);
}

/* the diagnostics, or the tree when there are none */
static inline const char *lang_text(struct lang *l)
{
	strbuf_clear(&l->out);
	if (l->diags.first)
		diag_render(&l->diags, &l->sources, false, &l->out);
	else
		ast_dump(l->script, &l->out);
	return strbuf_cstr(&l->out);
}

#endif
