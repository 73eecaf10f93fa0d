/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzer of the search for the ways out of functions: code, symbols, the unwinding table and relocations of any ELF file. It ends,
 * and every exit that it gives lies in code of the file.
 */
#include "probe/returns.h"

#include "objfile/symtab.h"

#include "fuzz_file.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUNCTIONS = 24 };

static volatile uint64_t sink;

static void look_at(struct objfile *f, const struct symbol *s)
{
	struct return_evidence evidence = { .is_known = true, .danger = DANGER_MAYBE };
	struct return_range range = { s->addr, s->addr + s->size }, other;
	struct return_func fn = { .f = f,
				  .evidence = &evidence,
				  .name = symbol_name(s),
				  .ranges = &range,
				  .n_ranges = 1 };
	const struct symbol *at;
	struct return_plan plan;
	struct arena a;
	uint8_t byte;

	arena_init(&a);
	returns_plan(&fn, &a, &plan);
	for (uint32_t i = 0; i < plan.n_exits; i++)
		if (!objfile_read_vaddr(f, plan.exits[i].addr, &byte, 1))
			abort();
	if (layout_range_at(f, s->addr + s->size, &other, &at) &&
	    (other.start > s->addr + s->size || other.end <= s->addr + s->size))
		abort();
	sink += layout_slot_target(f, s->addr);
	arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct objfile *f = fuzz_open(data, size);
	struct symtab *t;

	if (!f)
		return 0;
	t = objfile_symtab(f);
	for (uint32_t i = 0, n = 0; i < t->n && n < FUNCTIONS; i++)
		if (symbol_is_func(&t->v[i]) && t->v[i].size) {
			look_at(f, &t->v[i]);
			n++;
		}
	objfile_unref(f);
	return 0;
}
