/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Probes of the tracer itself: begin, end, self:signal:SIGUSR1, test, bench. There is nothing to look up; they are run by
 * the session through run_once.
 */
#include "probe/match_private.h"

void match_special(struct match *m)
{
	const struct probe_spec *s = m->spec;
	const char *provider = provider_names[s->kind].name;
	struct probe_point *p = match_add_point(m, match_add_shape(m, ARGS_NONE));

	switch (s->kind) {
	case PROBE_BEGIN:
	case PROBE_END: p->name = str_from(provider); break;
	case PROBE_SELF:
		p->name = arena_printf(m->c->arena, "self:%.*s:%.*s", STR_ARG(s->target),
				       STR_ARG(s->func));
		p->symbol = s->func;
		break;
	default:
		p->name = arena_printf(m->c->arena, "%s:%.*s", provider, STR_ARG(s->target));
		p->symbol = s->target;
		break;
	}
}
