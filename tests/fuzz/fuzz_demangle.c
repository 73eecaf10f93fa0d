/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzzer of the demangler's shell: hostile symbol names end in a name or in NULL, in bounded time and stack. */
#include "objfile/demangle.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str name = str_make((const char *)data, size);

	for (int form = 0; form < DEMANGLE_N_FORMS; form++)
		free(demangle_name(name, (enum demangle_form)form));
	return 0;
}
