/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parts of a value by what its type is (types/view.h): the length of a vector, the text of a string, what a smart pointer
 * leads to. A path is a walk from the value's place over offsets and pointers to a place or a number.
 */
#include "ir/build_private.h"

#include <stddef.h>

static struct value follow_pointer(struct builder *b, struct value place)
{
	uint32_t to = place.form == VAL_REG
			      ? place.reg /* the pointer itself is at hand */
			      : value_to_reg(b, value_retype(place, type_int(8, false)));

	return value_mem(to, 0, SPACE_USER, type_none());
}

static struct value walk(struct builder *b, struct value place, const struct view_path *path)
{
	for (uint32_t i = 0; i < path->n_steps; i++) {
		if (path->steps[i].kind == VIEW_STEP_DEREF)
			place = follow_pointer(b, place);
		else if (place.form == VAL_MEM)
			place = value_at(place, (int32_t)path->steps[i].offset, type_none());
	}
	return place;
}

static uint32_t load_number(struct builder *b, struct value place, const struct view_path *path)
{
	uint32_t v;

	if (place.form == VAL_REG)
		v = place.reg;
	else
		v = value_to_reg(b, value_retype(place, type_int(path->size, false)));
	if (path->mask)
		v = put_op_imm(b, IR_AND, v, (int64_t)path->mask);
	if (path->shift)
		v = put_op_imm(b, IR_SHR, v, path->shift);
	return v;
}

static uint32_t load_difference(struct builder *b, struct value place, const struct view_path *path)
{
	const struct type *word = type_int(8, false);
	uint32_t begin = value_to_reg(b, value_retype(place, word));
	uint32_t end = value_to_reg(b, value_at(place, (int32_t)path->end_offset, word));
	uint32_t bytes = put_op(b, IR_SUB, end, begin);

	return path->divide > 1 ? put_op_imm(b, IR_DIV, bytes, path->divide) : bytes;
}

static uint32_t build_number(struct builder *b, struct value value, const struct view_path *path)
{
	struct value place = walk(b, value, path);
	uint32_t dst, set, done, byte;

	switch (path->what) {
	case VIEW_IS_NUMBER: return load_number(b, place, path);
	case VIEW_IS_DIFF: return load_difference(b, place, path);
	case VIEW_IS_CONST: return put_imm(b, (int64_t)path->value);
	case VIEW_IS_ADDRESS: return place.form == VAL_REG ? place.reg : value_address(b, place);
	case VIEW_IS_CHOICE: break;
	}
	dst = new_vreg(b);
	set = new_label(b);
	done = new_label(b);
	byte = value_to_reg(b, value_retype(place, type_int(1, false)));
	put_br_imm(b, CC_NE, put_op_imm(b, IR_AND, byte, 1), 0, set);
	put_mov_to(b, dst, build_number(b, value, path->if_clear));
	put_jmp(b, done);
	put_label(b, set);
	put_mov_to(b, dst, build_number(b, value, path->if_set));
	put_label(b, done);
	return dst;
}

/* the word that tells the dynamic type; the consumer finds the name */
struct value build_typename(struct builder *b, struct node *call)
{
	struct value to = mem_new(b, call->type);
	uint32_t word = build_reg(b, call->call.args);

	mem_zero(b, to, call->type->size);
	put_store(b, to.reg, to.off, word, 8);
	put_store(b, to.reg, to.off + (int32_t)offsetof(struct stored_usym, pid),
		  build_noted_pid(b), 4);
	return to;
}

struct value build_view(struct builder *b, struct node *call)
{
	const struct call_view *view = call->call.info;
	struct value value = build_expr(b, call->call.args);
	uint32_t v;

	if (view->is_place) {
		struct value place = walk(b, value, &view->path);

		if (place.form == VAL_MEM)
			place = value_retype(place, view->type);
		return type_is_scalar(view->type) && place.form == VAL_MEM
			       ? value_reg(value_to_reg(b, place), view->type)
			       : place;
	}
	v = build_number(b, value, &view->path);
	if (view->is_test)
		return value_reg(put_set_imm(b, view->path.is_inverted ? CC_NE : CC_EQ, v,
					     (int64_t)view->path.value),
				 view->type);
	if (type_is_integer(view->type))
		v = put_ext(b, v, view->type->size, is_signed_type(view->type));
	return value_reg(v, view->type);
}
