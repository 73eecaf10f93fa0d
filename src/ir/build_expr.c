/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Expressions. build_expr gives a value wherever it happens to be; build_into evaluates straight into memory, which saves
 * a copy for strings, tuples and records; build_branch turns conditions into jumps.
 */
#include "ir/build_private.h"

#include <linux/bpf.h>

uint32_t build_reg(struct builder *b, struct node *n)
{
	return value_to_reg(b, build_expr(b, n));
}

/* ---- operators ---- */

/* keep a result of arithmetic within its type: 1, 2 and 4 byte integers wrap */
static uint32_t wrap(struct builder *b, uint32_t v, const struct type *t)
{
	return type_is_integer(t) && t->size < 8 ? put_ext(b, v, t->size, is_signed_type(t)) : v;
}

static enum ir_cc compare_cc(enum op op, bool is_signed)
{
	switch (op) {
	case OP_EQ: return CC_EQ;
	case OP_NE: return CC_NE;
	case OP_LT: return is_signed ? CC_SLT : CC_LT;
	case OP_LE: return is_signed ? CC_SLE : CC_LE;
	case OP_GT: return is_signed ? CC_SGT : CC_GT;
	default: return is_signed ? CC_SGE : CC_GE;
	}
}

static enum ir_op arith_op(enum op op, bool is_signed)
{
	switch (op) {
	case OP_ADD: return IR_ADD;
	case OP_SUB: return IR_SUB;
	case OP_MUL: return IR_MUL;
	case OP_DIV: return is_signed ? IR_SDIV : IR_DIV;
	case OP_MOD: return is_signed ? IR_SMOD : IR_MOD;
	case OP_AND: return IR_AND;
	case OP_OR: return IR_OR;
	case OP_XOR: return IR_XOR;
	case OP_SHL: return IR_SHL;
	default: return is_signed ? IR_SAR : IR_SHR;
	}
}

static uint32_t elem_size(const struct type *pointer)
{
	return pointer->elem && pointer->elem->size ? pointer->elem->size : 1;
}

/* by zero: counted as a fault, and the result is 1, as in bpftrace */
static uint32_t divide(struct builder *b, enum ir_op op, uint32_t a, uint32_t divisor,
		       struct span at)
{
	uint32_t result = new_vreg(b), fine = new_label(b), done = new_label(b);

	put_br_imm(b, CC_NE, divisor, 0, fine);
	fault_count(b, (struct image_fault){ .kind = FAULT_DIV_ZERO, .map = IMAGE_NONE, .at = at },
		    0);
	put_imm_to(b, result, 1);
	put_jmp(b, done);
	put_label(b, fine);
	put_mov_to(b, result, put_op(b, op, a, divisor));
	put_label(b, done);
	return result;
}

static struct value build_arith(struct builder *b, enum op op, struct value x, struct node *right,
				const struct type *t)
{
	bool is_signed = is_signed_type(x.type) &&
			 !(right && right->type && !is_signed_type(right->type) &&
			   right->type->kind != TYPE_BOOL && (op == OP_DIV || op == OP_MOD));
	uint32_t a = value_to_reg(b, x), c;

	if (x.type->kind == TYPE_POINTER && (op == OP_ADD || op == OP_SUB)) {
		c = build_reg(b, right);
		if (right->type->kind == TYPE_POINTER)
			return value_reg(
				put_op_imm(b, IR_DIV, put_op(b, IR_SUB, a, c), elem_size(x.type)),
				t);
		c = put_op_imm(b, IR_MUL, c, elem_size(x.type));
		return value_reg(put_op(b, arith_op(op, false), a, c), t);
	}
	if (right->type->kind == TYPE_POINTER && op == OP_ADD) {
		a = put_op_imm(b, IR_MUL, a, elem_size(right->type));
		return value_reg(put_op(b, IR_ADD, a, build_reg(b, right)), t);
	}
	if (right->kind == NODE_INT && !((op == OP_DIV || op == OP_MOD) && right->integer == 0))
		return value_reg(
			wrap(b, put_op_imm(b, arith_op(op, is_signed), a, right->integer), t), t);
	c = build_reg(b, right);
	if (op == OP_DIV || op == OP_MOD)
		return value_reg(wrap(b, divide(b, arith_op(op, is_signed), a, c, right->at), t),
				 t);
	return value_reg(wrap(b, put_op(b, arith_op(op, is_signed), a, c), t), t);
}

