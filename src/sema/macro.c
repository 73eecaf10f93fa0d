/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Macros: each call is replaced by a copy of the macro's body in which parameters stand for the
 * arguments. The copy is hygienic: its own variables get names that nothing else has ("x#7"), and
 * the maps and variables that it uses must have been passed. Runs on the clauses as written, before
 * any name is resolved.
 *
 * A name may have several definitions, told apart by the number and kinds of their parameters;
 * definitions of the script go before those of the standard library, except inside the library
 * itself, where the script's are not seen. Every copy is an expansion in sources, so that messages
 * about it show the calls they came through.
 */
#include "sema/sema_private.h"
#include "sema/stdlib_text.h"
#include "lang/parse.h"

#include <stdio.h>

/*
 * MAX_NODES: arguments that stand in several places are copied; macros of macros can make that
 * explode
 */
enum { MAX_DEPTH = 64, MAX_EXPANSIONS = 20000, MAX_NODES = 1 << 20 };

struct macro_set {
	VEC(struct macro_def *) defs;
};

/* one call being expanded; chained through those around it */
struct expansion_state {
	struct sema *s;
	const struct macro_def *def; /* NULL: outside of macros */
	struct node **args;
	uint32_t number; /* makes names unique */
	uint16_t expansion;
	const struct expansion_state *outer;
	uint32_t depth;
};

static void expand(void *arg, struct node **slot);

/* ---- the table ---- */

static const char *param_sigil(const struct macro_param *p)
{
	/* maps keep their '@' in the name */
	return p->kind == MACRO_VAR ? "$" : "";
}

static bool same_signature(const struct macro_def *a, const struct macro_def *b)
{
	if (a->n_params != b->n_params)
		return false;
	for (uint32_t i = 0; i < a->n_params; i++) {
		if (a->params[i].kind != b->params[i].kind)
			return false;
	}
	return true;
}

static struct macro_set *find_set(struct sema *s, struct str name)
{
	return hashmap_get(&s->macros, name);
}

static void add_macro(struct sema *s, struct macro_def *def)
{
	struct macro_set *set = find_set(s, def->name);

	if (!set) {
		set = arena_new(s->arena, struct macro_set);
		hashmap_put(&s->macros, def->name, set);
	}
	for (size_t i = 0; i < set->defs.n; i++) {
		if (!same_signature(set->defs.v[i], def) ||
		    set->defs.v[i]->is_internal != def->is_internal)
			continue;
		sema_error_now(s, D_SEMA_REDEFINED, def->at, "Redefinition of macro: %.*s",
			       STR_ARG(def->name));
		return;
	}
	vec_push(&set->defs, def);
}

static void free_macros(struct sema *s)
{
	for (size_t i = 0; i < s->macros.n; i++) {
		struct macro_set *set = s->macros.entries[i].value;

		if (set)
			vec_free(&set->defs);
	}
}

static void load_library(struct sema *s)
{
	struct parse_opts po = { .arena = s->arena,
				 .sources = s->opts->sources,
				 .diags = s->diags,
				 .is_library = true };
	uint16_t file = sources_add(s->opts->sources, STR("stdlib/base.bt"), sema_stdlib_text);
	struct script *lib;

	s->opts->sources->files.v[file].is_internal = true;
	lib = script_parse(&po, file);
	for (struct macro_def *m = lib->macros; m; m = m->next) {
		m->is_internal = true;
		add_macro(s, m);
	}
}

/* ---- choosing a definition ---- */

static bool arg_fits(const struct macro_param *p, const struct node *arg)
{
	switch (p->kind) {
	case MACRO_VAR: return arg->kind == NODE_VAR;
	case MACRO_MAP: return arg->kind == NODE_MAP && !arg->map.key;
	default: return true;
	}
}

