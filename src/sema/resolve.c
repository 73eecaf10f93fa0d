/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names: every $x gets its struct variable by the scopes of its block, every @m its map, every bare
 * word its builtin or constant, every call its builtin or function; positional parameters become
 * literals; operators on literals are folded on the way up. Runs once over each body, before any
 * type is known.
 *
 * Scopes: a block opens one. The first assignment to a name declares it in the block in which it
 * stands; `let` always declares; a name may not be declared again while it is visible.
 */
#include "sema/sema_private.h"

static void resolve(struct sema *s, struct node **slot);

/* ---- scopes ---- */

static void scope_open(struct sema *s, struct scope *sc)
{
	*sc = (struct scope){ .parent = s->scope, .depth = s->scope ? s->scope->depth + 1 : 0 };
	s->scope = sc;
}

static void scope_close(struct sema *s)
{
	for (struct var_state *v = s->scope->vars; v; v = v->next_in_scope) {
		if (v->outer)
			hashmap_put(&s->bindings, v->v.name, v->outer);
		else
			hashmap_remove(&s->bindings, v->v.name);
		if (v->origin == VAR_DECLARED && !v->is_assigned && !v->v.is_address_taken &&
		    !s->in_type)
			sema_warning_now(s, D_SEMA_NEVER_ASSIGNED, v->v.at,
					 "Variable $%.*s was never assigned to.",
					 STR_ARG(v->v.name));
	}
	s->scope = s->scope->parent;
}

static void push_var(struct sema *s, struct variable *v)
{
	struct variable ***vars = s->inst ? &s->inst->vars : &s->fn->vars;
	uint32_t *n = s->inst ? &s->inst->n_vars : &s->fn->n_vars;
	uint32_t *cap = s->inst ? &s->inst->cap_vars : &s->fn->cap_vars;

	if (*n == *cap) {
		struct variable **grown = arena_array(s->arena, struct variable *,
						      *cap ? *cap * 2 : 8);

		if (*n)
			memcpy(grown, *vars, *n * sizeof(*grown));
		*vars = grown;
		*cap = *cap ? *cap * 2 : 8;
	}
	v->id = *n;
	(*vars)[(*n)++] = v;
}

/*
 * names out of macros carry "#number" so that they are nobody else's; people are shown what was
 * written
 */
static struct str shown_name(struct str name)
{
	ptrdiff_t hash = str_find_char(name, '#', 0);

	return hash < 0 ? name : str_sub(name, 0, (size_t)hash);
}

static struct var_state *declare(struct sema *s, struct str name, struct span at, int origin)
{
	struct var_state *v = arena_new(s->arena, struct var_state);

	v->v.name = name;
	v->v.at = at;
	v->v.type = type_none();
	v->v.loop = s->loop;
	v->origin = origin;
	v->depth = s->scope->depth;
	v->outer = hashmap_get(&s->bindings, name);
	hashmap_put(&s->bindings, name, v);
	v->next_in_scope = s->scope->vars;
	s->scope->vars = v;
	push_var(s, &v->v);
	return v;
}

static void report_shadowing(struct sema *s, struct str name, struct span at, bool is_loop,
			     const struct var_state *by)
{
	static const char *const first[] = {
		[VAR_ASSIGNED] = "This is the initial assignment.",
		[VAR_DECLARED] = "This is the initial declaration.",
		[VAR_LOOP] = "This is the loop variable.",
		[VAR_PARAM] = "This is the function parameter.",
	};

	if (is_loop)
		sema_error_now(s, D_SEMA_SHADOWING, at,
			       "Loop declaration shadows existing variable: $%.*s",
			       STR_ARG(shown_name(name)));
	else
		sema_error_now(
			s, D_SEMA_SHADOWING, at,
			"Variable $%.*s was already declared. Variable shadowing is not allowed.",
			STR_ARG(shown_name(name)));
	sema_error_now(s, D_SEMA_SHADOWING, by->v.at, "%s", first[by->origin]);
}

static struct var_state *find_var(struct sema *s, struct str name)
{
	struct var_state *v = hashmap_get(&s->bindings, name);

	if (v && v->v.loop != s->loop)
		v->v.is_shared = true;
	return v;
}

