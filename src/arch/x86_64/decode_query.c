/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions about a decoded function: boundaries, edges, what an indirect jump is. Reads struct code only. */
#include "arch/x86_64/decode.h"

/* how many instructions before an indirect jump may hold the computation of its target */
enum { LOOK_BACK = 24 };

/* index of the last instruction that begins at or before addr, or n */
static uint32_t find(const struct code *c, uint64_t addr)
{
	uint32_t lo = 0, hi = c->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (c->insn[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? lo - 1 : c->n;
}

const struct code_insn *code_at(const struct code *c, uint64_t addr)
{
	uint32_t k = find(c, addr);

	return k < c->n && c->insn[k].addr == addr ? &c->insn[k] : NULL;
}

const struct code_insn *code_holding(const struct code *c, uint64_t addr)
{
	uint32_t k = find(c, addr);

	return k < c->n && addr - c->insn[k].addr < c->insn[k].len ? &c->insn[k] : NULL;
}

enum code_boundary code_is_boundary(const struct code *c, uint64_t addr)
{
	const struct code_insn *i = code_holding(c, addr);

	if (!i)
		return addr == c->end && c->n_bad == 0 ? CODE_BOUNDARY_YES : CODE_BOUNDARY_UNKNOWN;
	return i->addr == addr ? CODE_BOUNDARY_YES : CODE_BOUNDARY_NO;
}

bool code_falls_through(const struct code_insn *i)
{
	return i->kind != CODE_RET && i->kind != CODE_JMP && i->kind != CODE_JMP_INDIRECT &&
	       i->kind != CODE_TRAP;
}

bool code_is_jump_out(const struct code *c, const struct code_insn *i)
{
	return (i->kind == CODE_JMP || i->kind == CODE_JCC) &&
	       (i->target < c->start || i->target >= c->end);
}

/*
 * A compiler's switch: movslq (table,index,4),r; add table,r; jmp *r, or mov (table,index,8),r; jmp *r. Looked for
 * backwards from the jump, through the blocks as they lie: the register that it goes through was loaded with a
 * scaled index, or had something added to it.
 */
static enum code_indirect by_register(const struct code *c, uint32_t at, uint16_t reg)
{
	uint32_t least = at > LOOK_BACK ? at - LOOK_BACK : 0;

	for (uint32_t k = at; k-- > least;) {
		const struct code_insn *i = &c->insn[k];

		if (!(i->writes & reg))
			continue;
		if (i->kind != CODE_OTHER)
			return CODE_INDIRECT_UNKNOWN;
		/* loaded from memory: an entry of a table has an index */
		if (i->flags & CODE_MEM_READ)
			return i->mem_index != CODE_NO_REG && i->mem_scale >= 4
				       ? CODE_INDIRECT_TABLE
				       : CODE_INDIRECT_UNKNOWN;
		if (i->reads &
		    reg) /* add base,offset or the like: go on to where the offset came from */
			continue;
		return CODE_INDIRECT_UNKNOWN;
	}
	return CODE_INDIRECT_UNKNOWN;
}

enum code_indirect code_indirect_kind(const struct code *c, const struct code_insn *i)
{
	if (i->kind != CODE_JMP_INDIRECT)
		return CODE_INDIRECT_UNKNOWN;
	if (i->flags & CODE_NOTRACK)
		return CODE_INDIRECT_TABLE;
	if (!(i->flags & CODE_MEM_READ))
		return by_register(c, (uint32_t)(i - c->insn), i->reads);
	if (i->mem_index != CODE_NO_REG)
		return i->mem_scale == 8 ? CODE_INDIRECT_TABLE : CODE_INDIRECT_UNKNOWN;
	/* a slot of the linker's table or a global pointer; a method of an object is jumped to likewise */
	return i->flags & CODE_RIP_RELATIVE || i->mem_base == CODE_NO_REG ? CODE_INDIRECT_TAIL
									  : CODE_INDIRECT_UNKNOWN;
}

bool code_has_indirect_jump(const struct code *c)
{
	for (uint32_t k = 0; k < c->n; k++)
		if (c->insn[k].kind == CODE_JMP_INDIRECT &&
		    code_indirect_kind(c, &c->insn[k]) != CODE_INDIRECT_TAIL)
			return true;
	return false;
}

bool code_next_pred(const struct code *c, uint64_t addr, uint32_t *it, const struct code_insn **ret)
{
	while (*it < c->n) {
		const struct code_insn *i = &c->insn[(*it)++];
		bool jumps = i->kind == CODE_JMP || i->kind == CODE_JCC;

		if ((jumps && i->target == addr) ||
		    (i->addr + i->len == addr && code_falls_through(i))) {
			*ret = i;
			return true;
		}
	}
	return false;
}

bool code_branches_into(const struct code *c, uint64_t from, uint64_t to)
{
	for (uint32_t k = 0; k < c->n; k++) {
		const struct code_insn *i = &c->insn[k];

		if ((i->kind == CODE_JMP || i->kind == CODE_JCC || i->kind == CODE_CALL) &&
		    i->target >= from && i->target < to)
			return true;
	}
	return false;
}
