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
static void mark_names(const struct go_pclntab *t, struct hashmap *wrappers, struct hashmap *twins)
{
	static int mark;
	struct go_func fn;

	for (uint32_t i = 0; i < go_pclntab_count(t); i++)
		if (go_pclntab_func(t, i, &fn) && fn.is_wrapper)
			hashmap_put(wrappers, fn.name, &mark);
	for (uint32_t i = 0; wrappers->n && i < go_pclntab_count(t); i++)
		if (go_pclntab_func(t, i, &fn) && !fn.is_wrapper && hashmap_get(wrappers, fn.name))
			hashmap_put(twins, fn.name, &mark);
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
	struct go_func fn;

	if (!tab)
		return;
	mark_names(tab, &wrappers, &twins);
	symtab_seen_init(&seen, t);
	for (uint32_t i = 0; i < go_pclntab_count(tab); i++) {
		struct symbol s = { .type = SYMBOL_FUNC,
				    .bind = SYMBOL_GLOBAL,
				    .flags = SYMBOL_GO_NAME };
		bool is_twin;

		if (!go_pclntab_func(tab, i, &fn) || fn.name.n > UINT16_MAX ||
		    !objfile_is_exec_vaddr(f, fn.addr))
			continue;
		s.name = fn.name.p;
		s.name_len = (uint32_t)fn.name.n;
		s.addr = fn.addr;
		s.size = fn.size;
		is_twin = hashmap_get(&twins, fn.name) != NULL;
		if (fn.is_wrapper && is_twin) {
			s.flags |= SYMBOL_GO_TWIN;
			vec_push(&at, s.addr);
		}
		if (is_named && (!is_twin || fn.is_wrapper))
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
	free(seen.slots);
	hashmap_free(&wrappers);
	hashmap_free(&twins);
}
