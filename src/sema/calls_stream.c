/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stream(), stream_iov(), stream_skip(), stream_end(): bytes of a connection for the consumer, who makes messages of them; is_socket() and
 * syscall_arg() for those who hook system calls. What clauses on messages cannot read is refused in calls_probe.c.
 */
#include "sema/sema_private.h"

static const char *const protocols[] = {
	"auto",
#define DECODER(name) #name,
#include "proto/decoders.def"
#undef DECODER
};

static void report_protocol(struct sema *s, struct node *call, struct str name)
{
	struct diag *d = sema_error(s, D_SEMA_STREAM, call->at, "Unknown protocol: '%.*s'",
				    STR_ARG(name));

	sema_hint(
		s, d,
		"\"auto\" finds out; sonde -l 'message:*' lists what is known. With '+tls' behind it the "
		"bytes come from a TLS library");
}

static void find_protocol(struct sema *s, struct node *call)
{
	struct call_stream *info;
	struct str name;

	if (!arg_string(s, call, 0, &name))
		return;
	info = arena_new(s->arena, struct call_stream);
	info->is_tls = str_ends(name, STR("+tls"));
	info->protocol = info->is_tls ? str_sub(name, 0, name.n - 4) : name;
	call->call.info = info;
	for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++)
		if (str_is(info->protocol, protocols[i]))
			return;
	if (s->is_checking)
		report_protocol(s, call, name);
}

/* any integer or pointer, as 64 bits */
static void want_word(struct sema *s, struct node *call, uint32_t n)
{
	struct node **slot = call_arg(call, n);

	if (!arg_address(s, call, n))
		return;
	coerce(s, slot,
	       type_int(8, (*slot)->type->kind != TYPE_POINTER && (*slot)->type->is_signed));
}

const struct type *call_stream(struct sema *s, struct node **slot, unsigned want)
{
	struct node *call = *slot;
	enum builtin_id id = call->call.builtin->id;
	bool has_protocol = id == BUILTIN_STREAM || id == BUILTIN_STREAM_IOV ||
			    id == BUILTIN_STREAM_SKIP;

	(void)want;
	if (s->shape && s->shape->kind == PROBE_MESSAGE)
		sema_error(s, D_SEMA_PROBE_KIND, call->at,
			   "%s() can not be used in probes on messages: it is where they come from",
			   call->call.builtin->name);
	if (has_protocol)
		find_protocol(s, call);
	for (uint32_t i = has_protocol; i < call->call.n_args; i++)
		want_word(s, call, i);
	return id == BUILTIN_IS_SOCKET ? type_bool() : type_void();
}

const struct type *call_syscall_arg(struct sema *s, struct node **slot, unsigned want)
{
	struct node *call = *slot;
	int64_t n;

	(void)want;
	if (arg_literal(s, call, 0, &n) && n > 5)
		sema_error(s, D_SEMA_ARG_RANGE, call->at,
			   "syscall_arg: a system call has arguments 0 to 5 (%lld asked for)",
			   (long long)n);
	switch (s->shape ? s->shape->kind : PROBE_TRACEPOINT) {
	case PROBE_TRACEPOINT:
	case PROBE_RAWTRACEPOINT:
	case PROBE_KPROBE:
	case PROBE_KRETPROBE:
	case PROBE_FENTRY:
	case PROBE_FEXIT: break;
	default:
		sema_error(
			s, D_SEMA_PROBE_KIND, call->at,
			"syscall_arg can not be used with \"%s\" probes: the thread is in no system call",
			probe_kind_name(s->shape->kind));
	}
	return type_int(8, false);
}
