/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operators. Arithmetic and bit operators on integers are done in 64 bits: the result is an int64
 * when an operand is signed (a literal that is not negative takes the sign of the other one) and
 * always for subtraction, else a uint64; shifts go by the shifted operand.
 * Comparisons are done in the join of the two types. Bools among themselves stay bool. Pointers
 * take + and - with an integer; strings, buffers, arrays, tuples and records compare for equality
 * only.
 */
#include "sema/sema_private.h"

static const struct type *mismatch(struct sema *s, struct node *n, const struct type *a,
				   const struct type *b)
{
	bool is_comparison = n->op >= OP_EQ && n->op <= OP_GE;

	if (!sema_error(s, D_SEMA_OPERANDS, n->at, "Type mismatch for '%s': %s %s with %s",
			op_spelling(n->op), "comparing", spelled(s, type_plain(s, a)),
			spelled(s, type_plain(s, b))))
		return type_poison();
	(void)is_comparison;
	sema_error(s, D_SEMA_OPERANDS, n->binary.a->at, "left (%s)", spelled(s, type_plain(s, a)));
	sema_error(s, D_SEMA_OPERANDS, n->binary.b->at, "right (%s)", spelled(s, type_plain(s, b)));
	return type_poison();
}

static const struct type *refuse(struct sema *s, struct node *n, const struct type *t)
{
	sema_error(s, D_SEMA_OPERANDS, n->at,
		   "The %s operator can not be used on expressions of types '%s', '%s'",
		   op_spelling(n->op), spelled(s, type_plain(s, t)),
		   spelled(s, type_plain(s, n->binary.b->type)));
	return type_poison();
}

static bool is_comparison(enum op op)
{
	return op >= OP_EQ && op <= OP_GE;
}

/* both sides made of the type that the operation is done in */
static void make_both(struct sema *s, struct node *n, const struct type *t)
{
	const struct type *a = n->binary.a->type, *b = n->binary.b->type;

	if (!s->is_checking)
		return;
	if (n->op != OP_SUB && n->op != OP_SHL && n->op != OP_SHR) {
		warn_sign(s, n->at, a, t);
		warn_sign(s, n->at, b, t);
	}
	coerce(s, &n->binary.a, t);
	coerce(s, &n->binary.b, t);
}

static bool is_negative_literal(const struct node *n)
{
	return n->kind == NODE_INT && n->integer < 0 && !(n->flags & NODE_F_UINT64);
}

/* unsigned by signed division: the result may surprise */
static void warn_division(struct sema *s, struct node *n, const struct type *a,
			  const struct type *b)
{
	if (n->op != OP_DIV && n->op != OP_MOD)
		return;
	if (type_is_literal(a) || type_is_literal(b) || a->kind != TYPE_INT || b->kind != TYPE_INT)
		return;
	if (a->is_signed == b->is_signed && !is_negative_literal(n->binary.a) &&
	    !is_negative_literal(n->binary.b))
		return;
	if (a->is_signed && b->is_signed)
		return;
	sema_warning(s, D_SEMA_SIGN, n->at,
		     "signed operands for '%s' can lead to undefined behavior "
		     "(cast to unsigned to silence warning)",
		     op_spelling(n->op));
}

static const struct type *infer_integers(struct sema *s, struct node *n, const struct type *a,
					 const struct type *b)
{
	const struct type *t;
	bool is_signed;

	if (is_comparison(n->op)) {
		t = type_plain(s, type_join(s, a, b));
		if (a->kind == TYPE_BOOL && b->kind == TYPE_BOOL)
			t = type_bool();
		else if (t->kind != TYPE_INT)
			t = type_int(t->size, t->is_signed);
		make_both(s, n, t);
		return type_bool();
	}
	if (a->kind == TYPE_BOOL && b->kind == TYPE_BOOL) {
		/* done as bytes; the result is made a bool again by whoever stores it */
		return type_bool();
	}
	warn_division(s, n, a, b);
	if (type_is_literal(a) && !type_is_literal(b))
		is_signed = b->is_signed;
	else if (n->op == OP_SHL || n->op == OP_SHR || (type_is_literal(b) && !type_is_literal(a)))
		is_signed =
			a->is_signed; /* the amount of a shift says nothing about the sign of the value */
	else
		is_signed = a->is_signed || b->is_signed;
	t = type_int(8, is_signed || n->op == OP_SUB);
	make_both(s, n, t);
	return t;
}