static uint32_t build_compare(struct builder *b, struct node *n)
{
	struct node *l = n->binary.a, *r = n->binary.b;
	struct value x = build_expr(b, l), y;

	if (type_is_scalar(l->type) && type_is_scalar(r->type)) {
		enum ir_cc cc = compare_cc(n->op,
					   is_signed_type(l->type) && is_signed_type(r->type));
		uint32_t a = value_to_reg(b, x);

		if (r->kind == NODE_INT)
			return put_set_imm(b, cc, a, r->integer);
		return put_set(b, cc, a, build_reg(b, r));
	}
	y = build_expr(b, r);
	return n->op == OP_NE ? put_op_imm(b, IR_XOR, build_equal(b, x, y), 1)
			      : build_equal(b, x, y);
}

static struct value build_logical(struct builder *b, struct node *n)
{
	uint32_t dst = new_vreg(b), done = new_label(b);
	bool is_or = n->op == OP_LOR;

	put_imm_to(b, dst, is_or);
	build_branch(b, n->binary.a, is_or, done);
	build_branch(b, n->binary.b, is_or, done);
	put_imm_to(b, dst, !is_or);
	put_label(b, done);
	return value_reg(dst, n->type);
}

static struct value build_binary(struct builder *b, struct node *n)
{
	switch (n->op) {
	case OP_LAND:
	case OP_LOR: return build_logical(b, n);
	case OP_EQ:
	case OP_NE:
	case OP_LT:
	case OP_LE:
	case OP_GT:
	case OP_GE: return value_reg(build_compare(b, n), n->type);
	default: return build_arith(b, n->op, build_expr(b, n->binary.a), n->binary.b, n->type);
	}
}

/* a place as a value: scalars in BPF memory are loaded at once, all else is read when needed */
static struct value place_value(struct builder *b, struct value place)
{
	if (place.form == VAL_MEM && type_is_scalar(place.type))
		return value_reg(value_to_reg(b, place), place.type);
	return place;
}

static enum space pointer_space(struct builder *b, const struct node *n)
{
	if (n->space != SPACE_NONE)
		return n->space;
	if (n->kind == NODE_UNARY && n->unary.a->type && n->unary.a->type->space != SPACE_NONE)
		return n->unary.a->type->space;
	return SPACE_NONE;
}

static struct value build_deref(struct builder *b, struct node *n)
{
	struct value p = build_expr(b, n->unary.a);
	enum space space = p.type->space != SPACE_NONE ? p.type->space : pointer_space(b, n);

	/*
	 * The verifier types what tracing programs load from their context, and then allows no arithmetic on pointers that may be
	 * null. Read by helper, they are plain numbers.
	 */
	if (space == SPACE_BPF && b->prog->prog_type == BPF_PROG_TYPE_TRACING)
		space = SPACE_KERNEL;
	return place_value(b, value_mem(value_to_reg(b, p), 0, space, n->type));
}

/* address of a variable or a map's value: in BPF memory */
static struct value build_address(struct builder *b, struct node *n)
{
	struct node *a = n->unary.a;

	if (a->kind == NODE_VAR)
		return value_reg(value_address(b, var_place(b, a->var.ref)), n->type);
	if (a->kind == NODE_MAP && a->map.key)
		return value_reg(value_address(b, value_to_mem(b, map_read(b, a))), n->type);
	if (a->kind == NODE_MAP)
		return value_reg(put_map(b, map_image_index(b, a->map.ref)), n->type);
	return value_reg(value_address(b, value_to_mem(b, build_expr(b, a))), n->type);
}

/* ++ and -- on variables, maps and places; pointers step by their target's size */
static struct value build_step(struct builder *b, struct node *n)
{
	struct node *a = n->unary.a;
	bool is_inc = n->op == OP_PRE_INC || n->op == OP_POST_INC;
	bool is_post = n->op == OP_POST_INC || n->op == OP_POST_DEC;
	int64_t by = a->type->kind == TYPE_POINTER ? elem_size(a->type) : 1;
	uint32_t old = value_to_reg(b, build_expr(b, a));
	uint32_t now = wrap(b, put_op_imm(b, IR_ADD, old, is_inc ? by : -by), a->type);

	if (a->kind == NODE_VAR)
		var_assign(b, a->var.ref, value_reg(now, a->type));
	else if (a->kind == NODE_MAP)
		map_write(b, a, value_reg(now, a->type));
	return value_reg(is_post ? old : now, n->type);
}

