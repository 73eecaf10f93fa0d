/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names that are no variables: bare words, positional parameters, calls. Part of resolve.c's walk:
 * what can be a literal becomes one here.
 */
#include "sema/sema_private.h"

#include <stdio.h>

/* ---- words ---- */

static struct node *constant_named(struct sema *s, struct str name, struct span at)
{
	struct type_source *src = s->opts->source;
	const struct type *type = NULL;
	struct node *n;
	int64_t value;

	if (!src || !src->ops->find_constant || !src->ops->find_constant(src, name, &value, &type))
		return NULL;
	n = node_int(s, at, value, type && type->kind == TYPE_ENUM ? type : NULL);
	return n;
}

/* every builtin is also known by the name that bpftrace has for it inside its own library */
const struct builtin *find_builtin(struct str name, uint32_t *index)
{
	if (str_starts(name, STR("__builtin_")))
		name = str_sub(name, 10, name.n);
	return builtin_find(name, index);
}

void resolve_ident(struct sema *s, struct node **slot)
{
	struct node *n = *slot, *c;
	uint32_t index = 0;
	const struct builtin *b = find_builtin(n->ident.name, &index);

	if (b && (b->is_variable || b->min_args == 0) && !b->is_aggregation) {
		struct str name = n->ident.name;

		n->kind = NODE_CALL;
		memset(&n->call, 0, sizeof(n->call));
		n->call.name = name;
		n->call.builtin = b;
		if (b->id == BUILTIN_ARG)
			n->call.info = (void *)(uintptr_t)index;
		fold_call(s, slot);
		return;
	}
	c = constant_named(s, n->ident.name, n->at);
	if (c) {
		replace(slot, c);
		return;
	}
	sema_error_now(s, D_SEMA_UNKNOWN_IDENTIFIER, n->at, "Unknown identifier: '%.*s'",
		       STR_ARG(n->ident.name));
	n->type = type_poison();
}

/* ---- positional parameters ---- */

void resolve_positional(struct sema *s, struct node **slot, bool as_text)
{
	struct node *n = *slot;
	struct str text = STR_NULL;
	int64_t value;
	uint64_t large;

	if (n->integer == 0) {
		replace(slot, node_int(s, n->at, s->opts->n_positional, NULL));
		return;
	}
	if ((uint64_t)n->integer <= s->opts->n_positional) {
		text = s->opts->positional[n->integer - 1];
	} else {
		sema_warning_now(s, D_SEMA_POSITIONAL, n->at,
				 "Positional parameter $%lld is empty or not provided.",
				 (long long)n->integer);
		if (!as_text) {
			replace(slot, node_int(s, n->at, 0, NULL));
			return;
		}
	}
	if (as_text || text.n == 0)
		replace(slot, node_string(s, n->at, text));
	else if (str_to_i64(text, &value)) {
		replace(slot, node_int(s, n->at, value, NULL));
	} else if (str_to_u64(text, &large)) {
		struct node *big = node_int(s, n->at, (int64_t)large, type_int(8, false));

		big->flags |= NODE_F_UINT64 | NODE_F_LITERAL;
		replace(slot, big);
	} else {
		replace(slot, node_string(s, n->at, text));
	}
}

/* the first argument of str(): parameters in it are text */
static void positional_as_text(struct sema *s, struct node **slot)
{
	struct node *n = *slot;

	if (n->kind == NODE_POSITIONAL && n->integer > 0)
		resolve_positional(s, slot, true);
	else if (n->kind == NODE_BINARY && n->op == OP_ADD)
		positional_as_text(s, &n->binary.a);
}

/* ---- calls ---- */

static bool takes_whole_map(enum builtin_id id)
{
	switch (id) {
	case BUILTIN_PRINT:
	case BUILTIN_CLEAR:
	case BUILTIN_ZERO:
	case BUILTIN_LEN:
	case BUILTIN_DELETE:
	case BUILTIN_HAS_KEY: return true;
	default: return false;
	}
}

/* words that mean something only inside this call */
static bool takes_words(enum builtin_id id)
{
	switch (id) {
	case BUILTIN_KSTACK:
	case BUILTIN_USTACK:
	case BUILTIN_NSECS:
	case BUILTIN_PID:
	case BUILTIN_TID: return true;
	default: return false;
	}
}

static void count_text(char *out, size_t size, uint32_t n)
{
	if (n == 0)
		snprintf(out, size, "no arguments");
	else if (n == 1)
		snprintf(out, size, "one argument");
	else
		snprintf(out, size, "%u arguments", n);
}

