/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads .eh_frame and .debug_frame; see cfi.h. Every entry is run once through the little machine of DWARF 5, 6.4.2, of which
 * only three registers are kept: where the frame begins, where rbp was saved, where the return address is.
 *
 * The bytes are hostile. An entry that cannot be read is left out and counted; the common part of many entries (CIE) is
 * read once however many refer to it, and each byte of an entry makes one row at most: the work is bounded by the size of
 * the section.
 */
#include "objfile/cfi.h"

#include "base/hashmap.h"
#include "objfile/cfi_private.h"

enum { REG_BP = 6, REG_SP = 7, REG_RA = 16, STATES_MAX = 16 };

/* DW_EH_PE_*: how a pointer is written */
enum {
	PE_ABSOLUTE = 0,
	PE_PCREL = 0x10,
	PE_RELATIVE_MASK = 0x70,
	PE_INDIRECT = 0x80,
	PE_OMIT = 0xff
};

enum saved { SAVED_SAME, SAVED_AT_CFA, SAVED_AT_REG, SAVED_UNDEFINED, SAVED_ODD };

struct place { /* of a register's value in the caller */
	enum saved how;
	uint32_t reg; /* AT_REG: in memory at reg + offset */
	int64_t offset;
};

enum cfa_form { CFA_REG, CFA_DEREF, CFA_DEREF_8, CFA_PLT, CFA_ODD };

struct state {
	enum cfa_form form;
	uint32_t reg;
	int64_t offset;
	struct place bp, ra;
};

struct cie {
	uint64_t at;
	uint64_t code_align;
	int64_t data_align;
	uint8_t encoding; /* of addresses in the FDEs */
	bool has_augmentation, is_signal, is_bad;
	struct state initial;
};

struct reader {
	struct bytes b;
	uint64_t addr; /* of the section */
	bool is_debug;
	struct hashmap cies; /* by offset */
	struct arena arena;
	struct cfi_raw raw;
	uint32_t n_bad;
};

/* ---- numbers ---- */

static uint64_t read_uleb(struct bytes *b)
{
	uint64_t v = 0;
	unsigned shift = 0;
	uint8_t c;

	do {
		c = bytes_u8(b);
		if (shift < 64)
			v |= (uint64_t)(c & 0x7f) << shift;
		shift += 7;
	} while (c & 0x80 && !b->bad);
	return v;
}

static int64_t read_sleb(struct bytes *b)
{
	uint64_t v = 0;
	unsigned shift = 0;
	uint8_t c;

	do {
		c = bytes_u8(b);
		if (shift < 64)
			v |= (uint64_t)(c & 0x7f) << shift;
		shift += 7;
	} while (c & 0x80 && !b->bad);
	if (c & 0x40 && shift < 64)
		v |= ~0ULL << shift;
	return (int64_t)v;
}

static uint64_t read_value(struct bytes *b, uint8_t encoding)
{
	switch (encoding & 0x0f) {
	case 0x00:
	case 0x04:
	case 0x0c: return bytes_u64(b);
	case 0x01: return read_uleb(b);
	case 0x02: return bytes_u16(b);
	case 0x03: return bytes_u32(b);
	case 0x09: return (uint64_t)read_sleb(b);
	case 0x0a: return (uint64_t)(int16_t)bytes_u16(b);
	case 0x0b: return (uint64_t)(int32_t)bytes_u32(b);
	default: b->bad = true; return 0;
	}
}

static uint64_t read_pointer(const struct reader *r, struct bytes *b, uint8_t encoding)
{
	uint64_t at = r->addr + b->pos, v;

	/* relative to the text, the data or the function: nobody's linker writes these for x86-64 */
	if (encoding & PE_INDIRECT || ((encoding & PE_RELATIVE_MASK) != PE_ABSOLUTE &&
				       (encoding & PE_RELATIVE_MASK) != PE_PCREL)) {
		b->bad = true;
		return 0;
	}
	v = read_value(b, encoding);
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
	return take_op(e, OP_BREG0 + REG_RA) && read_sleb(e) == 0 && take_literal(e) == 15 &&
	       take_op(e, OP_AND) && (*k = take_literal(e), take_op(e, OP_GE)) &&
	       take_literal(e) == 3 && take_op(e, OP_SHL) && take_op(e, OP_PLUS);
}

