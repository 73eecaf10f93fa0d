/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzer of what placement reads of a file: the code of functions, the pieces that they jump to, their jump tables, stored
 * labels. The place of each function must be in the function, and be taken only where all that was read allows it.
 */
#include "objfile/symtab.h"
#include "probe/placement.h"

#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUNCTIONS = 32 };

static void place(struct objfile *f, uint64_t entry)
{
	struct placement_needs needs = { 0 };
	struct placement_edges e = { 0 };
	struct placement to;
	CODE_AUTO c = { 0 };

	if (!placement_read(f, entry, &c))
		return;
	placement_edges_find(f, &c, &e);
	placement_choose(&c, entry, &e, &needs, &to);
	if (to.address < c.start || to.address >= c.end)
		__builtin_trap();
	vec_each(t, &e.targets)
		if (*t > entry && *t <= to.address)
			__builtin_trap();
	placement_edges_free(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct objfile *f = fuzz_open(data, size);
	struct symtab *t;

	if (!f)
		return 0;
	t = objfile_symtab(f);
	for (uint32_t i = 0; i < t->n && i < FUNCTIONS; i++)
		place(f, t->v[i].addr);
	objfile_unref(f);
	return 0;
}
