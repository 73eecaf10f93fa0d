/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Type DIEs as records for the tracer; see dwarf_type.h. Runs in the worker. A struct's members are only read when they are asked for.
 * Nothing here follows more than one type: what a member or a pointer leads to is an id.
 */
#include "objfile/dwarf_type.h"

#include <dwarf.h>

/* Go's attributes (cmd/internal/dwarf) */
enum { AT_GO_KIND = 0x2900, AT_GO_KEY, AT_GO_ELEM, AT_GO_EMBEDDED, AT_GO_RUNTIME_TYPE };
enum { MAX_MEMBERS = 65536, MAX_DIMENSIONS = 16 };

/* ---- attributes ---- */

bool dwtype_flag(Dwarf_Die *die, unsigned attr)
{
	Dwarf_Attribute a;
	bool flag = false;

	return dwarf_attr(die, attr, &a) && dwarf_formflag(&a, &flag) == 0 && flag;
}

uint64_t dwtype_number(Dwarf_Die *die, unsigned attr, uint64_t otherwise)
{
	Dwarf_Attribute a;
	Dwarf_Word value;
	Dwarf_Addr addr;

	if (!dwarf_attr(die, attr, &a))
		return otherwise;
	if (dwarf_formudata(&a, &value) == 0)
		return value;
	return dwarf_formaddr(&a, &addr) == 0 ? addr : otherwise;
}

struct str dwtype_string(Dwarf_Die *die, unsigned attr)
{
	Dwarf_Attribute a;

	return str_from(dwarf_attr(die, attr, &a) ? dwarf_formstring(&a) : NULL);
}

bool dwtype_is_declaration(Dwarf_Die *die)
{
	return dwtype_flag(die, DW_AT_declaration);
}

bool dwtype_of(Dwarf_Die *die, Dwarf_Die *ret)
{
	Dwarf_Attribute a;

	return dwarf_attr_integrate(die, DW_AT_type, &a) && dwarf_formref_die(&a, ret);
}

uint64_t dwtype_id_of(struct dwarf_file *f, Dwarf_Die *die)
{
	Dwarf_Die type;

	return dwtype_of(die, &type) ? dwfile_id(f, &type) : 0;
}

bool dwtype_strip(Dwarf_Die *die, Dwarf_Die *ret, Dwarf_Die *named)
{
	Dwarf_Die at = *die, next;
	Dwarf_Attribute a;

	if (named)
		*named = (Dwarf_Die){ 0 };
	for (unsigned i = 0; i < DT_MAX_CHAIN; i++) {
		switch (dwarf_tag(&at)) {
		case DW_TAG_typedef:
			if (named && !named->cu && dwarf_hasattr(&at, AT_GO_KIND))
				*named = at;
			break;
		case DW_TAG_const_type:
		case DW_TAG_volatile_type:
		case DW_TAG_restrict_type:
		case DW_TAG_atomic_type:
		case DW_TAG_immutable_type:
		case DW_TAG_packed_type:
		case DW_TAG_shared_type:
		case DW_TAG_subrange_type: break;
		default:
			/* the unit holds a stub, a type unit the type */
			if (dwarf_attr(&at, DW_AT_signature, &a) && dwarf_formref_die(&a, &next)) {
				at = next;
				continue;
			}
			*ret = at;
			return true;
		}
		if (!dwarf_attr(&at, DW_AT_type, &a) || !dwarf_formref_die(&a, &next))
			return false;
		at = next;
	}
	return false;
}

uint64_t dwtype_size(Dwarf_Die *type)
{
	Dwarf_Word size;

	return dwarf_aggregate_size(type, &size) == 0 ? size : 0;
}

bool dwtype_member_offset(Dwarf_Die *member, uint64_t *offset)
{
	Dwarf_Attribute a;
	Dwarf_Word value;
	Dwarf_Op *ops;
	size_t n;

	*offset = 0;
	if (!dwarf_attr(member, DW_AT_data_member_location, &a))
		return true;
	if (dwarf_formudata(&a, &value) == 0) {
		*offset = value;
		return true;
	}
	if (dwarf_getlocation(&a, &ops, &n) != 0 || n != 1 || ops[0].atom != DW_OP_plus_uconst)
		return false;
	*offset = ops[0].number;
	return true;
}

/* ---- records ---- */

