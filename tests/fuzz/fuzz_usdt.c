/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzzer of USDT operands: the text of a note's arguments, which any compiler may have written, or nobody. */
#include "objfile/usdt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct usdt_operand *ops = NULL;
	uint32_t n;

	arena_init(&a);
	n = usdt_parse_args(NULL, str_make((const char *)data, size), &a, &ops);
	if (n > USDT_MAX_ARGS || (n && !ops))
		__builtin_trap();
	if (n)
		usdt_operands_equal(ops, 0, ops, 0, n);
	arena_free(&a);
	return 0;
}
