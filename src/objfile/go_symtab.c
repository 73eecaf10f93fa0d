/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Functions of Go's own table as symbols, so that a stripped Go binary lists and attaches like any other.
 *
 * Go has two calling conventions, and a function called in the one it does not have gets a wrapper of the same name (the
 * symbol table tells them apart by ".abi0"). Whoever asks for the name means the function: wrappers are marked, and
 * where there is a symbol table too, the function gets the name that the table gave to the wrapper.
 */
#include "objfile/go_pclntab.h"
#include "objfile/symtab_private.h"

#include "base/hashmap.h"
#include "base/vec.h"

/* names of wrappers, then those of them that are names of functions, too */
static void mark_names(const struct go_func *fns, uint32_t n, struct hashmap *wrappers,
		       struct hashmap *twins)
{
	static int mark;

	for (uint32_t i = 0; i < n; i++)
		if (fns[i].is_wrapper)
			hashmap_put(wrappers, fns[i].name, &mark);
	for (uint32_t i = 0; wrappers->n && i < n; i++)
		if (!fns[i].is_wrapper && hashmap_get(wrappers, fns[i].name))
			hashmap_put(twins, fns[i].name, &mark);
}

/* those that can be read, and are code */
static uint32_t read_functions(struct objfile *f, const struct go_pclntab *t, struct go_func *fns)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < go_pclntab_count(t); i++)
		if (go_pclntab_func(t, i, &fns[n]) && fns[n].name.n <= UINT16_MAX &&
		    objfile_is_exec_vaddr(f, fns[n].addr))
			n++;
	return n;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

void go_symtab_add(struct symtab *t, struct objfile *f)
{
	struct go_pclntab *tab = objfile_go_pclntab(f);
	struct hashmap wrappers = { 0 }, twins = { 0 };
	uint32_t before = t->n;
	struct symtab_seen seen = { 0 };
	VEC(uint64_t) at = { 0 };
	bool is_named = t->has_symtab || t->has_debug_file;
	struct go_func *fns;
	uint32_t n;

	if (!tab)
		return;
	fns = base_alloc((size_t)go_pclntab_count(tab) * sizeof(*fns));
	n = read_functions(f, tab, fns);
	mark_names(fns, n, &wrappers, &twins);
	symtab_seen_init(&seen, t);
	for (uint32_t i = 0; i < n; i++) {
		const struct go_func *fn = &fns[i];
		struct symbol s = { .type = SYMBOL_FUNC,
				    .bind = SYMBOL_GLOBAL,
				    .flags = SYMBOL_GO_NAME };
		bool is_twin = hashmap_get(&twins, fn->name) != NULL;

		s.name = fn->name.p;
		s.name_len = (uint32_t)fn->name.n;
		s.addr = fn->addr;
		s.size = fn->size;
		if (fn->is_wrapper && is_twin) {
			s.flags |= SYMBOL_GO_TWIN;
			vec_push(&at, s.addr);
		}
		if (is_named && (!is_twin || fn->is_wrapper))
			continue;
		if (!symtab_seen_has(&seen, t, &s))
			symtab_push(t, s);
	}
	if (at.n)
		qsort(at.v, at.n, sizeof(*at.v), compare_u64);
	for (uint32_t i = 0; at.n && i < before; i++)
		if (bsearch(&t->v[i].addr, at.v, at.n, sizeof(*at.v), compare_u64))
			t->v[i].flags |= SYMBOL_GO_TWIN;
	t->has_gopclntab = true;
	vec_free(&at);
	free(fns);
	free(seen.slots);
	hashmap_free(&wrappers);
	hashmap_free(&twins);
}
