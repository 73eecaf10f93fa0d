/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Implicit conversions: which exist, and putting them into the tree. Literals and constructors
 * (tuples, records) are changed in place, so that `(1, "a")` is made in the wanted layout at once;
 * everything else is wrapped in a NODE_CAST that carries NODE_F_IMPLICIT. Nothing here reports
 * errors: the caller knows what the value was wanted for.
 */
#include "sema/sema_private.h"

static struct node *wrap(struct sema *s, struct node **slot, const struct type *to)
{
	struct node *a = *slot, *cast = node_new(s->arena, NODE_CAST, a->at);

	cast->flags = NODE_F_IMPLICIT;
	cast->type = to;
	cast->cast.a = a;
	cast->next = a->next;
	cast->space = a->space;
	a->next = NULL;
	*slot = cast;
	return cast;
}

static bool literal_fits(const struct node *n, const struct type *to)
{
	int64_t v = n->integer;

	if (n->flags & NODE_F_UINT64 ||
	    (n->type && is_int(n->type) && !n->type->is_signed && v < 0))
		return !to->is_signed && to->size == 8;
	if (to->is_signed)
		return to->size == 8 ||
		       (v >= -(1LL << (to->size * 8 - 1)) && v < 1LL << (to->size * 8 - 1));
	return v >= 0 && (to->size == 8 || v < 1LL << (to->size * 8));
}

static bool elements_coercible(struct sema *s, const struct type *from, const struct type *to)
{
	if (from->n_fields != to->n_fields)
		return false;
	for (uint32_t i = 0; i < to->n_fields; i++) {
		struct type_field f = from->fields[i];

		if (to->kind == TYPE_RECORD && !type_find_field(from, to->fields[i].name, &f))
			return false;
		if (!is_coercible(s, f.type, to->fields[i].type))
			return false;
	}
	return true;
}

bool is_coercible(struct sema *s, const struct type *from, const struct type *to)
{
	const struct type *joined;

	if (from == to || is_unknown(from) || is_unknown(to))
		return true;
	if (type_is_integer(from) && type_is_integer(to)) {
		/* an enum takes only its own values; integers of one enum go where integers go */
		return to->kind != TYPE_ENUM || from->kind == TYPE_ENUM || type_is_literal(from);
	}
	if (type_is_castable_aggregation(from) && type_is_integer(to))
		return true;
	if (from->kind == TYPE_STRING && to->kind == TYPE_STRING)
		return true;
	if (type_is_char_array(from) && to->kind == TYPE_STRING)
		return true;
	if (from->kind == TYPE_BUFFER && to->kind == TYPE_BUFFER)
		return true;
	if (from->kind == to->kind && (to->kind == TYPE_TUPLE || to->kind == TYPE_RECORD))
		return elements_coercible(s, from, to);
	joined = type_join(s, from, to);
	return joined && !type_is_integer(to) &&
	       (joined == to || (to->kind == TYPE_POINTER && joined->kind == TYPE_POINTER));
}

/*
 * do the items stand in the order of the type's fields? They are computed in the order in which
 * they are written.
 */
static bool same_order(const struct node *n, const struct type *to)
{
	const struct node *item = n->list.items;

	if (n->kind == NODE_TUPLE)
		return true;
	for (uint32_t i = 0; i < to->n_fields && item; i++, item = item->next) {
		if (!str_eq(item->named.name, to->fields[i].name))
			return false;
	}
	return true;
}

static bool coerce_items(struct sema *s, struct node *n, const struct type *to)
{
	uint32_t i = 0;

	for (struct node **item = &n->list.items; *item; item = &(*item)->next, i++) {
		struct type_field f = to->fields[i];
		struct node **value = item;

		if (n->kind == NODE_RECORD) {
			type_find_field(to, (*item)->named.name, &f);
			value = &(*item)->named.value;
		}
		if (!coerce(s, value, f.type))
			return false;
		if (n->kind == NODE_RECORD)
			(*item)->type = f.type;
	}
	n->type = to;
	return true;
}

static bool coerce_literal(struct sema *s, struct node *n, const struct type *to)
{
	if (to->kind == TYPE_BOOL) {
		n->kind = NODE_BOOL;
		n->integer = n->integer != 0;
		n->type = to;
		return true;
	}
	if (!literal_fits(n, to))
		return false;
	n->type = to;
	n->flags = (n->flags & (uint16_t)~NODE_F_LITERAL) | NODE_F_CONST;
	return true;
}

bool coerce(struct sema *s, struct node **slot, const struct type *to)
{
	struct node *n = *slot;
	const struct type *from = n->type;

	if (from == to || is_unknown(from) || is_unknown(to))
		return true;
	if (!is_coercible(s, from, to))
		return false;
	if (!s->is_checking)
		return true;
	if (n->kind == NODE_INT && (is_int(to) || to->kind == TYPE_BOOL || to->kind == TYPE_ENUM) &&
	    n->flags & NODE_F_LITERAL)
		return coerce_literal(s, n, to);
	if ((n->kind == NODE_TUPLE || n->kind == NODE_RECORD) && same_order(n, to) &&
	    n->kind == (to->kind == TYPE_TUPLE ? NODE_TUPLE : NODE_RECORD))
		return coerce_items(s, n, to);
	/*
	 * the value of a block or of both branches: the conversion goes inside, so that literals
	 * stay literals
	 */
	if (n->kind == NODE_STRING && to->kind == TYPE_STRING && to->size >= n->string.n + 1) {
		n->type = to;
		return true;
	}
	/* pointers that differ only in what is said of their space need no instruction */
	if (from->kind == TYPE_POINTER && to->kind == TYPE_POINTER && n->kind != NODE_VAR &&
	    n->kind != NODE_MAP) {
		n->type = to;
		return true;
	}
	wrap(s, slot, to);
	return true;
}

void warn_sign(struct sema *s, struct span at, const struct type *from, const struct type *to)
{
	if (!s->is_checking || is_unknown(from) || is_unknown(to))
		return;
	from = type_as_number(from);
	if ((from->kind == TYPE_TUPLE || from->kind == TYPE_RECORD) && from->kind == to->kind &&
	    from->n_fields == to->n_fields) {
		for (uint32_t i = 0; i < to->n_fields; i++) {
			struct type_field f = from->fields[i];

			if (to->kind == TYPE_RECORD &&
			    !type_find_field(from, to->fields[i].name, &f))
				return;
			warn_sign(s, at, f.type, to->fields[i].type);
		}
		return;
	}
	if (int_sign_differs(from, to))
		sema_warning(
			s, D_SEMA_SIGN, at,
			"Value of type '%s' is being cast to type '%s'. This may change its value "
			"because the signs differ.",
			spelled(s, from), spelled(s, to));
}

const struct type *number_of(struct sema *s, struct node **slot)
{
	const struct type *t = (*slot)->type, *to = type_as_number(t);

	if (to != t)
		coerce(s, slot, to);
	return to;
}
