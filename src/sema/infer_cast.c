/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Casts as written: which are allowed, and the sizes that follow from the value. */
#include "sema/sema_private.h"

static const struct type *refuse(struct sema *s, struct node *n, const struct type *from,
				 const struct type *to)
{
	sema_error(s, D_SEMA_CAST, n->at, "Cannot cast from \"%s\" to \"%s\"",
		   spelled(s, type_plain(s, from)), spelled(s, to));
	return type_poison();
}

static bool is_byte_like(const struct type *elem)
{
	return is_int(elem) || elem->kind == TYPE_BOOL;
}

/* (int8[])x and (uint8[4])x */
static const struct type *cast_to_array(struct sema *s, struct node *n, const struct type *from,
					const struct type *to)
{
	uint32_t size = type_plain(s, from)->size, elem = to->elem->size;

	if (from->kind == TYPE_ARRAY && from->elem == to->elem && !to->count)
		return from;
	if (!is_byte_like(to->elem) || elem == 0)
		return refuse(s, n, from, to);
	if (from->kind != TYPE_STRING && from->kind != TYPE_ARRAY && !is_int(from) &&
	    from->kind != TYPE_BOOL && from->kind != TYPE_POINTER && from->kind != TYPE_ENUM)
		return refuse(s, n, from, to);
	if (from->kind == TYPE_ARRAY && !is_byte_like(from->elem))
		return refuse(s, n, from, to);
	if (to->count == 0) {
		if (size % elem || size == 0)
			return refuse(s, n, from, to);
		return type_array(s->tt, to->elem, size / elem);
	}
	/* a free literal takes the size that is wanted, when there is an integer of it */
	if (type_is_literal(from) && to->size <= 8) {
		if (s->is_checking)
			coerce(s, &n->cast.a, type_int(to->size, true));
		return to;
	}
	if (from->kind == TYPE_STRING && type_is_char_array(to) && to->size >= size)
		return to;
	return to->size == size ? to : refuse(s, n, from, to);
}

static const struct type *cast_to_int(struct sema *s, struct node *n, const struct type *from,
				      const struct type *to)
{
	if (type_is_castable_aggregation(from)) {
		number_of(s, &n->cast.a);
		return to;
	}
	if (type_is_integer(from) || from->kind == TYPE_POINTER)
		return to;
	if (from->kind == TYPE_ARRAY && is_byte_like(from->elem))
		return from->size == to->size ? to : refuse(s, n, from, to);
	switch (from->kind) {
	case TYPE_KSYM:
	case TYPE_USYM:
	case TYPE_TIMESTAMP: return to->size == 8 ? to : refuse(s, n, from, to);
	default: return refuse(s, n, from, to);
	}
}

static const struct type *cast_to_enum(struct sema *s, struct node *n, const struct type *from,
				       const struct type *to)
{
	int64_t value;

	if (!type_is_integer(from))
		return refuse(s, n, from, to);
	if (const_int(n->cast.a, &value)) {
		for (uint32_t i = 0; i < to->n_enumerators; i++) {
			if (to->enumerators[i].value == value)
				return to;
		}
		sema_error(s, D_SEMA_CAST, n->at,
			   "Enum: %.*s doesn't contain a variant value of %lld", STR_ARG(to->name),
			   (long long)value);
		return type_poison();
	}
	return to;
}

/* an integer becomes an address by its bits: (int8)-1 is 0xff */
static void as_address(struct sema *s, struct node *n, const struct type *from)
{
	struct node *cast;

	if (!s->is_checking || !is_int(from) || !from->is_signed || from->size == 8)
		return;
	cast = node_new(s->arena, NODE_CAST, n->cast.a->at);
	cast->flags = NODE_F_IMPLICIT;
	cast->cast.a = n->cast.a;
	cast->type = type_int(from->size, false);
	n->cast.a = cast;
}

