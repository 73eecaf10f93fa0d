/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements: each ends by giving its temporaries back. */
#include "ir/build_private.h"

enum { MOST_ROUNDS = 1000000 };

static void assign(struct builder *b, struct node *n)
{
	struct node *t = n->assign.target, *v = n->assign.value;

	if (t->kind == NODE_MAP && v->kind == NODE_CALL && v->call.builtin &&
	    v->call.builtin->is_aggregation) {
		map_aggregate(b, t, v);
		return;
	}
	if (n->op != OP_NONE) {
		struct value left = build_expr(b, t);
		struct value now = build_compound(
			b, n->op, value_reg(value_to_reg(b, left), t->type), v, t->type);

		if (t->kind == NODE_VAR)
			var_assign(b, t->var.ref, now);
		else
			map_write(b, t, now);
		return;
	}
	if (t->kind == NODE_MAP) {
		map_write(b, t, build_expr(b, v));
	} else if (t->kind == NODE_VAR) {
		struct value x = build_expr(b, v);

		if (t->type->kind == TYPE_RECORD && x.type != t->type)
			x = build_cast(b, x, t->type, v->at);
		var_assign(b, t->var.ref, x);
	}
}

static void let(struct builder *b, struct node *n)
{
	struct variable *v = n->let.var->var.ref;

	if (n->let.value)
		var_assign(b, v, build_expr(b, n->let.value));
	else if (v->type && v->type->kind != TYPE_NONE)
		var_declare(b, v);
}

/*
 * In a process no verifier has seen that the loop ends, and the traced thread would stand in it for good. All rounds of loops in one another
 * count together; none that the kernel accepts comes near the limit, since its verifier walks through a million instructions.
 */
static void bound_rounds(struct builder *b, struct node *n)
{
	struct fn_state *fn = b->fn;
	uint32_t fine = new_label(b);

	put_mov_to(b, fn->rounds, put_op_imm(b, IR_ADD, fn->rounds, 1));
	put_br_imm(b, CC_LT, fn->rounds, MOST_ROUNDS, fine);
	fault_count(b, (struct image_fault){ .kind = FAULT_LOOP, .map = IMAGE_NONE, .at = n->at },
		    0);
	put_jmp(b, fn->break_label);
	put_label(b, fine);
}

static void build_while(struct builder *b, struct node *n)
{
	bool is_outermost = b->prog->is_in_process && !b->fn->rounds;
	struct fn_state *fn = b->fn;
	uint32_t outer_break = fn->break_label, outer_continue = fn->continue_label;
	bool had = fn->has_loop_labels;
	struct mem_mark mark = mem_mark(b);

	fn->continue_label = new_label(b);
	fn->break_label = new_label(b);
	fn->has_loop_labels = true;
	if (is_outermost) {
		fn->rounds = new_vreg(b);
		put_imm_to(b, fn->rounds, 0);
	}
	put_label(b, fn->continue_label);
	if (fn->rounds)
		bound_rounds(b, n);
	build_branch(b, n->loop.cond, false, fn->break_label);
	mem_release(b, mark);
	build_stmt(b, n->loop.body);
	put_jmp(b, fn->continue_label);
	put_label(b, fn->break_label);
	fn->break_label = outer_break;
	fn->continue_label = outer_continue;
	fn->has_loop_labels = had;
	if (is_outermost)
		fn->rounds = 0;
}

static void build_unroll(struct builder *b, struct node *n)
{
	struct fn_state *fn = b->fn;
	uint32_t outer_break = fn->break_label, outer_continue = fn->continue_label;
	bool had = fn->has_loop_labels;
	uint32_t done = new_label(b);

	for (int64_t i = 0; i < n->loop.cond->integer; i++) {
		fn->break_label = done;
		fn->continue_label = new_label(b);
		fn->has_loop_labels = true;
		build_stmt(b, n->loop.body);
		put_label(b, fn->continue_label);
	}
	put_label(b, done);
	fn->break_label = outer_break;
	fn->continue_label = outer_continue;
	fn->has_loop_labels = had;
}

/* in a callback of a for loop: returning 1 ends the loop, 0 goes on */
static void loop_jump(struct builder *b, bool is_break)
{
	if (b->fn->has_loop_labels)
		put_jmp(b, is_break ? b->fn->break_label : b->fn->continue_label);
	else
		put_ret(b, put_imm(b, is_break));
}

/* return */
static void build_leave(struct builder *b, struct node *result)
{
	struct inline_fn *fn = b->inlined;

	if (!fn) {
		build_leave_reg(b,
				result && type_is_scalar(result->type) ? build_reg(b, result) : 0);
		return;
	}
	if (result)
		fn_set_result(b, result);
	if (b->fn == fn->owner) {
		put_jmp(b, fn->done);
		return;
	}
	/* out of the callbacks first: callback_propagate_leave() goes on from there */
	put_store_imm(b, frame_base(b), FRAME_LEAVE, LEAVE_FN, 8);
	put_jmp(b, b->fn->leave);
}

static void build_stmt_kind(struct builder *b, struct node *n)
{
	switch (n->kind) {
	case NODE_ASSIGN: assign(b, n); break;
	case NODE_LET: let(b, n); break;
	case NODE_WHILE: build_while(b, n); break;
	case NODE_UNROLL: build_unroll(b, n); break;
	case NODE_FOR_MAP: build_for_map(b, n); break;
	case NODE_FOR_RANGE: build_for_range(b, n); break;
	case NODE_BREAK:
	case NODE_CONTINUE: loop_jump(b, n->kind == NODE_BREAK); break;
	case NODE_RETURN: build_leave(b, n->unary.a); break;
	case NODE_IMPORT: break;
	case NODE_EXPR: build_expr(b, n->unary.a); break;
	default: build_expr(b, n); break;
	}
}

void build_stmt(struct builder *b, struct node *n)
{
	struct mem_mark mark = mem_mark(b);
	struct span at = b->at;

	if (n->flags & NODE_F_DEAD)
		return;
	b->at = n->at;
	build_stmt_kind(b, n);
	b->at = at;
	mem_release(b, mark);
}

void build_stmts(struct builder *b, struct node *first)
{
	for (struct node *n = first; n; n = n->next)
		build_stmt(b, n);
}
