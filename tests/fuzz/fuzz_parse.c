/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzer of everything in src/lang behind the lexer: any bytes give a tree or messages that can be rendered; a tree
 * without faults can be copied and dumped alike; formatted it parses to the same tree again and formats to itself. The
 * C text at the top goes through the preprocessor and the declaration parser; no file is ever opened.
 */
#include "lang/cdecl.h"
#include "lang/cpp.h"
#include "lang/parse.h"
#include "lang/print.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool no_file(void *arg, struct arena *arena, struct str path, struct str *text)
{
	return false;
}

struct world {
	struct arena arena;
	struct sources sources;
	struct diag_list diags;
	struct lex_comments comments;
	struct parse_opts opts;
};

static struct script *world_parse(struct world *w, struct str text, struct cpp **cpp)
{
	uint16_t file;

	*w = (struct world){ 0 };
	arena_init(&w->arena);
	diag_list_init(&w->diags, &w->arena);
	file = sources_add(&w->sources, STR("fuzz"), text);
	w->opts = (struct parse_opts){ .arena = &w->arena,
				       .sources = &w->sources,
				       .diags = &w->diags,
				       .comments = &w->comments };
	if (cpp) {
		struct cpp_opts co = { .arena = &w->arena,
				       .sources = &w->sources,
				       .diags = &w->diags,
				       .read_file = no_file };

		w->opts.cpp = *cpp = cpp_new(&co);
	}
	return script_parse(&w->opts, file);
}

static void world_close(struct world *w)
{
	free(w->comments.v);
	sources_free(&w->sources);
	arena_free(&w->arena);
}

/* with C text and defines, as the compiler does it */
static void parse_in_full(struct str text)
{
	struct world w;
	struct cpp *cpp;
	struct script *s = world_parse(&w, text, &cpp);
	struct type_table tt;
	struct type_source *types;
	STRBUF_AUTO out = { 0 }, copy = { 0 };

	type_table_init(&tt, &w.arena);
	types = cdecl_new(&(struct cdecl_opts){ .table = &tt, .diags = &w.diags });
	cdecl_parse(types, cpp);
	diag_render(&w.diags, &w.sources, true, &out);
	strbuf_clear(&out);
	for (struct clause *c = s->clauses; c; c = c->next) {
		ast_dump_node(c->body, 0, &out);
		ast_dump_node(node_clone(&w.arena, c->body), 0, &copy);
	}
	if (!str_eq(strbuf_str(&out), strbuf_str(&copy)))
		abort();
	cdecl_free(types);
	type_table_free(&tt);
	cpp_free(cpp);
	world_close(&w);
}

/* false when the text has faults */
static bool format(struct str text, struct strbuf *out, struct strbuf *tree)
{
	struct world w;
	struct script *s = world_parse(&w, text, NULL);
	bool ok = w.diags.n_errors == 0;

	if (ok) {
		ast_dump(s, tree);
		script_format(s, &w.sources, 0, &w.comments, out);
	}
	world_close(&w);
	return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make((const char *)data, size);
	STRBUF_AUTO first = { 0 }, second = { 0 }, tree = { 0 }, tree_again = { 0 };

	parse_in_full(text);
	if (!format(text, &first, &tree))
		return 0;
	if (!format(strbuf_str(&first), &second, &tree_again) ||
	    !str_eq(strbuf_str(&first), strbuf_str(&second)) ||
	    !str_eq(strbuf_str(&tree), strbuf_str(&tree_again))) {
		fprintf(stderr, "--- formatted once\n%s\n--- twice\n%s\n", strbuf_cstr(&first),
			strbuf_cstr(&second));
		abort();
	}
	return 0;
}