static bool check_arg_count(struct sema *s, const struct node *n, const struct builtin *b)
{
	char count[32];

	if (n->call.n_args >= b->min_args && n->call.n_args <= b->max_args)
		return true;
	if (b->min_args == b->max_args) {
		count_text(count, sizeof(count), b->min_args);
		sema_error_now(s, D_SEMA_ARG_COUNT, n->at, "%s() requires %s (%u provided)",
			       b->name, count, n->call.n_args);
	} else if (n->call.n_args < b->min_args) {
		count_text(count, sizeof(count), b->min_args);
		sema_error_now(s, D_SEMA_ARG_COUNT, n->at,
			       "%s() requires at least %s (%u provided)", b->name, count,
			       n->call.n_args);
	} else {
		count_text(count, sizeof(count), b->max_args);
		sema_error_now(s, D_SEMA_ARG_COUNT, n->at, "%s() takes up to %s (%u provided)",
			       b->name, count, n->call.n_args);
	}
	return false;
}

static void resolve_args(struct sema *s, struct node *n, const struct builtin *b)
{
	bool is_first = true;

	for (struct node **arg = &n->call.args; *arg; arg = &(*arg)->next, is_first = false) {
		if (b && (*arg)->kind == NODE_IDENT && takes_words(b->id))
			continue;
		if (b && is_first && (*arg)->kind == NODE_MAP && takes_whole_map(b->id))
			resolve_map(s, *arg, true);
		else
			resolve_subtree(s, arg);
	}
}

static struct node *field_of(struct sema *s, struct node *a, struct str name)
{
	struct node *n = node_new(s->arena, NODE_FIELD, a->at);

	n->field.a = a;
	n->field.name = name;
	return n;
}

/*
 * comm(pid) is the name of the process's first thread, comm(tid) that of the current one: both
 * stand in the current task. Other processes would need a lookup that not every kernel offers to
 * programs; calls_probe.c refuses them.
 */
static void resolve_comm(struct sema *s, struct node **slot)
{
	struct node *n = *slot, *arg = n->call.args, *task;

	if (arg->kind != NODE_CALL || !arg->call.builtin || arg->call.n_args)
		return;
	if (arg->call.builtin->id == BUILTIN_TID) {
		n->call.args = NULL;
		n->call.n_args = 0;
	} else if (arg->call.builtin->id == BUILTIN_PID) {
		task = node_new(s->arena, NODE_CALL, n->at);
		task->call.name = STR("curtask");
		task->call.builtin = &builtins[BUILTIN_CURTASK];
		replace(slot, field_of(s, field_of(s, task, STR("group_leader")), STR("comm")));
	}
}

static void report_unknown(struct sema *s, const struct node *n)
{
	struct diag *d = sema_error_now(s, D_SEMA_UNKNOWN_FUNCTION, n->at,
					"Unknown function: '%.*s'", STR_ARG(n->call.name));
	const char *best = NULL;
	unsigned least = 3;

	if (str_is(n->call.name, "dw_ustack")) {
		sema_hint(s, d, "stacks are walked by frame pointers here: ustack()");
		return;
	}
	for (unsigned i = 0; i < BUILTIN_N; i++) {
		unsigned distance = str_distance(n->call.name, str_from(builtins[i].name), least);

		if (distance < least) {
			least = distance;
			best = builtins[i].name;
		}
	}
	if (best)
		sema_hint(s, d, "did you mean '%s'?", best);
}

void resolve_call(struct sema *s, struct node **slot)
{
	struct node *n = *slot;
	uint32_t index = 0;
	const struct builtin *b = find_builtin(n->call.name, &index);
	struct fn_def *fn = hashmap_get(&s->fns, n->call.name);

	if (fn) {
		n->call.fn = fn;
		resolve_args(s, n, NULL);
		return;
	}
	if (!b) {
		report_unknown(s, n);
		resolve_args(s, n, NULL);
		n->type = type_poison();
		return;
	}
	n->call.builtin = b;
	if (b->id == BUILTIN_ARG)
		n->call.info = (void *)(uintptr_t)index;
	if (b->is_unsafe && !s->opts->is_unsafe)
		sema_error_now(s, D_SEMA_UNSAFE, n->at,
			       "%s() is unsafe. To use you need the --unsafe flag", b->name);
	if (b->id == BUILTIN_STR && n->call.args)
		positional_as_text(s, &n->call.args);
	resolve_args(s, n, b);
	if (!check_arg_count(s, n, b)) {
		n->call.builtin = NULL;
		n->type = type_poison();
		return;
	}
	/* str() of a literal without length is that literal */
	if (b->id == BUILTIN_STR && n->call.n_args == 1 && n->call.args->kind == NODE_STRING)
		replace(slot, n->call.args);
	else if (b->id == BUILTIN_COMM && n->call.n_args == 1)
		resolve_comm(s, slot);
	else
		fold_call(s, slot);
}
