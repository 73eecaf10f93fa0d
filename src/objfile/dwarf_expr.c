/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DWARF expressions that compute a number or an address (DWARF 5, 2.5), translated into the small stack machine of
 * types/location.h. The machine's stack is simulated with the types of its elements (DW_OP_convert and friends), so that
 * elements are always kept extended to 64 bits and whatever would need more is refused. Nothing is executed here, loops do
 * not exist (branches are refused), so time is bounded by the number of operators.
 */
#include "objfile/dwarf_loc.h"

#include "arch/x86_64/regs.h"

#include <dwarf.h>
#include <stdlib.h>

enum { MAX_NESTING = 4, MAX_OPERATORS = 256 };

static const struct dwarf_slot generic = { 8, SLOT_GENERIC };

static void give_up(struct dwarf_expr *e, const char *why)
{
	if (!e->why)
		e->why = why;
}

static void push(struct dwarf_expr *e, struct dwarf_slot slot)
{
	if (e->depth == LOC_MAX_DEPTH)
		give_up(e, "its location needs too much stack");
	else
		e->stack[e->depth++] = slot;
}

static bool need(struct dwarf_expr *e, uint32_t n)
{
	if (e->depth < n)
		give_up(e, "its location is malformed");
	return !e->why;
}

/* the top is kept extended to 64 bits after everything that may have carried out of its type */
static void normalize(struct dwarf_expr *e)
{
	struct dwarf_slot s = e->depth ? e->stack[e->depth - 1] : generic;

	if (s.size < 8)
		dwarf_expr_emit(e, s.kind == SLOT_SIGNED ? LOC_OP_SEXT : LOC_OP_ZEXT, s.size, 0, 0);
}

/* the type that operand DIE of an operator names; DIE 0 is the generic type */
static bool slot_of_die(struct dwarf_expr *e, const Dwarf_Op *op, struct dwarf_slot *out)
{
	Dwarf_Attribute attr;
	Dwarf_Word size, encoding;
	Dwarf_Die die;

	*out = generic;
	if ((op->atom == DW_OP_convert || op->atom == DW_OP_GNU_convert ||
	     op->atom == DW_OP_reinterpret || op->atom == DW_OP_GNU_reinterpret) &&
	    op->number == 0)
		return true;
	if (!e->attr || dwarf_getlocation_die(e->attr, op, &die) != 0 ||
	    dwarf_formudata(dwarf_attr(&die, DW_AT_byte_size, &attr), &size) != 0 ||
	    dwarf_formudata(dwarf_attr(&die, DW_AT_encoding, &attr), &encoding) != 0) {
		give_up(e, "its location is malformed");
		return false;
	}
	switch (encoding) {
	case DW_ATE_signed:
	case DW_ATE_signed_char: out->kind = SLOT_SIGNED; break;
	case DW_ATE_unsigned:
	case DW_ATE_unsigned_char:
	case DW_ATE_boolean:
	case DW_ATE_UTF:
	case DW_ATE_address: out->kind = SLOT_UNSIGNED; break;
	default: give_up(e, "it is computed from floating-point numbers"); return false;
	}
	if (size != 1 && size != 2 && size != 4 && size != 8) {
		give_up(e, "it is computed from wide numbers");
		return false;
	}
	out->size = (uint8_t)size;
	return true;
}

static void push_reg(struct dwarf_expr *e, uint64_t number, int64_t add)
{
	int offset = dwarf_reg_offset(number);

	if (offset < 0) {
		give_up(e, dwarf_reg_vector(number) >= 0
				   ? "it is computed from a vector register"
				   : "it is in a register that programs cannot read");
		return;
	}
	if (!e->in_cfa && !e->in_entry_value &&
	    (offset == arch_sp_offset() || offset == arch_fp_offset())) {
		e->uses_frame = true;
		if (!dwarf_frame_is_up(e->ctx, number)) {
			give_up(e, "its frame is not set up there");
			return;
		}
	}
	dwarf_expr_emit(
		e, e->in_entry_value && e->ctx->pc != e->ctx->entry ? LOC_OP_ENTRY_REG : LOC_OP_REG,
		0, (uint16_t)offset, 0);
	dwarf_expr_emit(e, LOC_OP_ADD_CONST, 0, 0, add);
	push(e, generic);
}

