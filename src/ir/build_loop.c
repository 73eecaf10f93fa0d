/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * for loops. The body becomes a callback: bpf_loop for ranges, bpf_for_each_map_elem for maps, so that the verifier looks at
 * it once however often it runs. What body and surroundings share stands in the frame (build_var.c).
 */
#include "ir/build_private.h"

#include <linux/bpf.h>

enum { MAX_LOOPS = 1 << 23 }; /* what bpf_loop allows */

static void build_body(struct builder *b, struct node *body)
{
	struct fn_state *fn = b->fn;
	struct inline_fn *inlined = b->inlined;

	fn->has_loop_labels = false;
	build_stmt(b, body);
	b->inlined = inlined;
}

/*
 * for ($i : from..to): the bounds are evaluated once. from and the number of rounds stand before the call; the callback gets
 * the round and adds from, which it finds in the frame.
 */
void build_for_range(struct builder *b, struct node *n)
{
	struct variable *var = n->for_.var->var.ref;
	uint32_t from = build_reg(b, n->for_.from), to = build_reg(b, n->for_.to);
	uint32_t rounds = put_op(b, IR_SUB, to, from), some = new_label(b), none = new_label(b);
	uint32_t start_off = b->frame_bytes;
	struct fn_state *cb;
	uint32_t index, base;

	b->frame_bytes += 8; /* the start */
	put_br(b, CC_SLT, from, to, some);
	put_jmp(b, none);
	put_label(b, some);
	put_store(b, frame_base(b), (int32_t)start_off, from, 8);
	cb = callback_begin(b, IR_FUNC_LOOP);
	index = put_ext(b, put_param(b, 0), 4, false);
	base = put_load(b, cb->frame, (int32_t)start_off, 8, false);
	var_assign(b, var, value_reg(put_op(b, IR_ADD, base, index), var->type));
	build_body(b, n->for_.body);
	callback_end(b, cb);
	put_helper(b, BPF_FUNC_loop, put_bound(b, rounds, MAX_LOOPS), put_func(b, cb->index),
		   frame_base(b), put_imm(b, 0));
	callback_propagate_leave(b);
	put_label(b, none);
}

/* what the loop variable of a map loop holds: (key, value), copied, because the element may change meanwhile */
static void load_pair(struct builder *b, const struct map_info *m, struct variable *var,
		      uint32_t key, uint32_t value)
{
	const struct type_field *f = var->type->fields;
	struct value place = var_place(b, var);
	struct value k = value_at(place, (int32_t)f[0].offset, f[0].type);
	struct value v = value_at(place, (int32_t)f[1].offset, f[1].type);

	mem_zero(b, place, var->type->size);
	value_store(b, k, value_mem(key, 0, SPACE_BPF, m->key_type));
	if (type_is_aggregation(m->value_type))
		put_store(b, v.reg, v.off, map_read_number(b, m, key), f[1].type->size);
	else
		value_store(b, v, value_mem(value, 0, SPACE_BPF, m->value_type));
}

void build_for_map(struct builder *b, struct node *n)
{
	const struct map_info *m = n->for_.map->map.ref;
	struct variable *var = n->for_.var->var.ref;
	uint32_t map = map_image_index(b, m);
	struct fn_state *cb = callback_begin(b, IR_FUNC_FOR_EACH);
	uint32_t key = put_param(b, 1), value = put_param(b, 2);

	load_pair(b, m, var, key, value);
	build_body(b, n->for_.body);
	callback_end(b, cb);
	put_helper(b, BPF_FUNC_for_each_map_elem, put_map(b, map), put_func(b, cb->index),
		   frame_base(b), put_imm(b, 0));
	callback_propagate_leave(b);
}
