/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Conversions between types, and equality of aggregates. Both work on the stored forms of types/type.h: text is padded
 * with NULs and padding is zero, so equal values are equal bytes.
 */
#include "ir/build_private.h"

static struct value scalar_cast(struct builder *b, struct value v, const struct type *to)
{
	uint32_t r = value_to_reg(b, v);

	if (to->kind == TYPE_BOOL && v.type->kind != TYPE_BOOL)
		return value_reg(put_set_imm(b, CC_NE, r, 0), to);
	if (to->kind == TYPE_POINTER || to->size == 8)
		return value_reg(r, to);
	/* widening keeps the value, which is extended by its own type already; narrowing and a change of sign re-extend */
	if (v.type->size < to->size && !(is_signed_type(v.type) && !is_signed_type(to)))
		return value_reg(r, to);
	return value_reg(put_ext(b, r, to->size, is_signed_type(to)), to);
}

static struct value bytes_to_string(struct builder *b, struct value v, const struct type *to)
{
	if (v.form == VAL_MEM && v.is_ctx)
		v = value_to_mem(b, v);
	if (v.type->size == 0)
		return read_string(b, value_address(b, v), v.space, to);
	if (v.type->size >= to->size)
		return read_string(b, value_address(b, v), v.space, to);
	/* the array may be full to its last byte: read no further than it goes */
	struct value mem = mem_new(b, to);
	uint32_t size = v.type->size;

	mem_zero(b, mem, to->size);
	mem_read_text(b, value_address(b, mem), put_imm(b, size), value_address(b, v), v.space);
	/* _str put a NUL over the last byte: take that one as it is, unless the text ended before */
	uint32_t done = new_label(b), last;

	if (size > 1) {
		last = put_load(b, mem.reg, mem.off + (int32_t)size - 2, 1, false);
		put_br_imm(b, CC_EQ, last, 0, done);
	}
	struct value one = value_at(v, (int32_t)size - 1, type_int(1, false));

	put_store(b, mem.reg, mem.off + (int32_t)size - 1, value_to_reg(b, one), 1);
	put_label(b, done);
	return mem;
}

static struct value array_to_int(struct builder *b, struct value v, const struct type *to)
{
	struct value mem = value_to_mem(b, v);
	struct value copy = mem_new_bytes(b, 8);

	put_store_imm(b, copy.reg, copy.off, 0, 8);
	put_copy(b, copy.reg, copy.off, mem.reg, mem.off, v.type->size < 8 ? v.type->size : 8);
	return value_reg(put_load(b, copy.reg, copy.off, to->size, is_signed_type(to)), to);
}

static struct value int_to_array(struct builder *b, struct value v, const struct type *to)
{
	struct value mem = mem_new_bytes(b, 8);

	put_store(b, mem.reg, mem.off, value_to_reg(b, v), 8);
	return value_retype(mem, to);
}

/* tuples go by position, records by name */
static const struct type_field *source_field(const struct type *from, const struct type_field *to,
					     uint32_t i)
{
	for (uint32_t k = 0; from->kind == TYPE_RECORD && k < from->n_fields; k++)
		if (str_eq(from->fields[k].name, to->name))
			return &from->fields[k];
	return &from->fields[i];
}

static struct value fields_cast(struct builder *b, struct value v, const struct type *to,
				struct span at)
{
	struct value from = value_to_mem(b, v), mem = mem_new(b, to);

	mem_zero(b, mem, to->size);
	for (uint32_t i = 0; i < to->n_fields && i < from.type->n_fields; i++) {
		const struct type_field *g = &to->fields[i], *f = source_field(from.type, g, i);
		struct value part = value_at(from, (int32_t)f->offset, f->type);

		value_store(b, value_at(mem, (int32_t)g->offset, g->type),
			    build_cast(b, part, g->type, at));
	}
	return mem;
}

static struct value buffer_cast(struct builder *b, struct value v, const struct type *to)
{
	struct value mem = mem_new(b, to);
	enum space space = v.form == VAL_MEM ? v.space : v.type->space;
	uint32_t n = to->count;

	if (v.form == VAL_MEM && v.type->size && v.type->size < n)
		n = v.type->size;
	mem_zero(b, mem, to->size);
	put_store_imm(b, mem.reg, mem.off, n, 4);
	mem_read(b, value_at(mem, 4, to),
		 v.form == VAL_MEM ? value_address(b, v) : value_to_reg(b, v), space, n);
	return mem;
}

/* a buffer of another capacity; its length says how much of it counts, so growing is a copy */
static struct value resize_buffer(struct builder *b, struct value v, const struct type *to)
{
	struct value mem = mem_new(b, to), from = value_to_mem(b, v);
	uint32_t n = from.type->size < to->size ? from.type->size : to->size;

	put_copy(b, mem.reg, mem.off, from.reg, from.off, n);
	put_zero(b, mem.reg, mem.off + (int32_t)n, to->size - n);
	if (to->count < from.type->count) {
		uint32_t len = put_bound(b, put_load(b, from.reg, from.off, 4, false), to->count);

		put_store(b, mem.reg, mem.off, len, 4);
	}
	return mem;
}

static struct value to_string(struct builder *b, struct value v, const struct type *to)
{
	struct value mem;

	if (v.type->kind == TYPE_ARRAY)
		return bytes_to_string(b, v, to);
	if (v.type->kind == TYPE_POINTER)
		return read_string(b, value_to_reg(b, v), v.type->space, to);
	if (v.form == VAL_STR)
		return value_retype(v, to);
	mem = mem_new(b, to);
	value_store(b, mem, v);
	return mem;
}

struct value build_cast(struct builder *b, struct value v, const struct type *to, struct span at)
{
	const struct type *from = v.type;