static void push_cfa(struct dwarf_expr *e)
{
	struct dwarf_loc_ctx *ctx = e->ctx;
	Dwarf_Frame *frame;
	Dwarf_Op *ops;
	size_t n;

	if (dwarf_frame_cfa_ops(ctx, ctx->pc, &frame, &ops, &n)) {
		bool was = e->uses_frame;

		e->in_cfa = true;
		dwarf_expr_run(e, ops, n);
		e->in_cfa = false;
		e->uses_frame = was;
		free(frame);
	} else if (ctx->pc == ctx->entry) {
		/* the return address has just been pushed */
		e->in_cfa = true;
		push_reg(e, 7, 8);
		e->in_cfa = false;
	} else {
		give_up(e, "there is no call frame information there");
	}
	e->uses_cfa = true;
}

static void push_frame_base(struct dwarf_expr *e, int64_t add)
{
	Dwarf_Attribute *own = e->attr, *base = e->ctx->frame_base;
	Dwarf_Op *ops;
	size_t n;

	if (!base || dwarf_getlocation_addr(base, e->ctx->pc, &ops, &n, 1) != 1) {
		give_up(e, "its frame is not known there");
		return;
	}
	e->attr = base;
	/* as a frame base a register location stands for what the register holds */
	if (n == 1 && ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg31)
		push_reg(e, ops[0].atom - DW_OP_reg0, 0);
	else if (n == 1 && ops[0].atom == DW_OP_regx)
		push_reg(e, ops[0].number, 0);
	else
		dwarf_expr_run(e, ops, n);
	e->attr = own;
	e->in_caller = e->uses_cfa && add >= 0;
	dwarf_expr_emit(e, LOC_OP_ADD_CONST, 0, 0, add);
}

/* what a register, or the memory it points to, held when the function was entered */
static void push_entry_value(struct dwarf_expr *e, const Dwarf_Op *op)
{
	Dwarf_Attribute *own = e->attr, inner;
	bool was = e->in_entry_value, read_before = e->reads_memory;
	Dwarf_Op *ops;
	size_t n;

	if (!own || dwarf_getlocation_attr(own, op, &inner) != 0 ||
	    dwarf_getlocation(&inner, &ops, &n) != 0 || n == 0) {
		give_up(e, "its location is malformed");
		return;
	}
	e->attr = &inner;
	e->in_entry_value = true;
	e->reads_memory = false;
	if (n == 1 && ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg31)
		push_reg(e, ops[0].atom - DW_OP_reg0, 0);
	else if (n == 1 && ops[0].atom == DW_OP_regx)
		push_reg(e, ops[0].number, 0);
	else
		dwarf_expr_run(e, ops, n);
	if (e->reads_memory && e->ctx->pc != e->ctx->entry)
		give_up(e, "it is what memory held when the function was entered");
	e->reads_memory |= read_before;
	e->in_entry_value = was;
	e->attr = own;
}

static void push_address(struct dwarf_expr *e, const Dwarf_Op *op)
{
	Dwarf_Attribute attr;
	Dwarf_Addr addr;

	if (op->atom == DW_OP_addr)
		addr = op->number;
	else if (!e->attr || dwarf_getlocation_attr(e->attr, op, &attr) != 0 ||
		 dwarf_formaddr(&attr, &addr) != 0) {
		give_up(e, "its location is malformed");
		return;
	}
	dwarf_expr_emit(e, LOC_OP_FILE_ADDR, 0, 0, (int64_t)addr);
	push(e, generic);
}

static void push_constx(struct dwarf_expr *e, const Dwarf_Op *op)
{
	Dwarf_Attribute attr;
	Dwarf_Word value;

	if (!e->attr || dwarf_getlocation_attr(e->attr, op, &attr) != 0 ||
	    dwarf_formudata(&attr, &value) != 0) {
		give_up(e, "its location is malformed");
		return;
	}
	dwarf_expr_emit(e, LOC_OP_CONST, 0, 0, (int64_t)value);
	push(e, generic);
}

/* DW_OP_const_type: a block of the type's size */
static void push_const_type(struct dwarf_expr *e, const Dwarf_Op *op)
{
	struct dwarf_slot slot;
	Dwarf_Attribute attr;
	Dwarf_Block block;
	uint64_t value = 0;

	if (!slot_of_die(e, op, &slot))
		return;
	if (!e->attr || dwarf_getlocation_attr(e->attr, op, &attr) != 0 ||
	    dwarf_formblock(&attr, &block) != 0 || block.length != slot.size) {
		give_up(e, "its location is malformed");
		return;
	}
	memcpy(&value, block.data, slot.size);
	dwarf_expr_emit(e, LOC_OP_CONST, 0, 0, (int64_t)value);
	push(e, slot);
	normalize(e);
}

