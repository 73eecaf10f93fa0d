/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls: of functions of the script, and of builtins through a table by id. What the rules share
 * stands here: getting at arguments, and the sentences for the wrong ones.
 */
#include "sema/sema_private.h"

/* ---- arguments ---- */

struct node **call_arg(struct node *call, uint32_t n)
{
	struct node **slot = &call->call.args;

	while (n--)
		slot = &(*slot)->next;
	return slot;
}

const char *kind_word(const struct type *t)
{
	static const char *const words[TYPE_N_KINDS] = {
		[TYPE_NONE] = "none",
		[TYPE_VOID] = "none",
		[TYPE_BOOL] = "bool",
		[TYPE_INT] = "int",
		[TYPE_ENUM] = "enum",
		[TYPE_POINTER] = "pointer",
		[TYPE_STRUCT] = "struct",
		[TYPE_ARRAY] = "array",
		[TYPE_FUNCTION] = "function",
		[TYPE_STRING] = "string",
		[TYPE_BUFFER] = "buffer",
		[TYPE_TUPLE] = "tuple",
		[TYPE_RECORD] = "record",
		[TYPE_KSTACK] = "kstack",
		[TYPE_USTACK] = "ustack",
		[TYPE_KSYM] = "ksym_t",
		[TYPE_USYM] = "usym_t",
		[TYPE_INET] = "inet",
		[TYPE_MACADDR] = "mac_address",
		[TYPE_TIMESTAMP] = "timestamp",
		[TYPE_CGROUP_PATH] = "cgroup_path_t",
		[TYPE_USERNAME] = "username_t",
		[TYPE_TYPENAME] = "typename_t",
		[TYPE_COUNT] = "count_t",
		[TYPE_SUM] = "sum_t",
		[TYPE_AVG] = "avg_t",
		[TYPE_MIN] = "min_t",
		[TYPE_MAX] = "max_t",
		[TYPE_STATS] = "stats_t",
		[TYPE_HIST] = "hist_t",
		[TYPE_LHIST] = "lhist_t",
		[TYPE_TSERIES] = "tseries_t",
		[TYPE_FLOAT] = "float",
		[TYPE_WIDE_INT] = "int128",
		[TYPE_CAPTURE] = "value",
		[TYPE_BLOB] = "blob_t",
	};

	return words[t->kind] ? words[t->kind] : "none";
}

void arg_refused(struct sema *s, struct node *call, const char *wanted, const struct type *t)
{
	sema_error(s, D_SEMA_ARG_TYPE, call->at, "%s() only supports %s arguments (%s provided)",
		   call->call.builtin->name, wanted, kind_word(t));
}

bool arg_integer(struct sema *s, struct node *call, uint32_t n)
{
	struct node **slot = call_arg(call, n);
	const struct type *t = infer(s, slot, 0);

	if (is_unknown(t))
		return false;
	t = number_of(s, slot);
	if (type_is_integer(t))
		return true;
	arg_refused(s, call, "int", t);
	return false;
}

bool arg_address(struct sema *s, struct node *call, uint32_t n)
{
	struct node **slot = call_arg(call, n);
	const struct type *t = infer(s, slot, 0);

	if (is_unknown(t))
		return false;
	t = number_of(s, slot);
	if (type_is_integer(t) || t->kind == TYPE_POINTER)
		return true;
	arg_refused(s, call, "int or pointer", t);
	return false;
}

void make_pointer(struct sema *s, struct node **slot, const struct type *elem)
{
	struct node *a = *slot, *cast;
	const struct type *t = a->type;

	if (!s->is_checking || is_unknown(t) || (t->kind == TYPE_POINTER && t->space != SPACE_NONE))
		return;
	cast = node_new(s->arena, NODE_CAST, a->at);
	cast->flags = NODE_F_IMPLICIT;
	cast->cast.a = a;
	if (t->kind == TYPE_POINTER)
		cast->type = type_pointer(s->tt, t->elem, default_space(s));
	else
		cast->type = type_pointer(s->tt, elem, default_space(s));
	if (type_is_literal(t))
		a->type = type_int(8, true);
	replace(slot, cast);
	a->next = NULL;
}

static const char *const ordinals[] = { "first", "second", "third", "fourth", "fifth" };

