/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's records of what processes do, from one small ring per CPU (perf_event_open(2)), in the order of their time.
 * Two watches read such records: procwatch.c and late.c. A reader owns its rings.
 */
#ifndef SONDE_SESSION_PERF_RINGS_H
#define SONDE_SESSION_PERF_RINGS_H

#include "base/err.h"
#include "session/perf_record.h"

struct perf_rings;

struct perf_rings_opts {
	bool has_tasks; /* forks, execs, ends; else mappings alone */
	bool wakes; /* descriptors are readable as soon as there is a record; else nobody is ever woken */
};

struct err *perf_rings_new(const struct perf_rings_opts *o, struct perf_rings **ret) ERR_MUST;
void perf_rings_free(struct perf_rings *r); /* may be NULL */
/* all that has happened until now, one after the other */
void perf_rings_read(struct perf_rings *r, void (*tell)(void *arg, const struct perf_record *rec),
		     void *arg);
/* descriptors to wait for; -1 behind the last */
int perf_rings_fd(const struct perf_rings *r, size_t i);
uint64_t perf_rings_n_read(const struct perf_rings *r);

#endif
