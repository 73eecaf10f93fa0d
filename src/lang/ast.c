/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making, copying and walking syntax trees. node_children() is the one place that knows which members of
 * struct node are subtrees; the walker here and the passes of sema build on it. The parser bounds the depth of
 * every tree (parse.h), so plain recursion is safe here. Nothing in this file looks at what nodes mean.
 */
#include "lang/ast.h"

struct node *node_new(struct arena *a, enum node_kind kind, struct span at)
{
	struct node *n = arena_new(a, struct node);

	n->kind = kind;
	n->at = at;
	return n;
}

/* every node of the chain that starts at *slot; a visitor may replace *slot (keeping .next) */
static void visit_chain(struct node **slot, node_visit_slot *visit, void *arg)
{
	while (*slot) {
		visit(arg, slot);
		if (!*slot)
			break; /* the visitor cut the chain here */
		slot = &(*slot)->next;
	}
}

static void visit_one(struct node **slot, node_visit_slot *visit, void *arg)
{
	if (*slot)
		visit(arg, slot);
}

void type_expr_children(struct type_expr *t, node_visit_slot *visit, void *arg)
{
	if (!t)
		return;
	visit_one(&t->expr, visit, arg);
	for (uint8_t i = 0; i < t->n_dims; i++)
		visit_one(&t->dim_exprs[i], visit, arg);
	for (struct type_expr *e = t->elems; e; e = e->next)
		type_expr_children(e, visit, arg);
}

struct type_expr **node_type_expr(struct node *n)
{
	switch (n->kind) {
	case NODE_CAST: return &n->cast.to;
	case NODE_SIZEOF:
	case NODE_TYPEINFO: return &n->sizeof_.type;
	case NODE_OFFSETOF: return &n->offsetof_.type;
	case NODE_TYPE_VALUE: return &n->type_value;
	case NODE_LET: return &n->let.type;
	default: return NULL;
	}
}

void node_children(struct node *n, node_visit_slot *visit, void *arg)
{
	struct type_expr **type = node_type_expr(n);

	if (type)
		type_expr_children(*type, visit, arg);
	switch (n->kind) {
	case NODE_INT:
	case NODE_STRING:
	case NODE_BOOL:
	case NODE_POSITIONAL:
	case NODE_VAR:
	case NODE_IDENT:
	case NODE_TYPE_VALUE:
	case NODE_BREAK:
	case NODE_CONTINUE:
	case NODE_IMPORT:
	case NODE_N_KINDS: break;
	case NODE_MAP: visit_one(&n->map.key, visit, arg); break;
	case NODE_CALL: visit_chain(&n->call.args, visit, arg); break;
	case NODE_UNARY:
	case NODE_COMPTIME:
	case NODE_EXPR:
	case NODE_RETURN: visit_one(&n->unary.a, visit, arg); break;
	case NODE_BINARY:
		visit_one(&n->binary.a, visit, arg);
		visit_one(&n->binary.b, visit, arg);
		break;
	case NODE_TERNARY:
	case NODE_IF:
		visit_one(&n->cond.cond, visit, arg);
		visit_one(&n->cond.then, visit, arg);
		visit_one(&n->cond.other, visit, arg);
		break;
	case NODE_FIELD:
	case NODE_TUPLE_FIELD: visit_one(&n->field.a, visit, arg); break;
	case NODE_INDEX:
		visit_one(&n->index.a, visit, arg);
		visit_one(&n->index.i, visit, arg);
		break;
	case NODE_CAST: visit_one(&n->cast.a, visit, arg); break;
	case NODE_SIZEOF:
	case NODE_TYPEINFO: visit_one(&n->sizeof_.expr, visit, arg); break;
	case NODE_OFFSETOF: visit_one(&n->offsetof_.expr, visit, arg); break;
	case NODE_TUPLE:
	case NODE_RECORD: visit_chain(&n->list.items, visit, arg); break;
	case NODE_NAMED: visit_one(&n->named.value, visit, arg); break;
	case NODE_BLOCK:
		visit_chain(&n->block.stmts, visit, arg);
		visit_one(&n->block.value, visit, arg);
		break;
	case NODE_ASSIGN:
		visit_one(&n->assign.target, visit, arg);
		visit_one(&n->assign.value, visit, arg);
		break;
	case NODE_LET:
		visit_one(&n->let.var, visit, arg);
		visit_one(&n->let.value, visit, arg);
		break;
	case NODE_WHILE:
	case NODE_UNROLL:
		visit_one(&n->loop.cond, visit, arg);
		visit_one(&n->loop.body, visit, arg);
		break;
	case NODE_FOR_MAP:
	case NODE_FOR_RANGE:
		visit_one(&n->for_.var, visit, arg);
		visit_one(&n->for_.map, visit, arg);
		visit_one(&n->for_.from, visit, arg);
		visit_one(&n->for_.to, visit, arg);
		visit_one(&n->for_.body, visit, arg);
		break;
	}
}

struct walk {
	node_enter *enter;
	void *arg;
};

static void walk_slot(void *arg, struct node **slot)
{
	struct walk *w = arg;

	if (w->enter(w->arg, *slot))
		node_children(*slot, walk_slot, w);
}

void node_walk(struct node *n, node_enter *enter, void *arg)
{
	struct walk w = { enter, arg };

	if (n)
		walk_slot(&w, &n);
}

struct type_expr *type_expr_clone(struct arena *a, const struct type_expr *t)
{
	struct type_expr *copy, **tail;

	if (!t)
		return NULL;
	copy = arena_new(a, struct type_expr);
	*copy = *t;
	copy->next = NULL;
	copy->expr = node_clone(a, t->expr);
	for (uint8_t i = 0; i < t->n_dims; i++)
		copy->dim_exprs[i] = node_clone(a, t->dim_exprs[i]);
	tail = &copy->elems;
	for (const struct type_expr *e = t->elems; e; e = e->next) {
		*tail = type_expr_clone(a, e);
		tail = &(*tail)->next;
	}
	*tail = NULL;
	return copy;
}

/* the slot still points at the original's child: put a copy there, keep the chain of the originals walkable */
static void clone_slot(void *arg, struct node **slot)
{
	struct node *next = (*slot)->next;

	*slot = node_clone(arg, *slot);
	(*slot)->next = next; /* visit_chain goes on along the originals and copies each in turn */
}

struct node *node_clone(struct arena *a, const struct node *n)
{
	struct node *copy;
	struct type_expr **type;

	if (!n)
		return NULL;
	copy = arena_new(a, struct node);
	*copy = *n;
	copy->next = NULL;
	/* take the type out of the way: node_children would write into the original's type_expr */
	type = node_type_expr(copy);
	if (type) {
		struct type_expr *cloned = type_expr_clone(a, *type);

		*type = NULL;
		node_children(copy, clone_slot, a);
		*type = cloned;
	} else {
		node_children(copy, clone_slot, a);
	}
	return copy;
}