static void put_base(struct dwarf_file *f, Dwarf_Die *die, struct wire_out *out)
{
	struct str name = dwtype_string(die, DW_AT_name);
	uint64_t encoding = dwtype_number(die, DW_AT_encoding, 0);

	(void)f;
	wire_put_u8(out, DT_BASE);
	wire_put_u8(out, (uint8_t)encoding);
	wire_put_u32(out, (uint32_t)dwtype_size(die));
	wire_put_u8(out, (uint8_t)dwfile_lang(die));
	wire_put_str(out, name);
}

static void put_pointer(struct dwarf_file *f, Dwarf_Die *die, struct wire_out *out)
{
	unsigned tag = (unsigned)dwarf_tag(die);

	wire_put_u8(out, DT_POINTER);
	wire_put_u8(out, tag == DW_TAG_reference_type          ? 1
			 : tag == DW_TAG_rvalue_reference_type ? 2
							       : 0);
	wire_put_u8(out, (uint8_t)dwfile_lang(die));
	wire_put_str(out, dwtype_string(die, DW_AT_name));
	wire_put_u64(out, dwtype_id_of(f, die));
}

static void put_array(struct dwarf_file *f, Dwarf_Die *die, struct wire_out *out)
{
	Dwarf_Die child, type;
	uint64_t count[MAX_DIMENSIONS];
	uint32_t n = 0;

	if (dwarf_child(die, &child) == 0)
		do {
			uint64_t upper = dwtype_number(&child, DW_AT_upper_bound, UINT64_MAX);

			if (dwarf_tag(&child) == DW_TAG_enumeration_type && n < MAX_DIMENSIONS) {
				count[n++] = 0;
				continue;
			}
			if (dwarf_tag(&child) != DW_TAG_subrange_type || n == MAX_DIMENSIONS)
				continue;
			/* DW_FORM_data of -1 is an array of no elements; one without a bound has no length */
			if (upper == UINT32_MAX)
				upper = UINT64_MAX;
			count[n++] = dwtype_number(&child, DW_AT_count, upper + 1);
		} while (dwarf_siblingof(&child, &child) == 0);
	wire_put_u8(out, DT_ARRAY);
	wire_put_u8(out, dwtype_flag(die, DW_AT_GNU_vector));
	wire_put_u64(out, dwtype_of(die, &type) ? dwfile_id(f, &type) : 0);
	wire_put_u32(out, n);
	for (uint32_t i = 0; i < n; i++)
		wire_put_u64(out, count[i]);
}

static void put_enum(struct dwarf_file *f, Dwarf_Die *die, struct wire_out *out)
{
	uint32_t n = 0, size = (uint32_t)dwtype_size(die);
	Dwarf_Die child, under, base;
	bool is_signed = false;
	size_t place;

	wire_put_u8(out, DT_ENUM);
	wire_put_u64(out, dwtype_fingerprint(f, die));
	wire_put_u8(out, (uint8_t)dwfile_lang(die));
	wire_put_str(out, dwtype_name(f, die));
	wire_put_u32(out, size);
	if (dwtype_of(die, &under) && dwtype_strip(&under, &base, NULL))
		is_signed = dwtype_number(&base, DW_AT_encoding, 0) == DW_ATE_signed ||
			    dwtype_number(&base, DW_AT_encoding, 0) == DW_ATE_signed_char;
	wire_put_u8(out, is_signed);
	place = wire_put_later(out);
	if (dwarf_child(die, &child) == 0)
		do {
			if (dwarf_tag(&child) != DW_TAG_enumerator || n == MAX_MEMBERS)
				continue;
			wire_put_str(out, dwtype_string(&child, DW_AT_name));
			wire_put_u64(out, dwtype_number(&child, DW_AT_const_value, 0));
			n++;
		} while (dwarf_siblingof(&child, &child) == 0);
	wire_set_u32(out, place, n);
}

static void put_field(struct dwarf_file *f, Dwarf_Die *member, uint64_t offset,
		      struct wire_out *out)
{
	uint64_t bits = dwtype_number(member, DW_AT_bit_size, 0), first = offset * 8;
	bool is_base = dwarf_tag(member) == DW_TAG_inheritance;

	if (bits && dwarf_hasattr(member, DW_AT_data_bit_offset)) {
		first = dwtype_number(member, DW_AT_data_bit_offset, 0);
	} else if (bits && dwarf_hasattr(member, DW_AT_bit_offset)) {
		/* DWARF 2 and 3: counted from the most significant bit of a storage unit */
		Dwarf_Die type, base;
		uint64_t unit = dwtype_number(member, DW_AT_byte_size, 0);

		if (!unit && dwtype_of(member, &type) && dwtype_strip(&type, &base, NULL))
			unit = dwtype_size(&base);
		first += unit * 8 - dwtype_number(member, DW_AT_bit_offset, 0) - bits;
	}
	wire_put_str(out, is_base ? STR_NULL : dwtype_string(member, DW_AT_name));
	wire_put_u64(out, dwtype_id_of(f, member));
	wire_put_u64(out, first);
	wire_put_u8(out, (uint8_t)(bits > 64 ? 64 : bits));
}

