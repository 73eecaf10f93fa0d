/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of the traced program where the debug information or the calling convention says they lie (types/location.h).
 *
 * One program serves all points of a shape: their locations have the same form, but registers and numbers may differ. What
 * differs stands in a table with a row for each point, found by the cookie the point was attached with; what is equal is
 * written into the code.
 *
 * A value in one piece of memory is not read here: it is that place, and who needs it reads the part that it needs. A value
 * in registers or several pieces is put together in BPF memory, or is a number at once.
 */
#include "ir/build_private.h"

#include "arch/x86_64/regs.h"

#include <linux/bpf.h>

/* a location being built: which of the points' numbers is meant */
struct site {
	struct builder *b;
	uint32_t var;   /* index into shape.vars and point.locs */
	uint32_t piece; /* of the location */
};

static const struct loc_piece *piece_of(const struct site *s, uint32_t point)
{
	return &s->b->shape->points[point].locs[s->var].pieces[s->piece];
}

/* ---- what differs between points ---- */

uint32_t build_site_row(struct builder *b, const void *rows, uint32_t size)
{
	uint32_t n = b->shape->n_points;
	struct value table = const_bytes(b, rows, n * size, type_none());
	uint32_t cookie = put_helper(b, BPF_FUNC_get_attach_cookie, context_reg(b));

	cookie = put_op_imm(b, IR_MUL, put_bound(b, cookie, n - 1), size);
	return put_op(b, IR_ADD, value_address(b, table), cookie);
}

static uint32_t table_word(struct builder *b, const int64_t *words)
{
	const struct probe_shape *shape = b->shape;
	int64_t *rows = arena_array(b->arena, int64_t, shape->n_points);

	for (uint32_t i = 0; i < shape->n_points; i++)
		if (shape->points[i].cookie < shape->n_points)
			rows[shape->points[i].cookie] = words[i];
	return put_load(b, build_site_row(b, rows, sizeof(*rows)), 0, 8, false);
}

static bool all_equal(const struct probe_shape *shape, const int64_t *words)
{
	for (uint32_t i = 1; i < shape->n_points; i++)
		if (words[i] != words[0])
			return false;
	return true;
}

uint32_t build_site_number(struct builder *b, const int64_t *words)
{
	return all_equal(b->shape, words) ? put_imm(b, words[0]) : table_word(b, words);
}

/* a register that each point names; at a placed probe the stack pointer may have moved by a known distance */
static uint32_t site_register(struct builder *b, const int64_t *regs)
{
	const struct probe_shape *shape = b->shape;
	int64_t *moved;
	struct value to;
	uint32_t addr;

	if (all_equal(shape, regs))
		return build_load_reg(b, (int)regs[0]);
	/* the context takes loads at constant offsets only: this one is read as kernel memory, which it is */
	to = mem_new_bytes(b, 8);
	addr = put_op(b, IR_ADD, context_reg(b),
		      put_bound(b, table_word(b, regs), ARCH_PT_REGS_SIZE));
	put_store_imm(b, to.reg, to.off, 0, 8);
	mem_read(b, to, addr, SPACE_KERNEL, 8);
	moved = arena_array(b->arena, int64_t, shape->n_points);
	for (uint32_t i = 0; i < shape->n_points; i++)
		if (regs[i] == arch_sp_offset())
			moved[i] = -(int64_t)shape->points[i].sp_delta;
	return put_op(b, IR_ADD, put_load(b, to.reg, to.off, 8, false),
		      build_site_number(b, moved));
}

static int64_t *words_of(struct site *s, int64_t (*get)(const struct loc_piece *p, uint32_t i),
			 uint32_t i)
{
	uint32_t n = s->b->shape->n_points;
	int64_t *words = arena_array(s->b->arena, int64_t, n);

	for (uint32_t k = 0; k < n; k++)
		words[k] = get(piece_of(s, k), i);
	return words;
}

static int64_t get_reg(const struct loc_piece *p, uint32_t i)
{
	return p->reg;
}

static int64_t get_op_reg(const struct loc_piece *p, uint32_t i)
{
	return p->ops[i].reg;
}

static int64_t get_op_value(const struct loc_piece *p, uint32_t i)
{
	return p->ops[i].value;
}

/* the i-th word of a constant */
static int64_t get_data(const struct loc_piece *p, uint32_t i)
{
	int64_t word = 0;

	memcpy(&word, p->data + i * 8, p->size - i * 8 < 8 ? p->size - i * 8 : 8);
	return word;
}

/* ---- the stack machine ---- */

static uint32_t read_word(struct builder *b, uint32_t addr, uint32_t size)
{
	struct value to = mem_new_bytes(b, 8);

	put_store_imm(b, to.reg, to.off, 0, 8);
	mem_read(b, to, addr, SPACE_USER, size);
	return put_load(b, to.reg, to.off, size, false);
}

