/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Assignments to variables and maps, declarations; where aggregations may be used. */
#include "sema/sema_private.h"

/* ---- what is wrong with a value ---- */

static bool is_aggregation_call(const struct node *n)
{
	return n->kind == NODE_CALL && n->call.builtin && n->call.builtin->is_aggregation;
}

static void report_mismatch(struct sema *s, struct node *n, const struct type *t,
			    const struct type *has, bool is_map)
{
	const struct node *target = n->kind == NODE_LET ? n->let.var : n->assign.target;
	struct str name = is_map ? target->map.name : target->var.name;
	struct span at = is_map && n->kind == NODE_ASSIGN && is_aggregation_call(n->assign.value)
				 ? n->assign.value->at
				 : n->at;
	ptrdiff_t hash = str_find_char(name, '#', 0);

	if (hash >= 0)
		name = str_sub(name, 0, (size_t)hash);
	sema_error(
		s, D_SEMA_ASSIGN_TYPE, at,
		"Type mismatch for %s%.*s: trying to assign value of type '%s' when %s already has a type '%s'",
		is_map ? "" : "$", STR_ARG(name), spelled(s, type_plain(s, t)),
		is_map ? "map" : "variable", spelled(s, has));
}

static void report_locked(struct sema *s, struct node *n, struct str name, bool is_map,
			  const struct type *t, const struct type *locked)
{
	sema_error(
		s, D_SEMA_LOCKED, n->at,
		"Type mismatch for %s%.*s: this type has been locked because it was used in another part of the type graph "
		"that was already resolved (e.g. `sizeof`, `typeinfo`, etc.). The new type '%s' does not fit into the "
		"locked type '%s'",
		is_map ? "" : "$", STR_ARG(name), spelled(s, type_plain(s, t)), spelled(s, locked));
}

/* the call that makes a map of this kind, for messages */
static const char *example_call(enum type_kind kind)
{
	switch (kind) {
	case TYPE_COUNT: return "count()";
	case TYPE_SUM: return "sum(retval)";
	case TYPE_AVG: return "avg(retval)";
	case TYPE_MIN: return "min(retval)";
	case TYPE_MAX: return "max(retval)";
	case TYPE_STATS: return "stats(arg2)";
	case TYPE_HIST: return "hist(retval)";
	case TYPE_LHIST: return "lhist(rand %10, 0, 10, 1)";
	default: return "tseries(rand %10, 10s, 1)";
	}
}

static void report_map_copy(struct sema *s, struct node *n, const struct type *t)
{
	struct diag *d = sema_error(
		s, D_SEMA_AGGREGATION_USE, n->at,
		"Map value '%s' cannot be assigned from one map to another. The function that returns this type must be "
		"called directly e.g. `%.*s = %s;`.",
		spelled(s, t), STR_ARG(n->assign.target->map.name), example_call(t->kind));

	if (type_is_castable_aggregation(t) && n->assign.value->kind == NODE_MAP)
		sema_hint(
			s, d,
			"Add a cast to integer if you want the value of the aggregate, e.g. `%.*s = (int64)%.*s;`.",
			STR_ARG(n->assign.target->map.name), STR_ARG(n->assign.value->map.name));
}

/* ---- compound assignment: the type that target op value has ---- */

static const struct type *compound_type(struct sema *s, struct node *n, const struct type *has,
					const struct type *t)
{
	if (is_unknown(has))
		return type_is_integer(t)
			       ? type_int(8, type_is_literal(t) || t->is_signed || n->op == OP_SUB)
			       : type_none();
	if (type_is_integer(has) && type_is_integer(t)) {
		bool is_signed = type_is_literal(t)     ? has->is_signed || has->kind == TYPE_BOOL
				 : type_is_literal(has) ? t->is_signed
							: has->is_signed || t->is_signed;

		return type_int(8, is_signed || n->op == OP_SUB);
	}
	if (has->kind == TYPE_POINTER && type_is_integer(t) && (n->op == OP_ADD || n->op == OP_SUB))
		return has;
	return NULL;
}

static void report_compound(struct sema *s, struct node *n, const struct type *has,
			    const struct type *t)
{
	sema_error(s, D_SEMA_OPERANDS, n->at,
		   "The %s= operator can not be used on expressions of types '%s', '%s'",
		   op_spelling(n->op), spelled(s, has), spelled(s, type_plain(s, t)));
}

