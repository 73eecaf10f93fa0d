/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The walker that types expressions (see sema_private.h for its two modes), and the rounds in which it
 * runs.
 *
 * Each round computes the types of variables and maps anew from all that is assigned to them
 * (next), reading for that what the round before has found (type). It ends when a round changes
 * nothing. Types need not only grow from round to round: `$a = 1; $b = $a; $a = (uint64)2` makes $b
 * an int8 first and a uint64 then, where growing would give int64. To be sure of an end they may
 * only grow after some rounds.
 */
#include "sema/sema_private.h"

/* a type can grow only so often; every round but the last makes at least one grow */
enum { ROUNDS_FREE = 12, GROWTHS = 8, ROUNDS_LEAST = 64 };

/* ---- estimates ---- */

const struct type *var_type(struct var_state *v)
{
	if (v->declared && !v->is_unsized)
		return v->declared;
	if (v->v.type == type_poison())
		return type_poison();
	return !is_unknown(v->v.type) ? v->v.type : v->next ? v->next : type_none();
}

const struct type *map_value(struct map_state *m)
{
	return !is_unknown(m->m.value_type) ? m->m.value_type
	       : m->next_value              ? m->next_value
					    : type_none();
}

const struct type *map_key(struct map_state *m)
{
	return !is_unknown(m->m.key_type) ? m->m.key_type : m->next_key ? m->next_key : type_none();
}

void var_joins(struct sema *s, struct var_state *v, const struct type *t)
{
	const struct type *joined;

	if (s->is_checking || is_unknown(t))
		return;
	joined = v->next ? type_join(s, v->next, t) : t;
	/* what does not fit is reported at the assignment: the first type stays */
	if (joined)
		v->next = joined;
}

/* ---- expressions ---- */

static const struct type *infer_var(struct sema *s, struct node *n)
{
	struct var_state *v = (struct var_state *)n->var.ref;
	const struct type *t;

	if (!v)
		return type_poison();
	t = type_plain(s, var_type(v));
	if (s->is_locking && !v->locked)
		v->locked = t;
	if (s->is_checking && is_unknown(t)) {
		if (t != type_poison())
			sema_error(s, D_SEMA_NO_TYPE, n->at,
				   "Could not resolve the type of this variable");
		v->v.type = type_poison();
		return type_poison();
	}
	return t;
}

static bool report_in_tuple(struct sema *s, struct node *n, const struct type *t, const char *what)
{
	if (type_is_aggregation(t) && !type_is_castable_aggregation(t)) {
		sema_error(s, D_SEMA_AGGREGATION_USE, n->at,
			   "Map type %s cannot exist inside a %s.", spelled(s, t), what);
		return true;
	}
	if (t->kind == TYPE_VOID) {
		sema_error(s, D_SEMA_VOID_VALUE, n->at, "A value is needed here, this has none");
		return true;
	}
	return false;
}

static const struct type *infer_list(struct sema *s, struct node *n, unsigned want)
{
	bool is_record = n->kind == NODE_RECORD;
	const struct type **elems = arena_array(s->arena, const struct type *, n->list.n + 1);
	struct str *names = arena_array(s->arena, struct str, n->list.n + 1);
	const struct type *bad = NULL;
	uint32_t i = 0;

	for (struct node **item = &n->list.items; *item; item = &(*item)->next, i++) {
		struct node **value = is_record ? &(*item)->named.value : item;

		elems[i] = infer(s, value, want & WANT_SHOWN);
		if (is_unknown(elems[i])) {
			bad = bad == type_poison() ? bad : elems[i];
			continue;
		}
		if (report_in_tuple(s, *value, elems[i], is_record ? "record" : "tuple")) {
			bad = type_poison();
			continue;
		}
		elems[i] = number_of(s, value);
		if (is_record) {
			names[i] = (*item)->named.name;
			(*item)->type = elems[i];
		}
	}
	return bad ? bad : type_tuple(s->tt, elems, is_record ? names : NULL, n->list.n);
}

/* both branches of ?: and of if as a value */
static const struct type *join_branches(struct sema *s, struct node *n, struct node **a,
					struct node **b, unsigned want)
{
	const struct type *x = infer(s, a, want), *y = infer(s, b, want), *t;

