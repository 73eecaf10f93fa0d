/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements except assignments (infer_assign.c): what is discarded, loops, jumps, returns. */
#include "sema/sema_private.h"

/* ---- expression statements ---- */

/* is a value thrown away here that somebody meant to use? */
static bool is_value_lost(const struct node *n)
{
	switch (n->kind) {
	case NODE_CALL:
		/* helpers whose work is done although nobody looks at the result */
		if (n->call.fn)
			return true;
		if (!n->call.builtin)
			return false;
		switch (n->call.builtin->id) {
		case BUILTIN_DELETE:
		case BUILTIN_SKBOUTPUT:
		case BUILTIN_WRITE_USER: return false;
		default: return !n->call.builtin->is_async;
		}
	case NODE_UNARY: return n->op < OP_PRE_INC;
	case NODE_BLOCK: return n->block.value && is_value_lost(n->block.value);
	case NODE_IF:
	case NODE_TERNARY:
	case NODE_ASSIGN: return false;
	default: return true;
	}
}

static void infer_expr(struct sema *s, struct node *n)
{
	const struct type *t = infer(s, &n->unary.a, WANT_VOID);
	struct node *a = n->unary.a;

	if (n->flags & NODE_F_DISCARD || is_unknown(t) || t->kind == TYPE_VOID || !is_value_lost(a))
		return;
	sema_warning(s, D_SEMA_DISCARDED, n->at, "Return value discarded.");
}

/* ---- chains ---- */

/* does control never come behind this statement? */
static bool never_returns(const struct node *n)
{
	switch (n->kind) {
	case NODE_RETURN:
	case NODE_BREAK:
	case NODE_CONTINUE: return true;
	case NODE_EXPR:
		n = n->unary.a;
		return (n->kind == NODE_CALL && n->call.builtin &&
			n->call.builtin->id == BUILTIN_EXIT) ||
		       (n->kind == NODE_BLOCK && never_returns(n));
	case NODE_BLOCK:
		if (n->block.value)
			return false;
		n = n->block.stmts;
		while (n && n->next)
			n = n->next;
		return n && never_returns(n);
	default: return false;
	}
}

/* does every path through the statement end in a return? Loops may not run at all. */
static bool always_returns(const struct node *n)
{
	const struct node *last;

	if (!n)
		return false;
	switch (n->kind) {
	case NODE_RETURN: return true;
	case NODE_EXPR: return always_returns(n->unary.a);
	case NODE_IF:
		return n->cond.other && always_returns(n->cond.then) &&
		       always_returns(n->cond.other);
	case NODE_BLOCK:
		if (n->block.value && always_returns(n->block.value))
			return true;
		for (last = n->block.stmts; last; last = last->next) {
			if (always_returns(last))
				return true;
		}
		return false;
	default: return false;
	}
}

void check_fn_returns(struct sema *s)
{
	struct fn_def *def = s->fn->def;

	if (is_unknown(def->result_type) || def->result_type->kind == TYPE_VOID ||
	    always_returns(def->body))
		return;
	sema_error(s, D_SEMA_RETURN, def->at, "Function %.*s is of type %s, cannot return void",
		   STR_ARG(def->name), spelled(s, def->result_type));
}

void infer_chain(struct sema *s, struct node **first)
{
	bool is_dead = false;

	for (struct node **p = first; *p; p = &(*p)->next) {
		if (is_dead)
			sema_warning(s, D_SEMA_UNREACHABLE, (*p)->at, "Unreachable statement");
		infer(s, p, WANT_VOID);
		is_dead = !is_dead && never_returns(*p);
	}
}

/* ---- loops ---- */

/* "for (...)" without the body */
static struct span loop_head(const struct node *n)
{
	struct span at = n->at;

	if (n->for_.body && n->for_.body->at.start > at.start + 1)
		at.end = n->for_.body->at.start - 1;
	return at;
}

static void infer_loop_body(struct sema *s, struct node **body, uint32_t loop)
{
	uint32_t outer = s->loop;

	if (loop)
		s->loop = loop;
	s->n_any_loops++;
	infer(s, body, WANT_VOID);
	s->n_any_loops--;
	s->loop = outer;
}

static const struct type *map_element(struct sema *s, struct node *n)
{
	struct map_state *m = (struct map_state *)n->map.ref;
	const struct type *elems[2];

	if (!m)
		return type_poison();
	if (m->is_scalar) {
		sema_error(
			s, D_SEMA_LOOP, n->at,
			"%.*s has no explicit keys (scalar map), and cannot be used for iteration",
			STR_ARG(m->m.name));
		return type_poison();
	}
	elems[0] = type_plain(s, map_key(m));
	elems[1] = type_plain(s, map_value(m));
	n->type = elems[1];
	if (is_unknown(elems[0]) || is_unknown(elems[1])) {
		if (!m->is_assigned)
			sema_error(s, D_SEMA_UNDEFINED_MAP, n->at, "Undefined map: %.*s",
				   STR_ARG(m->m.name));
		return s->is_checking ? type_poison() : type_none();
	}
	if (type_is_aggregation(elems[1]) && !type_is_castable_aggregation(elems[1])) {
		sema_error(s, D_SEMA_LOOP, n->at, "Loop expression does not support type: %s",
			   spelled(s, elems[1]));
		return type_poison();
	}
	elems[1] = type_as_number(elems[1]);
	return type_tuple(s->tt, elems, NULL, 2);
}

