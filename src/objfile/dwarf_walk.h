/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A quick walk over all functions of a .debug_info: which subprograms and inlined copies there are, how they refer to
 * each other, where their names stand. It reads just enough of the format (units, abbreviations, sizes of forms; DWARF 2 to 5) to
 * hop from entry to entry at some 10 ns each, where libdw takes ten times that; what an entry means is always asked of
 * libdw afterwards. The bytes are foreign: all reads are bounded by the unit, an unknown form ends the unit.
 *
 * For dwarf_index.c. Offsets are those of the section. Nothing is kept but abbreviation tables (walk_close).
 */
#ifndef SONDE_OBJFILE_DWARF_WALK_H
#define SONDE_OBJFILE_DWARF_WALK_H

#include "base/bytes.h"
#include "base/vec.h"

/* where a name's bytes stand: kind << 56 | offset; 0: no name */
enum walk_string {
	WALK_STR = 1,  /* .debug_str */
	WALK_LINE_STR, /* .debug_line_str */
	WALK_INFO,     /* .debug_info itself */
	WALK_ALT_STR,  /* .debug_str of the dwz file */
};
#define WALK_OFFSET(v) ((v) & ((1ULL << 56) - 1))
#define WALK_KIND(v) ((unsigned)((v) >> 56))

/* a reference to another entry; in the dwz file with the mark; 0: none */
#define WALK_IN_ALT (1ULL << 63)

/* sections of one file; the empty ones are missing */
struct walk_file {
	struct bytes info, abbrev, str_offsets;
	bool is_split; /* .dwo: offsets of strings begin at the section's first table */
	struct walk_abbrevs *tables; /* by offset; walk_close */
	uint32_t n_tables, cap_tables;
};

struct walk_unit {
	uint64_t start, end, first_die; /* end: of the next unit's header */
	uint64_t abbrev_offset, str_offsets_base;
	uint8_t version, addr_size, offset_size, type;
};

struct walk_func {
	uint64_t die;
	bool is_inlined; /* DW_TAG_inlined_subroutine; else DW_TAG_subprogram */
	bool has_code; /* an address or ranges: it may still be empty, or a linker's mark for dropped code */
	bool is_declaration;
	uint64_t origin, specification; /* references */
	uint64_t name, linkage;
	uint64_t scope; /* entry that contains it: namespace, type, function or unit */
	uint64_t inside; /* innermost inlined copy or subprogram that contains it and has code; 0: none */
	uint64_t outer; /* subprogram that contains it; 0: none */
};

struct walk_visitor {
	void *arg;
	void (*func)(void *arg, const struct walk_unit *u, const struct walk_func *f);
	/* scopes that hold functions, each before the first of them; parent 0: the unit */
	void (*scope)(void *arg, uint64_t die, uint64_t parent);
};

/* the unit at *pos, which moves behind it; false at the end or when nothing sensible follows */
bool walk_next_unit(struct walk_file *f, uint64_t *pos, struct walk_unit *u);
/* false: the unit is malformed from some entry on; what came before was visited */
bool walk_unit(struct walk_file *f, struct walk_unit *u, const struct walk_visitor *v);
void walk_close(struct walk_file *f);

#endif
