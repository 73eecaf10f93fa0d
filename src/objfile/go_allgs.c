/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the Go runtime keeps its list of goroutines; see go_runtime.h. Stripped files do not name the variable, but their tables name the
 * function that appends to it: the three words of a slice are the only ones that it uses one behind the other.
 */
#include "arch/x86_64/decode.h"
#include "base/cleanup.h"
#include "objfile/go_private.h"

#include <stdlib.h>

enum { MAX_CODE = 4096, WORD = 8 };

static bool uses_word(const struct code *c, uint64_t address)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (c->insn[i].flags & CODE_RIP_RELATIVE && c->insn[i].target == address &&
		    c->insn[i].mem_size == WORD)
			return true;
	return false;
}

/* 0: none, or more than one */
static uint64_t slice_of(const struct code *c)
{
	uint64_t found = 0;

	for (uint32_t i = 0; i < c->n; i++) {
		uint64_t at = c->insn[i].target;

		if (!(c->insn[i].flags & CODE_RIP_RELATIVE) || c->insn[i].mem_size != WORD ||
		    !uses_word(c, at + WORD) || !uses_word(c, at + 2ull * WORD))
			continue;
		if (found && found != at)
			return 0;
		found = at;
	}
	return found;
}

static uint64_t read_function(struct objfile *f, const struct go_func *fn)
{
	uint8_t bytes[MAX_CODE];
	CODE_AUTO c = { 0 };

	if (fn->size > sizeof(bytes) || !objfile_read_vaddr(f, fn->addr, bytes, fn->size))
		return 0;
	code_decode(bytes, fn->size, fn->addr, &c);
	return slice_of(&c);
}

uint64_t objfile_go_allgs(struct objfile *f)
{
	struct go_pclntab *t = objfile_go_pclntab(f);
	struct go_info *g = go_info_of(f);
	struct go_func fn;

	if (g->has_allgs || !t)
		return g->allgs;
	g->has_allgs = true;
	for (uint32_t i = 0; !g->allgs && i < go_pclntab_count(t); i++)
		if (go_pclntab_func(t, i, &fn) && str_is(fn.name, "runtime.allgadd"))
			g->allgs = read_function(f, &fn);
	return g->allgs;
}
