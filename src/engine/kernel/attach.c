/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attaching all programs of an image and taking them off again: the order, the list of links, what
 * happens with points that fail. How one program is attached is in attach_*.c. Whatever is attached
 * hangs on a descriptor of this process, so that its death takes it off too; the one exception,
 * events in tracefs, is uprobe_events.c's.
 */
#include "engine/kernel/kernel.h"

#include "base/clock.h"
#include "base/log.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <sys/ioctl.h>

/* how the probes of a kind are attached; NULL: they have no event, the session runs them */
static kernel_attach_fn *const attach_by_kind[PROBE_N_KINDS] = {
	[PROBE_UPROBE] = kernel_attach_uprobe,
	[PROBE_URETPROBE] = kernel_attach_uprobe,
	[PROBE_USDT] = kernel_attach_uprobe,
	[PROBE_TRACEPOINT] = kernel_attach_tracepoint,
	[PROBE_RAWTRACEPOINT] = kernel_attach_rawtracepoint,
	[PROBE_PROFILE] = kernel_attach_sampled,
	[PROBE_INTERVAL] = kernel_attach_sampled,
	[PROBE_SOFTWARE] = kernel_attach_sampled,
	[PROBE_HARDWARE] = kernel_attach_sampled,
	[PROBE_WATCHPOINT] = kernel_attach_watchpoint,
	[PROBE_ITER] = kernel_attach_iter,
	[PROBE_KPROBE] = kernel_attach_kprobe,
	[PROBE_KRETPROBE] = kernel_attach_kprobe,
	[PROBE_FENTRY] = kernel_attach_fentry,
	[PROBE_FEXIT] = kernel_attach_fentry,
};

/*
 * the kernel runs what was attached last first, for these: they are attached from the last clause
 * to the first
 */
static bool runs_last_first(enum probe_kind kind)
{
	return kind == PROBE_UPROBE || kind == PROBE_URETPROBE || kind == PROBE_USDT ||
	       kind == PROBE_KPROBE;
}

void kernel_link_add(struct engine *e, struct kernel_link l)
{
	l.kind = e->image->progs[l.prog]->shape->kind;
	l.group = e->group;
	vec_push(&e->links, l);
}

static void link_close(struct kernel_link *l)
{
	/* the event first stops: what is in flight then finishes before the program goes */
	if (l->perf_fd >= 0)
		ioctl(l->perf_fd, PERF_EVENT_IOC_DISABLE, 0);
	if (l->fd >= 0)
		close(l->fd);
	if (l->perf_fd >= 0)
		close(l->perf_fd);
	l->fd = l->perf_fd = -1;
}

struct err *kernel_link_perf(struct engine *e, uint32_t prog, int perf_fd,
			     const struct probe_point *p)
{
	struct kernel_link l = { .fd = -1,
				 .perf_fd = perf_fd,
				 .prog = prog,
				 .address = p->address,
				 .path = e->progs[prog].way == UPROBE_PERF ? p->path : STR_NULL };
	int prog_fd = e->progs[prog].fd;
	LIBBPF_OPTS(bpf_link_create_opts, opts, .perf_event.bpf_cookie = p->cookie);
	int code;

	l.fd = bpf_link_create(prog_fd, perf_fd, BPF_PERF_EVENT, &opts);
	code = errno;
	/* before 5.15 there are no such links; the older call knows no cookies */
	if (l.fd < 0 && code == EINVAL && !p->cookie &&
	    ioctl(perf_fd, PERF_EVENT_IOC_SET_BPF, prog_fd) == 0)
		code = 0;
	else if (l.fd >= 0)
		code = 0;
	if (!code && ioctl(perf_fd, PERF_EVENT_IOC_ENABLE, 0) < 0)
		code = errno;
	if (code) {
		link_close(&l);
		return sys_err_explain(err_new(code, "join the program to its perf event"));
	}
	kernel_link_add(e, l);
	return NULL;
}

void kernel_point_pids(const struct engine *e, const struct probe_point *p, struct sys_ints *pids)
{
	if (p->pid > 0) {
		vec_push(pids, p->pid);
		return;
	}
	for (uint32_t i = 0; i < e->opts.n_pids; i++)
		vec_push(pids, e->opts.pids[i]);
}

struct err *kernel_attach_failed(struct engine *e, uint32_t prog, const struct probe_point *p,
				 struct err *why, struct engine_attach_result *res)
{
	const struct image_prog *ip = e->image->progs[prog];
	STRBUF_AUTO text = { 0 };

	res->n_failed++;
	if (ip->is_needed)
		return err_wrap(why, "Unable to follow children by %.*s", STR_ARG(p->name));
	if (!e->opts.ignore_missing && !e->opts.warn_missing) {
		bool has_hint = err_get_hint(why);

		why = err_wrap(why, "Unable to attach probe: %.*s", STR_ARG(p->name));
		return has_hint
			       ? why
			       : err_hint(why,
					  "if that is to be expected, set the 'missing_probes' config variable "
					  "to 'warn'");
	}
	if (e->opts.warn_missing && e->opts.report) {
		strbuf_printf(&text, "Unable to attach probe: %.*s. Skipping. (", STR_ARG(p->name));
		err_format(why, &text);
		strbuf_putc(&text, ')');
		e->opts.report(e->opts.report_arg, ip->shape->at, "WARNING", strbuf_cstr(&text));
	}
	err_free(why);
	return NULL;
}

