/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * watchpoint: the processor's debug registers, through a perf event of type breakpoint. The parts were checked by
 * spec.c already; what is left is alignment, and the length of an execution breakpoint, which the kernel wants to be
 * that of a long.
 */
#include "probe/match_private.h"

#include <linux/perf_event.h>

/* perf_event_attr.bp_type, as perf_event_open(2) has it; <linux/hw_breakpoint.h> takes the name TYPE_MAX */
enum { BREAK_ON_WRITE = 2, BREAK_ON_ACCESS = 3, BREAK_ON_EXEC = 4 };

void match_watchpoint(struct match *m)
{
	const struct probe_spec *s = m->spec;
	bool is_exec = str_is(s->func, "x");
	struct probe_point *p;

	if (!is_exec && s->address % s->count) {
		match_error(m, D_PROBE_SYNTAX,
			    "watchpoint address 0x%llx is not a multiple of its length %llu",
			    (unsigned long long)s->address, (unsigned long long)s->count);
		return;
	}
	p = match_add_point(m, match_add_shape(m, ARGS_NONE));
	p->perf_type = PERF_TYPE_BREAKPOINT;
	p->address = s->address;
	p->bp_type = is_exec                ? BREAK_ON_EXEC
		     : str_is(s->func, "w") ? BREAK_ON_WRITE
					    : BREAK_ON_ACCESS;
	p->bp_len = is_exec ? sizeof(long) : (uint32_t)s->count;
	p->period = 1;
	p->name = arena_printf(m->c->arena, "watchpoint:%llu:%llu:%.*s",
			       (unsigned long long)s->address, (unsigned long long)s->count,
			       STR_ARG(s->func));
}
