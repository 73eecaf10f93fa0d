/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Places in memory: fields, elements, casts to pointers; and which memory they are in. A pointer
 * that was read from kernel memory points into the kernel unless the kernel's types say __user; one
 * read from user memory into user memory; from a map or variable, wherever it pointed when it was
 * stored; from nowhere known, by the probe.
 */
#include "sema/sema_private.h"

enum space default_space(struct sema *s)
{
	return s->shape && s->shape->is_user ? SPACE_USER : SPACE_KERNEL;
}

enum space pointee_space(struct sema *s, const struct type *t)
{
	return t->space == SPACE_NONE ? default_space(s) : t->space;
}

/* the type of what is read from a place in that memory */
static const struct type *in_space(struct sema *s, const struct type *t, enum space space,
				   bool is_user)
{
	if (t->kind != TYPE_POINTER || t->space != SPACE_NONE)
		return t;
	if (is_user)
		space = SPACE_USER;
	else if (space == SPACE_BPF || space == SPACE_NONE)
		space = default_space(s);
	return type_pointer(s->tt, t->elem, space);
}

/* a pointer in front of a field or index is followed: p.x is (*p).x; returns what it leads to */
static const struct type *follow(struct sema *s, struct node **slot, const struct type *t)
{
	struct node *a = *slot, *deref;

	if (t->kind != TYPE_POINTER)
		return t;
	if (s->is_checking) {
		deref = node_new(s->arena, NODE_UNARY, a->at);
		deref->op = OP_DEREF;
		deref->unary.a = a;
		deref->type = t->elem;
		deref->space = pointee_space(s, t);
		replace(slot, deref);
		a->next = NULL;
	} else {
		a->space = pointee_space(s, t);
	}
	return t->elem;
}

static const struct type *no_field(struct sema *s, struct node *n, const struct type *t,
				   struct str name)
{
	struct str best = STR_NULL;
	unsigned least = 3;
	struct diag *d;

	for (uint32_t i = 0; t->fields && i < t->n_fields; i++) {
		unsigned distance = str_distance(t->fields[i].name, name, least);

		if (distance < least && t->fields[i].name.n) {
			least = distance;
			best = t->fields[i].name;
		}
	}
	if (t->kind == TYPE_STRUCT)
		d = sema_error(s, D_SEMA_NO_FIELD, n->at, "%s has no field named '%.*s'",
			       t->name.n ? arena_printf(s->arena, "'%s'", spelled(s, t)).p : "this",
			       STR_ARG(name));
	else
		d = sema_error(s, D_SEMA_NO_FIELD, n->at,
			       "Record does not have a field named '%.*s'", STR_ARG(name));
	if (best.n)
		sema_hint(s, d, "did you mean '%.*s'?", STR_ARG(best));
	return type_poison();
}

void sema_put_deref(struct sema *s, struct node **slot)
{
	struct node *a = *slot, *deref = node_new(s->arena, NODE_UNARY, a->at);

	deref->op = OP_DEREF;
	deref->flags = NODE_F_IMPLICIT;
	deref->unary.a = a;
	replace(slot, deref);
	a->next = NULL;
}

/*
 * What the member is looked for in: what pointers and, in languages that have them, smart pointers lead to. *found: the
 * member was not one of the type's own and stands in *slot now.
 */
static const struct type *member_of(struct sema *s, struct node **slot, const struct type *t,
				    bool *found)
{
	struct node *n = *slot;
	const struct type *base;
	struct type_field field;

	/* Go's maps and channels are pointers, and have a length themselves */
	if (t->kind == TYPE_POINTER && t->lang == LANG_GO && target_member(s, slot, t)) {
		*found = true;
		return t;
	}
	base = follow(s, &n->field.a, t);

	for (unsigned depth = 0; depth < 4; depth++) {
		if (base->lang <= LANG_C || !type_complete(base) ||
		    type_find_field(base, n->field.name, &field))
			break;
		*found = target_member(s, slot, base);
		/* its place is what the pointer leads to; when checking, follow() has put that in */
		if (*found && t->kind == TYPE_POINTER && !s->is_checking)
			sema_put_deref(s, &(*slot)->call.args);
		if (*found || !target_follow(s, &n->field.a, base))
			break;
		t = infer(s, &n->field.a, WANT_PLACE);
		if (is_unknown(t))
			break;
		base = follow(s, &n->field.a, t);
	}
	return base;
}

static const struct type *infer_field(struct sema *s, struct node **slot, unsigned want)
{
	struct node *n = *slot;
	const struct type *t, *base;
	enum space space;
	struct diag *d;
	bool found = false;

	if (target_replace(s, slot, want))
		return infer(s, slot, want);
	if (n->type == type_poison())
		return type_poison();
	t = infer(s, &n->field.a, WANT_PLACE | (want & WANT_SHOWN));
	if (is_unknown(t))
		return t;
	base = member_of(s, slot, t, &found);
	if (found)
		return infer(s, slot, want);
	space = n->field.a->space;
	if (base->kind != TYPE_STRUCT && base->kind != TYPE_RECORD) {
		if (type_is_integer(t)) {
			d = sema_error(s, D_SEMA_NO_FIELD, n->at,
				       "Can not access field '%.*s' on expression of type '%s'",
				       STR_ARG(n->field.name), spelled(s, t));
			sema_hint(s, d,
				  "cast it to a pointer to a struct first: ((struct x *)y).%.*s",
				  STR_ARG(n->field.name));
		} else {
			sema_error(s, D_SEMA_NO_FIELD, n->at,
				   "Can not access field '%.*s' on expression of type '%s'",
				   STR_ARG(n->field.name), spelled(s, t));
		}
		return type_poison();
	}
	if (!type_complete(base)) {
		sema_error(s, D_SEMA_UNKNOWN_TYPE, n->at, "Cannot resolve unknown type \"%s\"",
			   spelled(s, base));
		return type_poison();
	}
	if (!type_find_field(base, n->field.name, &n->field.field))
		return no_field(s, n, base, n->field.name);
	n->space = base->kind == TYPE_RECORD && space == SPACE_NONE ? SPACE_BPF : space;
	t = n->field.field.type;
	if (base->kind == TYPE_RECORD && base != (s->shape ? s->shape->args : NULL))
		return t;
	return in_space(s, t, space, n->field.field.is_user);
}