static const struct type *infer_pointers(struct sema *s, struct node *n, const struct type *a,
					 const struct type *b)
{
	if (is_comparison(n->op)) {
		if (a->kind == b->kind && a->elem != b->elem && a->elem->kind != TYPE_VOID &&
		    b->elem->kind != TYPE_VOID && !type_join(s, a, b))
			sema_warning(s, D_SEMA_POINTER_COMPARE, n->at,
				     "comparison of distinct pointer types: %s, %s", spelled(s, a),
				     spelled(s, b));
		make_both(s, n, type_int(8, false));
		return type_bool();
	}
	if (a->kind == TYPE_POINTER && type_is_integer(b) && (n->op == OP_ADD || n->op == OP_SUB)) {
		if (s->is_checking)
			coerce(s, &n->binary.b, type_int(8, type_is_literal(b) || b->is_signed));
		return a;
	}
	if (b->kind == TYPE_POINTER && type_is_integer(a) && n->op == OP_ADD) {
		if (s->is_checking)
			coerce(s, &n->binary.a, type_int(8, type_is_literal(a) || a->is_signed));
		return b;
	}
	if (a->kind == TYPE_POINTER && b->kind == TYPE_POINTER && n->op == OP_SUB) {
		make_both(s, n, type_int(8, true));
		return type_int(8, true);
	}
	return refuse(s, n, a);
}

static bool is_text(const struct type *t)
{
	return t->kind == TYPE_STRING || type_is_char_array(t);
}

/* arrays of integers, tuples, records, buffers, ... by their bytes */
static const struct type *infer_bytes(struct sema *s, struct node *n, const struct type *a,
				      const struct type *b)
{
	const struct type *t;

	if (n->op != OP_EQ && n->op != OP_NE)
		return a->kind == b->kind ? refuse(s, n, a) : mismatch(s, n, a, b);
	if (is_text(a) && is_text(b))
		return type_bool(); /* sizes may differ: compared as text */
	t = type_join(s, a, b);
	if (!t)
		return mismatch(s, n, a, b);
	switch (t->kind) {
	case TYPE_TUPLE:
	case TYPE_RECORD:
	case TYPE_BUFFER:
		if (s->is_checking) {
			t = type_plain(s, t);
			coerce(s, &n->binary.a, t);
			coerce(s, &n->binary.b, t);
		}
		return type_bool();
	case TYPE_ARRAY:
		if (is_int(t->elem) || t->elem->kind == TYPE_BOOL)
			return type_bool();
		return refuse(s, n, a);
	case TYPE_INET:
	case TYPE_MACADDR:
	case TYPE_KSYM:
	case TYPE_USYM:
	case TYPE_TYPENAME:
	case TYPE_USERNAME:
	case TYPE_KSTACK:
	case TYPE_USTACK: return type_bool();
	default: return refuse(s, n, a);
	}
}

static const struct type *infer_logical(struct sema *s, struct node *n)
{
	infer_condition(s, &n->binary.a, n->binary.a->at);
	infer_condition(s, &n->binary.b, n->binary.b->at);
	return type_bool();
}

const struct type *infer_binary(struct sema *s, struct node **slot)
{
	struct node *n = *slot;
	const struct type *a, *b;

	if (n->op == OP_LAND || n->op == OP_LOR)
		return infer_logical(s, n);
	a = infer(s, &n->binary.a, 0);
	b = infer(s, &n->binary.b, 0);
	if (a == type_poison() || b == type_poison())
		return is_comparison(n->op) ? type_bool() : type_poison();
	if (is_unknown(a) || is_unknown(b))
		return is_comparison(n->op) ? type_bool() : type_none();
	/* hist == 3 is a mismatch of what was written, not of numbers */
	if (type_is_castable_aggregation(a) || type_is_castable_aggregation(b)) {
		a = number_of(s, &n->binary.a);
		b = number_of(s, &n->binary.b);
	}
	if (type_is_integer(a) && type_is_integer(b))
		return infer_integers(s, n, a, b);
	if ((a->kind == TYPE_POINTER || b->kind == TYPE_POINTER) && type_is_scalar(a) &&
	    type_is_scalar(b))
		return infer_pointers(s, n, a, b);
	if (a->kind == TYPE_VOID || b->kind == TYPE_VOID || type_is_aggregation(a) ||
	    type_is_aggregation(b) || (type_is_scalar(a) != type_is_scalar(b)))
		return mismatch(s, n, a, b);
	return infer_bytes(s, n, a, b);
}

/* ---- one operand ---- */