	if (is_unknown(x) || is_unknown(y)) {
		/* the other branch tells what it will be; after an error nothing does */
		if (x == type_poison() || y == type_poison())
			return type_poison();
		return is_unknown(x) ? y : x;
	}
	if (x->kind == TYPE_VOID && (y->kind == TYPE_VOID || want & WANT_VOID))
		return type_void();
	if (y->kind == TYPE_VOID && want & WANT_VOID)
		return type_void();
	x = type_as_number(x);
	y = type_as_number(y);
	t = type_join(s, x, y);
	if (!t) {
		if (want & WANT_VOID)
			return type_void();
		sema_error(
			s, D_SEMA_BRANCH_TYPES, n->at,
			"Branches must return the same type or compatible types: have '%s' and '%s'",
			spelled(s, x), spelled(s, y));
		return type_poison();
	}
	if (!s->is_checking)
		return t;
	t = type_plain(s, t);
	warn_sign(s, n->at, x, t);
	warn_sign(s, n->at, y, t);
	coerce(s, a, t);
	coerce(s, b, t);
	return t;
}

static const struct type *infer_ternary(struct sema *s, struct node *n, unsigned want)
{
	const struct type *t;

	if (n->cond.then) {
		infer_condition(s, &n->cond.cond, n->cond.cond->at);
		return join_branches(s, n, &n->cond.then, &n->cond.other, want);
	}
	/* a ?: b: the condition is the value as well */
	t = join_branches(s, n, &n->cond.cond, &n->cond.other, want);
	if (!is_unknown(t) && !type_is_scalar(t)) {
		sema_error(s, D_SEMA_CONDITION, n->cond.cond->at, "Invalid condition: %s",
			   kind_word(t));
		return type_poison();
	}
	return t;
}

/* what is asked about is wrong in itself, and that has been said */
static bool has_own_fault(struct sema *s, struct node *comptime)
{
	uint32_t before = s->diags->n_errors;

	infer(s, &comptime->unary.a, 0);
	return s->diags->n_errors > before;
}

static const struct type *infer_if(struct sema *s, struct node *n, unsigned want)
{
	if (n->flags & NODE_F_DEAD)
		return type_void();
	/* decided later: nothing inside exists yet */
	if (n->cond.cond->kind == NODE_COMPTIME) {
		if (!s->is_checking)
			return type_none();
		if (!has_own_fault(s, n->cond.cond))
			sema_error(s, D_SEMA_COMPTIME, n->cond.cond->at,
				   "Unable to resolve comptime expression");
		return type_poison();
	}
	infer_condition(s, &n->cond.cond, n->cond.cond->at);
	if (n->cond.other)
		return join_branches(s, n, &n->cond.then, &n->cond.other, want);
	infer(s, &n->cond.then, WANT_VOID);
	return type_void();
}

void infer_condition(struct sema *s, struct node **slot, struct span at)
{
	const struct type *t;

	if ((*slot)->kind == NODE_STRING)
		replace(slot, node_bool(s, (*slot)->at, (*slot)->string.n != 0));
	t = infer(s, slot, 0);
	if (is_unknown(t))
		return;
	t = number_of(s, slot);
	if (!type_is_scalar(t))
		sema_error(s, D_SEMA_CONDITION, at, "Invalid condition: %s", kind_word(t));
}

static const struct type *infer_block(struct sema *s, struct node *n, unsigned want)
{
	infer_chain(s, &n->block.stmts);
	if (!n->block.value)
		return type_void();
	return infer(s, &n->block.value, want);
}

/*
 * sizeof and its like have become literals before the last round; what is left could not be
 * resolved
 */
static const struct type *infer_meta(struct sema *s, struct node *n)
{
	if (!s->is_checking)
		return n->kind == NODE_TYPEINFO ? type_none() : type_int(8, false);
	if (!s->diags->n_errors)
		sema_error(s, D_SEMA_NO_TYPE, n->at,
			   "Could not resolve the type of this expression");
	return type_poison();
}

