/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a probe offers: its arguments, result, context, registers, names; who runs, when, where;
 * stacks.
 */
#include "sema/sema_private.h"

enum { MAX_FRAMES = 127, COMM_SIZE = 16 };

const char *probe_kind_name(enum probe_kind kind)
{
	static const char *const names[PROBE_N_KINDS] = {
#define PROVIDER(kind, name, alias, ...) [PROBE_##kind] = name,
#include "probe/providers.def"
#undef PROVIDER
	};

	return kind < PROBE_N_KINDS ? names[kind] : "";
}

/* ---- arguments ---- */

/* false: not here (reported) */
static bool needs_probe(struct sema *s, struct node *call)
{
	if (!s->shape) {
		sema_error(s, D_SEMA_PROBE_KIND, call->at,
			   "Builtin %.*s not supported outside probe", STR_ARG(call->call.name));
		return false;
	}
	return true;
}

/*
 * Loops are callbacks: the context reaches them through the frame (ir/build_value.c). bpftrace has no such way and refuses;
 * under its name so do we, because scripts that run there are what that name promises.
 */
static bool needs_context(struct sema *s, struct node *call)
{
	if (!needs_probe(s, call))
		return false;
	if (s->loop && s->opts->is_bpftrace) {
		sema_error(s, D_SEMA_LOOP, call->at, "'%.*s' builtin is not allowed in a for-loop",
			   STR_ARG(call->call.name));
		return false;
	}
	return true;
}

static const struct type *refuse_kind(struct sema *s, struct node *call, const char *probes)
{
	sema_error(s, D_SEMA_PROBE_KIND, call->at,
		   "The %.*s builtin can only be used with %s probes", STR_ARG(call->call.name),
		   probes);
	return type_poison();
}

/* registers hold anything there: nothing was called */
static const struct type *refuse_inlined(struct sema *s, struct node *call,
					 const struct probe_point *p)
{
	struct diag *d = sema_error(s, D_SEMA_ARG_RANGE, call->at,
				    "%.*s: '%.*s' is inlined into %.*s, where it has no argument "
				    "registers",
				    STR_ARG(call->call.name), STR_ARG(p->symbol),
				    STR_ARG(p->inlined_into));

	sema_hint(s, d, "use args.NAME");
	return type_poison();
}

static const struct type *call_arg_n(struct sema *s, struct node *call)
{
	uint32_t n = (uint32_t)(uintptr_t)call->call.info;
	const struct probe_shape *shape = s->shape;

	if (!needs_context(s, call))
		return type_poison();
	if (shape->args_form == ARGS_NONE || shape->args_form == ARGS_TRACEPOINT ||
	    shape->args_form == ARGS_MESSAGE || shape->args_form == ARGS_ITER ||
	    (shape->is_return && shape->args_form == ARGS_REGS))
		return refuse_kind(s, call, "'kprobes', 'uprobes', 'usdt' and 'rawtracepoint'");
	for (uint32_t i = 0; i < shape->n_points; i++)
		if (shape->points[i].inlined_into.n)
			return refuse_inlined(s, call, &shape->points[i]);
	if (shape->args_form != ARGS_REGS && n >= shape->n_argn) {
		sema_error(s, D_SEMA_ARG_RANGE, call->at, "%.*s: this probe has %u argument%s",
			   STR_ARG(call->call.name), shape->n_argn, shape->n_argn == 1 ? "" : "s");
		return type_poison();
	}
	if (shape->args_form == ARGS_USDT) {
		const struct usdt_operand *o = &shape->operands[n];

		if (o->kind == USDT_ARG_FLOAT) {
			sema_error(
				s, D_SEMA_ARG_RANGE, call->at,
				"%.*s is a floating point value, which programs in the kernel can "
				"not read",
				STR_ARG(call->call.name));
			return type_poison();
		}
		if (o->kind == USDT_ARG_UNSUPPORTED) {
			sema_error(s, D_SEMA_ARG_RANGE, call->at,
				   "%.*s can not be read: its place is '%.*s'",
				   STR_ARG(call->call.name), STR_ARG(o->text));
			return type_poison();
		}
		if (o->is_float)
			return type_float(o->size);
	}
	return type_int(8, true);
}

static const struct type *call_args(struct sema *s, struct node *call)
{
	if (!needs_context(s, call))
		return type_poison();
	if (!s->shape->args) {
		struct diag *d;

		if ((s->shape->args_form == ARGS_REGS || s->shape->is_go) && s->shape->is_user &&
		    !s->shape->is_return) {
			d = sema_error(s, D_SEMA_PROBE_KIND, call->at,
				       "The args builtin needs debug information about the "
				       "traced function, which there is none of");
			sema_hint(s, d, "use arg0, arg1, ...");
			return type_poison();
		}
		return refuse_kind(
			s, call,
			"tracepoint, rawtracepoint, fentry, fexit and (with debug information) uprobe");
	}
	call->space = SPACE_BPF;
	return s->shape->args;
}

