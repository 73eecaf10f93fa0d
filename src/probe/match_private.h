/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the providers share while matching one attach point; nobody outside src/probe includes this. */
#ifndef SONDE_PROBE_MATCH_PRIVATE_H
#define SONDE_PROBE_MATCH_PRIVATE_H

#include "base/err.h"
#include "base/vec.h"
#include "probe/match.h"
#include "probe/nearest.h"
#include "probe/spec.h"

/* a shape that still grows */
struct match_shape {
	struct probe_shape *shape;
	VEC(struct probe_point) points;
	VEC(struct probe_point) entries, tails; /* returns: see probe_shape */
	uint32_t n_functions;                   /* returns: points[].function of the next one */
};

/* what a wildcard's functions have against return probes, said in one sentence at the end */
struct match_returns {
	uint32_t n_refused, n_warned, n_all;
	struct str refused, warned;       /* the first of each */
	const char *refusal, *warning;
};

struct match {
	struct probe_ctx *c;
	const struct probe_spec *spec;
	struct diag_list *diags;
	bool ignores_args;
	bool reads_result; /* the clause wants retval */
	bool waits; /* for files that come later (late.h): that nothing is there is no fault, and one file's fault is a warning */
	VEC(struct match_shape) shapes;
	struct match_returns returns;
	struct str missing_hint; /* uprobe: why there is no such function, for "No matches" */
	bool is_nop5_said; /* one of many places was left out because of what stands there */
	bool is_reported; /* why there is nothing was said (or is not to be said) */
};

/* a new shape with what all shapes of this attach point share; the index stays good, pointers do not */
size_t match_add_shape(struct match *m, enum args_form form);
/* a point with defaults (name empty, pid -1); the cookie is set when the shape is finished */
struct probe_point *match_add_point(struct match *m, size_t shape);
uint32_t match_n_points(const struct match *m);

/*
 * "No matches for <provider> <what>.", an error or, by missing_probes, a warning or nothing. The hint (may be NULL or
 * empty) is shown with both.
 */
void match_none(struct match *m, const char *hint);
/* another reason why this attach point cannot be used, under the same rule */
struct diag *match_missing(struct match *m, enum diag_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* the same without a place in the script: bpftrace says these when it attaches, and its tests want the line alone */
struct diag *match_unplaceable(struct match *m, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* an error whatever missing_probes says */
struct diag *match_error(struct match *m, enum diag_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* the text of an error about the world, and frees it */
struct str match_err_text(struct match *m, struct err *e, struct str *hint);
/* "syscalls:sys_enter_x": the attach point as written behind its provider */
struct str match_target_text(const struct match *m);

/* one for each group of kinds; false is not an error: see match.is_reported */
void match_special(struct match *m);
void match_uprobe(struct match *m);
void match_usdt(struct match *m);
void match_tracepoint(struct match *m);
void match_rawtracepoint(struct match *m);
void match_timer(struct match *m);
void match_perf(struct match *m);
void match_watchpoint(struct match *m);
void match_iter(struct match *m);
void match_kernel(struct match *m);
void match_message(struct match *m);

/* ---- pieces that listings use too ---- */

/* contents of a small file (tracefs, sysfs), malloc'ed and NUL-terminated; NULL and errno when it cannot be read */
char *probe_read_file(const char *path, size_t *n);

/* provider_tracepoint.c: events in the order of their names; visit returns false to stop. False: no tracefs (errno) */
bool tracepoint_each(struct probe_ctx *c, struct str subsystem, struct str event,
		     bool (*visit)(void *arg, struct str subsystem, struct str event), void *arg);
/* the fields of an event as "    type name" lines */
bool tracepoint_print_args(struct probe_ctx *c, struct str subsystem, struct str event,
			   struct strbuf *out);

/* provider_rawtracepoint.c: typedefs btf_trace_NAME; id is that of the typedef */
bool rawtracepoint_each(struct probe_ctx *c, struct str pattern,
			bool (*visit)(void *arg, struct str name, uint32_t id), void *arg);
bool rawtracepoint_print_args(struct probe_ctx *c, struct str name, uint32_t typedef_id,
			      struct strbuf *out);

/* provider_iter.c */
void iter_each(struct probe_ctx *c, struct str pattern, bool (*visit)(void *arg, struct str name),
	       void *arg);
bool iter_print_args(struct probe_ctx *c, struct str name, struct strbuf *out);

/* provider_message.c: kinds of messages; NULL ends */
const char *message_kind_name(uint32_t i);

/* provider_perf.c: names in alphabetic order, aliases too; NULL ends */
const char *perf_event_name(enum probe_kind kind, uint32_t i);

/* provider_kernel.c: functions that probes of this kind can go to, or could if the kernel had such probes */
void kernel_each(struct probe_ctx *c, enum probe_kind kind, struct str module, struct str pattern,
		 bool (*visit)(void *arg, struct str module, struct str name), void *arg);
/* why the kernel takes no probes of this kind, or NULL */
struct err *kernel_lacks(struct probe_ctx *c, enum probe_kind kind);

/* kernel_events.c: the tracepoint that comes nearest to a kernel function, "tracepoint:a:b" or "rawtracepoint:a", of those
 * that this kernel has; empty when none comes near */
struct str kernel_nearest_event(struct probe_ctx *c, struct str function, bool is_return);

#endif
