/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where is a function's code, and where does control enter an inlined copy? Runs in the worker. See dwarf_code.h.
 *
 * Compilers copy the body of an inlined call (unrolled and rotated loops, peeled iterations) and describe all copies by one entry with many
 * ranges. The rule, measured against programs that count their own calls:
 *
 *   1. e0 is DW_AT_entry_pc, else the first range start that is entered from outside;
 *   2. the source position of the statement at e0 marks the beginnings: other statement rows of the same file, line and
 *      column within the ranges may be entries too;
 *   3. of these those count that control can enter from outside of the ranges, by falling through or by a branch; that takes
 *      the machine code. gcc's ranges that touch each other are different copies as well. What lies straight behind
 *      code of the same copy may be one or not: the answer is then marked approximate, as it is without machine code.
 */
#include "objfile/dwarf_code.h"

#include "objfile/dwarf_flow.h"

#include <dwarf.h>
#include <stdlib.h>

enum {
	MAX_ENTRIES = 1024, /* of one entry */
	MAX_RANGES = 4096,  /* of one entry */
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

/* an inlined copy, as it is looked at */
struct copy {
	struct dwarf_file *f;
	Dwarf_Die *outer;
	const struct di_range *ranges;
	uint32_t n_ranges;
	Dwarf_Lines *lines;
	size_t n_lines;
	bool is_gnu; /* gcc keeps ranges of different copies apart, even where they touch */
	const struct around *around;
};

enum verdict { IS_ENTRY, MAY_BE_ENTRY, IS_CONTINUATION, IS_HIDDEN };

/* The position of the beginning stands at addr again: is it another beginning? */
static enum verdict judge(struct copy *c, uint64_t addr)
{
	bool is_start = false, is_touching = false, is_branched_to = false;
	enum entered entered;

	for (uint32_t i = 0; i < c->n_ranges; i++) {
		is_start |= c->ranges[i].start == addr;
		is_touching |= c->ranges[i].end == addr;
	}
	for (uint32_t i = 0; i < c->around->n; i++)
		is_branched_to |= code_branches_into(&c->around->part[i], addr, addr + 1);
	if (!c->around->is_known)
		return is_start ? MAY_BE_ENTRY : IS_CONTINUATION;
	entered = around_entered(c->around, c->ranges, c->n_ranges, addr);
	if (entered == ENTERED_OUTSIDE || (entered == ENTERED_UNKNOWN && is_start))
		return IS_ENTRY;
	if (is_branched_to)
		return IS_CONTINUATION; /* the head of a loop within the function */
	if (is_start && is_touching && c->is_gnu)
		return IS_ENTRY;
	/* straight behind what is inside already: a second copy without anything in between, perhaps */
	return IS_HIDDEN;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/*
 * Does a copy begin at this row? The position of the beginning says so; at the start of a range also its line alone, when
 * other lines came in between: what is constant in one copy is computed in another, which moves the column.
 */
static bool is_beginning(const struct key *key, const struct row *row, uint64_t range_start,
			 bool has_moved)
{
	struct key line = { key->file, key->line, row->column };

	return same_key(key, row) ||
	       (has_moved && row->addr == range_start && same_key(&line, row));
}

/* all statement rows with the position of the beginning, but for the one at e0 */
static uint32_t add_copies(struct copy *c, const struct key *key, uint64_t *v, uint32_t n,
			   uint32_t max, bool *is_approximate)
{
	uint64_t last = v[0];
	bool has_moved = false; /* a statement on another line since the last beginning */
	struct row row;

	for (uint32_t i = 0; i < c->n_ranges; i++) {
		size_t at = dwfile_row_at(c->lines, c->n_lines, c->ranges[i].start);

		for (; at < c->n_lines && dwfile_row(c->lines, at, &row) &&
		       row.addr < c->ranges[i].end;
		     at++) {
			enum verdict verdict;

			if (!row.is_stmt || row.is_end)
				continue;
			if (row.addr == v[0])
				has_moved = false;
			if (row.addr == v[0] || row.addr == last ||
			    !is_beginning(key, &row, c->ranges[i].start, has_moved)) {
				has_moved |= row.line && row.line != key->line;
				continue;
			}
			last = row.addr;
			has_moved = false;
			verdict = judge(c, row.addr);
			if (verdict <= MAY_BE_ENTRY && n < max)
				v[n++] = row.addr;
			*is_approximate |= verdict == MAY_BE_ENTRY || verdict == IS_HIDDEN ||
					   !same_key(key, &row);
		}
	}
	return n;
}

/* a branch from inside comes back to the entry: a loop that begins with the first instruction */
static bool is_repeated(const struct copy *c, uint64_t addr)
{
	for (uint32_t i = 0; i < c->around->n; i++) {
		const struct code *part = &c->around->part[i];

		if (!code_branches_into(part, addr, addr + 1))
			continue;
		for (uint32_t k = 0; k < part->n; k++)
			if (part->insn[k].target == addr && part->insn[k].kind != CODE_CALL &&
			    ranges_hold(c->ranges, c->n_ranges, part->insn[k].addr))
				return true;
	}
	return false;
}

/* jumps from outside go to addr; those from inside do not */
static bool is_joined(const struct copy *c, const struct code *part, uint64_t addr, uint64_t above)
{
	const struct code_insn *from;
	bool from_outside = false;

	for (uint32_t it = 0; code_next_pred(part, addr, &it, &from);) {
		if (!ranges_hold(c->ranges, c->n_ranges, from->addr))
			from_outside = true;
		else if (from->addr != above)
			return false;
	}
	return from_outside;
}

static uint32_t drop_equal(uint64_t *v, uint32_t n)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++)
		if (!kept || v[kept - 1] != v[i])
			v[kept++] = v[i];
	return kept;
}

