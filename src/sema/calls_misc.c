/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls on addresses, symbols and times, and those that act on the traced process. */
#include "sema/sema_private.h"

#include <arpa/inet.h>
#include <signal.h>

/* ---- values that are printed by name: strftime, ntop, macaddr, cgroup_path; and their kin ---- */

static const struct type *call_strftime(struct sema *s, struct node *call)
{
	struct node **when = call_arg(call, 1), *clock;
	struct str format;
	int64_t value;

	arg_string(s, call, 0, &format);
	if (!arg_integer(s, call, 1))
		return type_simple(TYPE_TIMESTAMP);
	for (clock = *when; clock->kind == NODE_CAST;)
		clock = clock->cast.a;
	if (clock->kind == NODE_CALL && clock->call.builtin &&
	    clock->call.builtin->id == BUILTIN_NSECS &&
	    (uintptr_t)clock->call.info == CALL_CLOCK_MONOTONIC)
		sema_error(s, D_SEMA_CLOCK, call->at,
			   "strftime() can not take a monotonic timestamp");
	if (const_int(*when, &value) && value < 0 && !((*when)->flags & NODE_F_UINT64))
		sema_error(s, D_SEMA_ARG_LITERAL, call->at,
			   "strftime() requires a timestamp that is not negative");
	else
		coerce(s, when, type_int(8, false));
	return type_simple(TYPE_TIMESTAMP);
}

static const struct type *call_ntop(struct sema *s, struct node *call)
{
	uint32_t n = call->call.n_args - 1;
	const struct type *t;

	if (n && arg_integer(s, call, 0))
		coerce(s, call_arg(call, 0), type_int(8, true));
	t = infer(s, call_arg(call, n), WANT_PLACE);
	if (is_unknown(t))
		return type_simple(TYPE_INET);
	t = number_of(s, call_arg(call, n));
	if (type_is_integer(t) || t->kind == TYPE_POINTER) {
		if (t->kind == TYPE_POINTER)
			make_pointer(s, call_arg(call, n), t->elem);
		else
			coerce(s, call_arg(call, n),
			       type_int(type_plain(s, t)->size, t->is_signed));
	} else if (t->kind == TYPE_ARRAY && is_int(t->elem) && t->elem->size == 1) {
		if (t->count != 4 && t->count != 16)
			sema_error(s, D_SEMA_ARG_TYPE, call->at,
				   "ntop() argument must be 4 or 16 bytes in size");
	} else {
		sema_error(s, D_SEMA_ARG_TYPE, call->at,
			   "ntop() expects an integer or array argument, got %s", kind_word(t));
	}
	return type_simple(TYPE_INET);
}

/* "127.0.0.1" -> its bytes, which then are the argument */
static const struct type *call_pton(struct sema *s, struct node *call)
{
	struct node *arg = call->call.args;
	unsigned char bytes[16];
	struct str text;
	bool is_v6;

	if (call->call.info)
		return type_array(s->tt, type_int(1, false), (uint32_t)arg->string.n);
	if (!arg_string(s, call, 0, &text))
		return type_poison();
	is_v6 = str_find_char(text, ':', 0) >= 0;
	if (inet_pton(is_v6 ? AF_INET6 : AF_INET, arena_str(s->arena, text).p, bytes) != 1) {
		sema_error(s, D_SEMA_ARG_RANGE, call->at,
			   "pton() expects a valid IPv4 or IPv6 address, got '%.*s'",
			   STR_ARG(text));
		return type_poison();
	}
	if (s->is_checking) {
		arg->string = arena_str(s->arena, str_make((char *)bytes, is_v6 ? 16 : 4));
		call->call.info = call;
	}
	return type_array(s->tt, type_int(1, false), is_v6 ? 16 : 4);
}

static const struct type *call_macaddr(struct sema *s, struct node *call)
{
	const struct type *t = infer(s, call_arg(call, 0), WANT_PLACE);

	if (is_unknown(t))
		return type_simple(TYPE_MACADDR);
	if (type_is_integer(t) || t->kind == TYPE_POINTER)
		make_pointer(s, call_arg(call, 0), type_int(1, true));
	else if (t->kind != TYPE_ARRAY || !is_int(t->elem) || t->elem->size != 1)
		sema_error(s, D_SEMA_ARG_TYPE, call->at,
			   "macaddr() only supports array or pointer arguments (%s provided)",
			   kind_word(t));
	else if (t->count != 6)
		sema_error(s, D_SEMA_ARG_TYPE, call->at,
			   "macaddr() argument must be 6 bytes in size");
	return type_simple(TYPE_MACADDR);
}

