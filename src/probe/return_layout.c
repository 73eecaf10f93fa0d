/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where code begins and ends in files whose symbols do not say it: by the table of unwinding (.eh_frame_hdr), which has an
 * entry for each function and each part of one that the compiler moved away; and where a jump through a slot of the
 * global offset table goes, when that is a place of the same file. Foreign bytes: what does not fit is "not known".
 *
 * Formats: LSB core specification 5.0, "Exception Frames"; System V ABI, AMD64 supplement, "Relocation".
 */
#include "probe/returns.h"

#include "objfile/symtab.h"

#include <elf.h>

enum {
	ENC_PCREL_SDATA4 = 0x1b,
	ENC_UDATA4 = 0x03,
	ENC_DATAREL_SDATA4 = 0x3b,
	HEADER = 12, /* version, three encodings, address of .eh_frame, number of entries */
	ENTRY = 8,
};

/* the entry of the sorted table that begins last before addr: the address of its FDE; 0: none */
static uint64_t find_fde(struct bytes table, uint64_t base, uint64_t addr, uint64_t *start)
{
	size_t n = (table.n - HEADER) / ENTRY, lo = 0;

	while (lo < n) {
		size_t mid = lo + (n - lo) / 2;

		bytes_seek(&table, HEADER + mid * ENTRY);
		if (base + (uint64_t)(int64_t)(int32_t)bytes_u32(&table) <= addr)
			lo = mid + 1;
		else
			n = mid;
	}
	if (lo == 0)
		return 0;
	bytes_seek(&table, HEADER + (lo - 1) * ENTRY);
	*start = base + (uint64_t)(int64_t)(int32_t)bytes_u32(&table);
	return base + (uint64_t)(int64_t)(int32_t)bytes_u32(&table);
}

static bool range_by_unwinding(struct objfile *f, uint64_t addr, struct return_range *ret)
{
	const struct objfile_section *section = objfile_find_section(f, STR(".eh_frame_hdr"));
	uint64_t start, fde;
	struct bytes table;
	struct err *e;
	int32_t head[4]; /* length, distance to the CIE, start, size */

	if (!section)
		return false;
	e = objfile_section_bytes(f, section, &table);
	if (e) {
		err_free(e);
		return false;
	}
	if (table.n < HEADER || table.p[0] != 1 || table.p[2] != ENC_UDATA4 ||
	    table.p[3] != ENC_DATAREL_SDATA4)
		return false;
	fde = find_fde(table, section->addr, addr, &start);
	/* its start is written relative to where it stands, unless the encoding is another one */
	if (!fde || !objfile_read_vaddr(f, fde, head, sizeof(head)) ||
	    fde + 8 + (uint64_t)(int64_t)head[2] != start || head[3] <= 0 ||
	    addr - start >= (uint64_t)head[3] || start + (uint64_t)head[3] < start)
		return false;
	*ret = (struct return_range){ start, start + (uint64_t)head[3] };
	return true;
}

bool layout_range_at(struct objfile *f, uint64_t addr, struct return_range *ret,
		     const struct symbol **symbol)
{
	const struct objfile_section *section = objfile_section_at(f, addr);
	const struct symbol *s = symtab_at(objfile_symtab(f), addr);

	*symbol = NULL;
	if (!section || !(section->flags & SHF_EXECINSTR) || str_starts(section->name, STR(".plt")))
		return false;
	if (s && s->size && addr - s->addr < s->size && s->addr + s->size > s->addr) {
		if (s->type == SYMBOL_IFUNC || s->type == SYMBOL_OBJECT)
			return false;
		*symbol = s;
		*ret = (struct return_range){ s->addr, s->addr + s->size };
		return true;
	}
	return range_by_unwinding(f, addr, ret);
}

uint64_t layout_slot_target(struct objfile *f, uint64_t slot)
{
	const struct objfile_section *rela = objfile_find_section(f, STR(".rela.dyn"));
	const struct objfile_section *home = objfile_section_at(f, slot);
	struct bytes b = { 0 };
	uint64_t value = 0;
	struct err *e;

	/* a variable may hold something else by now: only what the loader makes read-only is sure */
	if (!home ||
	    !(str_starts(home->name, STR(".got")) || str_starts(home->name, STR(".data.rel.ro"))))
		return 0;
	e = rela ? objfile_section_bytes(f, rela, &b) : NULL;
	if (e) {
		err_free(e);
		return 0;
	}
	while (bytes_left(&b) >= sizeof(Elf64_Rela)) {
		Elf64_Rela r;

		memcpy(&r, bytes_take(&b, sizeof(r)), sizeof(r));
		if (r.r_offset != slot)
			continue;
		/* any other kind is filled in by name, from whichever file has it */
		return ELF64_R_TYPE(r.r_info) == R_X86_64_RELATIVE ? (uint64_t)r.r_addend : 0;
	}
	/* packed relocations (.relr.dyn), and programs at fixed addresses, have the address in place */
	if (!objfile_read_vaddr(f, slot, &value, sizeof(value)))
		return 0;
	return value;
}

bool layout_is_library(struct objfile *f)
{
	const struct objfile_section *dynamic = objfile_find_section(f, STR(".dynamic"));
	struct bytes entries;
	struct err *e;

	if (f->kind != OBJFILE_DYN || !dynamic)
		return false;
	if (!f->interp.n)
		return true;
	e = objfile_section_bytes(f, dynamic, &entries);
	if (e) {
		err_free(e);
		return false;
	}
	while (bytes_left(&entries) >= sizeof(Elf64_Dyn)) {
		uint64_t tag = bytes_u64(&entries);

		bytes_u64(&entries);
		if (tag == DT_NULL)
			break;
		if (tag == DT_SONAME)
			return true;
	}
	return false;
}