bool arg_string(struct sema *s, struct node *call, uint32_t n, struct str *text)
{
	struct node *arg = *call_arg(call, n);

	if (arg->kind == NODE_STRING) {
		infer(s, call_arg(call, n), 0);
		*text = arg->string;
		return true;
	}
	infer(s, call_arg(call, n), WANT_PLACE);
	sema_error(s, D_SEMA_ARG_LITERAL, call->at,
		   "%s() expects a string literal as the %s argument", call->call.builtin->name,
		   ordinals[n < 5 ? n : 4]);
	return false;
}

bool arg_literal(struct sema *s, struct node *call, uint32_t n, int64_t *value)
{
	struct node **slot = call_arg(call, n);
	const struct type *t = infer(s, slot, 0);

	if (const_int(*slot, value)) {
		if (*value >= 0)
			return true;
		sema_error(s, D_SEMA_ARG_LITERAL, call->at,
			   "%s() expects a non-negative literal as the %s argument",
			   call->call.builtin->name, ordinals[n < 5 ? n : 4]);
		return false;
	}
	if (!is_unknown(t))
		sema_error(s, D_SEMA_ARG_LITERAL, call->at,
			   "%s() expects a int literal (%s provided)", call->call.builtin->name,
			   kind_word(t));
	return false;
}

/* ---- functions of the script ---- */

static const struct type *call_fn(struct sema *s, struct node *n)
{
	struct fn_def *fn = n->call.fn;
	struct node **arg = &n->call.args;
	uint32_t count = 0;

	for (uint32_t i = 0; *arg; arg = &(*arg)->next, i++, count++) {
		const struct type *t = infer(s, arg, 0), *want;
		struct var_state *v;

		if (i >= fn->n_params || is_unknown(t))
			continue;
		v = (struct var_state *)fn->params[i].ref;
		want = v ? var_type(v) : NULL;
		t = number_of(s, arg);
		if (!is_unknown(want) && (!is_coercible(s, t, want) || !coerce(s, arg, want)))
			sema_error(s, D_SEMA_ARG_TYPE, (*arg)->at,
				   "Expected %s for argument `%.*s` got %s", spelled(s, want),
				   STR_ARG(fn->params[i].name), spelled(s, type_plain(s, t)));
	}
	if (count != fn->n_params)
		sema_error(s, D_SEMA_ARG_COUNT, n->at,
			   "Function `%.*s` requires %u arguments, got %s%u", STR_ARG(fn->name),
			   fn->n_params, count < fn->n_params ? "only " : "", count);
	return fn->result_type ? fn->result_type : type_none();
}

/* ---- builtins ---- */

