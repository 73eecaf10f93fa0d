/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lattice in which inference works: the join of two types is the smallest type that holds the
 * values of both.
 *
 * Integers: equal signs give the larger; different signs the smallest signed type that holds both
 * ranges, int64 when there is none. A literal that is not negative has not decided on its sign: it
 * is one of seven private types, by the number of bits it needs, each of which counts as a signed
 * type for itself and as an unsigned one beside an unsigned operand. These types never leave the
 * checker (type_plain). Strings and buffers grow; tuples and records join element by element;
 * everything else joins only with itself.
 */
#include "sema/sema_private.h"

static const struct type poison_type = { .kind = TYPE_NONE, .align = 1 };

const struct type *type_poison(void)
{
	return &poison_type;
}

/* ---- literals ---- */

#define LITERAL(n)                                                         \
	{                                                                  \
		.kind = TYPE_INT, .size = n, .align = n, .is_signed = true \
	}
/* as signed: size; as unsigned: unsigned_sizes */
static const struct type literal_types[7] = { LITERAL(1), LITERAL(2), LITERAL(2), LITERAL(4),
					      LITERAL(4), LITERAL(8), LITERAL(8) };
static const uint8_t unsigned_sizes[7] = { 1, 1, 2, 2, 4, 4, 8 };

bool type_is_literal(const struct type *t)
{
	return t >= literal_types && t < literal_types + 7;
}

const struct type *type_literal(int64_t value)
{
	static const int64_t limits[6] = { 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff };
	unsigned i = 0;

	if (value < 0)
		return type_int(value >= INT8_MIN    ? 1
				: value >= INT16_MIN ? 2
				: value >= INT32_MIN ? 4
						     : 8,
				true);
	while (i < 6 && value > limits[i])
		i++;
	return &literal_types[i];
}

static bool has_literal(const struct type *t)
{
	if (t->kind != TYPE_TUPLE && t->kind != TYPE_RECORD)
		return type_is_literal(t);
	for (uint32_t i = 0; i < t->n_fields; i++) {
		if (has_literal(t->fields[i].type))
			return true;
	}
	return false;
}

/* a tuple or record like t with other element types */
static const struct type *tuple_like(struct sema *s, const struct type *t,
				     const struct type **elems)
{
	struct str *names = NULL;

	if (t->kind == TYPE_RECORD) {
		names = arena_array(s->arena, struct str, t->n_fields + 1);
		for (uint32_t i = 0; i < t->n_fields; i++)
			names[i] = t->fields[i].name;
	}
	return type_tuple(s->tt, elems, names, t->n_fields);
}

const struct type *type_plain(struct sema *s, const struct type *t)
{
	const struct type **elems;

	if (!t || !has_literal(t))
		return t;
	if (type_is_literal(t))
		return type_int(t->size, true);
	elems = arena_array(s->arena, const struct type *, t->n_fields);
	for (uint32_t i = 0; i < t->n_fields; i++)
		elems[i] = type_plain(s, t->fields[i].type);
	return tuple_like(s, t, elems);
}

/* ---- joins ---- */

static const struct type *join_ints(const struct type *a, const struct type *b)
{
	uint32_t size;

	if (type_is_literal(a) && type_is_literal(b))
		return a > b ? a : b;
	if (type_is_literal(b)) {
		const struct type *other = a;

		a = b;
		b = other;
	}
	if (type_is_literal(a)) {
		size = b->is_signed ? a->size : unsigned_sizes[a - literal_types];
		return type_int(size > b->size ? size : b->size, b->is_signed);
	}
	if (a->is_signed == b->is_signed)
		return type_int(a->size > b->size ? a->size : b->size, a->is_signed);
	if (!a->is_signed) {
		const struct type *other = a;

		a = b;
		b = other;
	}
	/* a is signed, b is not */
	size = a->size > b->size ? a->size : b->size * 2;
	return type_int(size > 8 ? 8 : size, true);
}

static const struct type *join_elements(struct sema *s, const struct type *a, const struct type *b)
{
	const struct type **elems;

	if (a->n_fields != b->n_fields)
		return NULL;
	elems = arena_array(s->arena, const struct type *, a->n_fields + 1);
	for (uint32_t i = 0; i < a->n_fields; i++) {
		const struct type *other = NULL;

		if (a->kind == TYPE_TUPLE) {
			other = b->fields[i].type;
		} else {
			struct type_field f;

			if (type_find_field(b, a->fields[i].name, &f))
				other = f.type;
		}
		elems[i] = other ? type_join(s, a->fields[i].type, other) : NULL;
		if (!elems[i])
			return NULL;
	}
	return tuple_like(s, a, elems);
}