/* -1: does not match; else how closely */
static int match(const struct macro_def *def, const struct node *args, uint32_t n)
{
	int score = 0;

	if (def->n_params != n)
		return -1;
	for (uint32_t i = 0; i < n; i++, args = args->next) {
		if (!arg_fits(&def->params[i], args))
			return -1;
		score += def->params[i].kind != MACRO_EXPR;
	}
	return score;
}

static struct macro_def *choose(const struct macro_set *set, const struct node *args, uint32_t n,
				bool only_internal)
{
	struct macro_def *best = NULL;
	int best_score = -1;

	for (size_t i = 0; i < set->defs.n; i++) {
		struct macro_def *def = set->defs.v[i];
		int score = only_internal && !def->is_internal ? -1 : match(def, args, n);

		if (score > best_score ||
		    (score == best_score && score >= 0 && best->is_internal && !def->is_internal)) {
			best = def;
			best_score = score;
		}
	}
	return best;
}

static const char *arg_word(const struct node *arg)
{
	return arg->kind == NODE_VAR                    ? "a variable"
	       : arg->kind == NODE_MAP && !arg->map.key ? "a map"
							: "an expression";
}

/* no definition matches: says how far the closest one is off */
static void report_mismatch(struct sema *s, const struct macro_set *set, struct node *call,
			    const struct node *args, uint32_t n)
{
	const struct macro_def *closest = NULL;
	struct str name = call->kind == NODE_IDENT ? call->ident.name : call->call.name;

	for (size_t i = 0; i < set->defs.n; i++) {
		const struct macro_def *def = set->defs.v[i];
		unsigned off = def->n_params > n ? def->n_params - n : n - def->n_params;
		unsigned best = !closest                ? UINT32_MAX
				: closest->n_params > n ? closest->n_params - n
							: n - closest->n_params;

		if (off < best)
			closest = def;
	}
	sema_error_now(s, D_SEMA_MACRO_ARGS, call->at,
		       "Call to %.*s() has arguments that do not match any definition.",
		       STR_ARG(name));
	if (closest->n_params != n) {
		sema_error_now(
			s, D_SEMA_MACRO_ARGS, closest->at,
			"The closest definition of %.*s() has a different number of arguments. Expected: %u but got %u",
			STR_ARG(name), closest->n_params, n);
		return;
	}
	for (uint32_t i = 0; i < n; i++, args = args->next) {
		const struct macro_param *p = &closest->params[i];

		if (arg_fits(p, args))
			continue;
		sema_error_now(s, D_SEMA_MACRO_ARGS, args->at,
			       "Mismatched arg. %.*s() expects %s for arg %s%.*s but got %s.",
			       STR_ARG(name), p->kind == MACRO_VAR ? "a variable" : "a map",
			       param_sigil(p), STR_ARG(p->name), arg_word(args));
		sema_error_now(s, D_SEMA_MACRO_ARGS, p->at,
			       "This is the argument in the closest definition.");
	}
}

/* ---- copies: parameters replaced, own variables renamed ---- */

static int find_param(const struct expansion_state *e, int kind, struct str name)
{
	for (uint32_t i = 0; i < e->def->n_params; i++) {
		if ((int)e->def->params[i].kind == kind && str_eq(e->def->params[i].name, name))
			return (int)i;
	}
	return -1;
}

static void substitute(void *arg, struct node **slot);

/* in place of what could not be expanded */
static void put_error(struct sema *s, struct node **slot)
{
	struct node *n = node_int(s, (*slot)->at, 0, NULL);

	n->type = type_poison();
	replace(slot, n);
}

