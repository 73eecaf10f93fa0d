/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DWARF locations to struct location: which expression of a list holds at an address, register and memory locations,
 * implicit values, pieces. The computations inside are dwarf_expr.c's. See dwarf_loc.h.
 */
#include "objfile/dwarf_loc.h"

#include "arch/x86_64/regs.h"

#include <dwarf.h>

enum { MAX_CONST = 1 << 16, MAX_LIST_ENTRIES = 100000, REG_SIZE = 8, VECTOR_SIZE = 16 };

/* the pieces of one expression while they are found */
struct gather {
	struct dwarf_loc_ctx *ctx;
	struct dwarf_loc *out;
	struct loc_piece pieces[LOC_MAX_PIECES];
	uint32_t n;
	uint64_t at; /* bytes of the value that pieces before have covered */
	uint32_t size;
	const char *why;
};

static void set_absent(struct dwarf_loc *out, const char *why)
{
	out->loc.pieces = NULL;
	out->loc.n_pieces = 0;
	out->loc.why = str_from(why);
}

static void *copy(struct arena *a, const void *p, size_t n)
{
	void *to = arena_alloc(a, n ? n : 1);

	memcpy(to, p, n);
	return to;
}

/* a piece of n bytes at g->at; what lies behind the value's end or is not readable at all is left out */
static void add_piece(struct gather *g, struct loc_piece p, uint64_t n, uint32_t max)
{
	uint64_t at = g->at;

	if (at >= g->size || p.kind == LOC_ABSENT)
		return;
	if (n > g->size - at)
		n = g->size - at;
	if (n > max)
		n = max;
	if (n == 0)
		return;
	if (g->n == LOC_MAX_PIECES) {
		g->why = "its location has too many pieces";
		return;
	}
	p.offset = (uint32_t)at;
	p.size = (uint32_t)n;
	g->pieces[g->n++] = p;
}

static void add_reg(struct gather *g, uint64_t number, uint64_t n, uint32_t shift)
{
	int offset = dwarf_reg_offset(number), vector = dwarf_reg_vector(number);

	if (offset >= 0)
		add_piece(g,
			  (struct loc_piece){ .kind = LOC_REG,
					      .reg = (uint16_t)offset,
					      .reg_shift = (uint8_t)shift },
			  n, REG_SIZE - shift / 8);
	else if (vector >= 0 && shift == 0)
		add_piece(g, (struct loc_piece){ .kind = LOC_FLOAT_REG, .reg = (uint16_t)vector },
			  n, VECTOR_SIZE);
	else if (!g->why)
		g->why = "it is in a register that programs cannot read";
}

/* the ops of [from, to) compute an address or, with stack_value, the value itself */
static void add_computed(struct gather *g, Dwarf_Attribute *attr, const Dwarf_Op *ops, size_t count,
			 bool is_value, uint64_t n, uint64_t skip)
{
	struct dwarf_expr e = { .ctx = g->ctx, .attr = attr };
	struct loc_piece p = { .kind = is_value ? LOC_VALUE : LOC_MEM };

	if (!dwarf_expr_run(&e, ops, count) || e.depth == 0) {
		g->why = e.why ? e.why : "its location is malformed";
		return;
	}
	if (!is_value)
		dwarf_expr_emit(&e, LOC_OP_ADD_CONST, 0, 0, (int64_t)skip);
	g->out->uses_frame |= e.uses_frame && !is_value;
	g->out->uses_frame |= e.uses_frame && e.reads_memory;
	g->out->uses_cfa |= e.uses_cfa;
	g->out->in_caller = e.in_caller && !is_value && !e.reads_memory;
	if (e.why) {
		g->why = e.why;
		return;
	}
	if (is_value && e.n_ops == 1 && e.ops[0].op == LOC_OP_REG) {
		p = (struct loc_piece){ .kind = LOC_REG,
					.reg = e.ops[0].reg,
					.reg_shift = (uint8_t)(skip * 8) };
	} else if (is_value && e.n_ops == 1 && e.ops[0].op == LOC_OP_CONST) {
		uint64_t v = (uint64_t)e.ops[0].value >> (skip * 8);

		p.kind = LOC_CONST;
		p.data = copy(g->ctx->arena, &v, sizeof(v));
	} else {
		if (is_value && skip) {
			dwarf_expr_emit(&e, LOC_OP_CONST, 0, 0, (int64_t)skip * 8);
			dwarf_expr_emit(&e, LOC_OP_SHR, 0, 0, 0);
		}
		if (e.why) {
			g->why = e.why;
			return;
		}
		p.ops = copy(g->ctx->arena, e.ops, e.n_ops * sizeof(*e.ops));
		p.n_ops = e.n_ops;
	}
	add_piece(g, p, n, is_value ? REG_SIZE - (uint32_t)skip : UINT32_MAX);
}