static void set_cfa_expression(struct state *s, struct bytes e)
{
	uint8_t op = bytes_u8(&e);
	int64_t k;

	s->form = CFA_ODD;
	if (op < OP_BREG0 || op >= OP_BREG0 + 32)
		return;
	s->reg = op - OP_BREG0;
	s->offset = read_sleb(&e);
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
		else if (take_op(&e, OP_PLUS_UCONST) && read_uleb(&e) == 8 && !bytes_left(&e))
			s->form = CFA_DEREF_8;
	} else if (s->reg == REG_SP && s->offset == 8 && is_plt(&e, &k) && !e.bad) {
		s->form = CFA_PLT;
		s->offset = k;
	}
}

static struct place place_of_expression(struct bytes e)
{
	uint8_t op = bytes_u8(&e);
	struct place p = { .how = SAVED_AT_REG, .reg = op - (uint32_t)OP_BREG0 };

	if (op >= OP_BREG0 && op < OP_BREG0 + 32)
		p.offset = read_sleb(&e);
	if (op < OP_BREG0 || op >= OP_BREG0 + 32 || e.bad || bytes_left(&e))
		return (struct place){ .how = SAVED_ODD };
	return p;
}

/* ---- rows ---- */

static bool fits(int64_t offset)
{
	return offset >= -(1 << 23) && offset < 1 << 23;
}

/* the registers of a signal frame lie where the kernel put them, rsp + 160 and so on: all three must say so */
static uint32_t signal_rule(const struct state *s)
{
	if (s->form == CFA_DEREF && s->reg == REG_SP && fits(s->offset) &&
	    s->ra.how == SAVED_AT_REG && s->ra.reg == REG_SP &&
	    s->ra.offset == s->offset + CFI_SIGNAL_IP && s->bp.how == SAVED_AT_REG &&
	    s->bp.reg == REG_SP && s->bp.offset == s->offset + CFI_SIGNAL_BP)
		return cfi_rule(CFI_SIGNAL, 0, (int32_t)s->offset);
	return cfi_rule(CFI_STOP, 0, CFI_STOP_ODD);
}

static uint32_t bp_of(const struct place *p)
{
	if (p->how == SAVED_SAME)
		return CFI_BP_SAME;
	if (p->how == SAVED_AT_CFA && p->offset < 0 && p->offset >= -29 * 8 && p->offset % 8 == 0)
		return (uint32_t)(-p->offset / 8);
	if (p->how == SAVED_AT_REG && p->reg == REG_BP && p->offset == 0)
		return CFI_BP_AT_BP;
	return CFI_BP_LOST;
}

static uint32_t rule_of(const struct state *s, bool is_signal)
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
	struct reader *r;
	const struct cie *cie;
	struct state now, stack[STATES_MAX];
	unsigned depth;
	uint64_t pc;
	bool has_rows; /* of an FDE */
};

static struct place *place_for(struct machine *m, uint64_t reg)
{
	return reg == REG_BP ? &m->now.bp : reg == REG_RA ? &m->now.ra : NULL;
}

static void set_place(struct machine *m, uint64_t reg, enum saved how, int64_t offset)
{
	struct place *p = place_for(m, reg);

	if (p)
		*p = (struct place){ .how = how, .offset = offset };
}