static struct value build_unary(struct builder *b, struct node *n)
{
	uint32_t v;

	switch (n->op) {
	case OP_DEREF: return build_deref(b, n);
	case OP_ADDR: return build_address(b, n);
	case OP_NOT:
		v = value_truth(b, build_expr(b, n->unary.a));
		return value_reg(put_op_imm(b, IR_XOR, v, 1), n->type);
	case OP_NEG:
		return value_reg(wrap(b, put_unary(b, IR_NEG, build_reg(b, n->unary.a), 8), n->type),
				 n->type);
	case OP_INV:
		return value_reg(
			wrap(b, put_op_imm(b, IR_XOR, build_reg(b, n->unary.a), -1), n->type),
			n->type);
	default: return build_step(b, n);
	}
}

uint32_t value_truth(struct builder *b, struct value v)
{
	if (v.form == VAL_STR)
		return put_imm(b, v.str.n != 0);
	if (type_is_scalar(v.type))
		return v.type->kind == TYPE_BOOL ? value_to_reg(b, v)
						 : put_set_imm(b, CC_NE, value_to_reg(b, v), 0);
	v = value_to_mem(b, v); /* a string is true when it is not empty */
	return put_set_imm(b, CC_NE, put_load(b, v.reg, v.off, 1, false), 0);
}

void build_branch(struct builder *b, struct node *n, bool when, uint32_t label)
{
	struct span at = b->at;

	b->at = n->at;
	if (n->kind == NODE_UNARY && n->op == OP_NOT) {
		build_branch(b, n->unary.a, !when, label);
	} else if (n->kind == NODE_BINARY && (n->op == OP_LAND || n->op == OP_LOR)) {
		/* when the first operand decides, it decides for this outcome or for the other */
		if ((n->op == OP_LOR) == when) {
			build_branch(b, n->binary.a, when, label);
			build_branch(b, n->binary.b, when, label);
		} else {
			uint32_t out = new_label(b);

			build_branch(b, n->binary.a, !when, out);
			build_branch(b, n->binary.b, when, label);
			put_label(b, out);
		}
	} else if (n->kind == NODE_BINARY && n->op >= OP_EQ && n->op <= OP_GE &&
		   type_is_scalar(n->binary.a->type) && type_is_scalar(n->binary.b->type)) {
		bool is_signed = is_signed_type(n->binary.a->type) &&
				 is_signed_type(n->binary.b->type);
		enum ir_cc cc = compare_cc(n->op, is_signed);
		uint32_t a = build_reg(b, n->binary.a);
		static const uint8_t negated[] = {
			[CC_EQ] = CC_NE,   [CC_NE] = CC_EQ,  [CC_LT] = CC_GE,   [CC_LE] = CC_GT,
			[CC_GT] = CC_LE,   [CC_GE] = CC_LT,  [CC_SLT] = CC_SGE, [CC_SLE] = CC_SGT,
			[CC_SGT] = CC_SLE, [CC_SGE] = CC_SLT
		};

		if (!when)
			cc = negated[cc];
		if (n->binary.b->kind == NODE_INT)
			put_br_imm(b, cc, a, n->binary.b->integer, label);
		else
			put_br(b, cc, a, build_reg(b, n->binary.b), label);
	} else {
		put_br_imm(b, when ? CC_NE : CC_EQ, value_truth(b, build_expr(b, n)), 0, label);
	}
	b->at = at;
}

/* ---- parts of things ---- */

static struct value load_bitfield(struct builder *b, struct value place, const struct type_field *f)
{
	uint32_t word = value_to_reg(b, place);
	uint32_t bits = f->bit_size, up = 64 - f->bit_offset - bits;

	word = put_op_imm(b, IR_SHL, word, up);
	word = put_op_imm(b, is_signed_type(f->type) ? IR_SAR : IR_SHR, word, 64 - bits);
	return value_reg(word, f->type);
}

/* __data_loc: the text stands behind the fixed fields of the event, its place is in the field */
static struct value data_loc(struct builder *b, struct value place, const struct type_field *f)
{
	uint32_t word = value_to_reg(b, value_retype(place, type_int(4, false)));
	uint32_t off = put_op_imm(b, IR_AND, word, 0xffff);
	uint32_t addr = put_op(b, IR_ADD, context_reg(b), off);