static bool is_static(Dwarf_Die *member)
{
	return dwtype_flag(member, DW_AT_external) || dwtype_is_declaration(member);
}

static void put_fields(struct dwarf_file *f, Dwarf_Die *die, struct wire_out *out)
{
	size_t place = wire_put_later(out);
	uint64_t offset;
	Dwarf_Die child;
	uint32_t n = 0;

	if (dwarf_child(die, &child) == 0)
		do {
			unsigned tag = (unsigned)dwarf_tag(&child);

			if ((tag != DW_TAG_member && tag != DW_TAG_inheritance) ||
			    is_static(&child) || n == MAX_MEMBERS ||
			    !dwtype_member_offset(&child, &offset))
				continue;
			put_field(f, &child, offset, out);
			n++;
		} while (dwarf_siblingof(&child, &child) == 0);
	wire_set_u32(out, place, n);
}

/* one alternative: its discriminant's value and the member with its struct */
static void put_variant(struct dwarf_file *f, Dwarf_Die *variant, struct wire_out *out)
{
	struct str name = STR_NULL;
	uint64_t type = 0, offset;
	Dwarf_Die child;

	if (dwarf_child(variant, &child) == 0)
		do {
			if (dwarf_tag(&child) != DW_TAG_member)
				continue;
			name = dwtype_string(&child, DW_AT_name);
			if (dwtype_member_offset(&child, &offset) && offset == 0)
				type = dwtype_id_of(f, &child);
			break;
		} while (dwarf_siblingof(&child, &child) == 0);
	wire_put_str(out, name);
	wire_put_u8(out, dwarf_hasattr(variant, DW_AT_discr_value));
	wire_put_u64(out, dwtype_number(variant, DW_AT_discr_value, 0));
	wire_put_u64(out, type);
}

static void put_variants(struct dwarf_file *f, Dwarf_Die *die, struct wire_out *out)
{
	Dwarf_Die part, child, discr;
	Dwarf_Attribute a;
	uint64_t offset;
	uint32_t n = 0;
	size_t place;
	bool found = false;

	if (dwarf_child(die, &part) == 0)
		do {
			found = dwarf_tag(&part) == DW_TAG_variant_part;
		} while (!found && dwarf_siblingof(&part, &part) == 0);
	wire_put_u8(out, found);
	if (!found)
		return;
	if (dwarf_attr(&part, DW_AT_discr, &a) && dwarf_formref_die(&a, &discr) &&
	    dwtype_member_offset(&discr, &offset)) {
		wire_put_u8(out, 1);
		put_field(f, &discr, offset, out);
	} else {
		wire_put_u8(out, 0);
	}
	place = wire_put_later(out);
	if (dwarf_child(&part, &child) == 0)
		do {
			if (dwarf_tag(&child) != DW_TAG_variant || n == MAX_MEMBERS)
				continue;
			put_variant(f, &child, out);
			n++;
		} while (dwarf_siblingof(&child, &child) == 0);
	wire_set_u32(out, place, n);
}

static void put_params(struct dwarf_file *f, Dwarf_Die *die, struct wire_out *out)
{
	size_t place = wire_put_later(out);
	Dwarf_Die child;
	uint32_t n = 0;

	if (dwarf_child(die, &child) == 0)
		do {
			if (dwarf_tag(&child) != DW_TAG_template_type_parameter || n == MAX_MEMBERS)
				continue;
			wire_put_str(out, dwtype_string(&child, DW_AT_name));
			wire_put_u64(out, dwtype_id_of(f, &child));
			n++;
		} while (dwarf_siblingof(&child, &child) == 0);
	wire_set_u32(out, place, n);
}

static void put_struct(struct dwarf_file *f, Dwarf_Die *die, enum dwarf_type_depth depth,
		       struct wire_out *out)
{
	bool is_declared = dwtype_is_declaration(die);

	wire_put_u8(out, DT_STRUCT);
	wire_put_u64(out, dwtype_fingerprint(f, die));
	wire_put_u8(out, (uint8_t)dwfile_lang(die));
	wire_put_str(out, dwtype_name(f, die));
	wire_put_u8(out, dwarf_tag(die) == DW_TAG_union_type);
	wire_put_u8(out, is_declared);
	wire_put_u64(out, is_declared ? 0 : dwtype_size(die));
	wire_put_u8(out, dwtype_has_vtable(die, 0));
	wire_put_u8(out, (uint8_t)dwtype_abi(die));
	if (depth != DT_MEMBERS)
		return;
	put_fields(f, die, out);
	put_variants(f, die, out);
	put_params(f, die, out);
}

