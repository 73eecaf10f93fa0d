/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which functions is an address in, the inlined ones included, and at which lines? Runs in the worker, for stacks: the index
 * gives the subprogram, its entry is descended into where the address lies.
 */
#include "objfile/dwarf_code.h"
#include "objfile/dwarf_name.h"

#include <dwarf.h>

enum { MAX_DEPTH = 64 };

/* the child of die that holds addr: an inlined copy, or a block (which may hold one) */
static bool descend(Dwarf_Die *die, uint64_t addr, Dwarf_Die *ret)
{
	Dwarf_Die child;

	if (dwarf_child(die, &child) != 0)
		return false;
	do {
		int tag = dwarf_tag(&child);

		if ((tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block) &&
		    dwarf_haspc(&child, addr) == 1) {
			*ret = child;
			return true;
		}
	} while (dwarf_siblingof(&child, &child) == 0);
	return false;
}

static struct str name_of(struct dwarf_file *f, const struct dwarf_index *x, Dwarf_Die die)
{
	const struct index_root *r;
	struct str *known;
	uint64_t id, *key;
	Dwarf_Attribute attr;
	Dwarf_Die next;

	for (int i = 0; i < 8 && dwarf_attr(&die, DW_AT_abstract_origin, &attr); i++) {
		if (!dwarf_formref_die(&attr, &next))
			break;
		die = next;
	}
	id = dwfile_id(f, &die);
	known = hashmap_get(&f->frame_names, hashmap_key_u64(&id));
	if (known)
		return *known;
	r = index_root_of(x, id);
	key = arena_new(&f->kept, uint64_t);
	known = arena_new(&f->kept, struct str);
	*key = id;
	*known = arena_str(&f->kept, dwfile_func_name(f, &die, r ? r->scope : 0).path);
	hashmap_put(&f->frame_names, hashmap_key_u64(key), known);
	return *known;
}

static uint32_t get_u32(Dwarf_Die *die, unsigned attribute)
{
	Dwarf_Attribute attr;
	Dwarf_Word v;

	return dwarf_attr(die, attribute, &attr) && dwarf_formudata(&attr, &v) == 0 ? (uint32_t)v
										    : 0;
}

/* the row that says whose line the instruction at addr is */
static bool row_of(struct dwarf_file *f, Dwarf_Die *die, uint64_t addr, struct row *ret)
{
	Dwarf_Lines *lines;
	size_t n, i;

	if (!dwfile_rows(f, die, &lines, &n))
		return false;
	i = dwfile_row_at(lines, n, addr + 1);
	return i > 0 && dwfile_row(lines, i - 1, ret) && !ret->is_end;
}

static void put_frame(struct wire_out *out, struct str func, struct str file, uint32_t line,
		      uint32_t column, bool is_inlined)
{
	wire_put_str(out, func);
	wire_put_str(out, file);
	wire_put_u32(out, line);
	wire_put_u32(out, column);
	wire_put_u8(out, is_inlined);
}

struct err *dwarf_do_frames(struct dwarf_file *f, struct wire_in *in, struct wire_out *out)
{
	uint64_t addr = wire_get_u64(in);
	Dwarf_Die chain[MAX_DEPTH], die;
	const struct index_code *c;
	const struct dwarf_index *x;
	struct row row = { 0 };
	struct str file;
	uint32_t n = 0;

	TRY(index_get(f, &x));
	c = dwfile_code_at(f, x, addr);
	if (!c || !dwfile_die(f, c->die, &die)) {
		wire_put_u32(out, 0);
		return NULL;
	}
	chain[n++] = die;
	for (int i = 0; i < MAX_DEPTH * 4 && n < MAX_DEPTH && descend(&die, addr, &die); i++)
		if (dwarf_tag(&die) == DW_TAG_inlined_subroutine)
			chain[n++] = die;
	row_of(f, &chain[0], addr, &row);
	wire_put_u32(out, n);
	file = str_from(row.file);
	while (n--) {
		bool is_inlined = n > 0;

		put_frame(out, name_of(f, x, chain[n]), file, row.line, row.column, is_inlined);
		if (!is_inlined)
			break;
		/* the frame around it stands at the call */
		file = dwfile_attr_file(&chain[n], DW_AT_call_file);
		row.line = get_u32(&chain[n], DW_AT_call_line);
		row.column = get_u32(&chain[n], DW_AT_call_column);
	}
	return NULL;
}