	if (f->type->kind == TYPE_POINTER || type_is_scalar(f->type))
		return value_reg(addr, f->type);
	return value_mem(addr, 0, SPACE_KERNEL, f->type);
}

static struct value build_field(struct builder *b, struct node *n)
{
	struct value base = build_expr(b, n->field.a);
	const struct type_field *f = &n->field.field;
	struct value place;

	if (base.form == VAL_REG) /* a record of words given in registers has no fields in memory */
		return value_reg(base.reg, n->type);
	place = value_at(base, (int32_t)f->offset, f->type);
	if (f->is_data_loc)
		return value_retype(data_loc(b, place, f), n->type);
	if (f->bit_size)
		return value_retype(load_bitfield(b, place, f), n->type);
	return value_retype(place_value(b, place), n->type);
}

static struct value build_tuple_field(struct builder *b, struct node *n)
{
	struct value base = build_expr(b, n->field.a);
	const struct type_field *f = &base.type->fields[n->field.index];

	return place_value(b, value_at(base, (int32_t)f->offset, n->type));
}

/* the element is outside of the array: counted, and the index becomes 0 */
static uint32_t check_index(struct builder *b, uint32_t i, uint32_t count, struct span at)
{
	uint32_t fine = new_label(b), safe = new_vreg(b);

	put_mov_to(b, safe, i);
	put_br_imm(b, CC_LT, i, count, fine);
	fault_count(b, (struct image_fault){ .kind = FAULT_BOUNDS, .map = IMAGE_NONE, .at = at },
		    0);
	put_imm_to(b, safe, 0);
	put_label(b, fine);
	return put_bound(b, safe, count - 1);
}

static struct value build_index(struct builder *b, struct node *n)
{
	struct node *a = n->index.a, *i = n->index.i;
	struct value base = build_expr(b, a);
	uint32_t size = n->type->size, idx;

	if (base.type->kind == TYPE_POINTER) {
		enum space space = base.type->space != SPACE_NONE ? base.type->space
								  : pointer_space(b, n);
		uint32_t addr = value_to_reg(b, base);

		idx = put_op_imm(b, IR_MUL, build_reg(b, i), elem_size(base.type));
		return place_value(b, value_mem(put_op(b, IR_ADD, addr, idx), 0, space, n->type));
	}
	if (base.form != VAL_MEM)
		base = value_to_mem(b, base);
	if (i->kind == NODE_INT)
		return place_value(b, value_at(base, (int32_t)(i->integer * size), n->type));
	if (base.is_ctx) /* the context allows constant offsets only */
		base = value_to_mem(b, base);
	idx = build_reg(b, i);
	if (base.type->count && !base.type->is_flex)
		idx = check_index(
			b, idx, base.type->kind == TYPE_STRING ? base.type->size : base.type->count,
			n->at);
	idx = put_op_imm(b, IR_MUL, idx, size);
	return place_value(b, value_mem(put_op(b, IR_ADD, value_address(b, base), idx), 0,
					base.space, n->type));
}

/* ---- choices ---- */

static bool is_dead(const struct node *n)
{
	return n->flags & NODE_F_DEAD;
}

static void branch_into(struct builder *b, struct node *n, struct value to, bool is_value)
{
	struct mem_mark mark = mem_mark(b);

	if (!n)
		return;
	if (!is_value)
		build_stmt(b, n);
	else if (to.form == VAL_REG)
		put_mov_to(b, to.reg, build_reg(b, n));
	else
		build_into(b, n, to);
	mem_release(b, mark);
}

/* c ? a : b and if-expressions */
static struct value build_choice(struct builder *b, struct node *n)
{
	bool is_value = n->type && n->type->kind != TYPE_NONE && n->type->kind != TYPE_VOID;
	uint32_t other = new_label(b), done = new_label(b);
	struct value to = value_none();

	if (n->cond.then && is_dead(n->cond.then))
		return n->cond.other ? build_expr(b, n->cond.other) : value_none();
	if (n->cond.other && is_dead(n->cond.other) && n->cond.then)
		return build_expr(b, n->cond.then);
	if (is_value)
		to = type_is_scalar(n->type) ? value_reg(new_vreg(b), n->type)
					     : mem_new(b, n->type);
	if (!n->cond.then) { /* c ?: b: the condition's own value, evaluated once */
		struct value c = build_expr(b, n->cond.cond);

		if (to.form == VAL_REG)
			put_mov_to(b, to.reg, value_to_reg(b, c));
		else
			value_store(b, to, c);
		put_br_imm(b, CC_NE, value_truth(b, c), 0, done);
	} else {
		build_branch(b, n->cond.cond, false, other);
		branch_into(b, n->cond.then, to, is_value);
		put_jmp(b, done);
	}
	put_label(b, other);
	branch_into(b, n->cond.other, to, is_value);
	put_label(b, done);
	return to;
}