/* ++ and --: the target becomes a 64 bit integer unless its type was declared */
static const struct type *infer_step(struct sema *s, struct node *n)
{
	bool is_down = n->op == OP_PRE_DEC || n->op == OP_POST_DEC;
	struct node *target = n->unary.a;
	const struct type *t;

	if (target->kind == NODE_MAP && target->map.ref) {
		struct map_state *m = (struct map_state *)target->map.ref;

		m->is_assigned = true;
		t = map_value(m);
		if (!s->is_checking && (is_unknown(t) || type_is_integer(t)))
			map_value_joins(s, m, type_int(8, is_unknown(t) || t->is_signed || is_down),
					n);
	}
	t = infer(s, &n->unary.a, WANT_PLACE);
	if (target->kind == NODE_VAR && target->var.ref && !is_unknown(t) && type_is_integer(t))
		var_joins(s, (struct var_state *)target->var.ref,
			  type_int(8, t->is_signed || is_down));
	if (is_unknown(t))
		return t;
	if (type_is_integer(t) || t->kind == TYPE_POINTER)
		return t;
	sema_error(s, D_SEMA_OPERANDS, n->at,
		   "The %s operator can not be used on expressions of type '%s'",
		   op_spelling(n->op), spelled(s, t));
	return type_poison();
}

static const struct type *infer_deref(struct sema *s, struct node **slot, unsigned want)
{
	struct node *n = *slot;
	bool is_reference = n->flags & NODE_F_IMPLICIT;
	const struct type *t = infer(s, &n->unary.a,
				     WANT_PLACE | (is_reference ? WANT_REFERENCE : 0));

	if (is_unknown(t))
		return t;
	if (target_follow(s, &n->unary.a, t)) {
		replace(slot, n->unary.a);
		return infer(s, slot, want);
	}
	if (type_is_integer(t)) {
		/* an address without a type: a word is read, as bpftrace does */
		n->space = default_space(s);
		return type_int(8, false);
	}
	if (t->kind != TYPE_POINTER) {
		sema_error(s, D_SEMA_DEREFERENCE, n->at,
			   "Can not dereference '%s' since it is not a pointer", spelled(s, t));
		return type_poison();
	}
	n->space = pointee_space(s, t);
	if (t->elem->kind == TYPE_VOID || t->elem->kind == TYPE_FUNCTION) {
		sema_error(s, D_SEMA_DEREFERENCE, n->at,
			   "Can not dereference '%s': cast it to a pointer to what is there",
			   spelled(s, t));
		return type_poison();
	}
	if (!type_complete(t->elem)) {
		sema_error(s, D_SEMA_UNKNOWN_TYPE, n->at, "Cannot resolve unknown type \"%s\"",
			   spelled(s, t->elem));
		return type_poison();
	}
	return t->elem;
}

static const struct type *infer_address(struct sema *s, struct node *n)
{
	struct node *a = n->unary.a;
	const struct type *t;

	if (a->kind == NODE_MAP && !a->map.key && a->map.ref) {
		t = type_plain(s, map_value((struct map_state *)a->map.ref));
		if (is_unknown(t) && s->is_checking)
			sema_error(s, D_SEMA_UNDEFINED_MAP, a->at, "Undefined map: %.*s",
				   STR_ARG(a->map.name));
		a->type = t;
	} else {
		t = infer(s, &n->unary.a, WANT_PLACE);
	}
	if (is_unknown(t))
		return t;
	if (a->kind == NODE_VAR || a->kind == NODE_MAP)
		return type_pointer(s->tt, t, SPACE_BPF);
	if (a->kind == NODE_FIELD || a->kind == NODE_INDEX ||
	    (a->kind == NODE_UNARY && a->op == OP_DEREF))
		return type_pointer(s->tt, t, a->space);
	sema_error(s, D_SEMA_OPERANDS, n->at,
		   "The & operator needs something that lies in memory: a variable, a map, a field");
	return type_poison();
}

const struct type *infer_unary(struct sema *s, struct node **slot, unsigned want)
{
	struct node *n = *slot;
	const struct type *t;

	switch (n->op) {
	case OP_PRE_INC:
	case OP_PRE_DEC:
	case OP_POST_INC:
	case OP_POST_DEC: return infer_step(s, n);
	case OP_DEREF: return infer_deref(s, slot, want);
	case OP_ADDR: return infer_address(s, n);
	case OP_NOT: infer_condition(s, &n->unary.a, n->unary.a->at); return type_bool();
	default: break;
	}
	t = infer(s, &n->unary.a, 0);
	if (is_unknown(t))
		return t;
	t = number_of(s, &n->unary.a);
	if (!type_is_integer(t) && !(n->op == OP_INV && t->kind == TYPE_POINTER)) {
		sema_error(s, D_SEMA_OPERANDS, n->at,
			   "The %s operator can not be used on expressions of type '%s'",
			   op_spelling(n->op), spelled(s, t));
		return type_poison();
	}
	t = type_int(8, n->op == OP_NEG || (t->kind == TYPE_INT && t->is_signed));
	coerce(s, &n->unary.a, t);
	return t;
}
