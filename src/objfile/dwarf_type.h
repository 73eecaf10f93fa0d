/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types between the worker, which reads their DIEs (dwarf_type_read.c, dwarf_scope.c), and the tracer, which makes struct
 * type of them (dwarf_type.c). One record for one DIE; parts that are types are ids, 0 is void. Not for other folders.
 */
#ifndef SONDE_OBJFILE_DWARF_TYPE_H
#define SONDE_OBJFILE_DWARF_TYPE_H

#include "objfile/dwarf_private.h"

/* u64 id (of the type behind qualifiers and typedefs), u8 kind, then by kind; see the functions put_* */
enum dwarf_type_kind {
	DT_VOID,
	DT_BASE,
	DT_POINTER,
	DT_STRUCT,
	DT_ARRAY,
	DT_ENUM,
	DT_FUNCTION,
	DT_OPAQUE, /* bytes without a meaning to us */
};

/* second argument of DWARF_TYPE */
enum dwarf_type_depth { DT_SHALLOW, DT_MEMBERS };

enum { DT_MAX_CHAIN = 64 };

/* ---- in the worker ---- */

/*
 * The type behind qualifiers and typedefs; false: void, or malformed. Go's typedefs have meanings of their own (maps,
 * channels, interfaces): *named is the outermost of them, its cu NULL when there is none.
 */
bool dwtype_strip(Dwarf_Die *die, Dwarf_Die *ret, Dwarf_Die *named);
/* DW_AT_type of a DIE, through its abstract origin */
bool dwtype_of(Dwarf_Die *die, Dwarf_Die *ret);
/* id of the type of a DIE; 0: none */
uint64_t dwtype_id_of(struct dwarf_file *f, Dwarf_Die *die);
uint64_t dwtype_size(Dwarf_Die *type);
/* as the language writes it, with namespaces; in the scratch arena */
struct str dwtype_name(struct dwarf_file *f, Dwarf_Die *die);
/* a definition for what is only declared: of the same name, when all definitions of that name are alike */
bool dwtype_definition(struct dwarf_file *f, Dwarf_Die *declaration, Dwarf_Die *ret);
/* by name; keyword as in struct type_source_ops */
bool dwtype_find(struct dwarf_file *f, char keyword, struct str name, Dwarf_Die *ret);
bool dwtype_find_constant(struct dwarf_file *f, struct str name, int64_t *value, Dwarf_Die *type);
/* the same for definitions that are the same in all that a script can see of them */
uint64_t dwtype_fingerprint(struct dwarf_file *f, Dwarf_Die *type);
/* how it travels through calls; dwarf_type_abi.c */
enum type_abi dwtype_abi(Dwarf_Die *type);
bool dwtype_has_vtable(Dwarf_Die *type, unsigned depth);
/* the subprogram with code of its own at pc, in the unit of die */
bool dwtype_function_at(struct dwarf_file *f, Dwarf_Die *die, uint64_t pc, Dwarf_Die *ret);
/* call frame information of the program itself; NULL: none */
Dwarf_CFI *dwfile_eh_frame(struct dwarf_file *f);
/*
 * The variable of the caller that is given the result of an inlined call (declared on the line of the call, of the
 * function's type; no other is), and where it begins to hold it, at or behind from; dwarf_exit.c
 */
bool dwexit_result_var(struct dwarf_file *f, Dwarf_Die *inlined, Dwarf_Die *outer, uint64_t from,
		       Dwarf_Die *var, uint64_t *begin);
bool dwtype_flag(Dwarf_Die *die, unsigned attr);
uint64_t dwtype_number(Dwarf_Die *die, unsigned attr, uint64_t otherwise);
struct str dwtype_string(Dwarf_Die *die, unsigned attr);
bool dwtype_is_declaration(Dwarf_Die *die);
/* where a member or base class lies, in bytes; false: not at a fixed place */
bool dwtype_member_offset(Dwarf_Die *member, uint64_t *offset);

/* ---- in the tracer ---- */

struct dwarf_types;
/* the type with this id; void for 0 and for what cannot be read */
const struct type *dwarf_types_get(struct dwarf_types *t, uint64_t id);
struct dwarf_types *debuginfo_dwarf_types(struct debuginfo *d, struct type_table *tt);

#endif