static void add_block(struct gather *g, Dwarf_Attribute *attr, const Dwarf_Op *op, uint64_t n,
		      uint64_t skip)
{
	Dwarf_Block block;

	if (!attr || dwarf_getlocation_implicit_value(attr, op, &block) != 0 ||
	    block.length > MAX_CONST || skip > block.length) {
		g->why = "its location is malformed";
		return;
	}
	add_piece(g,
		  (struct loc_piece){
			  .kind = LOC_CONST,
			  .data = copy(g->ctx->arena, block.data + skip, block.length - skip) },
		  n, (uint32_t)(block.length - skip));
}

/* one simple location: ops of [0, count), for n bytes from byte skip of what it names */
static void add_simple(struct gather *g, Dwarf_Attribute *attr, const Dwarf_Op *ops, size_t count,
		       uint64_t n, uint64_t skip)
{
	const Dwarf_Op *tail = count ? &ops[count - 1] : NULL;

	if (skip > 0 && (skip >= REG_SIZE) && tail &&
	    (tail->atom == DW_OP_stack_value || count == 1)) {
		g->why = "its location is malformed";
		return;
	}
	if (count == 0) /* an empty piece: optimized out */
		return;
	switch (tail->atom) {
	case DW_OP_implicit_value: add_block(g, attr, tail, n, skip); return;
	case DW_OP_implicit_pointer:
	case DW_OP_GNU_implicit_pointer:
		g->why = "the pointer does not exist, only what it would point to";
		return;
	case DW_OP_stack_value: add_computed(g, attr, ops, count - 1, true, n, skip); return;
	default: break;
	}
	if (count == 1 && tail->atom >= DW_OP_reg0 && tail->atom <= DW_OP_reg31)
		add_reg(g, tail->atom - DW_OP_reg0, n, (uint32_t)skip * 8);
	else if (count == 1 && tail->atom == DW_OP_regx)
		add_reg(g, tail->number, n, (uint32_t)skip * 8);
	else
		add_computed(g, attr, ops, count, false, n, skip);
}

static bool is_uninitialized(const Dwarf_Op *op)
{
	return op->atom == DW_OP_GNU_uninit;
}

/* a piece that is not understood is absent, the others are still right */
static void end_piece(struct gather *g, uint64_t n)
{
	if (g->why) {
		if (!g->out->loc.why.n)
			g->out->loc.why = str_from(g->why);
		g->why = NULL;
	}
	g->at = n < g->size - g->at ? g->at + n : g->size;
}

void dwarf_loc_of_expr(struct dwarf_loc_ctx *ctx, Dwarf_Attribute *attr, const Dwarf_Op *ops,
		       size_t n, uint32_t size, struct dwarf_loc *out)
{
	struct gather g = { .ctx = ctx, .out = out, .size = size };
	size_t from = 0;

	out->loc.why = STR_NULL;
	for (size_t i = 0; i < n && g.at < size; i++) {
		uint64_t bits = ops[i].number, skip = 0;

		if (ops[i].atom == DW_OP_bit_piece) {
			skip = ops[i].number2;
			if (bits % 8 || skip % 8) {
				set_absent(out, "its location has pieces that are not whole bytes");
				return;
			}
			bits /= 8;
			skip /= 8;
		} else if (ops[i].atom != DW_OP_piece) {
			continue;
		}
		add_simple(&g, attr, ops + from, i - from, bits, skip);
		end_piece(&g, bits);
		from = i + 1;
	}
	if (from < n && g.at < size && !(n - from == 1 && is_uninitialized(&ops[from]))) {
		add_simple(&g, attr, ops + from, n - from, size - g.at, 0);
		end_piece(&g, size - g.at);
	}
	if (g.n == 0 && !out->loc.why.n && n == 0)
		out->loc.why = STR("it was optimized out there");
	out->loc.n_pieces = g.n;
	out->loc.pieces = g.n ? copy(ctx->arena, g.pieces, g.n * sizeof(*g.pieces)) : NULL;
}