static void restore_place(struct machine *m, uint64_t reg)
{
	struct place *p = place_for(m, reg);

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

static struct bytes take_block(struct bytes *b)
{
	uint64_t n = read_uleb(b);
	const uint8_t *p = n <= bytes_left(b) ? bytes_take(b, n) : NULL;

	if (!p)
		b->bad = true;
	return bytes_make(p ? p : (const uint8_t *)"", p ? n : 0);
}

static void set_expression(struct machine *m, struct bytes *b, bool is_value)
{
	uint64_t reg = read_uleb(b);
	struct bytes e = take_block(b);
	struct place *p = place_for(m, reg);

	if (p)
		*p = is_value ? (struct place){ .how = SAVED_ODD } : place_of_expression(e);
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
		m->pc = read_pointer(m->r, b, m->cie->encoding);
		return true;
	case 0x02: advance(m, bytes_u8(b)); return true;
	case 0x03: advance(m, bytes_u16(b)); return true;
	case 0x04: advance(m, bytes_u32(b)); return true;
	case 0x05:
		reg = read_uleb(b);
		set_place(m, reg, SAVED_AT_CFA, (int64_t)(read_uleb(b) * (uint64_t)align));
		return true;
	case 0x06: restore_place(m, read_uleb(b)); return true;
	case 0x07: set_place(m, read_uleb(b), SAVED_UNDEFINED, 0); return true;
	case 0x08: set_place(m, read_uleb(b), SAVED_SAME, 0); return true;
	case 0x09:
	case 0x14: /* in another register; the value itself is CFA + offset */
	case 0x15:
		set_place(m, read_uleb(b), SAVED_ODD, 0);
		read_uleb(b);
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
		reg = read_uleb(b);
		set_cfa(m, reg, (int64_t)read_uleb(b));
		return true;
	case 0x0d: set_cfa(m, read_uleb(b), m->now.offset); return true;
	case 0x0e: m->now.offset = (int64_t)read_uleb(b); return true;
	case 0x0f: set_cfa_expression(&m->now, take_block(b)); return true;
	case 0x10: set_expression(m, b, false); return true;
	case 0x11:
		reg = read_uleb(b);
		set_place(m, reg, SAVED_AT_CFA,
			  (int64_t)((uint64_t)read_sleb(b) * (uint64_t)align));
		return true;
	case 0x12:
		reg = read_uleb(b);
		set_cfa(m, reg, (int64_t)((uint64_t)read_sleb(b) * (uint64_t)align));
		return true;
	case 0x13: m->now.offset = (int64_t)((uint64_t)read_sleb(b) * (uint64_t)align); return true;
	case 0x16: set_expression(m, b, true); return true;
	case 0x2e: read_uleb(b); return true; /* size of pushed arguments */
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
				  (int64_t)(read_uleb(&b) * (uint64_t)m->cie->data_align));
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

/* ---- entries ---- */

/* length and id of the entry at the reader's place; e: what is behind the id */
struct entry {
	struct bytes e; /* the whole section up to the entry's end: its positions are the section's */
	uint64_t id, id_at;
	bool is_64, is_end;
};

static bool next_entry(const struct reader *r, struct bytes *b, struct entry *out)
{
	uint64_t n = bytes_u32(b);

	*out = (struct entry){ 0 };
	out->is_64 = n == 0xffffffff;
	if (out->is_64)
		n = bytes_u64(b);
	if (b->bad || n > bytes_left(b))
		return false;
	out->is_end = n == 0;
	out->e = bytes_make(b->p, b->pos + n);
	out->e.pos = out->id_at = b->pos;
	b->pos += n;
	if (out->is_end)
		return true;
	/* in .eh_frame the id has four bytes however long the entry is */
	out->id = out->is_64 && r->is_debug ? bytes_u64(&out->e) : bytes_u32(&out->e);
	return !out->e.bad;
}

static bool is_cie(const struct reader *r, const struct entry *e)
{
	if (!r->is_debug)
		return e->id == 0;
	return e->id == (e->is_64 ? ~0ULL : 0xffffffffULL);
}

static void read_augmentation(struct reader *r, struct cie *c, struct str text, struct bytes *e)
{
	struct bytes data = take_block(e);

	c->has_augmentation = true;
	for (size_t i = 1; i < text.n && !data.bad; i++)
		switch (text.p[i]) {
		case 'R': c->encoding = bytes_u8(&data); break;
		case 'S': c->is_signal = true; break;
		case 'L': bytes_u8(&data); break;
		case 'P': read_value(&data, bytes_u8(&data) & 0x0f); break;
		default: return; /* the block's length is known: what is behind does not matter */
		}
	c->is_bad |= data.bad;
	(void)r;
}

static void read_cie_body(struct reader *r, struct cie *c, struct bytes e)
{
	uint8_t version = bytes_u8(&e);
	struct str text = bytes_cstr(&e);
	struct machine m = { .r = r, .cie = c };
	uint64_t ra;

	c->is_bad = version != 1 && version != 3 && version != 4;
	if (version == 4)
		c->is_bad |= bytes_u8(&e) != 8 || bytes_u8(&e) != 0;
	c->code_align = read_uleb(&e);
	c->data_align = read_sleb(&e);
	ra = version == 1 ? bytes_u8(&e) : read_uleb(&e);
	c->is_bad |= ra != REG_RA || (text.n && text.p[0] != 'z');
	if (text.n && text.p[0] == 'z')
		read_augmentation(r, c, text, &e);
	if (c->is_bad || e.bad || c->encoding == PE_OMIT) {
		c->is_bad = true;
		return;
	}
	c->is_bad = !run(&m, bytes_make(e.p + e.pos, bytes_left(&e)));
	c->initial = m.now;
}

static const struct cie *get_cie(struct reader *r, uint64_t at)
{
	struct cie *c = hashmap_get(&r->cies, hashmap_key_u64(&at));
	struct bytes b = r->b;
	struct entry e;

	if (c)
		return c;
	c = arena_new(&r->arena, struct cie);
	c->at = at;
	bytes_seek(&b, at);
	if (b.bad || !next_entry(r, &b, &e) || e.is_end || !is_cie(r, &e))
		c->is_bad = true;
	else
		read_cie_body(r, c, e.e);
	hashmap_put(&r->cies, hashmap_key_u64(&c->at), c);
	return c;
}

/* false: an entry that cannot be read */
static bool read_fde(struct reader *r, struct entry *e)
{
	uint64_t cie_at = r->is_debug ? e->id : e->id_at - e->id;
	const struct cie *c = get_cie(r, cie_at);
	struct machine m = { .r = r, .cie = c, .has_rows = true };
	struct cfi_func f = { .first = (uint32_t)r->raw.rows.n };
	bool ok;

	if (c->is_bad)
		return false;
	m.now = c->initial;
	m.pc = f.start = read_pointer(r, &e->e, c->encoding);
	f.end = f.start + read_value(&e->e, c->encoding & 0x0f);
	if (c->has_augmentation)
		take_block(&e->e);
	/* start 0: a function that the linker dropped */
	if (e->e.bad || f.end < f.start)
		return false;
	if (f.end == f.start || !f.start)
		return true;
	ok = run(&m, bytes_make(e->e.p + e->e.pos, bytes_left(&e->e)));
	f.n = (uint32_t)r->raw.rows.n - f.first;
	if (ok)
		vec_push(&r->raw.funcs, f);
	else
		r->raw.rows.n = f.first;
	return ok;
}

static void read_entries(struct reader *r)
{
	while (bytes_left(&r->b) >= 4) {
		struct entry e;

		if (!next_entry(r, &r->b, &e)) {
			r->n_bad++;
			return;
		}
		if (e.is_end) { /* crtend.o's terminator; linkers leave it in the middle, too */
			continue;
		}
		if (!is_cie(r, &e) && !read_fde(r, &e))
			r->n_bad++;
	}
}

static void read_section(struct bytes b, uint64_t addr, bool is_debug, struct reader *r)
{
	*r = (struct reader){ .b = b, .addr = addr, .is_debug = is_debug };
	arena_init(&r->arena);
	read_entries(r);
	hashmap_free(&r->cies);
	arena_free(&r->arena);
}

struct err *cfi_table_parse(struct bytes b, uint64_t addr, bool is_debug, uint32_t *n_bad,
			    struct cfi_table **ret)
{
	struct reader r;
	struct err *err;

	read_section(b, addr, is_debug, &r);
	*n_bad = r.n_bad;
	err = cfi_table_make(&r.raw, ret);
	cfi_raw_free(&r.raw);
	return err;
}

/* ---- files ---- */

struct err *cfi_table_of(struct objfile *f, struct cfi_table **ret)
{
	const struct objfile_section *s = objfile_find_section(f, STR(".eh_frame"));
	struct reader r = { 0 };
	struct err *err;
	bool is_go;

	*ret = NULL;
	if (s && s->size) {
		struct bytes b;

		TRY(objfile_section_bytes(f, s, &b));
		read_section(b, s->addr, false, &r);
	}
	/* Go's code is not in that section; its own table covers it */
	is_go = cfi_add_go(f, &r.raw);
	err = cfi_table_make(&r.raw, ret);
	cfi_raw_free(&r.raw);
	if (*ret)
		(*ret)->is_go = is_go;
	return err ? err_wrap(err, "'%s'", f->path) : NULL;
}
