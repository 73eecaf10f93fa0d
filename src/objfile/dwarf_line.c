/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Line tables in the worker: rows by address, by line; see dwarf_code.h. libdw decodes a unit's table at the first question. */
#include "objfile/dwarf_code.h"

#include <dwarf.h>

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
