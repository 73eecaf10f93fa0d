/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzer of call frame information: a section of foreign bytes becomes a table, which must hold what its index promises, and
 * the unwinder walks over it with registers and memory of the fuzzer's making.
 */
#include "base/err.h"
#include "objfile/unwind.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	const struct cfi_table *table;
	const uint8_t *p;
	size_t n;
};

static enum unwind_place find(void *arg, uint64_t addr, const struct cfi_table **table,
			      uint64_t *vaddr)
{
	const struct world *w = arg;

	*table = w->table;
	*vaddr = addr;
	return addr & 1 ? UNWIND_PLACE_NO_CFI : UNWIND_PLACE_TABLE;
}

static bool read_word(void *arg, uint64_t addr, uint64_t *word)
{
	const struct world *w = arg;

	if (w->n < 8)
		return false;
	memcpy(word, w->p + addr % (w->n - 7), 8);
	return true;
}

/* each page's rows lie behind the index, begin in order and not before the table's start; searching finds rows alone */
static void check_table(const struct cfi_table *t)
{
	for (uint32_t i = 0; i < t->n_pages; i++) {
		uint32_t first = (uint32_t)t->words[i], n = (uint32_t)(t->words[i] >> 32);

		if (first < t->n_pages || n < 1 || n > CFI_PAGE_ROWS_MAX ||
		    (uint64_t)first + n > t->n_words)
			__builtin_trap();
		if ((uint32_t)t->words[first] > i << CFI_PAGE_SHIFT)
			__builtin_trap();
		cfi_table_find(t, t->base + ((uint64_t)i << CFI_PAGE_SHIFT) + i % 256);
	}
	for (uint32_t i = t->n_pages + 1; i < t->n_words; i++)
		if ((uint32_t)t->words[i - 1] >= (uint32_t)t->words[i])
			__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = { .p = data, .n = size };
	struct unwind_world uw = { &w, find, read_word };
	struct cfi_table *t = NULL;
	struct unwind_regs regs;
	uint64_t frames[127];
	uint32_t n, n_bad;

	if (size < 2)
		return 0;
	err_free(cfi_table_parse(bytes_make(data + 1, size - 1), 0x401000, data[0] & 1, &n_bad, &t));
	if (!t)
		return 0;
	check_table(t);
	w.table = t;
	regs = (struct unwind_regs){ t->base + data[1], 0x7fff0000, 0x7fff0100 };
	unwind_stack(&uw, &regs, frames, 127, &n, NULL);
	if (n > 127)
		__builtin_trap();
	cfi_table_free(t);
	return 0;
}