static void resolve_var(struct sema *s, struct node *n)
{
	struct var_state *v = find_var(s, n->var.name);

	if (!v) {
		sema_error_now(s, D_SEMA_UNDEFINED_VARIABLE, n->at,
			       "Undefined or undeclared variable: $%.*s",
			       STR_ARG(shown_name(n->var.name)));
		return;
	}
	n->var.ref = &v->v;
	if (v->origin == VAR_DECLARED && !v->is_assigned && !v->v.is_address_taken && !s->in_type &&
	    !v->is_used_early) {
		v->is_used_early = true;
		sema_warning_now(s, D_SEMA_USED_EARLY, n->at,
				 "Variable used before it was assigned: $%.*s",
				 STR_ARG(shown_name(n->var.name)));
	}
}

/* ---- maps ---- */

static struct map_state *map_of(struct sema *s, struct node *n)
{
	struct map_state *m = hashmap_get(&s->maps, n->map.name);
	struct unit *u = s->unit;

	if (!m) {
		m = arena_new(s->arena, struct map_state);
		m->m.name = n->map.name;
		m->m.at = n->at;
		m->m.index = u->n_maps;
		m->m.key_type = m->m.value_type = type_none();
		if (u->n_maps == u->cap_maps) {
			struct map_info **grown = arena_array(s->arena, struct map_info *,
							      u->cap_maps ? u->cap_maps * 2 : 8);

			if (u->n_maps)
				memcpy(grown, u->maps, u->n_maps * sizeof(*grown));
			u->maps = grown;
			u->cap_maps = u->cap_maps ? u->cap_maps * 2 : 8;
		}
		u->maps[u->n_maps++] = &m->m;
		hashmap_put(&s->maps, m->m.name, m);
	}
	n->map.ref = &m->m;
	return m;
}

/* an access, as opposed to the map as a whole: the first one says whether the map has keys */
static void note_access(struct sema *s, struct map_state *m, struct node *n)
{
	bool is_keyed = n->map.key != NULL;

	if (!m->is_scalar && !m->is_keyed) {
		m->is_keyed = is_keyed;
		m->is_scalar = !is_keyed;
		m->m.at = n->at;
		return;
	}
	if (is_keyed == m->is_keyed)
		return;
	if (is_keyed)
		sema_error_now(s, D_SEMA_MAP_KEYED, n->at,
			       "%.*s used as a map with an explicit key (non-scalar map), "
			       "previously used without an explicit key (scalar map)",
			       STR_ARG(n->map.name));
	else
		sema_error_now(s, D_SEMA_MAP_KEYED, n->at,
			       "%.*s used as a map without an explicit key (scalar map), "
			       "previously used with an explicit key (non-scalar map)",
			       STR_ARG(n->map.name));
	n->type = type_poison();
	n->map.ref = NULL;
}

void resolve_map(struct sema *s, struct node *n, bool is_whole)
{
	struct map_state *m = map_of(s, n);

	if (n->map.key)
		resolve(s, &n->map.key);
	if (!is_whole || n->map.key)
		note_access(s, m, n);
}

/* ---- statements ---- */

static void resolve_type(struct sema *s, struct type_expr *t);

static void resolve_type_child(void *arg, struct node **slot)
{
	resolve(arg, slot);
}

static void resolve_type(struct sema *s, struct type_expr *t)
{
	if (!t)
		return;
	s->in_type++;
	type_expr_children(t, resolve_type_child, s);
	s->in_type--;
}

static void resolve_block(struct sema *s, struct node *n)
{
	struct scope sc;

	scope_open(s, &sc);
	for (struct node **p = &n->block.stmts; *p; p = &(*p)->next)
		resolve(s, p);
	if (n->block.value)
		resolve(s, &n->block.value);
	scope_close(s);
}

/*
 * @m = { statements; sum(x) }: an aggregation is no value that a block could hand out, so the
 * assignment goes into the block, to its end.
 */
static bool sink_into_block(struct sema *s, struct node **slot)
{
	struct node *n = *slot, *block = n->assign.value, *call, **end;
	const struct builtin *b;
	uint32_t index;

	if (n->op != OP_NONE || n->assign.target->kind != NODE_MAP || block->kind != NODE_BLOCK)
		return false;
	call = block->block.value;
	if (!call || call->kind != NODE_CALL)
		return false;
	b = find_builtin(call->call.name, &index);
	if (!b || !b->is_aggregation)
		return false;
	replace(slot, block);
	block->block.value = NULL;
	for (end = &block->block.stmts; *end; end = &(*end)->next)
		;
	n->assign.value = call;
	n->next = NULL;
	*end = n;
	resolve(s, slot);
	return true;
}

