/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * software and hardware: counters of perf_event_open(2), one hit every so many events. The names stand in
 * perf_events.def. Hardware counters need a processor that shows them (virtual machines often do not): that is
 * checked here, because the kernel's own answer is a bare ENOENT.
 */
#include "probe/match_private.h"

#include <linux/perf_event.h>
#include <unistd.h>

struct perf_event_name {
	const char *name;
	uint64_t config, count;
};

static const struct perf_event_name software_events[] = {
#define SOFTWARE(name, config, count) { name, config, count },
#include "probe/perf_events.def"
#undef SOFTWARE
	{ NULL, 0, 0 },
};

static const struct perf_event_name hardware_events[] = {
#define HARDWARE(name, config, count) { name, config, count },
#include "probe/perf_events.def"
#undef HARDWARE
	{ NULL, 0, 0 },
};

static const struct perf_event_name *events_of(enum probe_kind kind)
{
	return kind == PROBE_SOFTWARE ? software_events : hardware_events;
}

const char *perf_event_name(enum probe_kind kind, uint32_t i)
{
	return events_of(kind)[i].name;
}

/* the processor's counters show up as an event source: "cpu", or "cpu_core" and "cpu_atom" on hybrid machines */
static bool has_hardware_counters(const struct probe_ctx *c)
{
	static const char *const names[] = { "cpu", "cpu_core", "cpu_atom" };
	STRBUF_AUTO path = { 0 };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		strbuf_clear(&path);
		strbuf_printf(&path, "%s/%s", c->event_source, names[i]);
		if (access(strbuf_cstr(&path), F_OK) == 0)
			return true;
	}
	return false;
}

static void report_unknown_event(struct match *m)
{
	const struct probe_spec *s = m->spec;
	struct diag *d = match_error(m, D_PROBE_NO_MATCH, "'%.*s' is not a %s event",
				     STR_ARG(s->target), provider_names[s->kind].name);
	struct nearest near;
	struct str hint;

	nearest_init(&near, s->target);
	for (uint32_t i = 0; perf_event_name(s->kind, i); i++)
		nearest_offer(&near, str_from(perf_event_name(s->kind, i)));
	hint = nearest_hint(&near, m->diags->arena);
	if (hint.n)
		diag_hint(m->diags, d, "%.*s", STR_ARG(hint));
	else
		diag_hint(m->diags, d, "sonde -l '%s:*' lists them", provider_names[s->kind].name);
}

void match_perf(struct match *m)
{
	const struct probe_spec *s = m->spec;
	const char *provider = provider_names[s->kind].name;
	const struct perf_event_name *e = events_of(s->kind);
	struct probe_point *p;
	struct diag *d;

	while (e->name && !str_is(s->target, e->name))
		e++;
	if (!e->name) {
		report_unknown_event(m);
		return;
	}
	if (s->kind == PROBE_HARDWARE && !has_hardware_counters(m->c)) {
		d = match_missing(m, D_PROBE_KERNEL,
				  "This machine shows no hardware counters (no 'cpu' in %s).",
				  m->c->event_source);
		if (d)
			diag_hint(m->diags, d, "software:cpu-clock samples by time instead");
		return;
	}
	p = match_add_point(m, match_add_shape(m, ARGS_NONE));
	p->perf_type = s->kind == PROBE_SOFTWARE ? PERF_TYPE_SOFTWARE : PERF_TYPE_HARDWARE;
	p->perf_config = e->config;
	p->period = s->count ? s->count : e->count;
	p->symbol = str_from(e->name);
	p->name = s->count ? arena_printf(m->c->arena, "%s:%s:%llu", provider, e->name,
					  (unsigned long long)s->count)
			   : arena_printf(m->c->arena, "%s:%s:", provider, e->name);
}
