/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine of DWARF 5, 6.4.2: runs an entry's program and writes a row for each address at which something changes. Of the
 * registers three are kept: where the frame begins, where rbp was saved, where the return address is. Part of cfi.c.
 */
#include "objfile/cfi_private.h"

/* ---- numbers ---- */

uint64_t cfi_read_value(struct bytes *b, uint8_t encoding)
{
	switch (encoding & 0x0f) {
	case 0x00:
	case 0x04:
	case 0x0c: return bytes_u64(b);
	case 0x01: return bytes_uleb(b);
	case 0x02: return bytes_u16(b);
	case 0x03: return bytes_u32(b);
	case 0x09: return (uint64_t)bytes_sleb(b);
	case 0x0a: return (uint64_t)(int16_t)bytes_u16(b);
	case 0x0b: return (uint64_t)(int32_t)bytes_u32(b);
	default: b->bad = true; return 0;
	}
}

uint64_t cfi_read_pointer(const struct cfi_reader *r, struct bytes *b, uint8_t encoding)
{
	uint64_t at = r->addr + b->pos, v;

	/* relative to the text, the data or the function: nobody's linker writes these for x86-64 */
	if (encoding & PE_INDIRECT || ((encoding & PE_RELATIVE_MASK) != PE_ABSOLUTE &&
				       (encoding & PE_RELATIVE_MASK) != PE_PCREL)) {
		b->bad = true;
		return 0;
	}
	v = cfi_read_value(b, encoding);
	return (encoding & PE_RELATIVE_MASK) == PE_PCREL ? v + at : v;
}

/* ---- expressions: the few that compilers and libraries write ---- */

enum {
	OP_DEREF = 0x06,
	OP_AND = 0x1a,
	OP_PLUS = 0x22,
	OP_PLUS_UCONST = 0x23,
	OP_SHL = 0x24,
	OP_GE = 0x2a,
	OP_LIT0 = 0x30,
	OP_BREG0 = 0x70
};

static bool take_op(struct bytes *e, uint8_t op)
{
	return bytes_u8(e) == op && !e->bad;
}

static uint8_t take_literal(struct bytes *e)
{
	uint8_t op = bytes_u8(e);

	if (op < OP_LIT0 || op > OP_LIT0 + 31)
		e->bad = true;
	return (uint8_t)(op - OP_LIT0);
}

/* what stands behind breg7 8: (((rip & 15) >= K) << 3) + */
static bool is_plt(struct bytes *e, int64_t *k)
{
	return take_op(e, OP_BREG0 + REG_RA) && bytes_sleb(e) == 0 && take_literal(e) == 15 &&
	       take_op(e, OP_AND) && (*k = take_literal(e), take_op(e, OP_GE)) &&
	       take_literal(e) == 3 && take_op(e, OP_SHL) && take_op(e, OP_PLUS);
}

static void set_cfa_expression(struct cfi_state *s, struct bytes e)
{
	uint8_t op = bytes_u8(&e);
	int64_t k;

	s->form = CFA_ODD;
	if (op < OP_BREG0 || op >= OP_BREG0 + 32)
		return;
	s->reg = op - OP_BREG0;
	s->offset = bytes_sleb(&e);
	if (e.bad)
		return;
	if (!bytes_left(&e)) {
		s->form = CFA_REG;
		return;
	}
	if (e.p[e.pos] == OP_DEREF) {
		bytes_u8(&e);
		if (!bytes_left(&e))
			s->form = CFA_DEREF;
		else if (take_op(&e, OP_PLUS_UCONST) && bytes_uleb(&e) == 8 && !bytes_left(&e))
			s->form = CFA_DEREF_8;
	} else if (s->reg == REG_SP && s->offset == 8 && is_plt(&e, &k) && !e.bad) {
		s->form = CFA_PLT;
		s->offset = k;
	}
}

static struct cfi_place place_of_expression(struct bytes e)
{
	uint8_t op = bytes_u8(&e);
	struct cfi_place p = { .how = SAVED_AT_REG, .reg = op - (uint32_t)OP_BREG0 };

	if (op >= OP_BREG0 && op < OP_BREG0 + 32)
		p.offset = bytes_sleb(&e);
	if (op < OP_BREG0 || op >= OP_BREG0 + 32 || e.bad || bytes_left(&e))
		return (struct cfi_place){ .how = SAVED_ODD };
	return p;
}