static const struct type *range_element(struct sema *s, struct node *n)
{
	struct node **bounds[2] = { &n->for_.from, &n->for_.to };

	for (unsigned i = 0; i < 2; i++) {
		const struct type *t = infer(s, bounds[i], 0);

		if (is_unknown(t))
			continue;
		t = number_of(s, bounds[i]);
		if (!type_is_integer(t)) {
			sema_error(s, D_SEMA_LOOP, loop_head(n),
				   "Loop range requires an integer for the %s value",
				   i ? "end" : "start");
			continue;
		}
		coerce(s, bounds[i], type_int(8, true));
	}
	return type_int(8, true);
}

static void infer_for(struct sema *s, struct node *n)
{
	const struct type *t = n->kind == NODE_FOR_MAP ? map_element(s, n->for_.map)
						       : range_element(s, n);
	struct var_state *v = (struct var_state *)n->for_.var->var.ref;

	if (!v)
		return;
	var_joins(s, v, t);
	if (s->is_checking && is_unknown(t))
		v->v.type = type_poison();
	n->for_.var->type = type_plain(s, var_type(v));
	infer_loop_body(s, &n->for_.body, v->v.loop);
}

static void infer_unroll(struct sema *s, struct node *n)
{
	int64_t count;

	infer(s, &n->loop.cond, 0);
	if (!const_int(n->loop.cond, &count))
		sema_error(s, D_SEMA_LOOP, n->loop.cond->at,
			   "invalid unroll value: it must be known at compile time");
	else if (count < 1)
		sema_error(s, D_SEMA_LOOP, n->loop.cond->at, "unroll minimum value is 1");
	else if (count > 100)
		sema_error(s, D_SEMA_LOOP, n->loop.cond->at, "unroll maximum value is 100");
	infer_loop_body(s, &n->loop.body, 0);
}

/* ---- jumps ---- */

static void infer_jump(struct sema *s, struct node *n)
{
	if (s->n_any_loops == 0)
		sema_error(s, D_SEMA_JUMP, n->at, "%s statement must be inside a loop",
			   n->kind == NODE_BREAK ? "break" : "continue");
}

static void refuse_return(struct sema *s, struct node *n, const struct type *t)
{
	if (s->fn)
		sema_error(s, D_SEMA_RETURN, n->at, "Function %.*s is of type %s, cannot return %s",
			   STR_ARG(s->fn->def->name), spelled(s, s->fn->def->result_type),
			   spelled(s, type_plain(s, t)));
	else
		sema_error(s, D_SEMA_RETURN, n->at, "A probe can return an integer only, not %s",
			   spelled(s, type_plain(s, t)));
}

static void infer_return(struct sema *s, struct node *n)
{
	const struct type *want = s->fn ? s->fn->def->result_type : type_int(8, true), *t;

	if (s->fn && s->loop)
		s->fn->def->returns_in_loop = true;
	t = n->unary.a ? infer(s, &n->unary.a, 0) : type_void();
	if (is_unknown(t) || is_unknown(want))
		return;
	if (t->kind == TYPE_VOID) {
		if (s->fn && want->kind != TYPE_VOID)
			refuse_return(s, n, t);
		return;
	}
	t = number_of(s, &n->unary.a);
	if (want->kind == TYPE_VOID || !is_coercible(s, t, want) || !coerce(s, &n->unary.a, want))
		refuse_return(s, n, t);
}

/* ---- all of them ---- */

void infer_statement(struct sema *s, struct node **slot)
{
	struct node *n = *slot;

	switch (n->kind) {
	case NODE_EXPR: infer_expr(s, n); break;
	case NODE_ASSIGN: infer_assign(s, n); break;
	case NODE_LET: infer_let(s, n); break;
	case NODE_WHILE:
		infer_condition(s, &n->loop.cond, n->loop.cond->at);
		infer_loop_body(s, &n->loop.body, 0);
		break;
	case NODE_UNROLL: infer_unroll(s, n); break;
	case NODE_FOR_MAP:
	case NODE_FOR_RANGE: infer_for(s, n); break;
	case NODE_BREAK:
	case NODE_CONTINUE: infer_jump(s, n); break;
	case NODE_RETURN: infer_return(s, n); break;
	default: break;
	}
}