static void deref(struct dwarf_expr *e, uint64_t size, const struct dwarf_slot *as)
{
	if (size != 1 && size != 2 && size != 4 && size != 8) {
		give_up(e, "it is computed from wide numbers");
		return;
	}
	if (!need(e, 1))
		return;
	e->reads_memory = true;
	dwarf_expr_emit(e, LOC_OP_DEREF, (uint8_t)size, 0, 0);
	e->stack[e->depth - 1] = as ? *as : generic;
	if (as)
		normalize(e);
}

static void convert(struct dwarf_expr *e, const Dwarf_Op *op)
{
	struct dwarf_slot to;

	if (!need(e, 1) || !slot_of_die(e, op, &to))
		return;
	/* elements are kept extended by their own type, so only narrowing and a change of sign do anything */
	e->stack[e->depth - 1] = to;
	normalize(e);
}

static void binary_or_unary(struct dwarf_expr *e, uint32_t takes, uint32_t leaves,
			    enum loc_op_kind op, bool by_sign)
{
	struct dwarf_slot a, b;

	if (!need(e, takes))
		return;
	b = e->stack[e->depth - 1];
	a = takes == 2 ? e->stack[e->depth - 2] : b;
	if (by_sign && ((a.kind == SLOT_UNSIGNED && a.size == 8) ||
			(b.kind == SLOT_UNSIGNED && b.size == 8))) {
		give_up(e, "its location compares or divides unsigned numbers");
		return;
	}
	dwarf_expr_emit(e, op, 0, 0, 0);
	e->depth -= takes;
	if (leaves == 0)
		return;
	push(e, op >= LOC_OP_EQ && op <= LOC_OP_GE ? generic : a);
	normalize(e);
}

/* shifts to the right and modulo: what DWARF does depends on the type of the operand */
static void by_type(struct dwarf_expr *e, const Dwarf_Op *op)
{
	struct dwarf_slot a;

	if (!need(e, 2))
		return;
	a = e->stack[e->depth - 2];
	if (a.kind == SLOT_SIGNED) {
		if (op->atom != DW_OP_shra) {
			give_up(e, "its location computes with signed numbers");
			return;
		}
	} else if (op->atom == DW_OP_shra && a.size < 8) {
		give_up(e, "its location computes with narrow numbers");
		return;
	}
	dwarf_expr_emit(e,
			op->atom == DW_OP_mod   ? LOC_OP_MOD
			: op->atom == DW_OP_shr ? LOC_OP_SHR
						: LOC_OP_SAR,
			0, 0, 0);
	e->depth--;
	normalize(e);
}

static void shuffle(struct dwarf_expr *e, const Dwarf_Op *op)
{
	uint64_t n = op->atom == DW_OP_over ? 1 : op->atom == DW_OP_pick ? op->number : 0;
	struct dwarf_slot *top, t;

	switch (op->atom) {
	case DW_OP_dup:
	case DW_OP_over:
	case DW_OP_pick:
		if (n >= LOC_MAX_DEPTH || !need(e, (uint32_t)n + 1)) {
			give_up(e, "its location is malformed");
			return;
		}
		dwarf_expr_emit(e, LOC_OP_PICK, 0, 0, (int64_t)n);
		push(e, e->stack[e->depth - 1 - n]);
		return;
	case DW_OP_swap:
		if (!need(e, 2))
			return;
		top = &e->stack[e->depth - 1];
		t = top[0], top[0] = top[-1], top[-1] = t;
		dwarf_expr_emit(e, LOC_OP_SWAP, 0, 0, 0);
		return;
	default: /* DW_OP_rot */
		if (!need(e, 3))
			return;
		top = &e->stack[e->depth - 1];
		t = top[0], top[0] = top[-1], top[-1] = top[-2], top[-2] = t;
		dwarf_expr_emit(e, LOC_OP_ROT, 0, 0, 0);
	}
}

