/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Constants: operators on literals become literals. Called bottom up by resolve (before types are
 * known) and again after sizeof, typeinfo and the like have become literals. A literal whose type
 * was chosen by a cast is left to the types: folding must not lose it.
 *
 * Integers are computed in 128 bits, so that both int64 and uint64 fit; what then fits neither is
 * an error. A result above INT64_MAX carries NODE_F_UINT64.
 */
#include "sema/sema_private.h"

void replace(struct node **slot, struct node *n)
{
	struct node *old = *slot;

	if (n != old)
		n->next = old->next;
	*slot = n;
}

struct node *node_int(struct sema *s, struct span at, int64_t value, const struct type *type)
{
	struct node *n = node_new(s->arena, NODE_INT, at);

	n->integer = value;
	n->flags = NODE_F_CONST;
	n->type = type ? type : type_literal(value);
	if (type_is_literal(n->type) || !type)
		n->flags |= NODE_F_LITERAL;
	return n;
}

struct node *node_bool(struct sema *s, struct span at, bool value)
{
	struct node *n = node_new(s->arena, NODE_BOOL, at);

	n->integer = value;
	n->flags = NODE_F_CONST;
	n->type = type_bool();
	return n;
}

struct node *node_string(struct sema *s, struct span at, struct str text)
{
	struct node *n = node_new(s->arena, NODE_STRING, at);

	n->string = text;
	n->flags = NODE_F_CONST;
	n->type = type_string(s->tt, (uint32_t)text.n + 1);
	return n;
}

bool is_const(const struct node *n)
{
	return n->kind == NODE_INT || n->kind == NODE_BOOL || n->kind == NODE_STRING;
}

/* an integer literal whose type was not chosen yet */
static bool is_free_int(const struct node *n)
{
	return n->kind == NODE_INT && n->flags & NODE_F_LITERAL;
}

bool const_int(const struct node *n, int64_t *value)
{
	if (n->kind == NODE_INT || n->kind == NODE_BOOL) {
		*value = n->integer;
		return true;
	}
	if (n->kind == NODE_CAST && n->type && is_int(n->type) && const_int(n->cast.a, value)) {
		unsigned shift = 64 - n->type->size * 8;

		*value = n->type->is_signed ? *value << shift >> shift
					    : (int64_t)((uint64_t)*value << shift >> shift);
		return true;
	}
	return false;
}

static __int128 wide(const struct node *n)
{
	return n->flags & NODE_F_UINT64 ? (__int128)(uint64_t)n->integer : n->integer;
}

static void put_int(struct sema *s, struct node **slot, __int128 v)
{
	struct node *old = *slot;
	struct node *n;

	if (v < INT64_MIN || v > UINT64_MAX) {
		sema_error_now(s, D_SEMA_FOLD_OVERFLOW, old->at,
			       "unable to fold literals due to %s",
			       v < 0 ? "underflow" : "overflow");
		v = 0;
	}
	n = node_int(s, old->at, (int64_t)(uint64_t)v, v > INT64_MAX ? type_int(8, false) : NULL);
	n->flags |= NODE_F_LITERAL | (v > INT64_MAX ? NODE_F_UINT64 : 0);
	replace(slot, n);
}

static void put_bool(struct sema *s, struct node **slot, bool v)
{
	replace(slot, node_bool(s, (*slot)->at, v));
}

/* false: not folded */
static bool compare(enum op op, int c, bool *out)
{
	switch (op) {
	case OP_EQ: *out = c == 0; return true;
	case OP_NE: *out = c != 0; return true;
	case OP_LT: *out = c < 0; return true;
	case OP_LE: *out = c <= 0; return true;
	case OP_GT: *out = c > 0; return true;
	case OP_GE: *out = c >= 0; return true;
	default: return false;
	}
}

