/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two questions about type DIEs that need more than their layout. Runs in the worker.
 *
 * Does a C++ object travel by reference? It does when its class has a copy or move constructor or a destructor that is not trivial
 * (Itanium C++ ABI, 1.1). Newer DWARF says so (DW_AT_calling_convention); else the class's own declarations do, since compilers
 * list what the programmer declared. What may be either ("= default" in old DWARF) is unknown, never guessed.
 *
 * Are two definitions the same? A fingerprint over all that a script can see of a type.
 */
#include "objfile/dwarf_type.h"

#include <dwarf.h>

enum { MAX_DEPTH = 8, FINGERPRINT_DEPTH = 3, FINGERPRINT_BUDGET = 400 };

static bool is_struct_tag(unsigned tag)
{
	return tag == DW_TAG_structure_type || tag == DW_TAG_class_type || tag == DW_TAG_union_type;
}

bool dwtype_has_vtable(Dwarf_Die *type, unsigned depth)
{
	Dwarf_Die child, base, stripped;

	if (depth > MAX_DEPTH || dwfile_lang(type) != LANG_CXX || dwarf_child(type, &child) != 0)
		return false;
	if (dwarf_hasattr(type, DW_AT_containing_type))
		return true;
	do {
		unsigned tag = (unsigned)dwarf_tag(&child);

		if (tag == DW_TAG_member &&
		    str_starts(dwtype_string(&child, DW_AT_name), STR("_vptr")))
			return true;
		if (tag == DW_TAG_inheritance && dwtype_of(&child, &base) &&
		    dwtype_strip(&base, &stripped, NULL) && dwtype_has_vtable(&stripped, depth + 1))
			return true;
	} while (dwarf_siblingof(&child, &child) == 0);
	return false;
}

/* the parameters of a member function behind this: their number, and whether the first is a reference to the class */
static bool is_copy_or_move(Dwarf_Die *function, Dwarf_Die *class)
{
	Dwarf_Die child, type, target, stripped;
	bool first = true;

	if (dwarf_child(function, &child) != 0)
		return false;
	do {
		unsigned tag;

		if (dwarf_tag(&child) != DW_TAG_formal_parameter ||
		    dwtype_flag(&child, DW_AT_artificial))
			continue;
		if (!first)
			return false;
		first = false;
		if (!dwtype_of(&child, &type))
			return false;
		tag = (unsigned)dwarf_tag(&type);
		if ((tag != DW_TAG_reference_type && tag != DW_TAG_rvalue_reference_type) ||
		    !dwtype_of(&type, &target) || !dwtype_strip(&target, &stripped, NULL))
			return false;
		if (dwarf_dieoffset(&stripped) != dwarf_dieoffset(class))
			return false;
	} while (dwarf_siblingof(&child, &child) == 0);
	return !first;
}

/* of one member function: does it make the class non-trivial? */
static enum type_abi abi_by_function(Dwarf_Die *function, Dwarf_Die *class)
{
	struct str name = dwtype_string(function, DW_AT_name),
		   own = dwtype_string(class, DW_AT_name);
	uint64_t defaulted = dwtype_number(function, DW_AT_defaulted, 0);
	ptrdiff_t args = str_find_char(own, '<', 0);
	bool is_destructor = name.n && name.p[0] == '~';

	if (args > 0)
		own.n = (size_t)args;
	args = str_find_char(name, '<', 0);
	if (args > 0)
		name.n = (size_t)args;
	if (!is_destructor && !(str_eq(name, own) && is_copy_or_move(function, class)))
		return TYPE_ABI_FIELDS;
	if (dwtype_flag(function, DW_AT_deleted))
		return TYPE_ABI_UNKNOWN;
	/* "= default" inside of the class: as trivial as the members, which are looked at anyway */
	if (defaulted == DW_DEFAULTED_in_class || dwtype_flag(function, DW_AT_artificial))
		return TYPE_ABI_FIELDS;
	return TYPE_ABI_REFERENCE;
}

static enum type_abi abi_by_members(Dwarf_Die *type, unsigned depth)
{
	enum type_abi worst = TYPE_ABI_FIELDS, abi;
	Dwarf_Die child, inner, stripped;
	Dwarf_Attribute a;
	Dwarf_Word cc;

	if (dwarf_attr(type, DW_AT_calling_convention, &a) && dwarf_formudata(&a, &cc) == 0) {
		if (cc == DW_CC_pass_by_reference)
			return TYPE_ABI_REFERENCE;
		if (cc == DW_CC_pass_by_value)
			return TYPE_ABI_FIELDS;
	}
	if (depth > MAX_DEPTH || dwtype_is_declaration(type))
		return TYPE_ABI_UNKNOWN;
	if (dwtype_has_vtable(type, 0))
		return TYPE_ABI_REFERENCE;
	if (dwarf_child(type, &child) != 0)
		return TYPE_ABI_FIELDS;
	do {
		unsigned tag = (unsigned)dwarf_tag(&child);

		abi = TYPE_ABI_FIELDS;
		if (tag == DW_TAG_subprogram)
			abi = abi_by_function(&child, type);
		else if ((tag == DW_TAG_member || tag == DW_TAG_inheritance) &&
			 !dwtype_flag(&child, DW_AT_external) && !dwtype_is_declaration(&child) &&
			 dwtype_of(&child, &inner) && dwtype_strip(&inner, &stripped, NULL)) {
			for (unsigned i = 0;
			     i < MAX_DEPTH && dwarf_tag(&stripped) == DW_TAG_array_type; i++)
				if (!dwtype_of(&stripped, &inner) ||
				    !dwtype_strip(&inner, &stripped, NULL))
					break;
			if (is_struct_tag((unsigned)dwarf_tag(&stripped)))
				abi = abi_by_members(&stripped, depth + 1);
		}
		if (abi == TYPE_ABI_REFERENCE)
			return abi;
		if (abi == TYPE_ABI_UNKNOWN)
			worst = abi;
	} while (dwarf_siblingof(&child, &child) == 0);
	return worst;
}