static bool run_table(struct dwarf_expr *e, const Dwarf_Op *op)
{
	enum { ANY, SIGN };

	switch (op->atom) {
#define OP(dw, takes, leaves, loc, exact)                              \
	case dw:                                                       \
		binary_or_unary(e, takes, leaves, loc, exact == SIGN); \
		return true;
#include "objfile/dwarf_ops.def"
#undef OP
	default: return false;
	}
}

static void run_typed(struct dwarf_expr *e, const Dwarf_Op *op)
{
	struct dwarf_slot slot;

	switch (op->atom) {
	case DW_OP_convert:
	case DW_OP_GNU_convert:
	case DW_OP_reinterpret:
	case DW_OP_GNU_reinterpret: convert(e, op); return;
	case DW_OP_const_type:
	case DW_OP_GNU_const_type: push_const_type(e, op); return;
	case DW_OP_regval_type:
	case DW_OP_GNU_regval_type:
		if (!slot_of_die(e, op, &slot))
			return;
		push_reg(e, op->number, 0);
		if (!e->why) {
			e->stack[e->depth - 1] = slot;
			normalize(e);
		}
		return;
	case DW_OP_deref_type:
	case DW_OP_GNU_deref_type:
		if (slot_of_die(e, op, &slot))
			deref(e, slot.size, &slot);
		return;
	case DW_OP_form_tls_address:
	case DW_OP_GNU_push_tls_address: give_up(e, "it is thread-local"); return;
	case DW_OP_GNU_parameter_ref: give_up(e, "it is only known in the caller"); return;
	case DW_OP_bra:
	case DW_OP_skip: give_up(e, "its location depends on a condition"); return;
	default: give_up(e, "its location uses an operator that is not understood"); return;
	}
}

static void run_one(struct dwarf_expr *e, const Dwarf_Op *op)
{
	if (op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31) {
		dwarf_expr_emit(e, LOC_OP_CONST, 0, 0, op->atom - DW_OP_lit0);
		push(e, generic);
		return;
	}
	if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31) {
		push_reg(e, op->atom - DW_OP_breg0, (int64_t)op->number);
		return;
	}
	if (run_table(e, op))
		return;
	switch (op->atom) {
	case DW_OP_const1u:
	case DW_OP_const1s:
	case DW_OP_const2u:
	case DW_OP_const2s:
	case DW_OP_const4u:
	case DW_OP_const4s:
	case DW_OP_const8u:
	case DW_OP_const8s:
	case DW_OP_constu:
	case DW_OP_consts:
		dwarf_expr_emit(e, LOC_OP_CONST, 0, 0, (int64_t)op->number);
		push(e, generic);
		return;
	case DW_OP_constx:
	case DW_OP_GNU_const_index: push_constx(e, op); return;
	case DW_OP_addr:
	case DW_OP_addrx:
	case DW_OP_GNU_addr_index: push_address(e, op); return;
	case DW_OP_bregx: push_reg(e, op->number, (int64_t)op->number2); return;
	case DW_OP_fbreg: push_frame_base(e, (int64_t)op->number); return;
	case DW_OP_call_frame_cfa: push_cfa(e); return;
	case DW_OP_entry_value:
	case DW_OP_GNU_entry_value: push_entry_value(e, op); return;
	case DW_OP_plus_uconst:
		if (need(e, 1)) {
			dwarf_expr_emit(e, LOC_OP_ADD_CONST, 0, 0, (int64_t)op->number);
			normalize(e);
		}
		return;
	case DW_OP_deref: deref(e, 8, NULL); return;
	case DW_OP_deref_size: deref(e, op->number, NULL); return;
	case DW_OP_dup:
	case DW_OP_over:
	case DW_OP_pick:
	case DW_OP_swap:
	case DW_OP_rot: shuffle(e, op); return;
	case DW_OP_mod:
	case DW_OP_shr:
	case DW_OP_shra: by_type(e, op); return;
	case DW_OP_abs: give_up(e, "its location uses an operator that is not understood"); return;
	case DW_OP_nop: return;
	default: run_typed(e, op); return;
	}
}

bool dwarf_expr_run(struct dwarf_expr *e, const Dwarf_Op *ops, size_t n)
{
	if (e->nesting == MAX_NESTING || n > MAX_OPERATORS) {
		give_up(e, "its location is too long");
		return false;
	}
	e->nesting++;
	for (size_t i = 0; i < n && !e->why; i++)
		run_one(e, &ops[i]);
	e->nesting--;
	return !e->why;
}
