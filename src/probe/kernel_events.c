/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which tracepoint comes nearest to a kernel function, for the hint where functions cannot be probed. Only events that the
 * running kernel has are offered.
 */
#include "base/cleanup.h"
#include "probe/match_private.h"

#include <stdlib.h>

static const struct {
	const char *pattern, *event;
} kernel_events[] = {
#define KERNEL_EVENT(pattern, event) { pattern, event },
#include "probe/kernel_events.def"
#undef KERNEL_EVENT
};

static bool has_tracepoint(struct probe_ctx *c, struct str subsystem, struct str event)
{
	STRBUF_AUTO path = { 0 };

	strbuf_printf(&path, "%s/events/%.*s/%.*s/id", c->tracefs, STR_ARG(subsystem),
		      STR_ARG(event));
	return access(strbuf_cstr(&path), F_OK) == 0;
}

static bool has_event(struct probe_ctx *c, struct str event)
{
	struct str provider = str_split(&event, ':'), subsystem;
	STRBUF_AUTO name = { 0 };

	if (str_is(provider, "rawtracepoint")) {
		strbuf_printf(&name, "btf_trace_%.*s", STR_ARG(event));
		return btfsrc_find_id(c->btf, BTFSRC_TYPEDEF, strbuf_str(&name)) != 0;
	}
	subsystem = str_split(&event, ':');
	return has_tracepoint(c, subsystem, event);
}

/* "__x64_sys_openat", "ksys_read", "__do_sys_clone": the system call's own event */
static struct str syscall_event(struct probe_ctx *c, struct str function, bool is_return)
{
	static const char *const prefixes[] = { "__x64_sys_", "__ia32_sys_", "__do_sys_",
						"__se_sys_",  "ksys_",       "__sys_",
						"sys_" };
	STRBUF_AUTO event = { 0 };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		struct str prefix = str_from(prefixes[i]);

		if (!str_starts(function, prefix))
			continue;
		strbuf_clear(&event);
		strbuf_printf(&event, "sys_%s_%.*s", is_return ? "exit" : "enter",
			      STR_ARG(str_sub(function, prefix.n, function.n)));
		if (has_tracepoint(c, STR("syscalls"), strbuf_str(&event)))
			return arena_printf(c->arena, "tracepoint:syscalls:%s",
					    strbuf_cstr(&event));
	}
	return STR_NULL;
}

/* the end of a system call where the return of a function was asked for */
static struct str as_return(struct probe_ctx *c, struct str event)
{
	ptrdiff_t at = str_find(event, STR(":sys_enter_"));

	if (at < 0)
		return event;
	return arena_printf(
		c->arena, "%.*s:sys_exit_%.*s", STR_ARG(str_sub(event, 0, (size_t)at)),
		STR_ARG(str_sub(event, (size_t)at + sizeof(":sys_enter_") - 1, event.n)));
}

struct str kernel_nearest_event(struct probe_ctx *c, struct str function, bool is_return)
{
	struct str event = syscall_event(c, function, is_return);

	if (event.n)
		return event;
	for (size_t i = 0; i < sizeof(kernel_events) / sizeof(kernel_events[0]); i++) {
		if (!str_glob(str_from(kernel_events[i].pattern), function))
			continue;
		event = str_from(kernel_events[i].event);
		event = is_return ? as_return(c, event) : event;
		if (has_event(c, event))
			return event;
	}
	return STR_NULL;
}
