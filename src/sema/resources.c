/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits of the configuration and of the kernel's maps, checked when everything else is right. */
#include "sema/sema_private.h"

/* the most that an element of a preallocated or per-CPU map may hold */
enum { MAX_PERCPU_VALUE = 32768, MAX_KEY = 512 << 10 };

/* a probe on the return of a function stands in several places, which count as one */
static uint64_t n_probes(const struct probe_shape *shape)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < shape->n_points; i++)
		n += !shape->points[i].is_repeat;
	return n;
}

static void check_probes(struct sema *s)
{
	struct unit *u = s->unit;
	uint64_t n = 0;

	for (uint32_t i = 0; i < u->n_insts; i++) {
		n += n_probes(u->insts[i]->shape);
		if (n > (uint64_t)u->config.max_probes) {
			struct diag *d = sema_error_now(
				s, D_SEMA_TOO_LARGE, u->insts[i]->clause->at,
				"Your program is trying to attach to %llu or more probes, which exceeds the current limit of %lld",
				(unsigned long long)n, (long long)u->config.max_probes);

			sema_hint(
				s, d,
				"You can increase the limit through the BPFTRACE_MAX_PROBES environment variable, but "
				"BE CAREFUL since a high number of probes attached can cause your system to crash.");
			return;
		}
	}
	if (u->n_insts > (uint64_t)u->config.max_bpf_progs) {
		struct diag *d = sema_error_now(
			s, D_SEMA_TOO_LARGE, u->insts[0]->clause->at,
			"Your program is trying to generate more than %u BPF programs, which exceeds the current limit of %lld",
			u->n_insts, (long long)u->config.max_bpf_progs);

		sema_hint(
			s, d,
			"You can increase the limit through the BPFTRACE_MAX_BPF_PROGS environment variable.");
	}
}

void resources_run(struct sema *s)
{
	struct unit *u = s->unit;

	check_probes(s);
	for (uint32_t i = 0; i < u->n_maps; i++) {
		const struct map_info *m = u->maps[i];

		if (m->key_type && m->key_type->size > MAX_KEY)
			sema_error_now(s, D_SEMA_TOO_LARGE, m->at,
				       "The key of %.*s has %u bytes: keys may have %d",
				       STR_ARG(m->name), m->key_type->size, MAX_KEY);
		if (m->value_type->size > MAX_PERCPU_VALUE && type_is_aggregation(m->value_type))
			sema_error_now(s, D_SEMA_TOO_LARGE, m->at,
				       "The value of %.*s has %u bytes: values may have %d",
				       STR_ARG(m->name), m->value_type->size, MAX_PERCPU_VALUE);
	}
}