/* the type that a typeof() argument stands for, with what is written around it */
static void substitute_type(const struct expansion_state *e, struct type_expr *t, struct node *arg)
{
	struct arena *a = e->s->arena;
	struct type_expr *with;

	if (arg->kind != NODE_TYPE_VALUE) {
		if (t->keyword) {
			sema_error_now(e->s, D_SEMA_MACRO_ARGS, t->at,
				       "Invalid replacement for macro '%.*s' type parameter "
				       "'%.*s' which makes up the type 'struct %.*s'",
				       STR_ARG(e->def->name), STR_ARG(t->name), STR_ARG(t->name));
			return;
		}
		t->form = TE_TYPEOF;
		t->expr = node_clone(a, arg);
		t->name = STR_NULL;
		return;
	}
	with = type_expr_clone(a, arg->type_value);
	/* typeof(typeof(x)) is typeof(x) */
	if (t->keyword) {
		if (with->form != TE_NAME || with->keyword || with->n_pointers || with->n_dims) {
			sema_error_now(e->s, D_SEMA_MACRO_ARGS, t->at,
				       "Invalid replacement for macro '%.*s' type parameter "
				       "'%.*s' which makes up the type 'struct %.*s'",
				       STR_ARG(e->def->name), STR_ARG(t->name), STR_ARG(t->name));
			return;
		}
		t->name = with->name;
		return;
	}
	/* t's pointers and dimensions apply to the whole of what is put in */
	t->form = TE_TYPEOF;
	t->name = STR_NULL;
	t->elems = with;
}

static void substitute_types(const struct expansion_state *e, struct type_expr *t)
{
	if (!t)
		return;
	t->at.expansion = e->expansion;
	for (uint8_t i = 0; i < t->n_dims; i++) {
		if (t->dim_exprs[i])
			substitute((void *)e, &t->dim_exprs[i]);
	}
	if (t->form == TE_NAME) {
		int i = find_param(e, MACRO_EXPR, t->name);

		if (i >= 0) {
			substitute_type(e, t, e->args[i]);
			return;
		}
	} else if (t->expr) {
		substitute((void *)e, &t->expr);
		if (t->expr->kind == NODE_TYPE_VALUE) {
			t->elems = t->expr->type_value;
			t->expr = NULL;
			return;
		}
	}
	for (struct type_expr *elem = t->elems; elem; elem = elem->next)
		substitute_types(e, elem);
}

/* a.b.c as the member that offsetof asks for */
static bool member_path(struct sema *s, const struct node *n, struct str *path, uint32_t *count,
			uint32_t max)
{
	(void)s;
	if (n->kind == NODE_FIELD) {
		if (!member_path(s, n->field.a, path, count, max) || *count == max)
			return false;
		path[(*count)++] = n->field.name;
		return true;
	}
	if (n->kind != NODE_IDENT || *count == max)
		return false;
	path[(*count)++] = n->ident.name;
	return true;
}

static void substitute_path(const struct expansion_state *e, struct node *n)
{
	struct str path[32];
	uint32_t count = 0, rest;
	struct str *full;
	int i;

	if (!n->offsetof_.n_path)
		return;
	i = find_param(e, MACRO_EXPR, n->offsetof_.path[0]);
	if (i < 0)
		return;
	if (!member_path(e->s, e->args[i], path, &count, 32)) {
		sema_error_now(e->s, D_SEMA_MACRO_ARGS, e->args[i]->at,
			       "FieldAccess expressions must be made up entirely of "
			       "idents (e.g. a.b.c) to replace the second argument in `offsetof`");
		return;
	}
	rest = n->offsetof_.n_path - 1;
	full = arena_array(e->s->arena, struct str, count + rest);
	memcpy(full, path, count * sizeof(*full));
	if (rest)
		memcpy(full + count, n->offsetof_.path + 1, rest * sizeof(*full));
	n->offsetof_.path = full;
	n->offsetof_.n_path = count + rest;
}

static void substitute_var(const struct expansion_state *e, struct node *n)
{
	int i = find_param(e, MACRO_VAR, n->var.name);

	if (i >= 0)
		n->var.name = e->args[i]->var.name;
	else
		n->var.name = arena_printf(e->s->arena, "%.*s#%u", STR_ARG(n->var.name), e->number);
}