/*
 * Control may come in right behind the first instructions, too, when another way has done their work already (a load that
 * both ways need, a loop whose first pass is apart). Where straight code leads from the entry to such a place, each
 * call passes there, and only calls do.
 */
static uint64_t join_of(const struct copy *c, uint64_t entry)
{
	enum { MAX_STEPS = 8 };

	for (uint32_t p = 0; c->around->is_known && p < c->around->n; p++) {
		const struct code *part = &c->around->part[p];
		const struct code_insn *i = code_at(part, entry);

		for (int step = 0; i && step < MAX_STEPS; step++) {
			uint64_t next = i->addr + i->len;

			if (i->kind == CODE_JCC || i->kind == CODE_CALL ||
			    i->kind == CODE_CALL_INDIRECT || !code_falls_through(i) ||
			    !ranges_hold(c->ranges, c->n_ranges, next))
				break;
			if (is_joined(c, part, next, i->addr))
				return next;
			i = code_at(part, next);
		}
	}
	return entry;
}

static bool is_gnu(Dwarf_Die *die)
{
	Dwarf_Attribute attr;
	Dwarf_Die unit;
	const char *producer = NULL;

	if (dwarf_diecu(die, &unit, NULL, NULL) && dwarf_attr(&unit, DW_AT_producer, &attr))
		producer = dwarf_formstring(&attr);
	return producer && strncmp(producer, "GNU ", 4) == 0;
}

/* without DW_AT_entry_pc: the first range that is entered from outside */
static uint64_t first_entered(struct copy *c)
{
	if (c->n_ranges == 1)
		return c->ranges[0].start;
	for (uint32_t i = 0; i < c->n_ranges; i++)
		if (around_entered(c->around, c->ranges, c->n_ranges, c->ranges[i].start) ==
		    ENTERED_OUTSIDE)
			return c->ranges[i].start;
	return c->ranges[0].start;
}

uint32_t dwfile_inline_entries(struct dwarf_file *f, Dwarf_Die *die, Dwarf_Die *outer,
			       const struct di_range *ranges, uint32_t n_ranges, uint64_t **entries,
			       bool *is_approximate)
{
	struct copy c = {
		f, outer, ranges, n_ranges, .is_gnu = is_gnu(die), .around = around_of(f, outer)
	};
	uint64_t v[MAX_ENTRIES];
	struct key key = { 0 };
	uint32_t n = 1;

	*is_approximate = false;
	if (!n_ranges)
		return 0;
	if (!get_entry_pc(die, &v[0]) || !ranges_hold(ranges, n_ranges, v[0]))
		v[0] = first_entered(&c);
	if (dwfile_rows(f, die, &c.lines, &c.n_lines) &&
	    key_at(c.lines, c.n_lines, v[0], dwfile_attr_file(die, DW_AT_decl_file), &key))
		n = add_copies(&c, &key, v, n, MAX_ENTRIES, is_approximate);
	for (uint32_t i = 0; i < n; i++)
		v[i] = join_of(&c, v[i]);
	qsort(v, n, sizeof(*v), compare_u64);
	n = drop_equal(v, n);
	for (uint32_t i = 0; i < n && !*is_approximate; i++)
		*is_approximate = is_repeated(&c, v[i]);
	*entries = arena_array(&f->scratch, uint64_t, n);
	memcpy(*entries, v, n * sizeof(*v));
	return n;
}
