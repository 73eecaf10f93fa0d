/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzzer of the lexer: any bytes are cut into tokens that cover the text from left to right, and end. */
#include "lang/lex.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void lex_all(const uint8_t *data, size_t size, bool is_c)
{
	struct arena arena;
	struct sources sources = { 0 };
	struct diag_list diags;
	struct lexer lexer;
	uint32_t last = 0;

	arena_init(&arena);
	diag_list_init(&diags, &arena);
	lexer_init(&lexer, &arena, &sources,
		   sources_add(&sources, STR("fuzz"), str_make((const char *)data, size)));
	lexer.is_c = is_c;
	/* a lexer that does not move would never come to the end */
	for (size_t n = 0; n <= size + 1; n++) {
		struct token t = lex_next(&lexer);

		token_report(&t, &diags);
		if (t.at.start < last || t.at.end < t.at.start || t.at.end > size)
			abort();
		if (t.kind == TOKEN_END)
			break;
		if (t.at.end == t.at.start || n > size)
			abort();
		last = t.at.end;
	}
	sources_free(&sources);
	arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	lex_all(data, size, false);
	lex_all(data, size, true);
	return 0;
}
