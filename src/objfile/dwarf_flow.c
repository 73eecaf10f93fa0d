/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Code around an address and who goes there; see dwarf_flow.h. */
#include "objfile/dwarf_flow.h"

#include "objfile/dwarf_code.h"

enum { MAX_CODE = 4 << 20 }; /* bytes of one part that are decoded */

void around_free(struct around *a)
{
	if (!a)
		return;
	for (uint32_t i = 0; i < a->n; i++)
		code_free(&a->part[i]);
	free(a);
}

static void decode(struct dwarf_file *f, Dwarf_Die *outer, struct around *a)
{
	struct di_range *r;
	uint32_t n = dwfile_ranges(f, outer, &r);

	a->entry = dwfile_entry(outer, r, n);
	a->is_known = n > 0 && n <= AROUND_MAX_PARTS;
	for (uint32_t i = 0; i < n && i < AROUND_MAX_PARTS; i++) {
		size_t size = r[i].end - r[i].start;
		uint8_t *bytes;

		if (size > MAX_CODE) {
			a->is_known = false;
			continue;
		}
		bytes = base_alloc(size);
		if (dwfile_read_code(f, r[i].start, bytes, size))
			code_decode(bytes, size, r[i].start, &a->part[a->n++]);
		else
			a->is_known = false;
		free(bytes);
	}
	for (uint32_t i = 0; i < a->n; i++)
		if (a->part[i].is_doubtful || a->part[i].n_bad)
			a->is_known = false;
}

const struct around *around_of(struct dwarf_file *f, Dwarf_Die *outer)
{
	uint64_t id = dwfile_id(f, outer);

	if (f->around && f->around->outer == id)
		return f->around;
	around_free(f->around);
	f->around = base_alloc(sizeof(*f->around));
	f->around->outer = id;
	decode(f, outer, f->around);
	return f->around;
}

enum entered around_entered(const struct around *a, const struct di_range *r, uint32_t n,
			    uint64_t addr)
{
	bool any = false;

	if (addr == a->entry)
		return ENTERED_OUTSIDE;
	for (uint32_t i = 0; i < a->n; i++) {
		const struct code *c = &a->part[i];
		const struct code_insn *from;

		if (addr >= c->start && addr < c->end) {
			for (uint32_t it = 0; code_next_pred(c, addr, &it, &from);) {
				any = true;
				if (!ranges_hold(r, n, from->addr))
					return ENTERED_OUTSIDE;
			}
			continue;
		}
		for (uint32_t k = 0; k < c->n; k++) {
			from = &c->insn[k];
			if (from->target != addr ||
			    (from->kind != CODE_JMP && from->kind != CODE_JCC))
				continue;
			any = true;
			if (!ranges_hold(r, n, from->addr))
				return ENTERED_OUTSIDE;
		}
	}
	return any ? ENTERED_INSIDE : ENTERED_UNKNOWN;
}