	if (from == to || from->kind == TYPE_NONE)
		return value_retype(v, to);
	if (to->kind == TYPE_CAPTURE)
		return build_capture(b, v, to);
	if (type_is_scalar(to) && type_is_scalar(from))
		return scalar_cast(b, v, to);
	if (to->kind == TYPE_STRING)
		return to_string(b, v, to);
	if (to->kind == TYPE_BUFFER && from->kind == TYPE_BUFFER)
		return resize_buffer(b, v, to);
	if (to->kind == TYPE_BUFFER)
		return buffer_cast(b, v, to);
	if (to->kind == TYPE_ARRAY && type_is_scalar(from))
		return int_to_array(b, v, to);
	if (type_is_scalar(to) && (from->kind == TYPE_ARRAY || from->kind == TYPE_STRING))
		return to->kind == TYPE_BOOL ? value_reg(value_truth(b, v), to)
					     : array_to_int(b, v, to);
	if ((to->kind == TYPE_TUPLE && from->kind == TYPE_TUPLE) ||
	    (to->kind == TYPE_RECORD && from->kind == TYPE_RECORD))
		return fields_cast(b, v, to, at);
	if (v.form == VAL_STR) /* text as an array of bytes */
		v = value_to_mem(b, v);
	return value_retype(v, to);
}

/* ---- equality ---- */

/* OR of the differences of n bytes: 0 when all are equal; no branches, so the verifier sees one path */
static uint32_t difference(struct builder *b, struct value x, struct value y, uint32_t n)
{
	uint32_t sum = put_imm(b, 0);

	for (uint32_t i = 0; i < n;) {
		uint32_t step = 8;

		while (step > n - i || (x.off + (int32_t)i) % (int32_t)step ||
		       (y.off + (int32_t)i) % (int32_t)step)
			step /= 2;
		sum = put_op(b, IR_OR, sum,
			     put_op(b, IR_XOR, put_load(b, x.reg, x.off + (int32_t)i, step, false),
				    put_load(b, y.reg, y.off + (int32_t)i, step, false)));
		i += step;
	}
	return sum;
}

/* a string in memory against a literal: constants instead of loads */
static uint32_t literal_difference(struct builder *b, struct value mem, struct str s)
{
	uint32_t n = (uint32_t)s.n + 1, sum = put_imm(b, 0); /* with the NUL */

	if (s.n + 1 > mem.type->size)
		return put_imm(b, 1);
	for (uint32_t i = 0; i < n;) {
		uint32_t step = 8;
		uint64_t word = 0;

		while (step > n - i || (mem.off + (int32_t)i) % (int32_t)step)
			step /= 2;
		for (uint32_t k = 0; k < step && i + k < s.n; k++)
			word |= (uint64_t)(uint8_t)s.p[i + k] << (8 * k);
		sum = put_op(b, IR_OR, sum,
			     put_op_imm(b, IR_XOR,
					put_load(b, mem.reg, mem.off + (int32_t)i, step, false),
					(int64_t)word));
		i += step;
	}
	return sum;
}

static uint32_t strings_differ(struct builder *b, struct value x, struct value y)
{
	uint32_t n, sum;

	if (x.form == VAL_STR && y.form == VAL_STR)
		return put_imm(b, !str_eq(x.str, y.str));
	if (y.form == VAL_STR)
		return literal_difference(b, x, y.str);
	if (x.form == VAL_STR)
		return literal_difference(b, y, x.str);
	n = (x.type->size < y.type->size ? x.type->size : y.type->size) - 1;
	sum = difference(b, x, y, n);
	if (x.type->size > y.type->size)
		sum = put_op(b, IR_OR, sum, put_load(b, x.reg, x.off + (int32_t)n, 1, false));
	else if (y.type->size > x.type->size)
		sum = put_op(b, IR_OR, sum, put_load(b, y.reg, y.off + (int32_t)n, 1, false));
	return sum;
}

static bool is_text(const struct type *t)
{
	return t->kind == TYPE_STRING || t->kind == TYPE_ARRAY;
}

uint32_t build_equal(struct builder *b, struct value x, struct value y)
{
	uint32_t n;

	if (x.form == VAL_REG && y.form == VAL_REG)
		return put_set(b, CC_EQ, x.reg, y.reg);
	if (x.form != VAL_STR)
		x = value_to_mem(b, x);
	if (y.form != VAL_STR)
		y = value_to_mem(b, y);
	if (x.type->kind == TYPE_STRING && y.type->kind == TYPE_STRING)
		return put_set_imm(b, CC_EQ, strings_differ(b, x, y), 0);
	if (is_text(x.type) && y.form == VAL_STR)
		return put_set_imm(b, CC_EQ, literal_difference(b, x, y.str), 0);
	if (is_text(y.type) && x.form == VAL_STR)
		return put_set_imm(b, CC_EQ, literal_difference(b, y, x.str), 0);
	if (x.type->kind == TYPE_TUPLE || x.type->kind == TYPE_RECORD) {
		uint32_t all = put_imm(b, 1);

		for (uint32_t i = 0; i < x.type->n_fields; i++) {
			const struct type_field *f = &x.type->fields[i], *g = &y.type->fields[i];
			struct value p = value_at(x, (int32_t)f->offset, f->type);
			struct value q = value_at(y, (int32_t)g->offset, g->type);

			if (type_is_scalar(f->type)) {
				p = value_reg(value_to_reg(b, p), f->type);
				q = value_reg(value_to_reg(b, q), g->type);
			}
			all = put_op(b, IR_AND, all, build_equal(b, p, q));
		}
		return all;
	}
	n = x.type->size < y.type->size ? x.type->size : y.type->size;
	return put_set_imm(b, CC_EQ, difference(b, x, y, n), 0);
}