struct stack {
	uint32_t v[LOC_MAX_DEPTH];
	uint32_t n;
	bool is_bad; /* objfile makes none of these: a backstop */
};

static void push(struct stack *st, uint32_t v)
{
	if (st->n == LOC_MAX_DEPTH)
		st->is_bad = true;
	else
		st->v[st->n++] = v;
}

static uint32_t pop(struct builder *b, struct stack *st)
{
	if (st->n)
		return st->v[--st->n];
	st->is_bad = true;
	return put_imm(b, 0);
}

static uint32_t compare(struct builder *b, uint8_t op, uint32_t x, uint32_t y)
{
	static const uint8_t cc[] = {
		[LOC_OP_EQ] = CC_EQ,  [LOC_OP_NE] = CC_NE,  [LOC_OP_LT] = CC_SLT,
		[LOC_OP_LE] = CC_SLE, [LOC_OP_GT] = CC_SGT, [LOC_OP_GE] = CC_SGE
	};

	return put_set(b, cc[op], x, y);
}

static uint32_t arithmetic(struct builder *b, uint8_t op, uint32_t x, uint32_t y)
{
	static const uint8_t ir[] = {
		[LOC_OP_ADD] = IR_ADD,  [LOC_OP_SUB] = IR_SUB, [LOC_OP_MUL] = IR_MUL,
		[LOC_OP_DIV] = IR_SDIV, [LOC_OP_MOD] = IR_MOD, [LOC_OP_AND] = IR_AND,
		[LOC_OP_OR] = IR_OR,    [LOC_OP_XOR] = IR_XOR, [LOC_OP_SHL] = IR_SHL,
		[LOC_OP_SHR] = IR_SHR,  [LOC_OP_SAR] = IR_SAR
	};

	/* the machine's shifts take any distance, the processor's only the low six bits */
	if (op == LOC_OP_SHL || op == LOC_OP_SHR || op == LOC_OP_SAR)
		y = put_bound(b, y, 63);
	return put_op(b, ir[op], x, y);
}

static void rotate(struct stack *st)
{
	uint32_t top;

	if (st->n < 3) {
		st->is_bad = true;
		return;
	}
	top = st->v[st->n - 1];
	st->v[st->n - 1] = st->v[st->n - 2];
	st->v[st->n - 2] = st->v[st->n - 3];
	st->v[st->n - 3] = top;
}

static void pick(struct stack *st, uint64_t n)
{
	if (n >= st->n)
		st->is_bad = true;
	else
		push(st, st->v[st->n - 1 - n]);
}

static void swap(struct stack *st)
{
	uint32_t top;

	if (st->n < 2) {
		st->is_bad = true;
		return;
	}
	top = st->v[st->n - 1];
	st->v[st->n - 1] = st->v[st->n - 2];
	st->v[st->n - 2] = top;
}

static void build_op(struct site *s, struct stack *st, uint32_t i)
{
	struct builder *b = s->b;
	const struct loc_op *o = &piece_of(s, 0)->ops[i];
	uint32_t x, y;

	switch (o->op) {
	case LOC_OP_CONST: push(st, build_site_number(b, words_of(s, get_op_value, i))); break;
	case LOC_OP_REG: push(st, site_register(b, words_of(s, get_op_reg, i))); break;
	case LOC_OP_ENTRY_REG: push(st, build_entry_reg(b, o->reg)); break;
	case LOC_OP_FILE_ADDR:
		x = build_site_number(b, words_of(s, get_op_value, i));
		push(st, put_op(b, IR_ADD, build_load_bias(b), x));
		break;
	case LOC_OP_DEREF: push(st, read_word(b, pop(b, st), o->size)); break;
	case LOC_OP_ADD_CONST:
		x = pop(b, st);
		push(st, put_op(b, IR_ADD, x, build_site_number(b, words_of(s, get_op_value, i))));
		break;
	case LOC_OP_NEG: push(st, put_unary(b, IR_NEG, pop(b, st), 8)); break;
	case LOC_OP_NOT: push(st, put_op_imm(b, IR_XOR, pop(b, st), -1)); break;
	case LOC_OP_SEXT: push(st, put_ext(b, pop(b, st), o->size, true)); break;
	case LOC_OP_ZEXT: push(st, put_ext(b, pop(b, st), o->size, false)); break;
	case LOC_OP_PICK: pick(st, (uint64_t)o->value); break;
	case LOC_OP_SWAP: swap(st); break;
	case LOC_OP_ROT: rotate(st); break;
	case LOC_OP_DROP: pop(b, st); break;
	default:
		y = pop(b, st);
		x = pop(b, st);
		push(st, o->op >= LOC_OP_EQ ? compare(b, o->op, x, y) : arithmetic(b, o->op, x, y));
	}
}

