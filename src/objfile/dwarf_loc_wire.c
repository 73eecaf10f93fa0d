/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locations between the worker and the tracer. The tracer believes nothing of what it gets: kinds, registers, sizes and counts are
 * checked, so that whoever reads a location may rely on types/location.h.
 */
#include "objfile/dwarf_loc.h"

#include "arch/x86_64/regs.h"
#include "objfile/wire.h"

enum { MAX_SIZE = 1 << 28 };

static void put_piece(struct wire_out *w, const struct loc_piece *p)
{
	wire_put_u32(w, p->offset);
	wire_put_u32(w, p->size);
	wire_put_u8(w, (uint8_t)p->kind);
	wire_put_u32(w, p->reg);
	wire_put_u8(w, p->reg_shift);
	wire_put_str(w, p->kind == LOC_CONST ? str_make((const char *)p->data, p->size) : STR_NULL);
	wire_put_u32(w, p->n_ops);
	for (uint32_t i = 0; i < p->n_ops; i++) {
		wire_put_u8(w, p->ops[i].op);
		wire_put_u8(w, p->ops[i].size);
		wire_put_u32(w, p->ops[i].reg);
		wire_put_u64(w, (uint64_t)p->ops[i].value);
	}
}

void dwarf_loc_put(struct wire_out *w, const struct location *l)
{
	wire_put_str(w, l->why);
	wire_put_u64(w, l->nearest);
	wire_put_u32(w, l->n_pieces);
	for (uint32_t i = 0; i < l->n_pieces; i++)
		put_piece(w, &l->pieces[i]);
}

static bool is_good_op(const struct loc_op *op)
{
	if (op->op > LOC_OP_DROP || op->reg >= ARCH_PT_REGS_SIZE || op->reg % 8)
		return false;
	if (op->op == LOC_OP_DEREF || op->op == LOC_OP_SEXT || op->op == LOC_OP_ZEXT)
		return op->size == 1 || op->size == 2 || op->size == 4 || op->size == 8;
	return op->op != LOC_OP_PICK || (op->value >= 0 && op->value < LOC_MAX_DEPTH);
}

/* elements taken and left, so that nobody after us has to fear an empty stack */
static bool is_good_code(const struct loc_op *ops, uint32_t n)
{
	uint32_t depth = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t takes = 2, leaves = 1;

		switch (ops[i].op) {
		case LOC_OP_CONST:
		case LOC_OP_REG:
		case LOC_OP_ENTRY_REG:
		case LOC_OP_FILE_ADDR: takes = 0; break;
		case LOC_OP_DEREF:
		case LOC_OP_ADD_CONST:
		case LOC_OP_NEG:
		case LOC_OP_NOT:
		case LOC_OP_SEXT:
		case LOC_OP_ZEXT: takes = 1; break;
		case LOC_OP_PICK:
			takes = (uint32_t)ops[i].value + 1;
			leaves = takes + 1;
			break;
		case LOC_OP_SWAP: leaves = 2; break;
		case LOC_OP_ROT: takes = leaves = 3; break;
		case LOC_OP_DROP:
			takes = 1;
			leaves = 0;
			break;
		default: break;
		}
		if (depth < takes || depth - takes + leaves > LOC_MAX_DEPTH)
			return false;
		depth += leaves - takes;
	}
	return n == 0 || depth > 0;
}

static bool is_good_piece(const struct loc_piece *p)
{
	if (p->size == 0 || p->size > MAX_SIZE || p->offset > MAX_SIZE)
		return false;
	switch (p->kind) {
	case LOC_REG:
		return p->reg < ARCH_PT_REGS_SIZE && p->reg % 8 == 0 && p->reg_shift % 8 == 0 &&
		       p->size + p->reg_shift / 8 <= 8;
	case LOC_VALUE: return p->n_ops > 0 && p->size <= 8;
	case LOC_MEM: return p->n_ops > 0;
	case LOC_FLOAT_REG: return p->size <= 16 && p->reg < 32;
	case LOC_CONST:
	case LOC_ABSENT: return true;
	default: return false;
	}
}

static void get_ops(struct wire_in *w, struct arena *a, struct loc_piece *p)
{
	uint32_t n = wire_get_count(w, 14);
	struct loc_op *ops;

	if (n > LOC_MAX_OPS) {
		w->b.bad = true;
		return;
	}
	ops = arena_array(a, struct loc_op, n);
	for (uint32_t i = 0; i < n; i++) {
		ops[i].op = wire_get_u8(w);
		ops[i].size = wire_get_u8(w);
		ops[i].reg = (uint16_t)wire_get_u32(w);
		ops[i].value = (int64_t)wire_get_u64(w);
		if (!is_good_op(&ops[i]))
			w->b.bad = true;
	}
	if (w->b.bad || !is_good_code(ops, n)) {
		w->b.bad = true;
		return;
	}
	p->ops = ops;
	p->n_ops = n;
}

void dwarf_loc_get(struct wire_in *w, struct arena *a, struct location *l)
{
	struct loc_piece *pieces;
	uint64_t end = 0;
	uint32_t n;

	*l = (struct location){ 0 };
	l->why = wire_get_str_copy(w, a);
	l->nearest = wire_get_u64(w);
	n = wire_get_count(w, 22);
	if (n > LOC_MAX_PIECES)
		w->b.bad = true;
	pieces = arena_array(a, struct loc_piece, w->b.bad ? 0 : n);
	for (uint32_t i = 0; i < n && !w->b.bad; i++) {
		struct loc_piece *p = &pieces[i];
		struct str data;

		p->offset = wire_get_u32(w);
		p->size = wire_get_u32(w);
		p->kind = (enum loc_kind)wire_get_u8(w);
		p->reg = (uint16_t)wire_get_u32(w);
		p->reg_shift = wire_get_u8(w);
		data = wire_get_str_copy(w, a);
		get_ops(w, a, p);
		p->data = (const uint8_t *)data.p;
		if (!is_good_piece(p) || p->offset < end ||
		    (p->kind == LOC_CONST && data.n != p->size))
			w->b.bad = true;
		end = (uint64_t)p->offset + p->size;
	}
	if (w->b.bad)
		return;
	l->pieces = n ? pieces : NULL;
	l->n_pieces = n;
}