static const struct type *cast_to_pointer(struct sema *s, struct node *n, const struct type *from,
					  const struct type *to)
{
	enum space space;

	if (type_is_castable_aggregation(from))
		from = number_of(s, &n->cast.a);
	if (from->kind == TYPE_POINTER) {
		space = from->space;
	} else if (type_is_integer(from)) {
		space = s->shape ? default_space(s) : SPACE_NONE;
		as_address(s, n, type_plain(s, from));
	} else if (from->kind == TYPE_STRING ||
		   (from->kind == TYPE_ARRAY && n->cast.a->space == SPACE_BPF)) {
		space = SPACE_BPF;
	} else {
		return refuse(s, n, from, to);
	}
	return type_pointer(s->tt, to->elem, space);
}

static const struct type *cast_to_text(struct sema *s, struct node *n, const struct type *from,
				       const struct type *to, bool is_unsized)
{
	switch (from->kind) {
	case TYPE_STRING: return is_unsized ? from : to;
	case TYPE_ARRAY:
		if (!type_is_char_array(from) && !(is_int(from->elem) && from->elem->size == 1))
			return refuse(s, n, from, to);
		return is_unsized ? type_string(s->tt, from->count + 1) : to;
	case TYPE_POINTER:
	case TYPE_INT:
		return is_unsized ? type_string(s->tt, (uint32_t)s->unit->config.max_strlen) : to;
	case TYPE_BUFFER: return is_unsized ? type_string(s->tt, from->count + 1) : to;
	default: return refuse(s, n, from, to);
	}
}

static const struct type *cast_to_buffer(struct sema *s, struct node *n, const struct type *from,
					 const struct type *to, bool is_unsized)
{
	switch (from->kind) {
	case TYPE_BUFFER: return is_unsized ? from : to;
	case TYPE_STRING:
	case TYPE_ARRAY: return is_unsized ? type_buffer(s->tt, from->size) : to;
	case TYPE_POINTER:
	case TYPE_INT:
		return is_unsized ? type_buffer(s->tt, (uint32_t)s->unit->config.max_strlen) : to;
	default: return refuse(s, n, from, to);
	}
}

static const struct type *cast_to_bool(struct sema *s, struct node *n, const struct type *from,
				       const struct type *to)
{
	if (type_is_castable_aggregation(from))
		from = number_of(s, &n->cast.a);
	if (type_is_scalar(from) || from->kind == TYPE_STRING)
		return to;
	return refuse(s, n, from, to);
}

static const struct type *cast_to(struct sema *s, struct node *n, const struct type *from,
				  const struct type *to, bool is_unsized)
{
	switch (to->kind) {
	case TYPE_BOOL: return cast_to_bool(s, n, from, to);
	case TYPE_INT: return cast_to_int(s, n, from, to);
	case TYPE_ENUM: return cast_to_enum(s, n, from, to);
	case TYPE_POINTER: return cast_to_pointer(s, n, from, to);
	case TYPE_ARRAY: return cast_to_array(s, n, from, to);
	case TYPE_STRING: return cast_to_text(s, n, from, to, is_unsized);
	case TYPE_BUFFER: return cast_to_buffer(s, n, from, to, is_unsized);
	case TYPE_KSYM:
		return from->kind == TYPE_KSYM || type_is_scalar(from) ? to
								       : refuse(s, n, from, to);
	default:
		return is_coercible(s, from, to) && from->kind == to->kind ? to
									   : refuse(s, n, from, to);
	}
}

const struct type *infer_cast(struct sema *s, struct node **slot, unsigned want)
{
	struct node *n = *slot;
	const struct type *from = infer(s, &n->cast.a, WANT_PLACE), *to;
	bool is_unsized = false;

	(void)want;
	if (!n->cast.to)
		return n->type; /* put in by the checker */
	to = type_expr_resolve(s, n->cast.to, &is_unsized);
	if (!to)
		return s->is_checking ? type_poison() : type_none();
	if (is_unknown(from))
		/* a cast tells its type even while the value has none */
		return from == type_poison() ? from : is_unsized ? type_none() : to;
	if (from->kind == TYPE_VOID)
		return refuse(s, n, from, to);
	if (to->kind == TYPE_STRUCT && from != to) {
		if (from->kind == TYPE_STRUCT)
			sema_error(s, D_SEMA_CAST, n->at, "Cannot cast from C type \"%s\"",
				   spelled(s, from));
		else
			return refuse(s, n, from, to);
		return type_poison();
	}
	return cast_to(s, n, from, to, is_unsized);
}