static void substitute_map(const struct expansion_state *e, struct node *n)
{
	int i = find_param(e, MACRO_MAP, n->map.name);

	if (i >= 0) {
		n->map.name = e->args[i]->map.name;
		return;
	}
	sema_error_now(
		e->s, D_SEMA_MACRO_HYGIENE, n->at,
		"Unhygienic access to map: %.*s. Maps must be passed into the macro as arguments",
		STR_ARG(n->map.name));
}

/* where a type or an expression may stand, a type has come in place of the expression */
static void take_type(struct node *n)
{
	if ((n->kind == NODE_SIZEOF || n->kind == NODE_TYPEINFO) && n->sizeof_.expr &&
	    n->sizeof_.expr->kind == NODE_TYPE_VALUE) {
		n->sizeof_.type = n->sizeof_.expr->type_value;
		n->sizeof_.expr = NULL;
	} else if (n->kind == NODE_OFFSETOF && n->offsetof_.expr &&
		   n->offsetof_.expr->kind == NODE_TYPE_VALUE) {
		n->offsetof_.type = n->offsetof_.expr->type_value;
		n->offsetof_.expr = NULL;
	}
}

static bool count_node(void *arg, struct node *n)
{
	(void)n;
	++*(uint32_t *)arg;
	return true;
}

/* false: the script has become too large */
static bool may_copy(const struct expansion_state *e, struct node *n)
{
	uint32_t count = 0;

	if (e->s->n_macro_nodes > MAX_NODES)
		return false;
	node_walk(n, count_node, &count);
	e->s->n_macro_nodes += count;
	if (e->s->n_macro_nodes <= MAX_NODES)
		return true;
	sema_error_now(e->s, D_SEMA_MACRO_RECURSION, n->at, "Macros make this script too large");
	return false;
}

static void substitute(void *arg, struct node **slot)
{
	const struct expansion_state *e = arg;
	struct node *n = *slot, *copy;
	int i;

	n->at.expansion = e->expansion;
	switch (n->kind) {
	case NODE_IDENT:
		i = find_param(e, MACRO_EXPR, n->ident.name);
		if (i < 0)
			return;
		if (!may_copy(e, e->args[i])) {
			put_error(e->s, slot);
			return;
		}
		copy = node_clone(e->s->arena, e->args[i]);
		copy->flags |= NODE_F_PAREN;
		replace(slot, copy);
		return;
	case NODE_VAR: substitute_var(e, n); return;
	case NODE_MAP: substitute_map(e, n); break;
	case NODE_LET:
		if (find_param(e, MACRO_VAR, n->let.var->var.name) >= 0)
			sema_error_now(e->s, D_SEMA_MACRO_HYGIENE, n->at,
				       "Variable declaration shadows macro arg $%.*s",
				       STR_ARG(n->let.var->var.name));
		break;
	case NODE_OFFSETOF: substitute_path(e, n); break;
	default: break;
	}
	if (node_type_expr(n) && *node_type_expr(n)) {
		substitute_types(e, *node_type_expr(n));
		if (n->kind == NODE_CAST)
			substitute(arg, &n->cast.a);
		if (n->kind == NODE_LET) {
			substitute(arg, &n->let.var);
			if (n->let.value)
				substitute(arg, &n->let.value);
		}
		return;
	}
	node_children(n, substitute, arg);
	take_type(n);
}

/* ---- expansion ---- */

static bool is_recursive(struct sema *s, const struct expansion_state *e,
			 const struct macro_def *def, struct node *call)
{
	const struct expansion_state *first = NULL;
	STRBUF_AUTO chain = { 0 };
	const struct expansion_state *order[MAX_DEPTH + 1];
	uint32_t n = 0;

	for (const struct expansion_state *o = e; o && o->def; o = o->outer) {
		if (n <= MAX_DEPTH)
			order[n++] = o;
		if (o->def == def) {
			first = o;
			break;
		}
	}
	if (!first)
		return false;
	while (n--)
		strbuf_printf(&chain, "%.*s > ", STR_ARG(order[n]->def->name));
	strbuf_add_str(&chain, def->name);
	sema_error_now(s, D_SEMA_MACRO_RECURSION, call->at,
		       "Recursive macro call detected. Call chain: %s", strbuf_cstr(&chain));
	return true;
}