/* ---- rows ---- */

static bool fits(int64_t offset)
{
	return offset >= -(1 << 23) && offset < 1 << 23;
}

/* the registers of a signal frame lie where the kernel put them, rsp + 160 and so on: all three must say so */
static uint32_t signal_rule(const struct cfi_state *s)
{
	if (s->form == CFA_DEREF && s->reg == REG_SP && fits(s->offset) &&
	    s->ra.how == SAVED_AT_REG && s->ra.reg == REG_SP &&
	    s->ra.offset == s->offset + CFI_SIGNAL_IP && s->bp.how == SAVED_AT_REG &&
	    s->bp.reg == REG_SP && s->bp.offset == s->offset + CFI_SIGNAL_BP)
		return cfi_rule(CFI_SIGNAL, 0, (int32_t)s->offset);
	return cfi_rule(CFI_STOP, 0, CFI_STOP_ODD);
}

static uint32_t bp_of(const struct cfi_place *p)
{
	if (p->how == SAVED_SAME)
		return CFI_BP_SAME;
	if (p->how == SAVED_AT_CFA && p->offset < 0 && p->offset >= -29 * 8 && p->offset % 8 == 0)
		return (uint32_t)(-p->offset / 8);
	if (p->how == SAVED_AT_REG && p->reg == REG_BP && p->offset == 0)
		return CFI_BP_AT_BP;
	return CFI_BP_LOST;
}

static uint32_t rule_of(const struct cfi_state *s, bool is_signal)
{
	const uint32_t odd = cfi_rule(CFI_STOP, 0, CFI_STOP_ODD);
	uint32_t bp = bp_of(&s->bp);
	int32_t offset = (int32_t)s->offset;

	if (s->ra.how == SAVED_UNDEFINED)
		return cfi_rule(CFI_STOP, 0, CFI_STOP_END);
	if (is_signal && s->ra.how == SAVED_AT_REG)
		return signal_rule(s);
	if (s->ra.how != SAVED_AT_CFA || s->ra.offset != -8 || !fits(s->offset))
		return odd;
	switch (s->form) {
	case CFA_REG:
		if (s->reg == REG_SP)
			return cfi_rule(CFI_SP, bp, offset);
		return s->reg == REG_BP ? cfi_rule(CFI_BP, bp, offset) : odd;
	case CFA_DEREF: return s->reg == REG_BP ? cfi_rule(CFI_BP_DEREF, bp, offset) : odd;
	case CFA_DEREF_8: return s->reg == REG_SP ? cfi_rule(CFI_SP_DEREF, bp, offset) : odd;
	case CFA_PLT: return cfi_rule(CFI_PLT, bp, offset);
	default: return odd;
	}
}

/* ---- the machine ---- */

struct machine {
	struct cfi_reader *r;
	const struct cfi_cie *cie;
	struct cfi_state now, stack[STATES_MAX];
	unsigned depth;
	uint64_t pc;
	bool has_rows; /* of an FDE */
};

static struct cfi_place *place_for(struct machine *m, uint64_t reg)
{
	return reg == REG_BP ? &m->now.bp : reg == REG_RA ? &m->now.ra : NULL;
}

static void set_place(struct machine *m, uint64_t reg, enum cfi_saved how, int64_t offset)
{
	struct cfi_place *p = place_for(m, reg);

	if (p)
		*p = (struct cfi_place){ .how = how, .offset = offset };
}

static void restore_place(struct machine *m, uint64_t reg)
{
	struct cfi_place *p = place_for(m, reg);

	if (p)
		*p = reg == REG_BP ? m->cie->initial.bp : m->cie->initial.ra;
}

static void set_cfa(struct machine *m, uint64_t reg, int64_t offset)
{
	m->now.form = CFA_REG;
	m->now.reg = reg > 255 ? 255 : (uint32_t)reg;
	m->now.offset = offset;
}

static void put_row(struct machine *m)
{
	struct cfi_raw_row row = { m->pc, rule_of(&m->now, m->cie->is_signal) };

	if (m->has_rows)
		vec_push(&m->r->raw.rows, row);
}

static void advance(struct machine *m, uint64_t by)
{
	put_row(m);
	m->pc += by * m->cie->code_align;
}

