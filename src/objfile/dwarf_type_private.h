/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of types while they are made into struct type: dwarf_type.c and dwarf_type_members.c. Not for others. */
#ifndef SONDE_OBJFILE_DWARF_TYPE_PRIVATE_H
#define SONDE_OBJFILE_DWARF_TYPE_PRIVATE_H

#include "objfile/dwarf_type.h"

enum {
	DT_MAX_NESTED = 64, /* structs in structs, while they are completed */
	DT_MAX_SIZE = 1 << 28,
};

struct dwarf_types {
	struct type_source source; /* first: the type's handle is its id */
	struct debuginfo *d;
	struct arena *arena;       /* the table's */
	struct hashmap by_id;      /* -> struct type */
	struct hashmap by_content; /* of structs and enums */
	struct type function;      /* what pointers to functions point to */
	unsigned depth, nested;
};

struct record {
	struct dwarf_types *t;
	struct wire_in in;
	uint64_t id;
};

/* the part of a struct's record that is there without its members, too */
struct struct_head {
	uint64_t fingerprint, size;
	enum type_lang lang;
	struct str name;
	bool is_union, is_declared, has_vtable;
	enum type_abi abi;
};

static inline bool is_number_size(uint64_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

struct err *dwarf_types_ask(struct dwarf_types *t, uint64_t id, enum dwarf_type_depth depth,
			    struct wire_in *in) ERR_MUST;
void dwarf_types_struct_head(struct record *r, struct struct_head *h);
/* dwarf_type_members.c: struct type_source_ops.complete */
bool dwarf_types_complete(struct type_source *src, struct type *type);

#endif