static const struct type *call_cgroup_path(struct sema *s, struct node *call)
{
	struct str filter;

	if (arg_integer(s, call, 0))
		coerce(s, call_arg(call, 0), type_int(8, false));
	if (call->call.n_args > 1)
		arg_string(s, call, 1, &filter);
	return type_simple(TYPE_CGROUP_PATH);
}

static const struct type *call_bswap(struct sema *s, struct node *call)
{
	const struct type *t;

	if (!arg_integer(s, call, 0))
		return type_int(8, false);
	t = type_int(type_plain(s, (*call_arg(call, 0))->type)->size, false);
	coerce(s, call_arg(call, 0), t);
	return t;
}

static const struct type *call_path(struct sema *s, struct node *call)
{
	const struct type *t = infer(s, call_arg(call, 0), WANT_PLACE);
	int64_t size = s->unit->config.max_strlen;

	if (call->call.n_args > 1) {
		infer(s, call_arg(call, 1), 0);
		if (!const_int(*call_arg(call, 1), &size) || size < 0) {
			sema_error(s, D_SEMA_ARG_LITERAL, call->at,
				   "path: invalid size value, need non-negative literal");
			size = 1;
		}
	}
	if (!s->shape || (s->shape->kind != PROBE_FENTRY && s->shape->kind != PROBE_FEXIT &&
			  s->shape->kind != PROBE_ITER))
		sema_error(s, D_SEMA_PROBE_KIND, call->at,
			   "The path function can only be used with 'fentry', 'fexit', 'iter' "
			   "probes");
	else if (!is_unknown(t) && t->kind != TYPE_STRUCT && t->kind != TYPE_POINTER)
		sema_error(s, D_SEMA_ARG_TYPE, call->at,
			   "path() only supports pointer or record argument (%s provided)",
			   kind_word(t));
	return type_string(s->tt, size < 1 ? 1 : (uint32_t)size);
}

const struct type *call_address(struct sema *s, struct node **slot, unsigned want)
{
	struct node *call = *slot;

	(void)want;
	switch (call->call.builtin->id) {
	case BUILTIN_STRFTIME: return call_strftime(s, call);
	case BUILTIN_NTOP: return call_ntop(s, call);
	case BUILTIN_PTON: return call_pton(s, call);
	case BUILTIN_MACADDR: return call_macaddr(s, call);
	case BUILTIN_BSWAP: return call_bswap(s, call);
	case BUILTIN_PATH: return call_path(s, call);
	default: return call_cgroup_path(s, call);
	}
}

/* ---- symbols and pointers ---- */

static bool is_symbol_name(struct str name)
{
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] <= ' ' || name.p[i] == '?')
			return false;
	}
	return name.n > 0;
}

/* for each point of the shape, which may lie in several files; NULL: a file has no such symbol, and that was not allowed for */
static struct call_uaddr *find_user_symbol(struct sema *s, struct node *call, struct str name)
{
	uint32_t n = s->shape->n_points;
	struct call_uaddr *all = arena_array(s->arena, struct call_uaddr, n ? n : 1);

	if (!s->world->user_symbol || !n)
		return call->call.n_args == 2 ? all : NULL;
	for (uint32_t i = 0; i < n; i++) {
		const struct probe_point *p = &s->shape->points[i];

		if (i && str_eq(p->path, p[-1].path))
			all[i] = all[i - 1];
		else if (!s->world->user_symbol(s->world->arg, p, name, &all[i]) &&
			 call->call.n_args != 2)
			return NULL;
		if (!all[0].size)
			all[0].size = all[i].size;
	}
	return all;
}

static const struct type *call_uaddr(struct sema *s, struct node *call)
{
	struct call_uaddr *info = call->call.info;
	struct str name;
	uint32_t size;

	if (!info) {
		if (!arg_string(s, call, 0, &name))
			return type_poison();
		if (!s->shape ||
		    (s->shape->kind != PROBE_UPROBE && s->shape->kind != PROBE_URETPROBE &&
		     s->shape->kind != PROBE_USDT)) {
			sema_error(
				s, D_SEMA_PROBE_KIND, call->at,
				"uaddr can only be used with 'usdt', 'uretprobe' and 'uprobe' probes");
			return type_poison();
		}
		if (call->call.n_args == 2 && (call->call.args->next->kind != NODE_INT ||
					       call->call.args->next->integer != 0)) {
			sema_error(s, D_SEMA_ARG_RANGE, call->at,
				   "uaddr() gives 0 where there is no such symbol, nothing else");
			return type_poison();
		}
		if (!is_symbol_name(name)) {
			sema_error(s, D_SEMA_ARG_RANGE, call->at,
				   "uaddr() expects a string that is a valid symbol");
			return type_poison();
		}
		info = find_user_symbol(s, call, name);
		if (!info) {
			sema_error(s, D_SEMA_SYMBOL, call->at, "Could not resolve symbol: %.*s",
				   STR_ARG(name));
			return type_poison();
		}
		call->call.info = info;
	}
	size = info->size == 1 || info->size == 2 || info->size == 4 ? info->size : 8;
	return type_pointer(s->tt, type_int(size, false), SPACE_USER);
}

