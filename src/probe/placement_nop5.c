/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Probes that were asked for on a 5-byte nop: USDT sites of some libraries, instructions by offset. Kernels from 6.18 on
 * put a call there, which writes the eight bytes below rsp, where a leaf function may keep its variables (the red zone).
 * The engine tries whether this kernel does (probe_ctx.keeps_red_zone). If so the probe goes behind the nop: the same event
 * with the same registers, when nothing else leads there; and when that cannot be shown, the probe is refused.
 */
#include "probe/placement.h"

#include "objfile/elf.h"
#include "objfile/names.h"
#include "objfile/symtab.h"

enum { NOP5 = 5 };

static bool is_nop5(struct objfile *f, uint64_t addr)
{
	uint8_t bytes[NOP5];
	CODE_AUTO c = { 0 };

	if (!objfile_read_vaddr(f, addr, bytes, sizeof(bytes)))
		return false;
	code_decode(bytes, sizeof(bytes), addr, &c);
	return c.n == 1 && c.insn[0].flags & CODE_NOP5;
}

/* at a function's entry nothing lives below rsp */
static bool is_at_entry(struct objfile *f, const struct symbol *s, uint64_t addr)
{
	uint8_t bytes[4];
	CODE_AUTO c = { 0 };

	if (!s || s->addr == addr)
		return s != NULL;
	if (addr - s->addr != sizeof(bytes) ||
	    !objfile_read_vaddr(f, s->addr, bytes, sizeof(bytes)))
		return false;
	code_decode(bytes, sizeof(bytes), s->addr, &c);
	return c.n == 1 && c.insn[0].kind == CODE_ENDBR;
}

/* the first instruction behind the nops at addr, when control comes there from them alone; 0: not known */
static uint64_t behind(struct objfile *f, const struct symbol *s, uint64_t addr)
{
	struct placement_edges edges = { 0 };
	CODE_AUTO c = { 0 };
	const struct code_insn *i = NULL;
	uint64_t found = 0;

	if (!placement_decode(f, s->addr, s->size, &c) || c.is_doubtful || !code_at(&c, addr))
		return 0;
	placement_edges_find(f, &c, &edges);
	if (edges.is_complete && c.n_bad == 0)
		for (i = code_at(&c, addr + NOP5); i && i < c.insn + c.n; i++) {
			bool is_entered = i->flags & CODE_TARGET;

			vec_each(t, &edges.targets)
				is_entered |= *t == i->addr;
			if (is_entered || i->flags & CODE_REFUSED)
				break;
			if (!(i->flags & CODE_NOP5)) {
				found = i->addr;
				break;
			}
		}
	placement_edges_free(&edges);
	return found;
}

bool placement_avoid_nop5(struct match *m, struct objfile *f, struct probe_point *p)
{
	const struct symbol *s;
	uint64_t to, offset;

	if (!is_nop5(f, p->address))
		return true;
	s = symtab_at(objfile_symtab(f), p->address);
	if (is_at_entry(f, s, p->address) || (m->c->keeps_red_zone && m->c->keeps_red_zone()))
		return true;
	to = s ? behind(f, s, p->address) : 0;
	if (to && objfile_vaddr_to_offset(f, to, &offset)) {
		p->why = "placed behind a 5-byte nop, where this kernel overwrites the red zone";
		p->place_delta = (uint32_t)(to - p->address);
		p->address = to;
		p->file_offset = offset;
		return true;
	}
	if (m->c->is_unsafe)
		return true;
	/* one of many that nobody named: the others are worth more */
	if (name_is_wild(m->spec->func)) {
		if (!m->is_nop5_said)
			diag_warning(m->diags, D_PROBE_PLACE, m->spec->ap->at,
				     "'%.*s' is left out, and others may be: at 0x%llx it would "
				     "stand on a 5-byte nop, where this kernel overwrites what the "
				     "program keeps below its stack pointer",
				     STR_ARG(p->name), (unsigned long long)p->address);
		m->is_nop5_said = true;
		return false;
	}
	match_unplaceable(
		m,
		"'%.*s' stands on a 5-byte nop at 0x%llx: this kernel would overwrite what the program "
		"keeps below its stack pointer.\n"
		"Use --unsafe to force attachment. WARNING: This option could lead to data corruption in "
		"the target process.",
		STR_ARG(p->name), (unsigned long long)p->address);
	return false;
}