enum type_abi dwtype_abi(Dwarf_Die *type)
{
	return dwfile_lang(type) == LANG_CXX ? abi_by_members(type, 0) : TYPE_ABI_FIELDS;
}

/* ---- fingerprints ---- */

struct printer {
	struct dwarf_file *f;
	struct strbuf *b;
	unsigned budget;
};

static void print_type(struct printer *p, Dwarf_Die *die, unsigned depth);

static void print_number(struct printer *p, char mark, uint64_t n)
{
	strbuf_putc(p->b, mark);
	strbuf_add(p->b, &n, sizeof(n));
}

static void print_target(struct printer *p, Dwarf_Die *die, unsigned depth)
{
	Dwarf_Die type;

	if (dwtype_of(die, &type))
		print_type(p, &type, depth);
	else
		strbuf_putc(p->b, 'v');
}

static void print_children(struct printer *p, Dwarf_Die *die, unsigned depth)
{
	Dwarf_Die child;
	uint64_t offset;

	if (dwarf_child(die, &child) != 0)
		return;
	do {
		switch (dwarf_tag(&child)) {
		case DW_TAG_enumerator:
			strbuf_add_str(p->b, dwtype_string(&child, DW_AT_name));
			print_number(p, '=', dwtype_number(&child, DW_AT_const_value, 0));
			break;
		case DW_TAG_subrange_type:
			print_number(p, '#', dwtype_number(&child, DW_AT_count, 0));
			print_number(p, '#', dwtype_number(&child, DW_AT_upper_bound, 0));
			break;
		case DW_TAG_variant_part:
		case DW_TAG_variant:
			print_number(p, '|', dwtype_number(&child, DW_AT_discr_value, 0));
			print_children(p, &child, depth);
			break;
		case DW_TAG_member:
		case DW_TAG_inheritance:
		case DW_TAG_template_type_parameter:
			strbuf_add_str(p->b, dwtype_string(&child, DW_AT_name));
			print_number(p, '@',
				     dwtype_member_offset(&child, &offset) ? offset : UINT64_MAX);
			print_number(p, ':', dwtype_number(&child, DW_AT_bit_size, 0));
			print_number(p, '.', dwtype_number(&child, DW_AT_data_bit_offset, 0));
			print_number(p, '.', dwtype_number(&child, DW_AT_bit_offset, 0));
			print_target(p, &child, depth);
			break;
		default: break;
		}
	} while (dwarf_siblingof(&child, &child) == 0);
}

/* depth: how many structs deep; behind that, and when the budget is spent, names have to do */
static void print_type(struct printer *p, Dwarf_Die *asked, unsigned depth)
{
	Dwarf_Die die;
	unsigned tag;

	if (!dwtype_strip(asked, &die, NULL)) {
		strbuf_putc(p->b, 'v');
		return;
	}
	tag = (unsigned)dwarf_tag(&die);
	print_number(p, 'T', tag);
	strbuf_add_str(p->b, is_struct_tag(tag) || tag == DW_TAG_enumeration_type
				     ? dwtype_name(p->f, &die)
				     : dwtype_string(&die, DW_AT_name));
	if (p->budget == 0)
		return;
	p->budget--;
	if (is_struct_tag(tag) || tag == DW_TAG_enumeration_type || tag == DW_TAG_base_type) {
		print_number(p, '+', dwtype_number(&die, DW_AT_byte_size, 0));
		if (dwtype_is_declaration(&die))
			strbuf_putc(p->b, '?');
		if (tag != DW_TAG_base_type && depth > 0)
			print_children(p, &die, depth - 1);
		strbuf_putc(p->b, ';');
		return;
	}
	if (tag == DW_TAG_array_type)
		print_children(p, &die, depth);
	if (tag == DW_TAG_array_type || tag == DW_TAG_pointer_type ||
	    tag == DW_TAG_reference_type || tag == DW_TAG_rvalue_reference_type)
		print_target(p, &die, depth);
}

uint64_t dwtype_fingerprint(struct dwarf_file *f, Dwarf_Die *type)
{
	STRBUF_AUTO b = { 0 };
	struct printer p = { f, &b, FINGERPRINT_BUDGET };

	print_type(&p, type, FINGERPRINT_DEPTH);
	/* structs without a name are the same only when they are one */
	if ((is_struct_tag((unsigned)dwarf_tag(type)) ||
	     dwarf_tag(type) == DW_TAG_enumeration_type) &&
	    !dwtype_string(type, DW_AT_name).n && !dwarf_hasattr(type, DW_AT_specification))
		print_number(&p, '!', dwtype_number(type, DW_AT_decl_line, 0));
	return str_hash(strbuf_str(&b));
}
