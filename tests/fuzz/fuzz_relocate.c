/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Relocations by types in an eBPF object: an ELF file of which anything may be damaged. */
#include "object/object_private.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t *file = malloc(n + !n);

	libbpf_set_print(NULL);
	if (!file)
		return 0;
	memcpy(file, data, n);
	err_free(object_resolve_types(file, n));
	free(file);
	return 0;
}
