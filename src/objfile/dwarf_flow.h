/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine code of a function and its edges: from where does control come to an address? For inlined copies and lines,
 * whose beginnings are told from continuations by it. Runs in the worker. The code is decoded by arch; owner: around_free.
 */
#ifndef SONDE_OBJFILE_DWARF_FLOW_H
#define SONDE_OBJFILE_DWARF_FLOW_H

#include "arch/x86_64/decode.h"
#include "objfile/dwarf_private.h"

enum { AROUND_MAX_PARTS = 4 }; /* hot, cold, ... */

struct around {
	uint64_t outer; /* id of the subprogram */
	struct code part[AROUND_MAX_PARTS];
	uint32_t n;
	uint64_t entry; /* of the function */
	bool is_known;  /* all of it was decoded */
};

enum entered { ENTERED_INSIDE, ENTERED_OUTSIDE, ENTERED_UNKNOWN };

static inline bool ranges_hold(const struct di_range *r, uint32_t n, uint64_t addr)
{
	for (uint32_t i = 0; i < n; i++)
		if (addr >= r[i].start && addr < r[i].end)
			return true;
	return false;
}

/* the code of a subprogram: that of the last one asked for stays decoded; never NULL */
const struct around *around_of(struct dwarf_file *f, Dwarf_Die *outer);
void around_free(struct around *a);

/* does control come to addr from outside of the ranges? UNKNOWN: nothing is seen to go there (jump tables) */
enum entered around_entered(const struct around *a, const struct di_range *r, uint32_t n,
			    uint64_t addr);

#endif
