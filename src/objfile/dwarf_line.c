/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Line tables in the worker: rows by address, by line; see dwarf_code.h. libdw decodes a unit's table at the first question. */
#include "objfile/dwarf_code.h"

#include "objfile/dwarf_flow.h"
#include "objfile/dwarf_name.h"

#include <dwarf.h>
#include <stdlib.h>

bool dwfile_rows(struct dwarf_file *f, Dwarf_Die *die, Dwarf_Lines **lines, size_t *n)
{
	Dwarf_Die unit;

	return dwarf_diecu(die, &unit, NULL, NULL) && dwarf_getsrclines(&unit, lines, n) == 0 && *n;
}

size_t dwfile_row_at(Dwarf_Lines *lines, size_t n, uint64_t addr)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		Dwarf_Line *line = dwarf_onesrcline(lines, mid);
		Dwarf_Addr at = 0;

		if (line && dwarf_lineaddr(line, &at) == 0 && at < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool dwfile_row(Dwarf_Lines *lines, size_t i, struct row *ret)
{
	Dwarf_Line *line = dwarf_onesrcline(lines, i);
	Dwarf_Addr addr;
	int number, column;

	*ret = (struct row){ 0 };
	if (!line || dwarf_lineaddr(line, &addr) || dwarf_lineno(line, &number) ||
	    dwarf_linecol(line, &column) || dwarf_linebeginstatement(line, &ret->is_stmt) ||
	    dwarf_lineprologueend(line, &ret->is_prologue_end) ||
	    dwarf_lineendsequence(line, &ret->is_end))
		return false;
	ret->addr = addr;
	ret->line = (uint32_t)number;
	ret->column = (uint32_t)column;
	ret->file = dwarf_linesrc(line, NULL, NULL);
	return true;
}

/* ---- rows on the wire ---- */

static void put_row(struct wire_out *out, const struct row *r)
{
	wire_put_u64(out, r->addr);
	wire_put_str(out, str_from(r->file));
	wire_put_u32(out, r->line);
	wire_put_u32(out, r->column);
	wire_put_u8(out, r->is_stmt);
	wire_put_u8(out, r->is_prologue_end);
}

struct err *dwarf_do_rows(struct dwarf_file *f, struct wire_in *in, struct wire_out *out)
{
	uint64_t start = wire_get_u64(in), end = wire_get_u64(in);
	size_t count = wire_put_later(out), n;
	Dwarf_Lines *lines;
	uint32_t n_rows = 0;
	Dwarf_Die unit;
	struct row row;

	/* a range lies within a function, thus within a unit */
	if (!dwfile_unit_at(f, start, &unit) || !dwfile_rows(f, &unit, &lines, &n))
		return NULL;
	for (size_t i = dwfile_row_at(lines, n, start);
	     i < n && dwfile_row(lines, i, &row) && row.addr < end; i++) {
		if (row.is_end)
			continue;
		put_row(out, &row);
		n_rows++;
	}
	wire_set_u32(out, count, n_rows);
	return NULL;
}

/* ---- by line ---- */

/* rows of the line that lie behind each other, and where its first statement begins */
struct run {
	struct di_range range;
	struct row first;
};

struct line_search {
	struct dwarf_file *f;
	struct str file; /* last components */
	uint32_t line, column;
	uint32_t below, above; /* nearest lines with code */
	const char *last_file; /* what was compared last, and the outcome */
	bool is_last_file;
	VEC(struct run) runs;
};

static bool is_file(struct line_search *s, const char *file)
{
	if (file != s->last_file) {
		s->last_file = file;
		s->is_last_file = file && name_file_fits(s->file, str_from(file));
	}
	return s->is_last_file;
}

static bool is_wanted(struct line_search *s, const struct row *r)
{
	if (r->is_end || !r->is_stmt || !r->line || !is_file(s, r->file))
		return false;
	if (r->line == s->line)
		return !s->column || r->column == s->column;
	if (r->line > s->line && (!s->above || r->line < s->above))
		s->above = r->line;
	if (r->line < s->line && r->line > s->below)
		s->below = r->line;
	return false;
}

static bool is_on_line(struct line_search *s, const struct row *r)
{
	return !r->is_end && r->line == s->line && is_file(s, r->file) &&
	       (!s->column || r->column == s->column);
}

static void search_rows(struct line_search *s, Dwarf_Lines *lines, size_t n)
{
	bool in_run = false; /* the last of s->runs goes on */
	struct row row, wanted;

	for (size_t i = 0; i < n;) {
		bool begins = false, goes_on = false;
		uint64_t addr = 0;
		size_t first = i;

		/* all rows of one address; the last of them says whose the instruction is */
		for (; i < n && dwfile_row(lines, i, &row) && (i == first || row.addr == addr);
		     i++) {
			addr = row.addr;
			if (is_wanted(s, &row)) {
				wanted = row;
				begins = true;
			}
			goes_on = is_on_line(s, &row);
		}
		if (i == first)
			break;
		if (in_run && !begins && !goes_on) {
			vec_last(&s->runs).range.end = addr;
			in_run = false;
		} else if (begins && !in_run) {
			vec_push(&s->runs, ((struct run){ { addr, addr + 1 }, wanted }));
			in_run = true;
		}
	}
}

static int compare_runs(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	return x->range.start < y->range.start ? -1 : x->range.start > y->range.start;
}

/* the runs [from, to) of one function: those that are entered from other lines */
static uint32_t put_entered(struct line_search *s, const struct index_code *code, size_t from,
			    size_t to, struct wire_out *out)
{
	struct di_range *r = arena_array(&s->f->scratch, struct di_range, to - from);
	uint32_t n = (uint32_t)(to - from), n_put = 0;
	const struct around *around = NULL;
	Dwarf_Die die;

	for (uint32_t i = 0; i < n; i++)
		r[i] = s->runs.v[from + i].range;
	if (code && n > 1 && dwfile_die(s->f, code->die, &die))
		around = around_of(s->f, &die);
	for (uint32_t i = 0; i < n; i++) {
		if (around && around->is_known &&
		    around_entered(around, r, n, r[i].start) == ENTERED_INSIDE)
			continue;
		put_row(out, &s->runs.v[from + i].first);
		n_put++;
	}
	return n_put;
}

struct err *dwarf_do_lines(struct dwarf_file *f, struct wire_in *in, struct wire_out *out)
{
	struct line_search s = { .f = f, .file = wire_get_str(in) };
	const struct dwarf_index *x;
	size_t count, from = 0, n;
	Dwarf_CU *cu = NULL;
	uint32_t n_put = 0;
	Dwarf_Lines *lines;
	Dwarf_Die die;

	s.line = wire_get_u32(in);
	s.column = wire_get_u32(in);
	TRY(index_get(f, &x));
	while (dwarf_get_units(f->dwarf, cu, &cu, NULL, NULL, &die, NULL) == 0)
		if (dwfile_unit_names_file(f, &die, s.file) &&
		    dwarf_getsrclines(&die, &lines, &n) == 0)
			search_rows(&s, lines, n);
	if (s.runs.n)
		qsort(s.runs.v, s.runs.n, sizeof(*s.runs.v), compare_runs);
	wire_put_u32(out, s.runs.n ? 0 : s.above ? s.above : s.below);
	count = wire_put_later(out);
	while (from < s.runs.n) {
		const struct index_code *code = dwfile_code_at(f, x, s.runs.v[from].range.start);
		size_t to = from + 1;

		while (to < s.runs.n && code &&
		       dwfile_code_at(f, x, s.runs.v[to].range.start) == code)
			to++;
		/* rows outside of any code are what the linker dropped */
		if (objfile_is_exec_vaddr(f->code, s.runs.v[from].range.start))
			n_put += put_entered(&s, code, from, to, out);
		from = to;
	}
	wire_set_u32(out, count, n_put);
	vec_free(&s.runs);
	return NULL;
}
