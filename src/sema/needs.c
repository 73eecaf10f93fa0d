/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a clause may read of the traced thread, by the names in it: asked before its probes are matched, so nothing has a type
 * yet. A name that is not listed as harmless counts as one that reads anything: a new builtin costs a cheap place until it
 * is put into the table, never a wrong value.
 */
#include "sema/sema_private.h"

enum {
	NEED_NOTHING = 0,
	NEED_MEMORY = 1, /* follows the pointers that it is given */
	NEED_EVENT = 2,  /* shows something, or ends the run, at once */
};

/* builtins that read neither registers nor stack of the thread by themselves */
static const struct {
	const char *name;
	unsigned need;
} harmless[] = {
	{ "pid", NEED_NOTHING },
	{ "tid", NEED_NOTHING },
	{ "gtid", NEED_NOTHING },
	{ "call_frame", NEED_NOTHING }, /* placement says what it does to the stack pointer */
	{ "uid", NEED_NOTHING },
	{ "gid", NEED_NOTHING },
	{ "comm", NEED_NOTHING },
	{ "username", NEED_NOTHING },
	{ "nsecs", NEED_NOTHING },
	{ "elapsed", NEED_NOTHING },
	{ "cpu", NEED_NOTHING },
	{ "ncpus", NEED_NOTHING },
	{ "numaid", NEED_NOTHING },
	{ "cgroup", NEED_NOTHING },
	{ "cgroup_ancestor", NEED_NOTHING },
	{ "kstack", NEED_NOTHING },
	{ "func", NEED_NOTHING }, /* corrected by ir */
	{ "probe", NEED_NOTHING },
	{ "probetype", NEED_NOTHING },
	{ "rand", NEED_NOTHING },
	{ "jiffies", NEED_NOTHING },
	{ "usermode", NEED_NOTHING },
	{ "is_traced", NEED_NOTHING },
	{ "cpid", NEED_NOTHING },
	{ "has_cpid", NEED_NOTHING },
	{ "config", NEED_NOTHING },
	{ "printf", NEED_EVENT },
	{ "errorf", NEED_EVENT },
	{ "warnf", NEED_EVENT },
	{ "debugf", NEED_EVENT },
	{ "print", NEED_EVENT },
	{ "clear", NEED_NOTHING },
	{ "zero", NEED_NOTHING },
	{ "time", NEED_EVENT },
	{ "cat", NEED_EVENT },
	{ "join", NEED_MEMORY | NEED_EVENT },
	{ "system", NEED_EVENT },
	{ "exit", NEED_EVENT },
	{ "stream", NEED_MEMORY },
	{ "stream_iov", NEED_MEMORY },
	{ "stream_skip", NEED_NOTHING },
	{ "stream_end", NEED_NOTHING },
	{ "is_socket", NEED_NOTHING },
	{ "delete", NEED_NOTHING },
	{ "has_key", NEED_NOTHING },
	{ "len", NEED_NOTHING },
	{ "str", NEED_MEMORY },
	{ "buf", NEED_MEMORY },
	{ "strncmp", NEED_MEMORY },
	{ "strcontains", NEED_MEMORY },
	{ "strstr", NEED_MEMORY },
	{ "strlen", NEED_MEMORY },
	{ "str_concat", NEED_MEMORY },
	{ "memcmp", NEED_MEMORY },
	{ "strerror", NEED_NOTHING },
	{ "signal_name", NEED_NOTHING },
	{ "syscall_arg", NEED_NOTHING },
	{ "syscall_name", NEED_NOTHING },
	{ "strftime", NEED_NOTHING },
	{ "ntop", NEED_MEMORY },
	{ "pton", NEED_NOTHING },
	{ "macaddr", NEED_MEMORY },
	{ "bswap", NEED_NOTHING },
	{ "ksym", NEED_NOTHING },
	{ "usym", NEED_NOTHING },
	{ "kaddr", NEED_NOTHING },
	{ "uaddr", NEED_NOTHING }, /* corrected by ir */
	{ "kptr", NEED_NOTHING },
	{ "uptr", NEED_NOTHING },
	{ "cgroupid", NEED_NOTHING },
	{ "cgroup_path", NEED_NOTHING },
	{ "fail", NEED_NOTHING },
	{ "static_assert", NEED_NOTHING },
	{ "getopt", NEED_NOTHING },
	{ "is_array", NEED_NOTHING },
	{ "is_integer", NEED_NOTHING },
	{ "is_unsigned_integer", NEED_NOTHING },
	{ "is_literal", NEED_NOTHING },
	{ "is_ptr", NEED_NOTHING },
	{ "is_text", NEED_NOTHING },
	{ "is_str", NEED_NOTHING },
	{ "count", NEED_NOTHING },
	{ "sum", NEED_NOTHING },
	{ "avg", NEED_NOTHING },
	{ "min", NEED_NOTHING },
	{ "max", NEED_NOTHING },
	{ "stats", NEED_NOTHING },
	{ "hist", NEED_NOTHING },
	{ "lhist", NEED_NOTHING },
	{ "tseries", NEED_NOTHING },
	/* words that are arguments of these: clocks, namespaces, forms of a stack */
	{ "monotonic", NEED_NOTHING },
	{ "boot", NEED_NOTHING },
	{ "tai", NEED_NOTHING },
	{ "sw_tai", NEED_NOTHING },
	{ "curr_ns", NEED_NOTHING },
	{ "init", NEED_NOTHING },
	{ "perf", NEED_NOTHING },
	{ "raw", NEED_NOTHING },
	{ "build_id", NEED_NOTHING },
};

