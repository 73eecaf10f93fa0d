/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * After a fixed point: sizeof, offsetof, typeinfo and the type tests become literals where types
 * are known, what is made of literals is folded, and comptime conditions that are decided leave one
 * branch. Then inference begins anew, because a sizeof is a literal now and a branch may have come
 * into being. Variables and maps whose types decided something are locked: if they come out
 * otherwise in the end, that is reported.
 */
#include "sema/sema_private.h"

struct comptime {
	struct sema *s;
	bool is_any;
};

static void visit(void *arg, struct node **slot);

/* ---- the type that is asked about ---- */

static const struct type *asked_type(struct sema *s, struct type_expr *written, struct node **expr)
{
	const struct type *t = NULL;
	bool is_unsized = false, was_locking = s->is_locking;

	s->is_locking = true;
	s->in_type++;
	if (written) {
		t = type_expr_resolve(s, written, &is_unsized);
	} else if ((*expr)->kind == NODE_MAP && !(*expr)->map.key && (*expr)->map.ref) {
		struct map_state *m = (struct map_state *)(*expr)->map.ref;

		t = type_plain(s, m->is_keyed ? map_key(m) : map_value(m));
		if (!is_unknown(t) && !m->locked_value) {
			m->locked_value = type_plain(s, map_value(m));
			m->locked_key = type_plain(s, map_key(m));
		}
	} else {
		t = type_plain(s, infer(s, expr, WANT_PLACE | WANT_MAP | WANT_AGGREGATION));
	}
	s->in_type--;
	s->is_locking = was_locking;
	return is_unknown(t) ? NULL : t;
}

/* ---- sizeof, offsetof, typeinfo ---- */

static bool replace_sizeof(struct sema *s, struct node **slot)
{
	struct node *n = *slot;
	const struct type *t = asked_type(s, n->sizeof_.type, &n->sizeof_.expr);

	if (!t || t->kind == TYPE_VOID || !type_complete(t))
		return false;
	/* enumerators are numbers of 64 bits, whatever the size of their enum */
	if (n->sizeof_.expr && n->sizeof_.expr->kind == NODE_INT && t->kind == TYPE_ENUM)
		t = type_int(8, true);
	replace(slot, node_int(s, n->at, t->size, NULL));
	return true;
}

static bool replace_offsetof(struct sema *s, struct node **slot)
{
	struct node *n = *slot;
	const struct type *t = asked_type(s, n->offsetof_.type, &n->offsetof_.expr);
	uint64_t offset = 0;

	if (!t)
		return false;
	for (uint32_t i = 0; i < n->offsetof_.n_path; i++) {
		struct type_field f;

		if (t->kind != TYPE_STRUCT && t->kind != TYPE_RECORD) {
			sema_error_now(s, D_SEMA_OFFSETOF, n->at, "'%s' is not a C type.",
				       spelled(s, t));
			n->type = type_poison();
			return false;
		}
		if (!type_complete(t)) {
			sema_error_now(s, D_SEMA_UNKNOWN_TYPE, n->at,
				       "Cannot resolve unknown type \"%s\"", spelled(s, t));
			n->type = type_poison();
			return false;
		}
		if (!type_find_field(t, n->offsetof_.path[i], &f)) {
			sema_error_now(s, D_SEMA_OFFSETOF, n->at, "'%s' has no field named '%.*s'",
				       spelled(s, t), STR_ARG(n->offsetof_.path[i]));
			n->type = type_poison();
			return false;
		}
		offset += f.offset;
		t = f.type;
	}
	replace(slot, node_int(s, n->at, (int64_t)offset, NULL));
	return true;
}

static const char *base_word(const struct type *t)
{
	switch (t->kind) {
	case TYPE_STRUCT: return t->is_union ? "union" : "struct";
	case TYPE_POINTER: return "pointer";
	default: return kind_word(t);
	}
}

