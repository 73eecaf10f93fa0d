/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * profile and interval: the kernel's CPU clock as a perf event, on every CPU or on one. A period is in nanoseconds,
 * a frequency in Hz is kept as one, so that the kernel may adjust it.
 */
#include "probe/match_private.h"

#include <linux/perf_event.h>

void match_timer(struct match *m)
{
	const struct probe_spec *s = m->spec;
	const char *provider = provider_names[s->kind].name;
	uint64_t unit = str_is(s->target, "s")    ? 1000000000
			: str_is(s->target, "ms") ? 1000000
						  : 1000;
	bool is_rate = str_is(s->target, "hz");
	uint64_t period = 0;
	struct probe_point *p;

	if (!is_rate && __builtin_mul_overflow(s->count, unit, &period)) {
		match_error(m, D_PROBE_SYNTAX,
			    "%s probe: %llu %.*s is more than 64 bits of nanoseconds hold",
			    provider, (unsigned long long)s->count, STR_ARG(s->target));
		return;
	}
	p = match_add_point(m, match_add_shape(m, ARGS_NONE));
	p->name = arena_printf(m->c->arena, "%s:%.*s:%llu", provider, STR_ARG(s->target),
			       (unsigned long long)s->count);
	p->perf_type = PERF_TYPE_SOFTWARE;
	p->perf_config = PERF_COUNT_SW_CPU_CLOCK;
	p->period = period;
	p->frequency = is_rate ? s->count : 0;
}