static const struct type *infer_kind(struct sema *s, struct node **slot, unsigned want)
{
	struct node *n = *slot;

	switch (n->kind) {
	case NODE_INT:
	case NODE_BOOL:
		return n->type                ? n->type
		       : n->kind == NODE_BOOL ? type_bool()
					      : type_literal(n->integer);
	case NODE_STRING:
		return n->type && n->type->kind == TYPE_STRING
			       ? n->type
			       : type_string(s->tt, (uint32_t)n->string.n + 1);
	case NODE_VAR: return infer_var(s, n);
	case NODE_MAP: return infer_map(s, slot, want);
	case NODE_CALL:
		if (target_replace(s, slot, want))
			return infer(s, slot, want);
		return infer_call(s, slot, want);
	case NODE_UNARY: return infer_unary(s, slot, want);
	case NODE_BINARY: return infer_binary(s, slot);
	case NODE_TERNARY: return infer_ternary(s, n, want);
	case NODE_FIELD:
	case NODE_TUPLE_FIELD:
	case NODE_INDEX: return infer_place(s, slot, want);
	case NODE_CAST: return infer_cast(s, slot, want);
	case NODE_TUPLE:
	case NODE_RECORD: return infer_list(s, n, want);
	case NODE_BLOCK: return infer_block(s, n, want);
	case NODE_IF: return infer_if(s, n, want);
	case NODE_COMPTIME:
		if (s->is_checking)
			sema_error(s, D_SEMA_COMPTIME, n->at,
				   "Unable to resolve comptime expression");
		return infer(s, &n->unary.a, want);
	case NODE_SIZEOF:
	case NODE_OFFSETOF:
	case NODE_TYPEINFO: return infer_meta(s, n);
	case NODE_IDENT:
	case NODE_TYPE_VALUE:
	case NODE_POSITIONAL:
	case NODE_NAMED: return type_poison();
	default: infer_statement(s, slot); return type_void();
	}
}

/* an array of char is read as the string in it, unless the parent wants the place itself */
static const struct type *decay(struct sema *s, struct node **slot, const struct type *t)
{
	const struct type *text;
	struct node *cast, *n = *slot;

	if (!t || !type_is_char_array(t) || t->is_flex ||
	    (n->kind != NODE_FIELD && n->kind != NODE_INDEX && n->kind != NODE_UNARY))
		return t;
	text = type_string(s->tt, t->count + 1);
	if (!s->is_checking)
		return text;
	cast = node_new(s->arena, NODE_CAST, n->at);
	cast->flags = NODE_F_IMPLICIT;
	cast->cast.a = n;
	cast->type = text;
	n->type = t;
	replace(slot, cast);
	n->next = NULL;
	return text;
}

const struct type *infer(struct sema *s, struct node **slot, unsigned want)
{
	const struct type *t;

	if ((*slot)->type == type_poison())
		return type_poison();
	t = infer_kind(s, slot, want);
	if (!is_unknown(t))
		t = target_decay(s, slot, t, want);
	if (!(want & WANT_PLACE) && !is_unknown(t))
		t = decay(s, slot, t);
	/* only what cannot change any more is marked: types may come right in a later round */
	(*slot)->type = t == type_poison() && !s->is_checking ? type_none() : t;
	return t;
}

/* ---- rounds ---- */

static void infer_params(struct sema *s)
{
	struct fn_def *def = s->fn->def;
	bool is_unsized = false;

	s->in_signature = true;
	for (uint32_t i = 0; i < def->n_params; i++) {
		struct var_state *v = (struct var_state *)def->params[i].ref;

		v->declared = def->params[i].type
				      ? type_expr_resolve(s, def->params[i].type, &is_unsized)
				      : NULL;
		if (!v->declared)
			v->declared = s->is_checking ? type_poison() : type_none();
	}
	if (!def->result)
		def->result_type = type_void();
	else
		def->result_type = type_expr_resolve(s, def->result, &is_unsized);
	if (!def->result_type)
		def->result_type = type_poison();
	s->in_signature = false;
}

static void infer_body(struct sema *s, struct node **predicate, struct node **body)
{
	s->n_any_loops = s->loop = s->in_type = 0;
	if (s->fn)
		infer_params(s);
	if (*predicate)
		infer_condition(s, predicate, (*predicate)->at);
	infer(s, body, WANT_VOID);
	if (s->fn && s->is_checking)
		check_fn_returns(s);
}

/* takes over what the round has found; true when that is news */
static bool settle(struct sema *s, const struct type **type, const struct type **next)
{
	const struct type *t = *next ? *next : *type;
	bool is_new;

	if (s->is_monotone && *next && !is_unknown(*type)) {
		const struct type *joined = type_join(s, *type, *next);

		t = joined ? joined : *type;
	}
	is_new = t != *type;
	*type = t;
	*next = NULL;
	return is_new;
}