static void expand_call(const struct expansion_state *e, struct node **slot,
			const struct macro_def *def, struct node *args)
{
	struct sema *s = e->s;
	struct node *call = *slot, *body, *arg = args;
	struct expansion_state inner = { .s = s, .def = def, .outer = e, .depth = e->depth + 1 };

	if (is_recursive(s, e, def, call)) {
		put_error(s, slot);
		return;
	}
	if (inner.depth > MAX_DEPTH || ++s->n_expansions > MAX_EXPANSIONS) {
		sema_error_now(s, D_SEMA_MACRO_RECURSION, call->at,
			       "Macros are nested too deeply or expanded too often");
		put_error(s, slot);
		return;
	}
	inner.number = s->n_expansions;
	inner.expansion = sources_add_expansion(s->opts->sources, call->at, def->name);
	inner.args = arena_array(s->arena, struct node *, def->n_params + 1);
	for (uint32_t i = 0; i < def->n_params; i++, arg = arg->next)
		inner.args[i] = arg;
	if (!may_copy(e, def->body)) {
		put_error(s, slot);
		return;
	}
	body = node_clone(s->arena, def->body);
	substitute(&inner, &body);
	expand(&inner, &body);
	/* { value } is the value */
	if (body->kind == NODE_BLOCK && !body->block.stmts && body->block.value) {
		body = body->block.value;
		body->flags |= NODE_F_PAREN;
	}
	replace(slot, body);
}

/* words that mean something only as arguments of these */
static bool has_words(const struct node *call)
{
	return str_is(call->call.name, "kstack") || str_is(call->call.name, "ustack") ||
	       str_is(call->call.name, "nsecs") || str_is(call->call.name, "pid") ||
	       str_is(call->call.name, "tid");
}

static void expand_args(const struct expansion_state *e, struct node *call)
{
	for (struct node **arg = &call->call.args; *arg; arg = &(*arg)->next) {
		if ((*arg)->kind != NODE_IDENT || !has_words(call))
			expand((void *)e, arg);
	}
}

static void expand(void *arg, struct node **slot)
{
	const struct expansion_state *e = arg;
	struct node *n = *slot, *args = NULL;
	const struct macro_set *set;
	const struct macro_def *def;
	uint32_t n_args = 0, index;
	struct str name;

	if (n->kind == NODE_CALL) {
		expand_args(e, n);
		name = n->call.name;
		args = n->call.args;
		n_args = n->call.n_args;
	} else if (n->kind == NODE_IDENT) {
		name = n->ident.name;
	} else {
		node_children(n, expand, arg);
		return;
	}
	set = find_set(e->s, name);
	if (!set)
		return;
	def = choose(set, args, n_args, e->def && e->def->is_internal);
	if (def)
		expand_call(e, slot, def, args);
	else if (!builtin_find(name, &index) && !hashmap_get(&e->s->fns, name)) {
		report_mismatch(e->s, set, n, args, n_args);
		put_error(e->s, slot);
	}
}

void macros_run(struct sema *s)
{
	struct expansion_state outside = { .s = s };

	for (struct macro_def *m = s->script->macros; m; m = m->next)
		add_macro(s, m);
	load_library(s);
	for (struct clause *c = s->script->clauses; c; c = c->next) {
		if (c->predicate)
			expand(&outside, &c->predicate);
		expand(&outside, &c->body);
	}
	for (struct fn_def *f = s->script->fns; f; f = f->next)
		expand(&outside, &f->body);
	free_macros(s);
}
