/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls on maps: clear, zero, delete, has_key, len. What ir sees: clear and zero have the NODE_MAP
 * without key; delete and has_key have the NODE_MAP without key and then the key (delete of a
 * scalar map has none); delete's call.info is not NULL when the result is used.
 */
#include "sema/sema_private.h"

static struct map_state *whole_map(struct sema *s, struct node *call)
{
	struct node *arg = call->call.args;

	if (arg->kind == NODE_MAP && !arg->map.key)
		return (struct map_state *)arg->map.ref;
	infer(s, &call->call.args, WANT_PLACE);
	sema_error(s, D_SEMA_MAP_WANTED, call->at, "%s() expects a map argument",
		   call->call.builtin->name);
	return NULL;
}

/* false: the map has no values (reported unless that was an error already) */
static bool is_defined(struct sema *s, struct node *arg, struct map_state *m)
{
	arg->type = type_plain(s, map_value(m));
	if (!is_unknown(arg->type))
		return true;
	if (!m->is_assigned)
		sema_error(s, D_SEMA_UNDEFINED_MAP, arg->at, "Undefined map: %.*s",
			   STR_ARG(m->m.name));
	return false;
}

const struct type *call_on_map(struct sema *s, struct node **slot, unsigned want)
{
	struct node *call = *slot;
	struct map_state *m = whole_map(s, call);

	(void)want;
	if (m)
		is_defined(s, call->call.args, m);
	return type_void();
}

static void refuse_scalar(struct sema *s, struct node *call, const char *with)
{
	sema_error(s, D_SEMA_MAP_WANTED, call->call.args->at,
		   "call to %s()%s expects a map with explicit keys (non-scalar map)",
		   call->call.builtin->name, with);
}

const struct type *call_delete(struct sema *s, struct node **slot, unsigned want)
{
	struct node *call = *slot, *arg = call->call.args;
	struct map_state *m;

	if (s->is_checking && !(want & WANT_VOID))
		call->call.info = call;
	if (arg->kind != NODE_MAP || !arg->map.ref) {
		if (arg->kind != NODE_MAP)
			sema_error(s, D_SEMA_MAP_WANTED, call->at,
				   "delete() expects a map argument");
		infer(s, &call->call.args, WANT_PLACE);
		if (arg->next)
			infer(s, &arg->next, 0);
		return type_bool();
	}
	/* delete(@m[key]) is delete(@m, key) */
	if (arg->map.key && call->call.n_args == 1) {
		arg->map.key->next = NULL;
		arg->next = arg->map.key;
		arg->map.key = NULL;
		call->call.n_args = 2;
	}
	m = (struct map_state *)arg->map.ref;
	if (arg->map.key) {
		sema_error(s, D_SEMA_MAP_WANTED, call->at, "delete() expects a map argument");
		return type_bool();
	}
	if (!is_defined(s, arg, m))
		return type_bool();
	if (call->call.n_args == 1) {
		if (m->is_keyed)
			refuse_scalar(
				s, call,
				" with one argument expects a map without explicit keys (scalar map); it");
		return type_bool();
	}
	if (m->is_scalar) {
		infer(s, &arg->next, 0);
		refuse_scalar(s, call, " with two arguments");
		return type_bool();
	}
	infer_key(s, m, arg, &arg->next);
	return type_bool();
}

const struct type *call_has_key(struct sema *s, struct node **slot, unsigned want)
{
	struct node *call = *slot, *arg = call->call.args;
	struct map_state *m = whole_map(s, call);

	(void)want;
	if (!m) {
		infer(s, &call->call.args->next, 0);
		return type_bool();
	}
	if (!is_defined(s, arg, m))
		return type_bool();
	if (m->is_scalar) {
		infer(s, &arg->next, 0);
		refuse_scalar(s, call, "");
		return type_bool();
	}
	infer_key(s, m, arg, &arg->next);
	return type_bool();
}

const struct type *call_len(struct sema *s, struct node **slot, unsigned want)
{
	struct node *call = *slot, *arg = call->call.args;
	struct map_state *m;
	const struct type *t;

	(void)want;
	if (arg->kind == NODE_MAP && !arg->map.key && arg->map.ref) {
		m = (struct map_state *)arg->map.ref;
		if (!is_defined(s, arg, m))
			return type_int(8, true);
		/* a map without keys that holds a stack or an array: its length */
		if (!m->is_scalar)
			return type_int(8, true);
		t = arg->type;
		if (!type_is_stack(t) && t->kind != TYPE_ARRAY) {
			refuse_scalar(s, call, "");
			return type_int(8, true);
		}
		/* a block around it says that the value is meant, not the map */
		if (s->is_checking) {
			struct node *block = node_new(s->arena, NODE_BLOCK, arg->at);

			block->block.value = arg;
			block->type = t;
			call->call.args = block;
		}
		return type_int(8, true);
	}
	t = infer(s, &call->call.args, WANT_PLACE);
	if (is_unknown(t))
		return type_int(8, true);
	if (t->kind == TYPE_ARRAY) {
		if (s->is_checking)
			replace(slot, node_int(s, call->at, t->count, type_int(8, true)));
		return type_int(8, true);
	}
	if (!type_is_stack(t) && t->kind != TYPE_BLOB)
		sema_error(s, D_SEMA_MAP_WANTED, call->at,
			   "len() expects a map or stack to be provided");
	return type_int(8, true);
}