/* ---- variables ---- */

/* may a value of type t go into a variable whose type was declared? */
static bool fits_declared(const struct type *t, const struct type *declared)
{
	if (type_is_integer(t) && type_is_integer(declared) && !type_is_literal(t))
		return t->size <= declared->size || declared->kind == TYPE_BOOL;
	if (t->kind == TYPE_STRING && declared->kind == TYPE_STRING)
		return true; /* cut to fit */
	return true;
}

/* is a literal too large for the type? Then coerce refuses, and this says why. */
static void hint_cast(struct sema *s, struct diag *d, const struct type *to)
{
	if (is_int(to))
		sema_hint(s, d, "add an explicit cast: (%s)", spelled(s, to));
}

static void assign_to_var(struct sema *s, struct node *n, struct var_state *v, struct node **value)
{
	const struct type *t = infer(s, value, 0), *has, *result;

	/* after an error in its value a variable is silent */
	if (is_unknown(t)) {
		if (s->is_checking && is_unknown(var_type(v)))
			v->v.type = type_poison();
		return;
	}
	if (t->kind == TYPE_VOID) {
		sema_error(s, D_SEMA_VOID_VALUE, n->at, "Invalid expression for assignment");
		if (is_unknown(var_type(v)))
			v->v.type = type_poison();
		return;
	}
	if (type_is_aggregation(t) && !type_is_castable_aggregation(t)) {
		sema_error(s, D_SEMA_AGGREGATION_USE, n->at,
			   "Value '%s' cannot be assigned to a scratch variable.", spelled(s, t));
		if (s->is_checking && is_unknown(var_type(v)))
			v->v.type = type_poison();
		return;
	}
	t = number_of(s, value);
	has = type_plain(s, var_type(v));
	result = t;
	if (n->op != OP_NONE) {
		result = compound_type(s, n, has, t);
		if (!result) {
			report_compound(s, n, has, t);
			return;
		}
		if (has->kind == TYPE_POINTER) {
			coerce(s, value, type_int(8, true));
			return;
		}
		if (v->declared)
			result = t;
	}
	var_joins(s, v, result);
	if (!s->is_checking || is_unknown(has))
		return;
	if (v->locked && v->locked != has &&
	    type_plain(s, type_join(s, v->locked, t)) != v->locked) {
		report_locked(s, n, v->v.name, false, t, v->locked);
		return;
	}
	if (has->kind == TYPE_STRUCT && t == has)
		return;
	if (!is_coercible(s, t, has) ||
	    (v->declared && n->op == OP_NONE && !fits_declared(t, has))) {
		report_mismatch(s, n, t, has, false);
		return;
	}
	warn_sign(s, n->at, t, has);
	if (!coerce(s, value, has)) {
		struct diag *d = sema_error(s, D_SEMA_ASSIGN_TYPE, n->at,
					    "Type mismatch for $%.*s: trying to assign value "
					    "of type '%s' when variable already has a type '%s'",
					    STR_ARG(v->v.name), spelled(s, type_plain(s, t)),
					    spelled(s, has));

		hint_cast(s, d, has);
	}
}

/* ---- maps ---- */

static const struct type *map_contribution(struct sema *s, struct node *n, struct map_state *m,
					   const struct type *t)
{
	const struct type *has = map_value(m);

	if (n->op != OP_NONE)
		return compound_type(s, n, type_plain(s, has), type_as_number(t));
	if (is_aggregation_call(n->assign.value))
		return t;
	if (!type_is_aggregation(t))
		return t;
	/* @x = @y of a sum: @y's number when @x is known to be a number */
	if (type_is_castable_aggregation(t) && !is_unknown(has) && type_is_integer(has))
		return type_as_number(t);
	return NULL;
}

