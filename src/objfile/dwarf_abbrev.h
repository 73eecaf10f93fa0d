/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Abbreviations of .debug_info as the quick walk wants them: for each the steps that lead over an entry. Inside of dwarf_walk.c and
 * dwarf_abbrev.c only.
 */
#ifndef SONDE_OBJFILE_DWARF_ABBREV_H
#define SONDE_OBJFILE_DWARF_ABBREV_H

#include "objfile/dwarf_walk.h"

enum step_kind {
	STEP_BYTES,
	STEP_LEB,
	STEP_STRING,
	STEP_BLOCK1,
	STEP_BLOCK2,
	STEP_BLOCK4,
	STEP_BLOCK,
	STEP_INDIRECT
};

struct step {
	uint8_t kind;
	uint16_t n; /* STEP_BYTES */
};

struct attribute {
	uint16_t name, form;
};

struct abbrev {
	uint16_t tag; /* 0: no such code */
	bool has_children;
	bool is_wanted; /* its attributes are looked at */
	uint32_t first_step, n_steps;
	uint32_t first_attribute, n_attributes; /* of wanted ones */
};

struct walk_abbrevs {
	uint64_t offset;
	uint8_t addr_size, offset_size, version; /* the steps were made for these */
	VEC(struct abbrev) v;                    /* by code */
	VEC(struct step) steps;
	VEC(struct attribute) attributes;
};

/* how to get over a value of this form; false: unknown */
bool walk_step_of(unsigned form, const struct walk_unit *u, struct step *s);
/* does so; false when the value is not all there */
bool walk_do_step(struct bytes *b, struct step s, const struct walk_unit *u);
/* the unit's table, read when it is not one of the last few */
struct walk_abbrevs *walk_table_of(struct walk_file *f, const struct walk_unit *u);

#endif