static const struct type *call_locals(struct sema *s, struct node *call)
{
	struct diag *d;

	if (!needs_context(s, call))
		return type_poison();
	if (s->shape->kind != PROBE_UPROBE && s->shape->kind != PROBE_URETPROBE)
		return refuse_kind(s, call, "'uprobe' and 'uretprobe'");
	d = sema_error(s, D_SEMA_PROBE_KIND, call->at,
		       "The %.*s builtin needs debug information about the traced function, "
		       "which there is none of",
		       STR_ARG(call->call.name));
	sema_hint(s, d, "compile with -g, or install the program's debug symbols");
	return type_poison();
}

static const struct type *call_retval(struct sema *s, struct node *call)
{
	if (!needs_context(s, call))
		return type_poison();
	if (!s->shape->is_return)
		return refuse_kind(s, call, "'kretprobe', 'uretprobe' and 'fexit'");
	return s->shape->retval ? s->shape->retval : type_int(8, false);
}

static const struct type *call_ctx(struct sema *s, struct node *call)
{
	if (!needs_context(s, call))
		return type_poison();
	return type_pointer(s->tt, s->shape->ctx ? s->shape->ctx : type_void(), SPACE_BPF);
}

static bool is_register(struct str name)
{
	static const char *const names[] = {
		"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",   "ax", "bx", "cx",
		"dx", "si", "di",  "bp",  "sp",  "ip",  "pc",  "flags", "cs", "ss", "orig_rax",
	};

	return STR_IS_ONE_OF(name, names);
}

static const struct type *call_reg(struct sema *s, struct node *call)
{
	struct str name;

	if (!arg_string(s, call, 0, &name) || !needs_context(s, call))
		return type_poison();
	if (!is_register(name)) {
		sema_error(s, D_SEMA_ARG_RANGE, call->at,
			   "'%.*s' is not a valid register on this architecture (x86_64)",
			   STR_ARG(name));
		return type_poison();
	}
	if (s->shape->args_form != ARGS_REGS && s->shape->args_form != ARGS_USDT &&
	    s->shape->kind != PROBE_PROFILE && s->shape->kind != PROBE_INTERVAL &&
	    s->shape->kind != PROBE_SOFTWARE && s->shape->kind != PROBE_HARDWARE &&
	    s->shape->kind != PROBE_WATCHPOINT)
		sema_error(s, D_SEMA_PROBE_KIND, call->at, "reg can not be used with \"%s\" probes",
			   probe_kind_name(s->shape->kind));
	return type_int(8, false);
}

/* ---- names ---- */

static const struct type *name_type(struct sema *s, struct node *call, bool is_func)
{
	size_t longest = 0;

	if (!needs_probe(s, call))
		return type_poison();
	for (uint32_t i = 0; i < s->shape->n_points; i++) {
		struct str name = is_func ? s->shape->points[i].symbol : s->shape->points[i].name;

		longest = name.n > longest ? name.n : longest;
	}
	if (s->is_checking && s->shape->n_points > 1)
		((struct probe_shape *)s->shape)->needs_sites = true;
	return type_string(s->tt, (uint32_t)longest + 1);
}

static const struct type *call_func(struct sema *s, struct node *call)
{
	if (!needs_probe(s, call))
		return type_poison();
	switch (s->shape->kind) {
	case PROBE_KPROBE:
	case PROBE_KRETPROBE:
	case PROBE_UPROBE:
	case PROBE_URETPROBE:
	case PROBE_USDT:
	case PROBE_FENTRY:
	case PROBE_FEXIT: break;
	default: return refuse_kind(s, call, "'kprobes', 'uprobes' and 'fentry'");
	}
	/* a usdt point is an address inside of some function */
	if (s->shape->kind == PROBE_USDT || !s->shape->n_points || !s->shape->points[0].symbol.n)
		return needs_context(s, call)
			       ? type_simple(s->shape->is_user ? TYPE_USYM : TYPE_KSYM)
			       : type_poison();
	return name_type(s, call, true);
}

/* ---- clocks and namespaces: words as arguments ---- */

static const struct type *call_nsecs(struct sema *s, struct node *call)
{
	static const char *const names[] = {
		[CALL_CLOCK_MONOTONIC] = "monotonic",
		[CALL_CLOCK_BOOT] = "boot",
		[CALL_CLOCK_TAI] = "tai",
		[CALL_CLOCK_SW_TAI] = "sw_tai",
	};
	struct node *arg = call->call.args;

	call->call.info = (void *)(uintptr_t)CALL_CLOCK_BOOT;
	if (!arg)
		return type_int(8, false);
	if (arg->kind != NODE_IDENT) {
		sema_error(s, D_SEMA_CLOCK, call->at,
			   "nsecs() only supports boot, tai, sw_tai and monotonic as the argument");
		return type_int(8, false);
	}
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (str_is(arg->ident.name, names[i])) {
			call->call.info = (void *)(uintptr_t)i;
			return type_int(8, false);
		}
	}
	sema_error(s, D_SEMA_CLOCK, call->at, "Invalid timestamp mode: %.*s",
		   STR_ARG(arg->ident.name));
	return type_int(8, false);
}