static struct value build_block(struct builder *b, struct node *n)
{
	build_stmts(b, n->block.stmts);
	return n->block.value ? build_expr(b, n->block.value) : value_none();
}

/* ---- aggregates ---- */

/* what alignment leaves between the fields: equal values must be equal bytes */
static void zero_padding(struct builder *b, const struct type *t, struct value to)
{
	uint32_t end = 0;

	for (uint32_t i = 0; i < t->n_fields; i++) {
		const struct type_field *f = &t->fields[i];

		if (f->offset > end)
			put_zero(b, to.reg, to.off + (int32_t)end, f->offset - end);
		end = f->offset + f->type->size;
	}
	if (t->size > end)
		put_zero(b, to.reg, to.off + (int32_t)end, t->size - end);
}

/* items are evaluated as written; those of a record may stand in another order than its type's fields */
static const struct type_field *field_of_item(const struct type *t, const struct node *item,
					      uint32_t i)
{
	for (uint32_t k = 0; item->kind == NODE_NAMED && k < t->n_fields; k++)
		if (str_eq(t->fields[k].name, item->named.name))
			return &t->fields[k];
	return &t->fields[i];
}

static void tuple_into(struct builder *b, struct node *n, struct value to)
{
	uint32_t i = 0;

	zero_padding(b, n->type, to);
	for (struct node *item = n->list.items; item; item = item->next, i++) {
		const struct type_field *f = field_of_item(n->type, item, i);

		build_into(b, item->kind == NODE_NAMED ? item->named.value : item,
			   value_at(to, (int32_t)f->offset, f->type));
	}
}

void build_into(struct builder *b, struct node *n, struct value to)
{
	if (n->kind == NODE_TUPLE || n->kind == NODE_RECORD)
		tuple_into(b, n, value_retype(to, n->type));
	else
		value_store(b, to, build_expr(b, n));
}

static struct value build_tuple(struct builder *b, struct node *n)
{
	struct value to = mem_new(b, n->type);

	tuple_into(b, n, to);
	return to;
}

/* ---- all ---- */

static struct value build_kind(struct builder *b, struct node *n)
{
	switch (n->kind) {
	case NODE_INT:
	case NODE_BOOL: return value_reg(put_imm(b, n->integer), n->type);
	case NODE_STRING:
		/* text ends at its first NUL, wherever it comes from */
		return (struct value){
			.form = VAL_STR,
			.type = n->type,
			.str = str_sub(n->string, 0,
				       n->string.n ? strnlen(n->string.p, n->string.n) : 0)
		};
	case NODE_VAR: return var_read(b, n->var.ref);
	case NODE_MAP: return map_read(b, n);
	case NODE_CALL: return build_call(b, n);
	case NODE_UNARY: return build_unary(b, n);
	case NODE_BINARY: return build_binary(b, n);
	case NODE_TERNARY:
	case NODE_IF: return build_choice(b, n);
	case NODE_FIELD: return build_field(b, n);
	case NODE_TUPLE_FIELD: return build_tuple_field(b, n);
	case NODE_INDEX: return build_index(b, n);
	case NODE_CAST: return build_cast(b, build_expr(b, n->cast.a), n->type, n->at);
	case NODE_TUPLE:
	case NODE_RECORD: return build_tuple(b, n);
	case NODE_BLOCK: return build_block(b, n);
	case NODE_COMPTIME:
	case NODE_EXPR: return build_expr(b, n->unary.a);
	default: /* assignments and other statements have no value */
		build_stmt(b, n);
		return value_none();
	}
}

struct value build_expr(struct builder *b, struct node *n)
{
	struct span at = b->at;
	struct value v;

	b->at = n->at;
	v = build_kind(b, n);
	b->at = at;
	return v;
}

/* arith for compound assignments: the left side is a value already */
struct value build_compound(struct builder *b, enum op op, struct value left, struct node *right,
			    const struct type *t)
{
	return build_arith(b, op, left, right, t);
}
