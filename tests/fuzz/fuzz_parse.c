/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzzer of the parser: any bytes give a tree or messages, and every message can be rendered. */
#include "lang/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct sources sources = { 0 };
	struct diag_list diags;
	struct parse_opts opts = { .arena = &arena, .sources = &sources, .diags = &diags };
	STRBUF_AUTO out = { 0 };

	arena_init(&arena);
	diag_list_init(&diags, &arena);
	script_parse(&opts, sources_add(&sources, STR("fuzz"), str_make((const char *)data, size)));
	diag_render(&diags, &sources, true, &out);
	sources_free(&sources);
	arena_free(&arena);
	return 0;
}