static const struct type *call_percpu(struct sema *s, struct node *call)
{
	struct str name;

	if (call->call.n_args > 1 && arg_integer(s, call, 1))
		coerce(s, call_arg(call, 1), type_int(4, false));
	if (!arg_string(s, call, 0, &name))
		return type_poison();
	if (s->is_checking && !call->call.info) {
		struct call_percpu *p = arena_new(s->arena, struct call_percpu);

		if (!s->world->kernel_symbol(s->world->arg, name, &p->symbol) ||
		    !s->world->kernel_symbol(s->world->arg, STR("__per_cpu_offset"), &p->offsets))
			sema_error(s, D_SEMA_SYMBOL, call->at,
				   "Could not resolve variable \"%.*s\" from BTF", STR_ARG(name));
		call->call.info = p;
	}
	return type_pointer(s->tt, type_int(8, false), SPACE_KERNEL);
}

static const struct type *call_space(struct sema *s, struct node *call, enum space space)
{
	const struct type *t;

	if (!arg_address(s, call, 0))
		return s->is_checking ? type_poison() : type_none();
	t = (*call_arg(call, 0))->type;
	if (type_is_literal(t))
		coerce(s, call_arg(call, 0), type_int(8, false));
	return type_pointer(s->tt, t->kind == TYPE_POINTER ? t->elem : type_int(8, false), space);
}

/* probes whose arguments the verifier knows as pointers to kernel structs */
static bool is_typed_kernel_probe(enum probe_kind kind)
{
	return kind == PROBE_FENTRY || kind == PROBE_FEXIT || kind == PROBE_RAWTRACEPOINT ||
	       kind == PROBE_ITER;
}

static const struct type *call_socket_cookie(struct sema *s, struct node *call)
{
	const struct type *t = infer(s, call_arg(call, 0), 0);

	if (s->shape && !is_typed_kernel_probe(s->shape->kind))
		sema_error(s, D_SEMA_PROBE_KIND, call->at,
			   "socket_cookie can not be used with \"%s\" probes",
			   probe_kind_name(s->shape->kind));
	else if (!is_unknown(t) && t->kind != TYPE_POINTER)
		arg_refused(s, call, "pointer", t);
	else if (!is_unknown(t) && (t->elem->kind != TYPE_STRUCT || !str_is(t->elem->name, "sock")))
		sema_error(
			s, D_SEMA_ARG_TYPE, call->at,
			"socket_cookie() only supports 'struct sock *' as the argument ('%s' provided)",
			spelled(s, t));
	return type_int(8, false);
}

const struct type *call_symbol(struct sema *s, struct node **slot, unsigned want)
{
	struct node *call = *slot;

	(void)want;
	switch (call->call.builtin->id) {
	case BUILTIN_UADDR: return call_uaddr(s, call);
	case BUILTIN_PERCPU_KADDR: return call_percpu(s, call);
	case BUILTIN_KPTR: return call_space(s, call, SPACE_KERNEL);
	case BUILTIN_UPTR: return call_space(s, call, SPACE_USER);
	case BUILTIN_SOCKET_COOKIE: return call_socket_cookie(s, call);
	default: /* ksym, usym */
		if (arg_address(s, call, 0))
			coerce(s, call_arg(call, 0), type_int(8, false));
		return type_simple(call->call.builtin->id == BUILTIN_KSYM ? TYPE_KSYM : TYPE_USYM);
	}
}

/* ---- acting on the traced ---- */

static int signal_number(struct str name)
{
	char text[32];

	if (name.n > 3 && str_starts(name, STR("SIG")))
		name = str_sub(name, 3, name.n);
	for (int i = 1; i < NSIG; i++) {
		const char *abbrev = sigabbrev_np(i);

		if (abbrev && str_is(name, abbrev))
			return i;
	}
	if (name.n < sizeof(text) && str_starts(name, STR("RTMIN")))
		return SIGRTMIN;
	return 0;
}