static void assign_to_map(struct sema *s, struct node *n)
{
	struct node *target = n->assign.target;
	struct map_state *m = (struct map_state *)target->map.ref;
	const struct type *t, *has, *result;

	/* the value first: it may read the map */
	t = infer(s, &n->assign.value, WANT_AGGREGATION);
	if (!m)
		return;
	m->is_assigned = true;
	if (target->map.key)
		infer_key(s, m, target, &target->map.key);
	has = type_plain(s, map_value(m));
	target->type = has;
	target->space = SPACE_BPF;
	if (is_unknown(t))
		return;
	if (t->kind == TYPE_VOID) {
		sema_error(s, D_SEMA_VOID_VALUE, n->at, "Invalid expression for assignment");
		return;
	}
	if (t->kind == TYPE_BLOB) {
		sema_error(s, D_SEMA_VOID_VALUE, n->at,
			   "Value '%s' cannot be kept in a map: its bytes are there while its message is",
			   spelled(s, t));
		return;
	}
	result = map_contribution(s, n, m, t);
	if (!result) {
		if (n->op != OP_NONE)
			report_mismatch(s, n,
					type_is_integer(type_as_number(t)) ? type_int(8, false) : t,
					has, true);
		else if (type_is_aggregation(t))
			report_map_copy(s, n, t);
		return;
	}
	map_value_joins(s, m, result, n->assign.value);
	if (!s->is_checking || is_unknown(has))
		return;
	if (m->locked_value && m->locked_value != has &&
	    type_plain(s, type_join(s, m->locked_value, result)) != m->locked_value) {
		report_locked(s, n, m->m.name, true, t, m->locked_value);
		return;
	}
	/* pointer += integer */
	if (n->op != OP_NONE && has->kind == TYPE_POINTER) {
		number_of(s, &n->assign.value);
		coerce(s, &n->assign.value, type_int(8, true));
		return;
	}
	if (is_aggregation_call(n->assign.value)) {
		if (!type_join(s, t, has) || t->kind != has->kind)
			report_mismatch(s, n, t, has, true);
		else
			n->assign.value->type = has;
		return;
	}
	t = number_of(s, &n->assign.value);
	if (!is_coercible(s, t, has)) {
		report_mismatch(s, n, t, has, true);
		return;
	}
	warn_sign(s, n->at, t, has);
	if (!coerce(s, &n->assign.value, has))
		report_mismatch(s, n, t, has, true);
}

/* ---- statements ---- */

void infer_assign(struct sema *s, struct node *n)
{
	struct node *target = n->assign.target;

	switch (target->kind) {
	case NODE_VAR:
		if (!target->var.ref) {
			infer(s, &n->assign.value, 0);
			return;
		}
		assign_to_var(s, n, (struct var_state *)target->var.ref, &n->assign.value);
		target->type = type_plain(s, var_type((struct var_state *)target->var.ref));
		return;
	case NODE_MAP: assign_to_map(s, n); return;
	default:
		infer(s, &n->assign.target, WANT_PLACE);
		infer(s, &n->assign.value, 0);
		sema_error(s, D_PARSE_BAD_TARGET, n->at,
			   "Only variables and maps can be assigned to");
		return;
	}
}

void infer_let(struct sema *s, struct node *n)
{
	struct var_state *v = (struct var_state *)n->let.var->var.ref;
	const struct type *t = NULL;

	if (!v)
		return;
	if (n->let.type) {
		v->is_unsized = false;
		t = type_expr_resolve(s, n->let.type, &v->is_unsized);
		if (t && (type_is_aggregation(t) || t->kind == TYPE_VOID)) {
			sema_error(s, D_SEMA_BAD_TYPE, n->let.type->at,
				   "Invalid variable declaration type: %s", spelled(s, t));
			t = NULL;
		}
		v->declared = t ? t : s->is_checking ? type_poison() : type_none();
		if (!t && s->is_checking)
			v->v.type = type_poison();
		else if (v->is_unsized && t)
			var_joins(s, v, t);
	}
	if (n->let.value)
		assign_to_var(s, n, v, &n->let.value);
	n->let.var->type = type_plain(s, var_type(v));
	/* only its address is used: what is there is a 0 */
	if (!n->let.type && !v->is_assigned && v->v.is_address_taken)
		var_joins(s, v, type_int(8, true));
	/* never given a value and never declared: it is 0 */
	if (s->is_checking && is_unknown(n->let.var->type) && !n->let.type && !v->is_assigned)
		v->v.type = n->let.var->type = type_int(8, true);
}