static const struct type *infer_tuple_index(struct sema *s, struct node *n, struct node *a,
					    const struct type *t, uint64_t index)
{
	if (index >= t->n_fields) {
		sema_error(s, D_SEMA_INDEX, n->at,
			   "Invalid tuple index: %llu. Found %u elements in tuple.",
			   (unsigned long long)index, t->n_fields);
		return type_poison();
	}
	if (s->is_checking && n->kind == NODE_INDEX) {
		n->kind = NODE_TUPLE_FIELD;
		memset(&n->field, 0, sizeof(n->field));
		n->field.a = a;
	}
	if (n->kind == NODE_TUPLE_FIELD) {
		n->field.index = (uint32_t)index;
		n->field.field = t->fields[index];
	}
	n->space = a->space == SPACE_NONE ? SPACE_BPF : a->space;
	return t->fields[index].type;
}

/* tuples and tuple structs of Rust: their members are called __0, __1, ... */
static bool member_by_number(struct sema *s, struct node *n, const struct type *t)
{
	struct str name = arena_printf(s->arena, "__%u", n->field.index);

	if (t->kind != TYPE_STRUCT || t->lang != LANG_RUST || !type_complete(t))
		return false;
	n->kind = NODE_FIELD;
	n->field.name = name;
	return true;
}

static const struct type *infer_tuple_field(struct sema *s, struct node **slot, unsigned want)
{
	struct node *n = *slot;
	const struct type *t;

	if (target_replace(s, slot, want))
		return infer(s, slot, want);
	t = infer(s, &n->field.a, WANT_PLACE | (want & WANT_SHOWN));
	if (is_unknown(t))
		return t;
	if (member_by_number(s, n, t->kind == TYPE_POINTER ? t->elem : t))
		return infer(s, slot, want);
	t = follow(s, &n->field.a, t);
	if (t->kind != TYPE_TUPLE) {
		sema_error(s, D_SEMA_INDEX, n->at,
			   "Can not access index '%u' on expression of type '%s'", n->field.index,
			   spelled(s, t));
		return type_poison();
	}
	return infer_tuple_index(s, n, n->field.a, t, n->field.index);
}

static void check_bounds(struct sema *s, struct node *n, const struct type *t)
{
	int64_t index;

	/* a[0] at the end of a struct is how C before C99 spells a flexible array */
	if (t->is_flex || t->count == 0 || !const_int(n->index.i, &index))
		return;
	if (index < 0 || (uint64_t)index >= t->count)
		sema_error(s, D_SEMA_INDEX, n->at,
			   "the index %lld is out of bounds for array of size %u", (long long)index,
			   t->count);
}

static const struct type *infer_index(struct sema *s, struct node *n)
{
	const struct type *t = infer(s, &n->index.a, WANT_PLACE);
	const struct type *i = infer(s, &n->index.i, 0);
	int64_t index;

	if (is_unknown(t) || is_unknown(i))
		return t == type_poison() || i == type_poison() ? type_poison() : type_none();
	i = number_of(s, &n->index.i);
	if (!type_is_integer(i)) {
		sema_error(s, D_SEMA_INDEX, n->at,
			   "The array index operator [] only accepts integer indices. Got: %s",
			   spelled(s, i));
		return type_poison();
	}
	if (t->kind == TYPE_TUPLE) {
		if (const_int(n->index.i, &index) && index >= 0)
			return infer_tuple_index(s, n, n->index.a, t, (uint64_t)index);
		sema_error(s, D_SEMA_INDEX, n->at,
			   "Tuple field access requires an integer literal that is not negative");
		return type_poison();
	}
	coerce(s, &n->index.i, type_int(8, i->is_signed));
	switch (t->kind) {
	case TYPE_ARRAY:
		check_bounds(s, n, t);
		n->space = n->index.a->space == SPACE_NONE ? SPACE_BPF : n->index.a->space;
		return in_space(s, t->elem, n->space, false);
	case TYPE_STRING:
		check_bounds(s, n, t);
		n->space = SPACE_BPF;
		return type_int(1, true);
	case TYPE_POINTER:
		n->space = pointee_space(s, t);
		if (t->elem->kind == TYPE_VOID || t->elem->kind == TYPE_FUNCTION ||
		    !type_complete(t->elem) || t->elem->size == 0) {
			sema_error(s, D_SEMA_INDEX, n->at,
				   "Can not index '%s': the size of what it points to is not known",
				   spelled(s, t));
			return type_poison();
		}
		return in_space(s, t->elem, n->space, false);
	default:
		sema_error(s, D_SEMA_INDEX, n->at,
			   "The array index operator [] can only be used on arrays and pointers, "
			   "found %s.",
			   spelled(s, t));
		return type_poison();
	}
}

const struct type *infer_place(struct sema *s, struct node **slot, unsigned want)
{
	struct node *n = *slot;

	if (n->kind == NODE_FIELD)
		return infer_field(s, slot, want);
	if (n->kind == NODE_TUPLE_FIELD)
		return infer_tuple_field(s, slot, want);
	return infer_index(s, n);
}