/* shifts work on the 64 bits; bits shifted out are gone */
static bool shift(enum op op, const struct node *a, __int128 x, __int128 y, __int128 *out)
{
	bool is_negative = x < 0;

	if (y < 0 || y > 63) {
		*out = (__int128)UINT64_MAX + 1; /* reported as overflow */
		return true;
	}
	if (op == OP_SHL) {
		uint64_t bits = (uint64_t)a->integer << (unsigned)y;

		*out = is_negative ? (__int128)(int64_t)bits : (__int128)bits;
	} else {
		*out = x >> (unsigned)y;
	}
	return true;
}

static bool bits(enum op op, __int128 x, __int128 y, __int128 *out)
{
	uint64_t a = (uint64_t)x, b = (uint64_t)y, v;

	/* a negative number and one above INT64_MAX have no common type */
	if ((x < 0 && y > INT64_MAX) || (y < 0 && x > INT64_MAX)) {
		*out = (__int128)UINT64_MAX + 1;
		return true;
	}
	v = op == OP_AND ? a & b : op == OP_OR ? a | b : a ^ b;
	*out = x < 0 || y < 0 ? (__int128)(int64_t)v : (__int128)v;
	return true;
}

static bool compute(const struct node *n, __int128 x, __int128 y, __int128 *out)
{
	switch (n->op) {
	case OP_ADD: *out = x + y; return true;
	case OP_SUB: *out = x - y; return true;
	case OP_MUL:
		/* 65 bits by 65 bits: cannot overflow 128 but by the sign */
		return !__builtin_mul_overflow(x, y, out) ||
		       (*out = (__int128)UINT64_MAX + 1, true);
	case OP_DIV: *out = y ? x / y : 0; return y != 0;
	case OP_MOD: *out = y ? x % y : 0; return y != 0;
	case OP_AND:
	case OP_OR:
	case OP_XOR: return bits(n->op, x, y, out);
	case OP_SHL:
	case OP_SHR: return shift(n->op, n->binary.a, x, y, out);
	default: return false;
	}
}

/* is the value true? false result: not known */
static bool truth(const struct node *n, bool *out)
{
	if (n->kind == NODE_STRING)
		*out = n->string.n != 0;
	else if (n->kind == NODE_INT || n->kind == NODE_BOOL)
		*out = n->integer != 0;
	else
		return false;
	return true;
}

/* 1 equal, 0 different, -1 not known */
static int equal_lists(const struct node *a, const struct node *b)
{
	int result = 1;

	if (a->list.n != b->list.n)
		return 0;
	for (a = a->list.items, b = b->list.items; a && b; a = a->next, b = b->next) {
		int e = -1;

		if (a->kind == NODE_TUPLE && b->kind == NODE_TUPLE)
			e = equal_lists(a, b);
		else if (is_const(a) && is_const(b))
			e = a->kind == b->kind &&
			    (a->kind == NODE_STRING ? str_eq(a->string, b->string)
						    : wide(a) == wide(b));
		if (e < 0)
			return -1;
		result &= e;
	}
	return result;
}

static void fold_bools(struct sema *s, struct node **slot, bool x, bool y)
{
	switch ((*slot)->op) {
	case OP_ADD:
	case OP_OR: put_bool(s, slot, x || y); break;
	case OP_SUB:
	case OP_XOR: put_bool(s, slot, x != y); break;
	case OP_MUL:
	case OP_AND: put_bool(s, slot, x && y); break;
	case OP_DIV:
	case OP_MOD:
		if (y)
			put_bool(s, slot, (*slot)->op == OP_DIV && x);
		break;
	case OP_SHL: put_bool(s, slot, false); break;
	case OP_SHR: put_bool(s, slot, x && !y); break;
	}
}