static uint32_t build_ops(struct site *s)
{
	struct stack st = { .n = 0 };
	uint32_t v;

	for (uint32_t i = 0; i < piece_of(s, 0)->n_ops; i++)
		build_op(s, &st, i);
	v = pop(s->b, &st);
	if (st.is_bad)
		build_limit(s->b, D_LIMIT_CODE, s->b->at,
			    "the location of '%.*s' is malformed: its stack does not come out even",
			    STR_ARG(s->b->shape->vars[s->var].name));
	return v;
}

static uint32_t piece_register(struct site *s)
{
	const struct loc_piece *p = piece_of(s, 0);
	uint32_t v = site_register(s->b, words_of(s, get_reg, 0));

	return p->reg_shift ? put_op_imm(s->b, IR_SHR, v, p->reg_shift) : v;
}

/* ---- pieces together ---- */

/* the low n bytes of v; the stack takes aligned stores only, so odd sizes go in parts */
static void store_low(struct builder *b, struct value to, uint32_t offset, uint32_t v, uint32_t n)
{
	uint32_t done = 0;

	while (done < n) {
		uint32_t step = 8;

		while (step > n - done || (to.off + (int32_t)(offset + done)) % (int32_t)step)
			step /= 2;
		put_store(b, to.reg, to.off + (int32_t)(offset + done),
			  done ? put_op_imm(b, IR_SHR, v, done * 8) : v, step);
		done += step;
	}
}

static void store_piece(struct site *s, struct value to)
{
	struct builder *b = s->b;
	const struct loc_piece *p = piece_of(s, 0);
	uint32_t n = p->size;

	if (p->offset >= to.type->size)
		return;
	if (n > to.type->size - p->offset)
		n = to.type->size - p->offset;
	switch (p->kind) {
	case LOC_REG: store_low(b, to, p->offset, piece_register(s), n < 8 ? n : 8); break;
	case LOC_VALUE: store_low(b, to, p->offset, build_ops(s), n < 8 ? n : 8); break;
	case LOC_MEM:
		mem_read(b, value_at(to, (int32_t)p->offset, type_none()), build_ops(s), SPACE_USER,
			 n);
		break;
	case LOC_CONST:
		for (uint32_t i = 0; i * 8 < n; i++)
			store_low(b, to, p->offset + i * 8,
				  build_site_number(b, words_of(s, get_data, i)),
				  n - i * 8 < 8 ? n - i * 8 : 8);
		break;
	default: break; /* absent: sema lets nobody read it */
	}
}

static struct value put_together(struct site *s, const struct location *l, const struct type *t)
{
	struct value to = mem_new(s->b, t);

	mem_zero(s->b, to, t->size);
	for (s->piece = 0; s->piece < l->n_pieces; s->piece++)
		store_piece(s, to);
	return to;
}

static struct value as_number(struct builder *b, uint32_t v, const struct type *t)
{
	return value_reg(put_ext(b, v, t->size, is_signed_type(t)), t);
}

static struct value place_or_number(struct builder *b, struct value place)
{
	return type_is_scalar(place.type) ? value_reg(value_to_reg(b, place), place.type) : place;
}

struct value build_target_var(struct builder *b, struct node *call)
{
	uint32_t index = (uint32_t)(uintptr_t)call->call.info;
	const struct type *t = b->shape->vars[index].type;
	const struct location *l = &b->shape->points[0].locs[index];
	struct site s = { .b = b, .var = index };

	type_complete(t);
	if (location_is_absent(l)) {
		/* sema says so with better words; whatever way came here without asking is stopped */
		build_limit(b, D_SEMA_OPTIMIZED_OUT, call->at, "'%.*s' was optimized out here",
			    STR_ARG(b->shape->vars[index].name));
		return value_reg(put_imm(b, 0), t);
	}
	if (l->n_pieces == 1 && l->pieces[0].offset == 0 && l->pieces[0].size >= t->size) {
		const struct loc_piece *p = &l->pieces[0];

		if (p->kind == LOC_MEM)
			return place_or_number(b, value_mem(build_ops(&s), 0, SPACE_USER, t));
		if (type_is_scalar(t) && p->kind == LOC_REG)
			return as_number(b, piece_register(&s), t);
		if (type_is_scalar(t) && p->kind == LOC_VALUE)
			return as_number(b, build_ops(&s), t);
		if (type_is_scalar(t) && p->kind == LOC_CONST)
			return as_number(b, build_site_number(b, words_of(&s, get_data, 0)), t);
	}
	return place_or_number(b, put_together(&s, l, t));
}
