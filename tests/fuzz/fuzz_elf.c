/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzzer of the ELF reader and of what stands on it: sections, symbols, USDT notes. Any bytes end in an error or in data. */

#include "objfile/quick.h"
#include "objfile/symtab.h"
#include "objfile/usdt.h"

#include "fuzz_file.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink;

static void read_all(struct objfile *f)
{
	struct symtab *t = objfile_symtab(f);
	struct usdt_table *u = objfile_usdt(f);
	struct str near[4];
	uint64_t v;

	for (uint32_t i = 0; i < f->n_sections; i++) {
		struct bytes b = { 0 };

		err_free(objfile_section_bytes(f, &f->sections[i], &b));
		/* every byte must be there: a short read shows under ASan */
		for (size_t k = 0; k < b.n; k++)
			sink += b.p[k];
	}
	for (uint32_t i = 0; i < t->n; i++) {
		struct str name = symbol_name(&t->v[i]);

		sink += str_hash(name) + (uintptr_t)symtab_at(t, t->v[i].addr);
		if (i < 64)
			sink += (uintptr_t)symtab_find(t, name);
		objfile_vaddr_to_offset(f, t->v[i].addr, &v);
	}
	symtab_suggest(t, STR("main"), near, 4);
	for (uint32_t i = 0; i < u->n; i++) {
		struct arena a;
		struct usdt_operand *ops;

		arena_init(&a);
		sink += usdt_parse_args(f, u->v[i].args, &a, &ops);
		arena_free(&a);
	}
	sink += objfile_langs(f) + objfile_base_vaddr(f);
	sink += quick_may_have_function(f, STR("main")) +
		quick_may_have_function(f, STR("crate::*::run")) +
		quick_has_usdt(f, STR("*"), STR("*"));
	objfile_offset_to_vaddr(f, 0x1000, &v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct objfile *f = fuzz_open(data, size);

	if (!f)
		return 0;
	read_all(f);
	objfile_unref(f);
	return 0;
}