static void resolve_assign(struct sema *s, struct node **slot)
{
	struct node *n = *slot, *target = n->assign.target;
	struct var_state *v;

	if (sink_into_block(s, slot))
		return;
	resolve(s, &n->assign.value);
	if (target->kind == NODE_MAP) {
		resolve_map(s, target, false);
		if (s->in_type)
			sema_error_now(
				s, D_SEMA_MAP_IN_TYPE, n->at,
				"Map assignments not allowed inside of sizeof, offsetof, typeof or typeinfo");
		return;
	}
	if (target->kind != NODE_VAR) {
		resolve(s, &n->assign.target);
		return;
	}
	v = find_var(s, target->var.name);
	if (!v && n->op != OP_NONE) {
		resolve_var(s, target);
		return;
	}
	if (!v)
		v = declare(s, target->var.name, n->at, VAR_ASSIGNED);
	v->is_assigned = true;
	target->var.ref = &v->v;
}

static void resolve_let(struct sema *s, struct node *n)
{
	struct str name = n->let.var->var.name;
	struct var_state *old, *v;
	struct span at = n->at;

	resolve_type(s, n->let.type);
	if (n->let.value)
		resolve(s, &n->let.value);
	old = hashmap_get(&s->bindings, name);
	if (old)
		report_shadowing(s, name, n->let.value ? at : n->let.var->at, false, old);
	v = declare(s, name, at, VAR_DECLARED);
	v->is_assigned = n->let.value != NULL;
	v->type_expr = n->let.type;
	n->let.var->var.ref = &v->v;
}

static void resolve_for(struct sema *s, struct node *n)
{
	struct str name = n->for_.var->var.name;
	uint32_t outer_loop = s->loop;
	struct var_state *old, *v;
	struct scope sc;

	if (n->kind == NODE_FOR_MAP) {
		resolve_map(s, n->for_.map, true);
	} else {
		resolve(s, &n->for_.from);
		resolve(s, &n->for_.to);
	}
	old = hashmap_get(&s->bindings, name);
	if (old)
		report_shadowing(s, name, n->for_.var->at, true, old);
	s->loop = ++s->n_loops;
	s->n_any_loops++;
	scope_open(s, &sc);
	v = declare(s, name, n->for_.var->at, VAR_LOOP);
	v->is_assigned = v->v.is_loop_var = true;
	n->for_.var->var.ref = &v->v;
	resolve(s, &n->for_.body);
	scope_close(s);
	s->n_any_loops--;
	s->loop = outer_loop;
}

/* comptime decided by literals alone: the other branch is not even looked at */
static bool choose_branch(struct sema *s, struct node **slot)
{
	struct node *n = *slot, *c = n->cond.cond, *taken;
	bool is_true;

	if (c->kind != NODE_COMPTIME || !is_const(c->unary.a))
		return false;
	c = c->unary.a;
	is_true = c->kind == NODE_STRING ? c->string.n != 0 : c->integer != 0;
	taken = is_true ? n->cond.then : n->cond.other;
	if (!taken)
		taken = node_new(s->arena, NODE_BLOCK, n->at);
	replace(slot, taken);
	return true;
}

static void resolve_if(struct sema *s, struct node **slot)
{
	struct node *n = *slot;

	resolve(s, &n->cond.cond);
	if (choose_branch(s, slot)) {
		resolve(s, slot);
		return;
	}
	if (n->cond.then)
		resolve(s, &n->cond.then);
	if (n->cond.other)
		resolve(s, &n->cond.other);
}

static void resolve_typed(struct sema *s, struct node *n)
{
	struct type_expr **t = node_type_expr(n);

	if (t && *t)
		resolve_type(s, *t);
	s->in_type++;
	if (n->kind == NODE_OFFSETOF && n->offsetof_.expr)
		resolve(s, &n->offsetof_.expr);
	else if (n->kind != NODE_OFFSETOF && n->sizeof_.expr) {
		if (n->sizeof_.expr->kind == NODE_MAP)
			resolve_map(s, n->sizeof_.expr, true);
		else
			resolve(s, &n->sizeof_.expr);
	}
	s->in_type--;
}

