/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attaching what perf events sample: profile (a clock on each CPU), interval (a clock on one CPU,
 * whatever processes are asked for), software and hardware (a counter on each CPU), watchpoint (a
 * debug register).
 *
 * For chosen processes there is an event for each of their threads instead, inherited by threads
 * that these start. A thread that is born between the listing and its parent's event is missed; the
 * window is some microseconds.
 */
#include "engine/kernel/kernel.h"
#include "objfile/proc.h"

#include <errno.h>
#include <limits.h>

/* HW_BREAKPOINT_X of <linux/hw_breakpoint.h>, whose enumerators clash with ours */
#define BREAKPOINT_EXECUTE 4

/* where events are opened: one for each thread on any CPU, or one for each CPU */
struct places {
	struct sys_ints v;
	bool are_threads;
	int32_t dead_pid; /* a process that is not there, or 0 */
};

static void find_places(const struct engine *e, const struct probe_point *p, bool one_cpu,
			struct places *places)
{
	struct sys_ints pids = { 0 };

	*places = (struct places){ 0 };
	if (!one_cpu)
		kernel_point_pids(e, p, &pids);
	for (size_t i = 0; i < pids.n; i++) {
		struct pid_list threads;

		err_free(proc_threads(pids.v[i], UINT_MAX, &threads));
		vec_each(tid, &threads)
			vec_push(&places->v, *tid);
		if (!threads.n)
			places->dead_pid = pids.v[i];
		vec_free(&threads);
	}
	places->are_threads = pids.n > 0;
	if (!pids.n)
		sys_online_cpus(&places->v);
	if (one_cpu)
		places->v.n = 1;
	vec_free(&pids);
}

typedef struct err *explain_fn(const struct probe_point *p, int code);

/* an event in each place; a thread that has just ended is no error, as long as one is left */
static struct err *open_everywhere(struct engine *e, uint32_t prog, const struct probe_point *p,
				   struct perf_event_attr *attr, bool one_cpu, explain_fn *explain)
{
	struct err *err = NULL;
	struct places places;
	size_t n_open = 0;

	find_places(e, p, one_cpu, &places);
	if (places.dead_pid)
		err = err_new(0, "process %d does not exist", places.dead_pid);
	attr->disabled = 1;
	attr->inherit = places.are_threads;
	attr->inherit_thread = places.are_threads;
	for (size_t i = 0; i < places.v.n && !err; i++) {
		int fd = sys_perf_event_open(attr, places.are_threads ? places.v.v[i] : -1,
					     places.are_threads ? -1 : places.v.v[i]);

		if (fd < 0 && errno == ESRCH && places.are_threads)
			continue;
		if (fd < 0 && errno == EINTR) {
			i--;
			continue;
		}
		if (fd < 0)
			err = explain(p, errno);
		else
			err = kernel_link_perf(e, prog, fd, p);
		n_open += !err;
	}
	if (!err && !n_open)
		err = err_new(ESRCH, "no thread of the process is left");
	vec_free(&places.v);
	return err;
}

static struct err *explain_sampled(const struct probe_point *p, int code)
{
	int64_t max = sys_read_number("/proc/sys/kernel/perf_event_max_sample_rate");

	if (p->perf_type == PERF_TYPE_HARDWARE && (code == ENOENT || code == EOPNOTSUPP))
		return err_hint(
			err_new(0, "this machine has no hardware counter for '%.*s'",
				STR_ARG(p->symbol)),
			"virtual machines often have none; software events and profile probes work there");
	if (code == EINVAL && p->frequency && max > 0 && p->frequency > (uint64_t)max)
		return err_hint(err_new(0, "%llu Hz is above the kernel's limit of %lld",
					(unsigned long long)p->frequency, (long long)max),
				"kernel.perf_event_max_sample_rate is that limit");
	return sys_err_explain(err_new(code, "open the perf event"));
}

struct err *kernel_attach_sampled(struct engine *e, uint32_t prog, struct engine_attach_result *res)
{
	const struct probe_shape *shape = e->image->progs[prog]->shape;

	for (uint32_t i = 0; i < shape->n_points; i++) {
		const struct probe_point *p = &shape->points[i];
		struct perf_event_attr attr = { .type = p->perf_type, .config = p->perf_config };
		struct err *err;

		if (p->frequency) {
			attr.freq = 1;
			attr.sample_freq = p->frequency;
		} else {
			attr.sample_period = p->period ? p->period : 1;
		}
		err = open_everywhere(e, prog, p, &attr, shape->kind == PROBE_INTERVAL,
				      explain_sampled);
		if (err)
			TRY(kernel_attach_failed(e, prog, p, err, res));
		else
			res->n_attached++;
	}
	return NULL;
}

static struct err *explain_watchpoint(const struct probe_point *p, int code)
{
	if (code == ENOSPC)
		return err_hint(err_new(0, "all debug registers of the processor are in use"),
				"x86-64 has four; a debugger may hold some");
	if (code == EINVAL)
		return err_new(
			0,
			"the processor takes no watchpoint of this length and mode at 0x%llx (it must be "
			"aligned to its length; reads alone cannot be watched on x86)",
			(unsigned long long)p->address);
	return sys_err_explain(err_new(code, "open the watchpoint"));
}

struct err *kernel_attach_watchpoint(struct engine *e, uint32_t prog,
				     struct engine_attach_result *res)
{
	const struct probe_shape *shape = e->image->progs[prog]->shape;

	for (uint32_t i = 0; i < shape->n_points; i++) {
		const struct probe_point *p = &shape->points[i];
		struct perf_event_attr attr = {
			.type = PERF_TYPE_BREAKPOINT,
			.sample_period = 1,
			.bp_type = p->bp_type,
			.bp_addr = p->address,
			/* the processor has one length for code, whatever the script says */
			.bp_len = p->bp_type & BREAKPOINT_EXECUTE ? sizeof(long) : p->bp_len,
		};
		struct err *err = open_everywhere(e, prog, p, &attr, false, explain_watchpoint);

		if (err)
			TRY(kernel_attach_failed(e, prog, p, err, res));
		else
			res->n_attached++;
	}
	return NULL;
}