static void put_opaque(struct dwarf_file *f, Dwarf_Die *die, struct wire_out *out)
{
	wire_put_u8(out, DT_OPAQUE);
	wire_put_u8(out, (uint8_t)dwfile_lang(die));
	wire_put_str(out, dwtype_name(f, die));
	wire_put_u64(out, dwtype_size(die));
}

/* what Go says of a type beside its layout, from the typedef if there is one */
static void put_go(struct dwarf_file *f, Dwarf_Die *die, struct wire_out *out)
{
	Dwarf_Attribute a;
	Dwarf_Die part;

	wire_put_u8(out, (uint8_t)dwtype_number(die, AT_GO_KIND, 0));
	wire_put_u64(out, dwtype_number(die, AT_GO_RUNTIME_TYPE, 0));
	for (unsigned at = AT_GO_KEY; at <= AT_GO_ELEM; at++)
		wire_put_u64(out, dwarf_attr(die, at, &a) && dwarf_formref_die(&a, &part)
					  ? dwfile_id(f, &part)
					  : 0);
}

static void put_type(struct dwarf_file *f, Dwarf_Die *asked, enum dwarf_type_depth depth,
		     struct wire_out *out)
{
	Dwarf_Die die, named, definition;

	if (!dwtype_strip(asked, &die, &named)) {
		wire_put_u64(out, 0);
		wire_put_u8(out, DT_VOID);
		return;
	}
	/* a declaration is looked up elsewhere only when its members are wanted: that may read the whole file */
	if (depth == DT_MEMBERS && dwtype_is_declaration(&die) &&
	    dwtype_definition(f, &die, &definition))
		die = definition;
	wire_put_u64(out, dwfile_id(f, named.cu ? &named : &die));
	switch (dwarf_tag(&die)) {
	case DW_TAG_base_type: put_base(f, &die, out); break;
	case DW_TAG_pointer_type:
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type: put_pointer(f, &die, out); break;
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
	case DW_TAG_interface_type: put_struct(f, &die, depth, out); break;
	case DW_TAG_array_type: put_array(f, &die, out); break;
	case DW_TAG_enumeration_type: put_enum(f, &die, out); break;
	case DW_TAG_subroutine_type: wire_put_u8(out, DT_FUNCTION); break;
	case DW_TAG_unspecified_type:
		/* C++'s decltype(nullptr); the others are void */
		if (str_find(dwtype_string(&die, DW_AT_name), STR("nullptr")) >= 0)
			put_pointer(f, &die, out);
		else
			wire_put_u8(out, DT_VOID);
		break;
	default: put_opaque(f, &die, out); break;
	}
	if (named.cu)
		wire_put_str(out, dwtype_string(&named, DW_AT_name));
	else
		wire_put_str(out, dwfile_lang(&die) == LANG_GO ? dwtype_string(&die, DW_AT_name)
							       : STR_NULL);
	put_go(f, named.cu ? &named : &die, out);
}

struct err *dwarf_do_type(struct dwarf_file *f, struct wire_in *in, struct wire_out *out)
{
	uint64_t id = wire_get_u64(in);
	enum dwarf_type_depth depth = (enum dwarf_type_depth)wire_get_u8(in);
	Dwarf_Die die;

	if (in->b.bad)
		return NULL;
	if (!dwfile_die(f, id, &die))
		return err_new(0, "there is no type at 0x%llx", (unsigned long long)id);
	put_type(f, &die, depth, out);
	return NULL;
}

/* u8 found, then: a type: u64 id; a constant (keyword 'c'): u64 value, u64 id of its type */
struct err *dwarf_do_type_name(struct dwarf_file *f, struct wire_in *in, struct wire_out *out)
{
	char keyword = (char)wire_get_u8(in);
	struct str name = wire_get_str(in);
	int64_t value = 0;
	Dwarf_Die die;
	bool found;

	if (in->b.bad)
		return NULL;
	found = keyword == 'c' ? dwtype_find_constant(f, name, &value, &die)
			       : dwtype_find(f, keyword, name, &die);
	wire_put_u8(out, found);
	wire_put_u64(out, (uint64_t)value);
	wire_put_u64(out, found ? dwfile_id(f, &die) : 0);
	return NULL;
}