static void resolve_child(void *arg, struct node **slot)
{
	resolve(arg, slot);
}

static void resolve(struct sema *s, struct node **slot)
{
	struct node *n = *slot;

	switch (n->kind) {
	case NODE_INT:
		if (!n->type) {
			n->type = n->flags & NODE_F_UINT64 ? type_int(8, false)
							   : type_literal(n->integer);
			n->flags |= NODE_F_CONST | NODE_F_LITERAL;
		}
		return;
	case NODE_VAR: resolve_var(s, n); return;
	case NODE_MAP:
		/* typeof(@m): the map as a whole */
		resolve_map(s, n, s->in_type && !n->map.key);
		return;
	case NODE_IDENT: resolve_ident(s, slot); return;
	case NODE_POSITIONAL: resolve_positional(s, slot, false); return;
	case NODE_TYPE_VALUE:
		sema_error_now(s, D_SEMA_MACRO_ARGS, n->at,
			       "When used as a call argument, `typeof` builtin only valid for "
			       "macro calls that are expecting a type parameter");
		n->type = type_poison();
		return;
	case NODE_CALL: resolve_call(s, slot); return;
	case NODE_BLOCK: resolve_block(s, n); return;
	case NODE_ASSIGN: resolve_assign(s, slot); return;
	case NODE_LET: resolve_let(s, n); return;
	case NODE_FOR_MAP:
	case NODE_FOR_RANGE: resolve_for(s, n); return;
	case NODE_IF:
	case NODE_TERNARY:
		resolve_if(s, slot);
		fold_node(s, slot);
		return;
	case NODE_SIZEOF:
	case NODE_TYPEINFO:
	case NODE_OFFSETOF: resolve_typed(s, n); return;
	case NODE_UNARY:
		if (n->op == OP_ADDR && n->unary.a->kind == NODE_VAR) {
			struct var_state *v = find_var(s, n->unary.a->var.name);

			if (v)
				v->v.is_address_taken = true;
		}
		if (n->op == OP_ADDR && n->unary.a->kind == NODE_MAP) {
			resolve_map(s, n->unary.a, n->unary.a->map.key == NULL);
			return;
		}
		break;
	default: break;
	}
	if (node_type_expr(n) && *node_type_expr(n)) {
		resolve_type(s, *node_type_expr(n));
		if (n->kind == NODE_CAST)
			resolve(s, &n->cast.a);
		return;
	}
	node_children(n, resolve_child, s);
	fold_node(s, slot);
}

void resolve_subtree(struct sema *s, struct node **slot)
{
	resolve(s, slot);
}

static void resolve_params(struct sema *s, struct fn_def *fn)
{
	for (uint32_t i = 0; i < fn->n_params; i++) {
		struct fn_param *p = &fn->params[i];
		struct var_state *v, *old = hashmap_get(&s->bindings, p->name);

		if (old)
			report_shadowing(s, p->name, p->at, false, old);
		v = declare(s, p->name, p->at, VAR_PARAM);
		v->is_assigned = true;
		v->type_expr = p->type;
		p->ref = &v->v;
	}
	for (uint32_t i = 0; i < fn->n_params; i++)
		resolve_type(s, fn->params[i].type);
	resolve_type(s, fn->result);
}

static void resolve_body(struct sema *s, struct node **predicate, struct node **body)
{
	struct scope sc;

	s->loop = s->n_loops = s->n_any_loops = s->in_type = 0;
	scope_open(s, &sc);
	if (s->fn)
		resolve_params(s, s->fn->def);
	if (*predicate)
		resolve(s, predicate);
	resolve(s, body);
	scope_close(s);
}

void resolve_run(struct sema *s)
{
	for (struct fn_def *f = s->script->fns; f; f = f->next) {
		struct fn_def *old = hashmap_put(&s->fns, f->name, f);

		if (old)
			sema_error_now(s, D_SEMA_REDEFINED, f->at,
				       "Function '%.*s' was already defined", STR_ARG(f->name));
	}
	s->naming = resolve_body;
	each_body(s, resolve_body);
}