struct bytes cfi_take_block(struct bytes *b)
{
	uint64_t n = bytes_uleb(b);
	const uint8_t *p = n <= bytes_left(b) ? bytes_take(b, n) : NULL;

	if (!p)
		b->bad = true;
	return bytes_make(p ? p : (const uint8_t *)"", p ? n : 0);
}

static void set_expression(struct machine *m, struct bytes *b, bool is_value)
{
	uint64_t reg = bytes_uleb(b);
	struct bytes e = cfi_take_block(b);
	struct cfi_place *p = place_for(m, reg);

	if (p)
		*p = is_value ? (struct cfi_place){ .how = SAVED_ODD } : place_of_expression(e);
}

/* the operations that need no more than their operands; false: not known, and nothing behind it can be read */
static bool run_extended(struct machine *m, uint8_t op, struct bytes *b)
{
	int64_t align = m->cie->data_align;
	uint64_t reg;

	switch (op) {
	case 0x00: return true;
	case 0x01:
		put_row(m);
		m->pc = cfi_read_pointer(m->r, b, m->cie->encoding);
		return true;
	case 0x02: advance(m, bytes_u8(b)); return true;
	case 0x03: advance(m, bytes_u16(b)); return true;
	case 0x04: advance(m, bytes_u32(b)); return true;
	case 0x05:
		reg = bytes_uleb(b);
		set_place(m, reg, SAVED_AT_CFA, (int64_t)(bytes_uleb(b) * (uint64_t)align));
		return true;
	case 0x06: restore_place(m, bytes_uleb(b)); return true;
	case 0x07: set_place(m, bytes_uleb(b), SAVED_UNDEFINED, 0); return true;
	case 0x08: set_place(m, bytes_uleb(b), SAVED_SAME, 0); return true;
	case 0x09:
	case 0x14: /* in another register; the value itself is CFA + offset */
	case 0x15:
		set_place(m, bytes_uleb(b), SAVED_ODD, 0);
		bytes_uleb(b);
		return true;
	case 0x0a:
		if (m->depth == STATES_MAX)
			return false;
		m->stack[m->depth++] = m->now;
		return true;
	case 0x0b:
		if (!m->depth)
			return false;
		m->now = m->stack[--m->depth];
		return true;
	case 0x0c:
		reg = bytes_uleb(b);
		set_cfa(m, reg, (int64_t)bytes_uleb(b));
		return true;
	case 0x0d: set_cfa(m, bytes_uleb(b), m->now.offset); return true;
	case 0x0e: m->now.offset = (int64_t)bytes_uleb(b); return true;
	case 0x0f: set_cfa_expression(&m->now, cfi_take_block(b)); return true;
	case 0x10: set_expression(m, b, false); return true;
	case 0x11:
		reg = bytes_uleb(b);
		set_place(m, reg, SAVED_AT_CFA,
			  (int64_t)((uint64_t)bytes_sleb(b) * (uint64_t)align));
		return true;
	case 0x12:
		reg = bytes_uleb(b);
		set_cfa(m, reg, (int64_t)((uint64_t)bytes_sleb(b) * (uint64_t)align));
		return true;
	case 0x13:
		m->now.offset = (int64_t)((uint64_t)bytes_sleb(b) * (uint64_t)align);
		return true;
	case 0x16: set_expression(m, b, true); return true;
	case 0x2e: bytes_uleb(b); return true; /* size of pushed arguments */
	default: return false;
	}
}

static bool run(struct machine *m, struct bytes b)
{
	while (bytes_left(&b) && !b.bad) {
		uint8_t op = bytes_u8(&b), low = op & 0x3f;

		switch (op >> 6) {
		case 1: advance(m, low); break;
		case 2:
			set_place(m, low, SAVED_AT_CFA,
				  (int64_t)(bytes_uleb(&b) * (uint64_t)m->cie->data_align));
			break;
		case 3: restore_place(m, low); break;
		default:
			if (!run_extended(m, low, &b))
				return false;
		}
	}
	put_row(m);
	return !b.bad;
}

bool cfi_run(struct cfi_reader *r, const struct cfi_cie *c, struct cfi_state *state, uint64_t pc,
	     bool has_rows, struct bytes program)
{
	struct machine m = { .r = r, .cie = c, .now = *state, .pc = pc, .has_rows = has_rows };
	bool ok = run(&m, program);

	*state = m.now;
	return ok;
}