static const struct type *call_pid(struct sema *s, struct node *call)
{
	struct node *arg = call->call.args;

	call->call.info = (void *)(uintptr_t)PID_NS_CURRENT;
	if (!arg)
		return type_int(4, false);
	if (arg->kind != NODE_IDENT)
		sema_error(s, D_SEMA_CLOCK, call->at,
			   "%s() only supports curr_ns and init as the argument",
			   call->call.builtin->name);
	else if (str_is(arg->ident.name, "init"))
		call->call.info = (void *)(uintptr_t)PID_NS_INIT;
	else if (!str_is(arg->ident.name, "curr_ns"))
		sema_error(s, D_SEMA_CLOCK, call->at,
			   "Invalid PID namespace mode: %.*s (expects: curr_ns or init)",
			   STR_ARG(arg->ident.name));
	return type_int(4, false);
}

static const struct type *call_curtask(struct sema *s)
{
	const struct type *t = find_named_type(s, 's', STR("task_struct"));

	return type_pointer(s->tt, t ? t : type_void(), SPACE_KERNEL);
}

static const struct type *call_cpid(struct sema *s, struct node **slot)
{
	struct node *call = *slot;

	if (!s->opts->has_child && s->is_checking) {
		sema_warning(s, D_SEMA_NO_CHILD, call->at,
			     "cpid is 0: there is no child process (-c)");
		replace(slot, node_int(s, call->at, 0, type_int(4, false)));
	}
	return type_int(4, false);
}

static const struct type *call_call_frame(struct sema *s, struct node *call)
{
	if (!needs_context(s, call))
		return type_poison();
	if (s->shape->kind != PROBE_UPROBE && s->shape->kind != PROBE_URETPROBE)
		return refuse_kind(s, call, "'uprobe' and 'uretprobe'");
	return type_int(8, false);
}

static const struct type *call_goid(struct sema *s, struct node *call)
{
	struct diag *d;

	if (!needs_context(s, call))
		return type_poison();
	if (s->shape->kind != PROBE_UPROBE && s->shape->kind != PROBE_URETPROBE)
		return refuse_kind(s, call, "'uprobe' and 'uretprobe'");
	if (call->call.n_args && !arg_address(s, call, 0))
		return type_poison();
	if (!s->shape->is_go) {
		d = sema_error(
			s, D_SEMA_PROBE_KIND, call->at,
			"The goid builtin can only be used in Go code, which this probe is not on");
		sema_hint(s, d, "use tid");
		return type_poison();
	}
	if (s->shape->goid_offset < 0) {
		d = sema_error(
			s, D_SEMA_PROBE_KIND, call->at,
			"Where this version of Go keeps the number of a goroutine is not known");
		sema_hint(s, d, "reg(\"r14\"), its address, tells goroutines apart, too");
		return type_poison();
	}
	return type_int(8, false);
}

/* what the thread that passed the bytes was doing then is gone when its message is complete */
static bool is_refused_on_messages(struct sema *s, struct node *call)
{
	if (!s->shape || s->shape->kind != PROBE_MESSAGE)
		return false;
	switch (call->call.builtin->id) {
	case BUILTIN_CPU:
	case BUILTIN_NUMAID:
	case BUILTIN_CURTASK:
	case BUILTIN_CGROUP_ANCESTOR:
	case BUILTIN_USERMODE:
	case BUILTIN_CTX:
	case BUILTIN_KSTACK:
	case BUILTIN_USTACK: break;
	default: return false;
	}
	sema_error(s, D_SEMA_PROBE_KIND, call->at,
		   "%s can not be used in probes on messages, which run when the event is over",
		   call->call.builtin->name);
	return true;
}