enum { FNS_MAX = 64 };

struct finder {
	const struct script *script;
	struct probe_needs *needs;
	const struct fn_def *fns[FNS_MAX]; /* that were looked at */
	uint32_t n_fns;
};

static bool look(void *arg, struct node *n);

static const struct fn_def *find_fn(const struct script *script, struct str name)
{
	for (const struct fn_def *f = script->fns; f; f = f->next)
		if (str_eq(f->name, name))
			return f;
	return NULL;
}

static void look_into_fn(struct finder *x, const struct fn_def *f)
{
	for (uint32_t i = 0; i < x->n_fns; i++)
		if (x->fns[i] == f)
			return;
	if (x->n_fns == FNS_MAX) {
		x->needs->anything = true;
		return;
	}
	x->fns[x->n_fns++] = f;
	node_walk(f->body, look, x);
}

static void look_at_name(struct finder *x, struct str name)
{
	const struct fn_def *f = find_fn(x->script, name);
	uint64_t arg;

	if (f) {
		look_into_fn(x, f);
		return;
	}
	if (str_is(name, "args") || str_is(name, "async_state")) {
		x->needs->typed_args = x->needs->memory = true;
		return;
	}
	if (str_is(name, "locals")) {
		x->needs->locals = x->needs->memory = true;
		return;
	}
	if (str_is(name, "call_frame"))
		x->needs->frame = true;
	if (str_is(name, "retval"))
		x->needs->result = true; /* in which registers is not known here: anything, too */
	if (name.n > 3 && str_starts(name, STR("arg")) &&
	    str_to_u64(str_sub(name, 3, name.n), &arg)) {
		if (arg < 6)
			x->needs->args |= (uint8_t)(1u << arg);
		else
			x->needs->stack_args = true;
		return;
	}
	if (str_is(name, "ustack")) {
		x->needs->user_stack = true;
		return;
	}
	for (size_t i = 0; i < sizeof(harmless) / sizeof(*harmless); i++) {
		if (!str_is(name, harmless[i].name))
			continue;
		x->needs->memory |= (harmless[i].need & NEED_MEMORY) != 0;
		x->needs->events |= (harmless[i].need & NEED_EVENT) != 0;
		return;
	}
	x->needs->anything = true;
}

static bool look(void *arg, struct node *n)
{
	struct finder *x = arg;

	switch (n->kind) {
	case NODE_IDENT: look_at_name(x, n->ident.name); break;
	case NODE_CALL: look_at_name(x, n->call.name); break;
	case NODE_FIELD:
	case NODE_INDEX: x->needs->memory = true; break;
	case NODE_UNARY: x->needs->memory |= n->op == OP_DEREF; break;
	default: break;
	}
	return true;
}

void needs_find(const struct script *script, const struct clause *c, struct probe_needs *ret)
{
	struct finder x = { .script = script, .needs = ret };

	*ret = (struct probe_needs){ .is_known = true };
	node_walk(c->predicate, look, &x);
	node_walk(c->body, look, &x);
}