static void infer_signal(struct sema *s, struct node *call)
{
	struct node **arg = call_arg(call, 0);
	int64_t value;
	int n;

	if (s->shape && !s->shape->is_user && s->shape->kind < PROBE_UPROBE)
		sema_error(s, D_SEMA_PROBE_KIND, call->at, "%s can not be used with \"%s\" probes",
			   call->call.builtin->name, probe_kind_name(s->shape->kind));
	if ((*arg)->kind == NODE_STRING) {
		n = signal_number((*arg)->string);
		if (!n)
			sema_error(s, D_SEMA_ARG_RANGE, call->at, "%.*s is not a valid signal",
				   STR_ARG((*arg)->string));
		else if (s->is_checking)
			replace(arg, node_int(s, (*arg)->at, n, type_int(8, false)));
		return;
	}
	if (!arg_integer(s, call, 0))
		return;
	if (const_int(*arg, &value) && (value < 1 || value > 64))
		sema_error(s, D_SEMA_ARG_RANGE, call->at,
			   "%lld is not a valid signal, allowed range: [1,64]", (long long)value);
	coerce(s, arg, type_int(8, false));
}

/*
 * write_user(address, value): the bytes of the value. With a length behind it the second is a
 * pointer to the bytes (or text), which then becomes the array of that many bytes.
 */
static const struct type *call_write_user(struct sema *s, struct node *call)
{
	struct node **value, *n;
	const struct type *t;
	int64_t size;

	if (arg_address(s, call, 0))
		coerce(s, call_arg(call, 0), type_int(8, false));
	/* only now: the conversion of the first argument is a new node, whose `next` is the slot */
	value = call_arg(call, 1);
	t = infer(s, value, WANT_PLACE);
	if (call->call.n_args < 3 || is_unknown(t))
		return type_int(8, true);
	infer(s, call_arg(call, 2), 0);
	if (!const_int(*call_arg(call, 2), &size) || size < 1 || size > 4096) {
		sema_error(s, D_SEMA_ARG_LITERAL, call->at,
			   "write_user() expects a literal length between 1 and 4096");
		return type_int(8, true);
	}
	if (!s->is_checking)
		return type_int(8, true);
	n = node_new(s->arena, NODE_CAST, (*value)->at);
	n->flags = NODE_F_IMPLICIT;
	n->cast.a = *value;
	n->type = type_array(s->tt, type_int(1, false), (uint32_t)size);
	if (t->kind == TYPE_POINTER) {
		struct node *deref = node_new(s->arena, NODE_UNARY, n->at);

		n->type = type_pointer(s->tt, n->type, t->space);
		deref->op = OP_DEREF;
		deref->unary.a = n;
		deref->type = n->type->elem;
		deref->space = pointee_space(s, t);
		n->cast.a->next = NULL;
		*value = deref;
	} else {
		if (t->size < (uint64_t)size)
			sema_error(s, D_SEMA_ARG_RANGE, call->at,
				   "write_user(): the value has %u bytes, %lld are to be written",
				   t->size, (long long)size);
		n->cast.a->next = NULL;
		*value = n;
	}
	call->call.n_args = 2;
	return type_int(8, true);
}

const struct type *call_act(struct sema *s, struct node **slot, unsigned want)
{
	struct node *call = *slot;
	const struct type *t;
	struct str path;

	(void)want;
	switch (call->call.builtin->id) {
	case BUILTIN_SIGNAL:
	case BUILTIN_SIGNAL_THREAD: infer_signal(s, call); return type_void();
	case BUILTIN_OVERRIDE:
		if (s->shape && s->shape->kind != PROBE_KPROBE)
			sema_error(s, D_SEMA_PROBE_KIND, call->at,
				   "override can not be used with \"%s\" probes",
				   probe_kind_name(s->shape->kind));
		if (arg_integer(s, call, 0))
			coerce(s, call_arg(call, 0), type_int(8, false));
		return type_void();
	case BUILTIN_WRITE_USER: return call_write_user(s, call);
	default: /* skboutput */
		if (s->shape && !is_typed_kernel_probe(s->shape->kind))
			sema_error(s, D_SEMA_PROBE_KIND, call->at,
				   "skboutput can not be used with \"%s\" probes",
				   probe_kind_name(s->shape->kind));
		arg_string(s, call, 0, &path);
		t = infer(s, call_arg(call, 1), 0);
		if (!is_unknown(t) && (t->kind != TYPE_POINTER || t->elem->kind != TYPE_STRUCT ||
				       !str_is(t->elem->name, "sk_buff")))
			sema_error(
				s, D_SEMA_ARG_TYPE, call->at,
				"skboutput() only supports 'struct sk_buff *' as the second argument "
				"('%s' provided)",
				spelled(s, type_plain(s, t)));
		for (uint32_t i = 2; i < 4; i++) {
			if (arg_integer(s, call, i))
				coerce(s, call_arg(call, i), type_int(8, false));
		}
		return type_int(4, false);
	}
}