const struct type *call_probe(struct sema *s, struct node **slot, unsigned want)
{
	struct node *call = *slot;

	(void)want;
	if (is_refused_on_messages(s, call))
		return type_poison();
	switch (call->call.builtin->id) {
	case BUILTIN_ARGS: return call_args(s, call);
	case BUILTIN_LOCALS:
	case BUILTIN_ASYNC_STATE: return call_locals(s, call);
	case BUILTIN_TARGET_VAR:
		call->space = SPACE_USER;
		return s->shape->vars[(uintptr_t)call->call.info].type;
	case BUILTIN_VIEW: return call_view(s, call);
	case BUILTIN_ARG: return call_arg_n(s, call);
	case BUILTIN_CTX: return call_ctx(s, call);
	case BUILTIN_RETVAL: return call_retval(s, call);
	case BUILTIN_REG: return call_reg(s, call);
	case BUILTIN_GOID: return call_goid(s, call);
	case BUILTIN_CALL_FRAME: return call_call_frame(s, call);
	case BUILTIN_PID:
	case BUILTIN_TID: return call_pid(s, call);
	case BUILTIN_NSECS: return call_nsecs(s, call);
	case BUILTIN_COMM:
		/*
		 * the helper knows the current thread only; others would need a lookup that not
		 * every kernel has
		 */
		if (call->call.n_args && arg_integer(s, call, 0))
			sema_error(s, D_SEMA_ARG_COUNT, call->at,
				   "comm() of another process is not supported: it takes no "
				   "arguments here");
		return type_string(s->tt, COMM_SIZE);
	case BUILTIN_USERNAME: return type_simple(TYPE_USERNAME);
	case BUILTIN_CPU:
	case BUILTIN_NUMAID:
	case BUILTIN_RAND: return type_int(4, false);
	case BUILTIN_CURTASK: return call_curtask(s);
	case BUILTIN_FUNC: return call_func(s, call);
	case BUILTIN_PROBE: return name_type(s, call, false);
	case BUILTIN_USERMODE: return needs_context(s, call) ? type_int(1, false) : type_poison();
	case BUILTIN_IS_TRACED:
		return call->call.n_args && !arg_integer(s, call, 0) ? type_poison() : type_bool();
	case BUILTIN_CPID: return call_cpid(s, slot);
	case BUILTIN_CGROUP_ANCESTOR:
		if (!arg_integer(s, call, 0))
			return type_poison();
		coerce(s, call_arg(call, 0), type_int(4, true));
		return type_int(8, false);
	default: /* uid, gid, elapsed, cgroup, jiffies */ return type_int(8, false);
	}
}

/* ---- stacks ---- */

static bool stack_mode_of(struct sema *s, struct node *call, struct str name, enum stack_mode *mode)
{
	static const char *const names[] = {
		[STACK_MODE_BPFTRACE] = "bpftrace",
		[STACK_MODE_PERF] = "perf",
		[STACK_MODE_RAW] = "raw",
		[STACK_MODE_BUILD_ID] = "build_id",
	};
	bool is_user = call->call.builtin->id == BUILTIN_USTACK;

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!str_is(name, names[i]) || (i == STACK_MODE_BUILD_ID && !is_user))
			continue;
		*mode = (enum stack_mode)i;
		return true;
	}
	sema_error(s, D_SEMA_STACK, call->at, "Invalid stack mode: %.*s", STR_ARG(name));
	return false;
}

const struct type *call_stack(struct sema *s, struct node **slot, unsigned want)
{
	struct node *call = *slot;
	bool is_user = call->call.builtin->id == BUILTIN_USTACK;
	enum stack_mode mode = s->unit->config.stack_mode;
	int64_t limit = MAX_FRAMES;
	uint32_t n = 0;

	(void)want;
	if (mode == STACK_MODE_BUILD_ID && !is_user)
		mode = STACK_MODE_BPFTRACE;
	if (is_refused_on_messages(s, call))
		return type_poison();
	if (!needs_context(s, call))
		return type_poison();
	if (call->call.n_args && call->call.args->kind == NODE_IDENT) {
		if (!stack_mode_of(s, call, call->call.args->ident.name, &mode))
			return type_poison();
		n = 1;
	} else if (call->call.n_args == 2) {
		sema_error(s, D_SEMA_STACK, call->at,
			   "%s(): the stack mode stands first: %s(perf, 3)",
			   call->call.builtin->name, call->call.builtin->name);
		return type_poison();
	}
	if (call->call.n_args > n) {
		struct node *arg = *call_arg(call, n);

		if (arg->kind == NODE_IDENT) {
			sema_error(s, D_SEMA_STACK, call->at,
				   "%s: invalid limit value, need non-negative literal",
				   call->call.builtin->name);
			return type_poison();
		}
		infer(s, call_arg(call, n), 0);
		if (!const_int(*call_arg(call, n), &limit) || limit < 0) {
			sema_error(s, D_SEMA_STACK, call->at,
				   "%s: invalid limit value, need non-negative literal",
				   call->call.builtin->name);
			return type_poison();
		}
		if (limit > MAX_FRAMES) {
			sema_error(s, D_SEMA_STACK, call->at,
				   "%s([int limit]): limit shouldn't exceed %d, %lld given",
				   call->call.builtin->name, MAX_FRAMES, (long long)limit);
			return type_poison();
		}
	}
	return type_stack(s->tt, is_user ? TYPE_USTACK : TYPE_KSTACK, mode, (uint32_t)limit);
}
