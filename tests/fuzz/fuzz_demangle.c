/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzer of the demangler's shell: hostile symbol names end in a name or in NULL, in bounded time and stack. So does comparing
 * them with a pattern.
 */
#include "objfile/demangle.h"
#include "objfile/names.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* what stands before the first newline is a pattern for the rest */
	struct str name = str_make((const char *)data, size), rest = name,
		   written = str_split(&rest, '\n');
	struct arena a;
	struct name_pattern p;
	struct strbuf b = { 0 };

	arena_init(&a);
	name_pattern_init(&p, written, &a);
	name_pattern_fits(&p, rest);
	names_spell(rest, &b);
	name_last_part(rest);
	strbuf_free(&b);
	arena_free(&a);
	for (int form = 0; form < DEMANGLE_N_FORMS; form++)
		free(demangle_name(name, (enum demangle_form)form));
	return 0;
}
