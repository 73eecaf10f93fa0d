/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose table of methods is at an address? rustc describes each as a variable "<T as Trait>::{vtable}" at a fixed address, of a
 * type that refers to T (DW_AT_containing_type). All of them are read when the first is asked for, and kept.
 */
#include "objfile/dwarf_type.h"

#include <dwarf.h>

enum { MAX_DEPTH = 32 };

static void add(struct dwarf_file *f, Dwarf_Die *var)
{
	Dwarf_Die type, stripped, whose;
	Dwarf_Attribute a;
	struct str *name;
	uint64_t addr;
	Dwarf_Op *ops;
	size_t n;

	if (!dwarf_attr(var, DW_AT_location, &a) || dwarf_getlocation(&a, &ops, &n) != 0 || n != 1)
		return;
	if (ops[0].atom == DW_OP_addr) {
		addr = ops[0].number;
	} else {
		Dwarf_Attribute at;
		Dwarf_Addr found;

		if ((ops[0].atom != DW_OP_addrx && ops[0].atom != DW_OP_GNU_addr_index) ||
		    dwarf_getlocation_attr(&a, &ops[0], &at) != 0 ||
		    dwarf_formaddr(&at, &found) != 0)
			return;
		addr = found;
	}
	if (!dwtype_of(var, &type) || !dwtype_strip(&type, &stripped, NULL) ||
	    !dwarf_attr(&stripped, DW_AT_containing_type, &a) || !dwarf_formref_die(&a, &whose))
		return;
	name = arena_new(&f->kept, struct str);
	*name = arena_str(&f->kept, dwtype_name(f, &whose));
	hashmap_put(f->vtables, arena_str(&f->kept, hashmap_key_u64(&addr)), name);
}

static void walk(struct dwarf_file *f, Dwarf_Die *scope, unsigned depth)
{
	Dwarf_Die child;

	if (depth == MAX_DEPTH || dwarf_child(scope, &child) != 0)
		return;
	do {
		if (dwarf_tag(&child) == DW_TAG_namespace)
			walk(f, &child, depth + 1);
		else if (dwarf_tag(&child) == DW_TAG_variable &&
			 str_ends(dwtype_string(&child, DW_AT_name), STR("{vtable}")))
			add(f, &child);
	} while (dwarf_siblingof(&child, &child) == 0);
}

struct err *dwarf_do_vtable(struct dwarf_file *f, struct wire_in *in, struct wire_out *out)
{
	uint64_t addr = wire_get_u64(in);
	Dwarf_CU *cu = NULL;
	Dwarf_Die unit, whole;
	struct str *name;

	if (in->b.bad)
		return NULL;
	if (!f->vtables) {
		f->vtables = arena_new(&f->kept, struct hashmap);
		while (dwarf_get_units(f->dwarf, cu, &cu, NULL, NULL, &unit, NULL) == 0)
			if (dwfile_lang(&unit) == LANG_RUST && dwfile_unit(f, &unit, &whole))
				walk(f, &whole, 0);
	}
	name = hashmap_get(f->vtables, hashmap_key_u64(&addr));
	wire_put_str(out, name ? *name : STR_NULL);
	return NULL;
}

/* ---- in the tracer ---- */

struct err *debuginfo_vtable(struct debuginfo *d, uint64_t addr, struct arena *a, struct str *type)
{
	WIRE_OUT_AUTO out = { 0 };
	struct wire_in in;

	*type = STR_NULL;
	wire_put_u64(&out, addr);
	TRY(debuginfo_ask(d, DWARF_VTABLE, &out, &in));
	*type = wire_get_str_copy(&in, a);
	return debuginfo_check(d, &in);
}
