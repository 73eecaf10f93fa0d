/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Code of functions in the worker: ranges of an entry, places where an inlined copy is entered, and rows of line tables. All
 * arrays live in f->scratch.
 */
#ifndef SONDE_OBJFILE_DWARF_CODE_H
#define SONDE_OBJFILE_DWARF_CODE_H

#include "objfile/dwarf_index.h"

/* dwarf_inline.c: not empty, within the program's code, ascending; their number */
uint32_t dwfile_ranges(struct dwarf_file *f, Dwarf_Die *die, struct di_range **ret);
/*
 * The places where control enters the inlined copy die (docs/internals/debuginfo.md); outer is the subprogram around it. Ascending.
 */
uint32_t dwfile_inline_entries(struct dwarf_file *f, Dwarf_Die *die, Dwarf_Die *outer,
			       const struct di_range *ranges, uint32_t n_ranges, uint64_t **entries,
			       bool *is_approximate);
/* of a subprogram: the lowest address of its first range, entry_pc if it has one */
uint64_t dwfile_entry(Dwarf_Die *die, const struct di_range *ranges, uint32_t n_ranges);

/* dwarf_line.c: the rows of a unit by address; false without a table */
bool dwfile_rows(struct dwarf_file *f, Dwarf_Die *die, Dwarf_Lines **lines, size_t *n);
/* index of the first row at or behind addr */
size_t dwfile_row_at(Dwarf_Lines *lines, size_t n, uint64_t addr);
struct row {
	uint64_t addr;
	const char *file; /* NULL: unknown */
	uint32_t line, column;
	bool is_stmt, is_prologue_end, is_end;
};
bool dwfile_row(Dwarf_Lines *lines, size_t i, struct row *ret);
/* the file of DW_AT_decl_file or DW_AT_call_file, empty when there is none */
struct str dwfile_attr_file(Dwarf_Die *die, unsigned attribute);

/* dwarf_linehead.c: may the unit's line table have rows of a file whose path ends so? */
bool dwfile_unit_names_file(struct dwarf_file *f, Dwarf_Die *unit, struct str file);

/* dwarf_addr.c: the unit that has code at addr */
bool dwfile_unit_at(struct dwarf_file *f, uint64_t addr, Dwarf_Die *ret);
void addrs_free(struct dwarf_addrs *a);
/* the subprogram with code of its own at addr, or NULL */
const struct index_code *dwfile_code_at(struct dwarf_file *f, const struct dwarf_index *x,
					uint64_t addr);

#endif