/* typeinfo(x): what kind of type, its name, and whether it is known to the kernel */
static bool replace_typeinfo(struct sema *s, struct node **slot)
{
	struct node *n = *slot, *record, *named;
	const struct type *t = asked_type(s, n->sizeof_.type, &n->sizeof_.expr);
	struct str names[3] = { STR("btf_id"), STR("base_type"), STR("full_type") };
	struct node *values[3];

	if (!t)
		return false;
	values[0] = node_int(
		s, n->at, t->kind == TYPE_STRUCT ? (int64_t)(t->source_id & INT32_MAX) : 0, NULL);
	values[1] = node_string(s, n->at, str_from(base_word(t)));
	values[2] = node_string(s, n->at, type_spelling(s->arena, t));
	record = node_new(s->arena, NODE_RECORD, n->at);
	for (int i = 2; i >= 0; i--) {
		named = node_new(s->arena, NODE_NAMED, n->at);
		named->named.name = names[i];
		named->named.value = values[i];
		named->next = record->list.items;
		record->list.items = named;
	}
	record->list.n = 3;
	replace(slot, record);
	return true;
}

/* ---- what becomes of it ---- */

/* (a=1, b=2).b and (1, 2).1 of constants are what stands there */
static bool fold_field(struct sema *s, struct node **slot)
{
	struct node *n = *slot, *a = n->field.a, *item;

	(void)s;
	if (n->kind == NODE_FIELD && a->kind == NODE_RECORD) {
		for (item = a->list.items; item; item = item->next) {
			if (!str_eq(item->named.name, n->field.name) ||
			    !is_const(item->named.value))
				continue;
			replace(slot, item->named.value);
			return true;
		}
	} else if (n->kind == NODE_TUPLE_FIELD && a->kind == NODE_TUPLE &&
		   n->field.index < a->list.n) {
		item = a->list.items;
		for (uint32_t i = 0; i < n->field.index; i++)
			item = item->next;
		if (is_const(item)) {
			struct node *copy = node_clone(s->arena, item);

			replace(slot, copy);
			return true;
		}
	}
	return false;
}

static bool is_true(const struct node *n)
{
	return n->kind == NODE_STRING ? n->string.n != 0 : n->integer != 0;
}

/* only what is inside of the condition: the branches do not exist yet */
static bool decide(struct comptime *c, struct node **slot)
{
	struct node *n = *slot, *cond = n->cond.cond, *taken;

	if (cond->kind != NODE_COMPTIME)
		return false;
	visit(c, &cond->unary.a);
	if (!is_const(cond->unary.a))
		return true;
	taken = is_true(cond->unary.a) ? n->cond.then : n->cond.other;
	if (!taken)
		taken = node_new(c->s->arena, NODE_BLOCK, n->at);
	replace(slot, taken);
	c->is_any = true;
	return true;
}

static void visit(void *arg, struct node **slot)
{
	struct comptime *c = arg;
	struct node *n = *slot, *before;

	if (n->type == type_poison())
		return;
	if ((n->kind == NODE_IF || n->kind == NODE_TERNARY) && decide(c, slot))
		return;
	if (n->kind == NODE_SIZEOF || n->kind == NODE_OFFSETOF || n->kind == NODE_TYPEINFO) {
		c->is_any |= n->kind == NODE_SIZEOF     ? replace_sizeof(c->s, slot)
			     : n->kind == NODE_OFFSETOF ? replace_offsetof(c->s, slot)
							: replace_typeinfo(c->s, slot);
		return;
	}
	node_children(n, visit, c);
	before = *slot;
	if (n->kind == NODE_CALL && n->call.builtin && n->call.builtin->id >= BUILTIN_IS_ARRAY &&
	    n->call.builtin->id <= BUILTIN_IS_STR && n->call.builtin->id != BUILTIN_IS_LITERAL) {
		int r = type_test(c->s, n);

		if (r >= 0)
			replace(slot, node_bool(c->s, n->at, r));
	} else if (n->kind == NODE_FIELD || n->kind == NODE_TUPLE_FIELD) {
		fold_field(c->s, slot);
	} else if (n->kind == NODE_COMPTIME && is_const(n->unary.a)) {
		replace(slot, n->unary.a);
	} else {
		fold_node(c->s, slot);
	}
	c->is_any |= *slot != before;
}

static void visit_body(struct sema *s, struct node **predicate, struct node **body)
{
	struct comptime c = { .s = s };

	if (*predicate)
		visit(&c, predicate);
	visit(&c, body);
	s->is_changed |= c.is_any;
}

void comptime_run(struct sema *s)
{
	each_body(s, visit_body);
}