static const struct type *join_aggregations(struct sema *s, const struct type *a,
					    const struct type *b)
{
	switch (a->kind) {
	case TYPE_SUM:
	case TYPE_AVG:
	case TYPE_MIN:
	case TYPE_MAX:
	case TYPE_STATS:
		return type_aggregate(s->tt, a->kind, a->is_signed || b->is_signed, a->param);
	case TYPE_HIST:
	case TYPE_LHIST:
	case TYPE_TSERIES:
		/* differing parameters are told apart in the message by the caller */
		if (memcmp(a->param, b->param, sizeof(a->param)))
			return NULL;
		return type_aggregate(s->tt, a->kind, a->is_signed || b->is_signed, a->param);
	default: return a;
	}
}

static const struct type *join_pointers(struct sema *s, const struct type *a, const struct type *b)
{
	const struct type *elem = a->elem == b->elem ? a->elem : NULL;

	/* pointers to pointers may differ in the space of what they lead to */
	if (!elem && a->elem->kind == TYPE_POINTER && b->elem->kind == TYPE_POINTER)
		elem = join_pointers(s, a->elem, b->elem);
	/* the same integer by two names */
	if (!elem && is_int(a->elem) && is_int(b->elem) && a->elem->size == b->elem->size &&
	    a->elem->is_signed == b->elem->is_signed)
		elem = a->elem;
	if (!elem && a->elem->kind == TYPE_VOID)
		elem = b->elem;
	if (!elem && b->elem->kind == TYPE_VOID)
		elem = a->elem;
	if (!elem)
		return NULL;
	return type_pointer(s->tt, elem,
			    a->space == b->space     ? a->space
			    : a->space == SPACE_NONE ? b->space
			    : b->space == SPACE_NONE ? a->space
						     : SPACE_NONE);
}

const struct type *type_join(struct sema *s, const struct type *a, const struct type *b)
{
	if (a == b)
		return a;
	if (is_unknown(a))
		return b;
	if (is_unknown(b))
		return a;
	if (type_is_char_array(a) && b->kind == TYPE_STRING)
		return type_string(s->tt, a->count + 1 > b->size ? a->count + 1 : b->size);
	if (type_is_char_array(b) && a->kind == TYPE_STRING)
		return type_join(s, b, a);
	/*
	 * a bool counts as an unsigned byte beside an integer; an enumerator of one enum beside an
	 * integer as its own
	 */
	if (a->kind != b->kind && type_is_integer(a) && type_is_integer(b)) {
		const struct type *x = a->kind == TYPE_BOOL ? type_literal(1) : a;
		const struct type *y = b->kind == TYPE_BOOL ? type_literal(1) : b;

		return join_ints(x, y);
	}
	if (a->kind != b->kind)
		return NULL;
	switch (a->kind) {
	case TYPE_INT:
	case TYPE_ENUM: return join_ints(a, b);
	case TYPE_STRING:
	case TYPE_BUFFER: return a->size > b->size ? a : b;
	case TYPE_TUPLE:
	case TYPE_RECORD: return join_elements(s, a, b);
	case TYPE_POINTER: return join_pointers(s, a, b);
	case TYPE_ARRAY:
		/* the same array by two type sources */
		return a->size == b->size && a->count == b->count && is_int(a->elem) &&
				       is_int(b->elem) && a->elem->is_signed == b->elem->is_signed
			       ? a
			       : NULL;
	case TYPE_STRUCT: return NULL;
	default:
		if (type_is_aggregation(a))
			return join_aggregations(s, a, b);
		return a->kind == b->kind && a->size == b->size && a->count == b->count &&
				       a->stack_mode == b->stack_mode
			       ? a
			       : NULL;
	}
}

bool int_sign_differs(const struct type *from, const struct type *to)
{
	if (!is_int(from) || !is_int(to) || type_is_literal(from))
		return false;
	/* a larger signed type holds every unsigned one */
	return from->is_signed != to->is_signed && (from->is_signed || from->size >= to->size);
}

const struct type *type_as_number(const struct type *t)
{
	if (!type_is_castable_aggregation(t))
		return t;
	return type_int(8, t->kind != TYPE_COUNT && t->is_signed);
}
