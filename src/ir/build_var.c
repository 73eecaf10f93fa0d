/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scratch variables. A scalar lives in a vreg of its function. Aggregates and variables whose address is taken live in a
 * stack slot or in scratch; variables that a callback loop shares with its surroundings live in the frame (small) or in
 * scratch. Their memory is theirs for the whole program, so none of it is released with a statement's temporaries.
 */
#include "ir/build_private.h"

/* the last piece of scratch handed out becomes a variable's */
static struct var_home scratch_home(struct builder *b, uint32_t off)
{
	b->scratch_floor = b->scratch_used;
	return (struct var_home){ HOME_SCRATCH, off, NULL };
}

static struct var_home frame_home(struct builder *b, uint32_t size)
{
	struct var_home h;

	if (b->frame_bytes + round_up8(size) <= MAX_FRAME_BYTES && size <= 32) {
		h = (struct var_home){ HOME_FRAME, b->frame_bytes, NULL };
		b->frame_bytes += round_up8(size);
		b->has_frame = true;
		return h;
	}
	return scratch_home(b, scratch_alloc(b, size));
}

/* memory of a variable is kept: take it out of the list that mem_release cuts back */
static struct var_home slot_home(struct builder *b, const struct type *t)
{
	struct value mem = mem_new(b, t);
	struct ir_insn *last = &b->fn->f->insn[b->fn->f->n - 1];

	if (last->op == IR_SLOT && last->dst == mem.reg) {
		struct var_home h = { HOME_SLOT, (uint32_t)last->imm, b->fn };

		b->fn->live_slots.n--;
		return h;
	}
	return scratch_home(b, (uint32_t)mem.off);
}

static void make_home(struct builder *b, struct variable *v)
{
	struct var_home *h = &b->homes[v->id];

	if (v->is_shared)
		*h = frame_home(b, v->type->size);
	else if (type_is_scalar(v->type) && !v->is_address_taken)
		*h = (struct var_home){ HOME_REG, new_vreg(b), b->fn };
	else
		*h = slot_home(b, v->type);
}

struct value var_place(struct builder *b, struct variable *v)
{
	struct var_home *h = &b->homes[v->id];

	if (h->form == HOME_NONE)
		make_home(b, v);
	switch (h->form) {
	case HOME_REG: return value_reg(h->n, v->type);
	case HOME_SLOT: return value_mem(put_slot(b, h->n), 0, SPACE_BPF, v->type);
	case HOME_FRAME: return value_mem(frame_base(b), (int32_t)h->n, SPACE_BPF, v->type);
	default: return value_mem(scratch_base(b), (int32_t)h->n, SPACE_BPF, v->type);
	}
}

struct value var_read(struct builder *b, struct variable *v)
{
	struct value place = var_place(b, v);

	/* a copy: the variable may change before the value is used, as in $x++ + $x */
	if (place.form == VAL_REG) {
		uint32_t copy = new_vreg(b);

		put_mov_to(b, copy, place.reg);
		return value_reg(copy, v->type);
	}
	if (type_is_scalar(v->type))
		return value_reg(value_to_reg(b, place), v->type);
	return place;
}

void var_assign(struct builder *b, struct variable *v, struct value x)
{
	struct value place = var_place(b, v);

	if (place.form == VAL_REG)
		put_mov_to(b, place.reg, value_to_reg(b, x));
	else
		value_store(b, place, x);
}

void var_declare(struct builder *b, struct variable *v)
{
	struct value place = var_place(b, v);

	if (place.form == VAL_REG)
		put_imm_to(b, place.reg, 0);
	else
		mem_zero(b, place, v->type->size);
}