/* of a list: the address nearest to pc (behind it, if there is one) where it has a location */
static uint64_t nearest(Dwarf_Attribute *attr, uint64_t pc)
{
	Dwarf_Addr base, start, end;
	uint64_t before = 0, behind = 0;
	ptrdiff_t offset = 0;
	Dwarf_Op *ops;
	size_t n;

	for (unsigned i = 0; i < MAX_LIST_ENTRIES; i++) {
		offset = dwarf_getlocations(attr, offset, &base, &start, &end, &ops, &n);
		if (offset <= 0)
			break;
		if (start >= end || n == 0)
			continue;
		if (start > pc && (!behind || start < behind))
			behind = start;
		if (end <= pc && start > before)
			before = start;
	}
	return behind ? behind : before;
}

/* DW_AT_const_value's bytes; number: room for those of a form that is a number */
static bool constant_bytes(Dwarf_Attribute *attr, uint64_t *number, Dwarf_Block *block)
{
	const char *text;
	bool ok;

	switch (dwarf_whatform(attr)) {
	case DW_FORM_string:
	case DW_FORM_strp:
	case DW_FORM_line_strp:
		text = dwarf_formstring(attr);
		*block = (Dwarf_Block){ text ? strlen(text) + 1 : 0, (unsigned char *)text };
		return text != NULL;
	case DW_FORM_data1:
	case DW_FORM_data2:
	case DW_FORM_data4:
	case DW_FORM_data8:
	case DW_FORM_udata: ok = dwarf_formudata(attr, number) == 0; break;
	case DW_FORM_sdata:
	case DW_FORM_implicit_const: ok = dwarf_formsdata(attr, (Dwarf_Sword *)number) == 0; break;
	default: return dwarf_formblock(attr, block) == 0;
	}
	*block = (Dwarf_Block){ sizeof(*number), (unsigned char *)number };
	return ok;
}

static void of_constant(struct dwarf_loc_ctx *ctx, Dwarf_Attribute *attr, uint32_t size,
			struct dwarf_loc *out)
{
	struct loc_piece p = { .kind = LOC_CONST, .size = size };
	uint64_t number = 0;
	Dwarf_Block block;

	if (!constant_bytes(attr, &number, &block) || block.length < size || size == 0 ||
	    size > MAX_CONST) {
		set_absent(out, "its value is not known as a whole");
		return;
	}
	p.data = copy(ctx->arena, block.data, size);
	out->loc.pieces = copy(ctx->arena, &p, sizeof(p));
	out->loc.n_pieces = 1;
	out->is_const = true;
}

static bool is_list_form(Dwarf_Attribute *attr)
{
	switch (dwarf_whatform(attr)) {
	case DW_FORM_sec_offset:
	case DW_FORM_loclistx:
	case DW_FORM_data4:
	case DW_FORM_data8: return true;
	default: return false;
	}
}

/*
 * Go writes expressions of DWARF 5 as blocks, which libdw does not take for expressions. A block of less than 128 bytes with a
 * length of one byte is the same bytes as an expression.
 */
void dwarf_loc_fix_form(Dwarf_Attribute *attr)
{
	Dwarf_Block block;

	if (dwarf_whatform(attr) == DW_FORM_block1 && dwarf_formblock(attr, &block) == 0 &&
	    block.length < 128)
		attr->form = DW_FORM_exprloc;
}

void dwarf_loc_of_die(struct dwarf_loc_ctx *ctx, Dwarf_Die *die, uint32_t size,
		      struct dwarf_loc *out)
{
	Dwarf_Attribute attr;
	Dwarf_Op *ops;
	size_t n;
	int found;

	*out = (struct dwarf_loc){ 0 };
	if (dwarf_attr_integrate(die, DW_AT_location, &attr)) {
		dwarf_loc_fix_form(&attr);
		out->has_attr = true;
		out->is_list = is_list_form(&attr);
		found = dwarf_getlocation_addr(&attr, ctx->pc, &ops, &n, 1);
		if (found == 1) {
			out->is_covered = n > 0;
			dwarf_loc_of_expr(ctx, &attr, ops, n, size, out);
			return;
		}
		set_absent(out,
			   found < 0 ? "its location is malformed" : "it was optimized out there");
		out->loc.nearest = out->is_list ? nearest(&attr, ctx->pc) : 0;
	} else if (dwarf_attr_integrate(die, DW_AT_const_value, &attr)) {
		out->has_attr = out->is_covered = true;
		of_constant(ctx, &attr, size, out);
	} else {
		set_absent(out, "the compiler left no location for it");
	}
}