/* one of what a program is attached by, for -v */
static const char *mechanism(const struct engine *e, uint32_t prog)
{
	switch (e->progs[prog].way) {
	case UPROBE_MULTI: return "uprobe_multi link";
	case UPROBE_EVENT: return "tracefs event";
	case UPROBE_PERF: return "perf event";
	default: break;
	}
	switch (e->image->progs[prog]->shape->kind) {
	case PROBE_RAWTRACEPOINT: return "raw tracepoint link";
	case PROBE_WATCHPOINT: return "hardware breakpoint";
	case PROBE_ITER: return "iterator";
	case PROBE_FENTRY:
	case PROBE_FEXIT: return "trampoline";
	case PROBE_KPROBE:
	case PROBE_KRETPROBE: return "kernel probe";
	default: return "perf event";
	}
}

/* raw tracepoints whose programs need the kernel's types are attached as functions are */
static kernel_attach_fn *attach_of(const struct image_prog *p)
{
	if (p->attach_type == BPF_TRACE_RAW_TP)
		return kernel_attach_fentry;
	return p->shape ? attach_by_kind[p->shape->kind] : NULL;
}

static struct err *attach_prog(struct engine *e, uint32_t i, bool last_first,
			       struct engine_attach_result *res)
{
	const struct image_prog *p = e->image->progs[i];
	kernel_attach_fn *attach = attach_of(p);
	size_t before = e->links.n;

	if (!attach || !image_runs(e->image, p) || runs_last_first(p->shape->kind) != last_first)
		return NULL;
	TRY(attach(e, i, res));
	log_verbose("%.*s: %u place%s, attached by %zu %s%s", STR_ARG(p->name), p->shape->n_points,
		    p->shape->n_points == 1 ? "" : "s", e->links.n - before, mechanism(e, i),
		    e->links.n - before == 1 ? "" : "s");
	return NULL;
}

struct err *kernel_attach_one(struct engine *e, uint32_t prog, struct engine_attach_result *res)
{
	const struct image_prog *p = e->image->progs[prog];
	kernel_attach_fn *attach = attach_of(p);

	return attach && image_runs(e->image, p) ? attach(e, prog, res) : NULL;
}

struct err *kernel_attach_from(struct engine *e, uint32_t first, struct engine_attach_result *res)
{
	/* clauses on one event run in the order of the script, whatever order the kernel has */
	for (uint32_t i = first; i < e->image->n_progs; i++)
		TRY(attach_prog(e, i, false, res));
	for (uint32_t i = e->image->n_progs; i > first; i--)
		TRY(attach_prog(e, i - 1, true, res));
	return NULL;
}

struct err *kernel_attach(struct engine *e, struct engine_attach_result *res)
{
	uint64_t start = clock_monotonic_ns();
	struct err *err;

	*res = (struct engine_attach_result){ 0 };
	err = kernel_attach_from(e, 0, res);
	if (!err)
		err = kernel_iter_start(e);
	if (err) {
		kernel_detach(e);
		return err;
	}
	e->is_attached = true;
	log_verbose("attached %u probes by %zu links in %.1f ms", res->n_attached, e->links.n,
		    (double)(clock_monotonic_ns() - start) / 1e6);
	return NULL;
}

/*
 * First the links: with them the programs stop running, at once and for all probes. Then the events
 * below. Those of tracepoints are quiet without a program, but the kernel takes 40 ms for each to
 * close, one after another; they are left to close(), so that the session can print its results
 * first.
 */
void kernel_links_close(struct engine *e, size_t from)
{
	struct sys_ints links = { 0 }, events = { 0 };

	for (size_t i = from; i < e->links.n; i++) {
		const struct kernel_link *l = &e->links.v[i];

		if (l->perf_fd >= 0) {
			ioctl(l->perf_fd, PERF_EVENT_IOC_DISABLE, 0);
			vec_push(l->kind == PROBE_TRACEPOINT && l->fd >= 0 ? &e->late_fds : &events,
				 l->perf_fd);
		}
		if (l->fd >= 0)
			vec_push(&links, l->fd);
	}
	e->links.n = from;
	kernel_close_all(links.v, links.n);
	kernel_close_all(events.v, events.n);
	vec_free(&links);
	vec_free(&events);
}

void kernel_detach(struct engine *e)
{
	uint64_t start = clock_monotonic_ns();
	size_t n = e->links.n;

	kernel_iter_stop(e);
	kernel_links_close(e, 0);
	kernel_uprobe_events_remove(e, 0);
	if (e->is_attached)
		log_verbose("detached %zu links in %.1f ms", n,
			    (double)(clock_monotonic_ns() - start) / 1e6);
	e->is_attached = false;
}

void kernel_detach_late(struct engine *e)
{
	kernel_close_all(e->late_fds.v, e->late_fds.n);
	vec_free(&e->late_fds);
}

struct err *kernel_unwatch(struct engine *e, uint64_t address)
{
	uint32_t n = 0;

	vec_each(l, &e->links) {
		if (l->kind != PROBE_WATCHPOINT || l->address != address ||
		    (l->fd < 0 && l->perf_fd < 0))
			continue;
		link_close(l);
		n++;
	}
	return n ? NULL
		 : err_new(0, "unwatch: no watchpoint at 0x%llx", (unsigned long long)address);
}