static call_rule *const rules[BUILTIN_N] = {
	[BUILTIN_ARGS] = call_probe,
	[BUILTIN_ARG] = call_probe,
	[BUILTIN_LOCALS] = call_probe,
	[BUILTIN_TYPENAME] = call_typename,
	[BUILTIN_ASYNC_STATE] = call_probe,
	[BUILTIN_TARGET_VAR] = call_probe,
	[BUILTIN_VIEW] = call_probe,
	[BUILTIN_CTX] = call_probe,
	[BUILTIN_RETVAL] = call_probe,
	[BUILTIN_GOID] = call_probe,
	[BUILTIN_GTID] = call_probe,
	[BUILTIN_CALL_FRAME] = call_probe,
	[BUILTIN_PID] = call_probe,
	[BUILTIN_TID] = call_probe,
	[BUILTIN_UID] = call_probe,
	[BUILTIN_GID] = call_probe,
	[BUILTIN_COMM] = call_probe,
	[BUILTIN_USERNAME] = call_probe,
	[BUILTIN_NSECS] = call_probe,
	[BUILTIN_ELAPSED] = call_probe,
	[BUILTIN_CPU] = call_probe,
	[BUILTIN_NUMAID] = call_probe,
	[BUILTIN_CURTASK] = call_probe,
	[BUILTIN_CGROUP] = call_probe,
	[BUILTIN_KSTACK] = call_stack,
	[BUILTIN_USTACK] = call_stack,
	[BUILTIN_FUNC] = call_probe,
	[BUILTIN_PROBE] = call_probe,
	[BUILTIN_RAND] = call_probe,
	[BUILTIN_CGROUP_ANCESTOR] = call_probe,
	[BUILTIN_JIFFIES] = call_probe,
	[BUILTIN_USERMODE] = call_probe,
	[BUILTIN_IS_TRACED] = call_probe,
	[BUILTIN_CPID] = call_probe,
	[BUILTIN_REG] = call_probe,
	[BUILTIN_PRINTF] = call_event,
	[BUILTIN_ERRORF] = call_event,
	[BUILTIN_WARNF] = call_event,
	[BUILTIN_DEBUGF] = call_event,
	[BUILTIN_PRINT] = call_print,
	[BUILTIN_CLEAR] = call_on_map,
	[BUILTIN_ZERO] = call_on_map,
	[BUILTIN_TIME] = call_event,
	[BUILTIN_CAT] = call_event,
	[BUILTIN_JOIN] = call_event,
	[BUILTIN_SYSTEM] = call_event,
	[BUILTIN_EXIT] = call_event,
	[BUILTIN_KEYLOG] = call_event,
	[BUILTIN_PCAPNG] = call_event,
	[BUILTIN_UNWATCH] = call_event,
	[BUILTIN_SKBOUTPUT] = call_act,
	[BUILTIN_STREAM] = call_stream,
	[BUILTIN_STREAM_IOV] = call_stream,
	[BUILTIN_STREAM_SKIP] = call_stream,
	[BUILTIN_STREAM_END] = call_stream,
	[BUILTIN_IS_SOCKET] = call_stream,
	[BUILTIN_DELETE] = call_delete,
	[BUILTIN_HAS_KEY] = call_has_key,
	[BUILTIN_LEN] = call_len,
	[BUILTIN_STR] = call_text,
	[BUILTIN_BUF] = call_text,
	[BUILTIN_STRNCMP] = call_text,
	[BUILTIN_STRCONTAINS] = call_text,
	[BUILTIN_STRSTR] = call_text,
	[BUILTIN_STRLEN] = call_text,
	[BUILTIN_STR_CONCAT] = call_text,
	[BUILTIN_MEMCMP] = call_text,
	[BUILTIN_STRERROR] = call_text,
	[BUILTIN_SIGNAL_NAME] = call_text,
	[BUILTIN_SYSCALL_ARG] = call_syscall_arg,
	[BUILTIN_SYSCALL_NAME] = call_text,
	[BUILTIN_STRFTIME] = call_address,
	[BUILTIN_NTOP] = call_address,
	[BUILTIN_PTON] = call_address,
	[BUILTIN_MACADDR] = call_address,
	[BUILTIN_BSWAP] = call_address,
	[BUILTIN_PATH] = call_address,
	[BUILTIN_KSYM] = call_symbol,
	[BUILTIN_USYM] = call_symbol,
	[BUILTIN_UADDR] = call_symbol,
	[BUILTIN_PERCPU_KADDR] = call_symbol,
	[BUILTIN_KPTR] = call_symbol,
	[BUILTIN_UPTR] = call_symbol,
	[BUILTIN_CGROUP_PATH] = call_address,
	[BUILTIN_SOCKET_COOKIE] = call_symbol,
	[BUILTIN_OVERRIDE] = call_act,
	[BUILTIN_SIGNAL] = call_act,
	[BUILTIN_SIGNAL_THREAD] = call_act,
	[BUILTIN_WRITE_USER] = call_act,
	[BUILTIN_FAIL] = call_const,
	[BUILTIN_STATIC_ASSERT] = call_const,
	[BUILTIN_IS_ARRAY] = call_const,
	[BUILTIN_IS_INTEGER] = call_const,
	[BUILTIN_IS_UNSIGNED_INTEGER] = call_const,
	[BUILTIN_IS_LITERAL] = call_const,
	[BUILTIN_IS_PTR] = call_const,
	[BUILTIN_IS_TEXT] = call_const,
	[BUILTIN_IS_STR] = call_const,
	[BUILTIN_COUNT] = call_aggregation,
	[BUILTIN_SUM] = call_aggregation,
	[BUILTIN_AVG] = call_aggregation,
	[BUILTIN_MIN] = call_aggregation,
	[BUILTIN_MAX] = call_aggregation,
	[BUILTIN_STATS] = call_aggregation,
	[BUILTIN_HIST] = call_aggregation,
	[BUILTIN_LHIST] = call_aggregation,
	[BUILTIN_TSERIES] = call_aggregation,
};

const struct type *infer_call(struct sema *s, struct node **slot, unsigned want)
{
	struct node *n = *slot;
	const struct type *t;

	if (n->call.fn)
		return call_fn(s, n);
	if (!n->call.builtin || !rules[n->call.builtin->id])
		return type_poison();
	t = rules[n->call.builtin->id](s, slot, want);
	/*
	 * the arguments of a call that failed may still be worth a message, but the call is done
	 * for
	 */
	return t;
}
