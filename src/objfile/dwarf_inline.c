/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where is a function's code, and where does control enter an inlined copy? Runs in the worker. See dwarf_code.h.
 *
 * Compilers copy the body of an inlined call (unrolled and rotated loops, peeled iterations) and describe all copies by one entry with many
 * ranges. The rule, measured against programs that count their own calls:
 *
 *   1. e0 is DW_AT_entry_pc, else the first range start that is entered from outside;
 *   2. the source position of the statement at e0 marks the beginnings: range starts with a statement row of the same
 *      file, line and column are entries too;
 *   3. of these only those count that control can enter from outside of the ranges, by falling through or by a branch;
 *      that takes the machine code. Without it (code that cannot be decoded) the answer is marked approximate.
 */
#include "objfile/dwarf_code.h"

#include "objfile/dwarf_flow.h"

#include <dwarf.h>
#include <stdlib.h>

enum {
	MAX_RANGES = 4096, /* of one entry */
	MAX_KEYS = 4,
};

static int compare_ranges(const void *a, const void *b)
{
	const struct di_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

uint32_t dwfile_ranges(struct dwarf_file *f, Dwarf_Die *die, struct di_range **ret)
{
	struct di_range *v = NULL;
	uint32_t n = 0, cap = 0;
	Dwarf_Addr base, start, end;
	ptrdiff_t at = 0;

	while (n < MAX_RANGES && (at = dwarf_ranges(die, at, &base, &start, &end)) > 0) {
		/* what the linker dropped stands at 0 or beyond everything */
		if (start >= end || !objfile_is_exec_vaddr(f->code, start) ||
		    !objfile_is_exec_vaddr(f->code, end - 1))
			continue;
		if (n == cap) {
			struct di_range *more = arena_array(&f->scratch, struct di_range,
							    cap ? cap * 2 : 4);

			if (n)
				memcpy(more, v, n * sizeof(*v));
			cap = cap ? cap * 2 : 4;
			v = more;
		}
		v[n++] = (struct di_range){ start, end };
	}
	if (n > 1)
		qsort(v, n, sizeof(*v), compare_ranges);
	*ret = v;
	return n;
}

static bool get_entry_pc(Dwarf_Die *die, uint64_t *ret)
{
	Dwarf_Attribute attr;
	Dwarf_Addr base, start, end;
	Dwarf_Word offset;

	if (!dwarf_attr(die, DW_AT_entry_pc, &attr))
		return false;
	if (dwarf_formaddr(&attr, ret) == 0)
		return true;
	/* DWARF 5: an offset from low_pc, or from the first range as it is listed */
	if (dwarf_formudata(&attr, &offset))
		return false;
	if (dwarf_lowpc(die, &base) == 0 || dwarf_ranges(die, 0, &start, &base, &end) > 0) {
		*ret = base + offset;
		return true;
	}
	return false;
}

uint64_t dwfile_entry(Dwarf_Die *die, const struct di_range *ranges, uint32_t n_ranges)
{
	Dwarf_Addr low;
	uint64_t entry;

	if (get_entry_pc(die, &entry) && ranges_hold(ranges, n_ranges, entry))
		return entry;
	/* with several ranges the entry is the first as listed: .cold parts may lie before it */
	if (dwarf_entrypc(die, &low) == 0 && ranges_hold(ranges, n_ranges, low))
		return low;
	if (n_ranges) {
		Dwarf_Addr base, start, end;
		ptrdiff_t at = 0;

		while ((at = dwarf_ranges(die, at, &base, &start, &end)) > 0)
			if (start < end && ranges_hold(ranges, n_ranges, start))
				return start;
	}
	return n_ranges ? ranges[0].start : 0;
}

/* ---- source positions ---- */

struct key {
	const char *file;
	uint32_t line, column;
};

static bool same_key(const struct key *k, const struct row *r)
{
	return r->line == k->line && r->column == k->column &&
	       (r->file == k->file || (r->file && k->file && !strcmp(r->file, k->file)));
}

/* the position of the statement that begins at e0: of several rows the last one in the function's own file */
static bool key_at(Dwarf_Lines *lines, size_t n, uint64_t e0, struct str own_file, struct key *ret)
{
	bool found = false, is_own = false;
	struct row row;

	for (size_t i = dwfile_row_at(lines, n, e0);
	     i < n && dwfile_row(lines, i, &row) && row.addr == e0; i++) {
		bool own = own_file.n && row.file && str_eq(own_file, str_from(row.file));

		if (!row.is_stmt || row.is_end || !row.line || (is_own && !own))
			continue;
		*ret = (struct key){ row.file, row.line, row.column };
		found = true;
		is_own |= own;
	}
	return found;
}

static bool has_key(Dwarf_Lines *lines, size_t n, uint64_t addr, const struct key *k)
{
	struct row row;

	for (size_t i = dwfile_row_at(lines, n, addr);
	     i < n && dwfile_row(lines, i, &row) && row.addr == addr; i++)
		if (row.is_stmt && !row.is_end && same_key(k, &row))
			return true;
	return false;
}

/*
 * The position of the beginning stands again in the middle of a range, and no branch goes there: the head of no loop. It may be
 * a second copy without anything in between; nothing says where that one begins for sure.
 */
static bool has_hidden_copies(struct dwarf_file *f, Dwarf_Die *outer, struct around *a,
			      Dwarf_Lines *lines, size_t n_lines, const struct key *k,
			      const struct di_range *ranges, uint32_t n_ranges,
			      const uint64_t *entries, uint32_t n)
{
	struct row row;

	for (uint32_t i = 0; i < n_ranges; i++) {
		size_t at = dwfile_row_at(lines, n_lines, ranges[i].start);

		for (; at < n_lines && dwfile_row(lines, at, &row) && row.addr < ranges[i].end;
		     at++) {
			bool is_known = !row.is_stmt || row.is_end || !same_key(k, &row);

			for (uint32_t e = 0; e < n && !is_known; e++)
				is_known = entries[e] == row.addr;
			if (!is_known)
				around_decode(f, outer, a);
			for (uint32_t p = 0; p < a->n && !is_known; p++)
				is_known = code_branches_into(&a->part[p], row.addr, row.addr + 1);
			if (!is_known)
				return true;
		}
	}
	return false;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

uint32_t dwfile_inline_entries(struct dwarf_file *f, Dwarf_Die *die, Dwarf_Die *outer,
			       const struct di_range *ranges, uint32_t n_ranges, uint64_t **entries,
			       bool *is_approximate)
{
	uint64_t *v = arena_array(&f->scratch, uint64_t, n_ranges + 1), e0 = 0;
	AROUND_AUTO around = { 0 };
	Dwarf_Lines *lines;
	uint32_t n = 0;
	size_t n_lines;
	struct key key = { 0 };
	bool has_e0, has_lines;

	*entries = v;
	*is_approximate = false;
	if (!n_ranges)
		return 0;
	has_e0 = get_entry_pc(die, &e0) && ranges_hold(ranges, n_ranges, e0);
	if (n_ranges > 1)
		around_decode(f, outer, &around);
	else if (!has_e0)
		has_e0 = (e0 = ranges[0].start) != 0;
	for (uint32_t i = 0; i < n_ranges && !has_e0; i++) {
		e0 = ranges[i].start;
		has_e0 = around_entered(&around, ranges, n_ranges, e0) == ENTERED_OUTSIDE;
	}
	if (!has_e0)
		e0 = ranges[0].start;
	v[n++] = e0;
	has_lines = dwfile_rows(f, die, &lines, &n_lines) &&
		    key_at(lines, n_lines, e0, dwfile_attr_file(die, DW_AT_decl_file), &key);
	for (uint32_t i = 0; i < n_ranges && has_lines; i++) {
		uint64_t addr = ranges[i].start;

		if (addr == e0 || !has_key(lines, n_lines, addr, &key))
			continue;
		if (around.is_known &&
		    around_entered(&around, ranges, n_ranges, addr) == ENTERED_INSIDE)
			continue;
		v[n++] = addr;
		*is_approximate |= !around.is_known;
	}
	qsort(v, n, sizeof(*v), compare_u64);
	if (has_lines && !*is_approximate)
		*is_approximate = has_hidden_copies(f, outer, &around, lines, n_lines, &key, ranges,
						    n_ranges, v, n);
	return n;
}