static bool settle_all(struct sema *s)
{
	struct unit *u = s->unit;
	bool is_new = false;

	for (uint32_t i = 0; i < u->n_maps; i++) {
		struct map_state *m = (struct map_state *)u->maps[i];

		is_new |= settle(s, &m->m.key_type, &m->next_key);
		is_new |= settle(s, &m->m.value_type, &m->next_value);
	}
	for (uint32_t i = 0; i < u->n_insts + u->n_fns; i++) {
		struct variable **vars = i < u->n_insts ? u->insts[i]->vars
							: u->fns[i - u->n_insts]->vars;
		uint32_t n = i < u->n_insts ? u->insts[i]->n_vars : u->fns[i - u->n_insts]->n_vars;

		for (uint32_t k = 0; k < n; k++) {
			struct var_state *v = (struct var_state *)vars[k];

			is_new |= settle(s, &v->v.type, &v->next);
		}
	}
	return is_new;
}

static uint64_t most_rounds(const struct sema *s)
{
	uint64_t n = s->unit->n_maps;

	for (uint32_t i = 0; i < s->unit->n_insts; i++)
		n += s->unit->insts[i]->n_vars;
	for (uint32_t i = 0; i < s->unit->n_fns; i++)
		n += s->unit->fns[i]->n_vars;
	return n * GROWTHS + ROUNDS_LEAST;
}

static void infer_fixed_point(struct sema *s)
{
	uint64_t most = most_rounds(s);

	s->is_monotone = false;
	for (uint64_t round = 0; round < most; round++) {
		s->is_monotone = round >= ROUNDS_FREE;
		each_body(s, infer_body);
		if (!settle_all(s))
			break;
	}
	s->is_monotone = false;
}

void infer_run(struct sema *s)
{
	do {
		s->is_changed = false;
		infer_fixed_point(s);
		comptime_run(s);
	} while (s->is_changed);
}

/* ---- the reporting round ---- */

static void make_plain(struct sema *s)
{
	struct unit *u = s->unit;

	for (uint32_t i = 0; i < u->n_maps; i++) {
		struct map_state *m = (struct map_state *)u->maps[i];

		m->m.key_type = type_plain(s, m->m.key_type);
		m->m.value_type = type_plain(s, m->m.value_type);
		/*
		 * filled only by a clause that attaches nowhere, with something of its probe: it
		 * stays empty
		 */
		if (s->n_ghosts && m->is_assigned && is_unknown(m->m.value_type))
			m->m.value_type = type_int(8, true);
		if (s->n_ghosts && m->is_keyed && is_unknown(m->m.key_type))
			m->m.key_type = type_int(8, true);
	}
	for (uint32_t i = 0; i < u->n_insts + u->n_fns; i++) {
		struct variable **vars = i < u->n_insts ? u->insts[i]->vars
							: u->fns[i - u->n_insts]->vars;
		uint32_t n = i < u->n_insts ? u->insts[i]->n_vars : u->fns[i - u->n_insts]->n_vars;

		for (uint32_t k = 0; k < n; k++)
			vars[k]->type = type_plain(s, var_type((struct var_state *)vars[k]));
	}
}

/* literal types and void never leave the checker; places get no type but their own */
static bool finish_node(void *arg, struct node *n)
{
	struct sema *s = arg;

	/* whatever else happened: nothing without a type gets to the code generator */
	if (n->type == type_poison() && !s->diags->n_errors)
		sema_error_now(s, D_SEMA_NO_TYPE, n->at,
			       "Could not resolve the type of this expression");
	n->type = type_plain(s, n->type);
	if (!n->type || n->type->kind == TYPE_VOID)
		n->type = type_none();
	return true;
}

static void finish_body(struct sema *s, struct node **predicate, struct node **body)
{
	if (*predicate)
		node_walk(*predicate, finish_node, s);
	node_walk(*body, finish_node, s);
	if (s->fn && s->fn->def->result_type->kind == TYPE_VOID)
		s->fn->def->result_type = type_none();
}

static void finish_names(struct sema *s)
{
	struct unit *u = s->unit;

	for (uint32_t i = 0; i < u->n_insts; i++) {
		for (uint32_t k = 0; k < u->insts[i]->n_vars; k++) {
			struct variable *v = u->insts[i]->vars[k];
			ptrdiff_t hash = str_find_char(v->name, '#', 0);

			if (hash >= 0)
				v->name = str_sub(v->name, 0, (size_t)hash);
		}
	}
}

void check_run(struct sema *s)
{
	make_plain(s);
	s->is_checking = true;
	each_body(s, infer_body);
	expand_remove_ghosts(s);
	check_maps(s);
	each_body(s, finish_body);
	s->is_checking = false;
	finish_names(s);
}