static void fold_strings(struct sema *s, struct node **slot, struct str a, struct node *b)
{
	struct node *n = *slot;
	int64_t skip;
	bool r;

	if (b->kind == NODE_STRING) {
		if (n->op == OP_ADD)
			replace(slot, node_string(s, n->at,
						  arena_printf(s->arena, "%.*s%.*s", STR_ARG(a),
							       STR_ARG(b->string))));
		else if (compare(n->op, str_cmp(a, b->string), &r))
			put_bool(s, slot, r);
	} else if (n->op == OP_ADD && is_free_int(b)) {
		/* "text" + 2: the text from there, as str($1 + 2) is written */
		skip = b->integer;
		if (skip < 0 || skip > (int64_t)a.n || b->flags & NODE_F_UINT64) {
			sema_error_now(s, D_SEMA_FOLD_OVERFLOW, n->at,
				       "cannot add %lld to a string of length %zu", (long long)skip,
				       a.n);
			n->type = type_poison();
			return;
		}
		replace(slot, node_string(s, n->at, str_sub(a, (size_t)skip, a.n)));
	}
}

static void fold_binary(struct sema *s, struct node **slot)
{
	struct node *n = *slot, *a = n->binary.a, *b = n->binary.b;
	__int128 v;
	bool x, y, r;

	if (a->kind == NODE_TUPLE && b->kind == NODE_TUPLE && (n->op == OP_EQ || n->op == OP_NE)) {
		int e = equal_lists(a, b);

		if (e >= 0)
			put_bool(s, slot, e == (n->op == OP_EQ));
		return;
	}
	if (!is_const(a) || !is_const(b))
		return;
	if ((a->kind == NODE_INT && !is_free_int(a)) || (b->kind == NODE_INT && !is_free_int(b)))
		return;
	if (n->op == OP_LAND || n->op == OP_LOR) {
		/* a string counts as a condition only beside bools */
		if ((a->kind == NODE_STRING) != (b->kind == NODE_STRING) && a->kind != NODE_BOOL &&
		    b->kind != NODE_BOOL)
			return;
		if (truth(a, &x) && truth(b, &y))
			put_bool(s, slot, n->op == OP_LAND ? x && y : x || y);
		return;
	}
	if (a->kind == NODE_STRING) {
		fold_strings(s, slot, a->string, b);
		return;
	}
	if (b->kind == NODE_STRING)
		return;
	if (a->kind == NODE_BOOL && b->kind == NODE_BOOL && n->op <= OP_SHR) {
		fold_bools(s, slot, a->integer, b->integer);
		return;
	}
	if (compare(n->op, wide(a) < wide(b) ? -1 : wide(a) > wide(b), &r))
		put_bool(s, slot, r);
	else if (compute(n, wide(a), wide(b), &v))
		put_int(s, slot, v);
}

static void fold_unary(struct sema *s, struct node **slot)
{
	struct node *n = *slot, *a = n->unary.a;
	bool r;

	if (n->op == OP_NOT && (a->kind == NODE_BOOL || is_free_int(a)) && truth(a, &r))
		put_bool(s, slot, !r);
	else if (n->op == OP_NEG && is_free_int(a))
		put_int(s, slot, -wide(a));
	else if (n->op == OP_INV && is_free_int(a))
		put_int(s, slot, (__int128)(uint64_t)~a->integer);
}

static void fold_index(struct sema *s, struct node **slot)
{
	struct node *n = *slot, *a = n->index.a;
	int64_t i;

	if (!const_int(n->index.i, &i) || i < 0)
		return;
	if (a->kind == NODE_STRING && (uint64_t)i <= a->string.n)
		replace(slot,
			node_int(s, n->at, (uint64_t)i < a->string.n ? (int8_t)a->string.p[i] : 0,
				 type_int(1, true)));
}

void fold_node(struct sema *s, struct node **slot)
{
	struct node *n = *slot;
	bool r;

	switch (n->kind) {
	case NODE_BINARY: fold_binary(s, slot); break;
	case NODE_UNARY: fold_unary(s, slot); break;
	case NODE_INDEX: fold_index(s, slot); break;
	case NODE_TERNARY:
		if (n->cond.then && is_const(n->cond.cond) && is_const(n->cond.then) &&
		    is_const(n->cond.other) && truth(n->cond.cond, &r))
			replace(slot, r ? n->cond.then : n->cond.other);
		break;
	default: break;
	}
}
