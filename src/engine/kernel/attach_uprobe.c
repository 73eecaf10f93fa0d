/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attaching uprobes, uretprobes and USDT probes. In this order: one uprobe_multi link for all sites
 * of a file (Linux 6.6 and later), one tracefs event with all sites (many sites that need no
 * cookie), one perf event for each site. Closing a perf event waits for the kernel each time, 35 to
 * 110 ms: 340 sites take it 12 to 37 s, so that way is for few.
 *
 * The kernel opens the object file by the path that it is given: paths into containers come as
 * /proc/PID/root/... .
 */
#include "engine/kernel/kernel.h"

#include <bpf/bpf.h>
#include <errno.h>

/* single perf events for up to so many sites where there is no uprobe_multi */
#define FEW_SITES 8

enum uprobe_way kernel_uprobe_choose(const struct image_prog *p, bool by_process)
{
	enum probe_kind kind = p->shape ? p->shape->kind : PROBE_BEGIN;

	if (kind != PROBE_UPROBE && kind != PROBE_URETPROBE && kind != PROBE_USDT)
		return UPROBE_NONE;
	if (features_has(FEATURE_UPROBE_MULTI) &&
	    (!by_process || features_has(FEATURE_UPROBE_MULTI_PROCESS)))
		return UPROBE_MULTI;
	if (p->shape->n_points > FEW_SITES && p->shape->points[0].pid <= 0 &&
	    features_has(FEATURE_UPROBE_EVENTS) &&
	    !(probe_is_kernel_return(p->shape) && kernel_sites_wanted(p)))
		return UPROBE_EVENT;
	return UPROBE_PERF;
}

/* why the kernel refused a site, in words of the site */
static struct err *explain_site(const struct probe_point *p, int32_t pid, int code)
{
	switch (code) {
	case ESRCH: return err_new(0, "process %d does not exist", pid);
	case ENOENT: return err_new(code, "'%.*s'", STR_ARG(p->path));
	case EINVAL:
		return err_new(
			0,
			"the kernel takes no probe at offset 0x%llx of '%.*s': not code, or past its end",
			(unsigned long long)p->file_offset, STR_ARG(p->path));
	case EBADF: return err_new(0, "'%.*s' is no regular file", STR_ARG(p->path));
	case ENOTSUP:
	case 524: /* the kernel's ENOTSUPP */
	case ENOEXEC:
		return err_new(0, "the instruction at offset 0x%llx of '%.*s' cannot be probed",
			       (unsigned long long)p->file_offset, STR_ARG(p->path));
	default:
		return sys_err_explain(err_new(code, "probe offset 0x%llx of '%.*s'",
					       (unsigned long long)p->file_offset,
					       STR_ARG(p->path)));
	}
}

/* ---- uprobe_multi ---- */

/*
 * points [from, to) of a shape, which are of one file; the arrays are over all points of the shape
 */
struct multi {
	struct engine *e;
	uint32_t prog;
	const struct probe_shape *shape;
	const char *path;
	uint64_t *offsets, *ref_ctr_offsets, *cookies;
	bool has_ref_ctr;
	int32_t pid; /* 0: every process */
	struct engine_attach_result *res;
	bool counts; /* count the points: with several processes, only those of the first */
};

static int multi_link(const struct multi *m, uint32_t from, uint32_t to)
{
	struct sys_uprobe_multi multi = {
		.path = m->path,
		.offsets = m->offsets + from,
		.ref_ctr_offsets = m->has_ref_ctr ? m->ref_ctr_offsets + from : NULL,
		.cookies = m->cookies + from,
		.n = to - from,
		.is_return = probe_is_kernel_return(m->shape),
		.pid = m->pid,
	};

	return sys_link_uprobe_multi(m->e->progs[m->prog].fd, &multi);
}

/*
 * One link for the range. When the kernel refuses it because of a site, halves are tried until the
 * site stands alone, so that the message names it and the others can be attached: 2 log2(n) calls
 * for each bad site.
 */
static struct err *multi_attach(const struct multi *m, uint32_t from, uint32_t to)
{
	uint32_t middle = from + (to - from) / 2;
	int fd = multi_link(m, from, to);
	int code = errno;

	if (fd >= 0) {
		kernel_link_add(m->e, (struct kernel_link){ .fd = fd,
							    .perf_fd = -1,
							    .prog = m->prog,
							    .path = m->shape->points[from].path });
		for (uint32_t i = from; m->counts && i < to; i++)
			m->res->n_attached += !m->shape->points[i].is_repeat;
		return NULL;
	}
	if (code == EINTR)
		return multi_attach(m, from, to);
	if (to - from == 1 || code == EPERM || code == ENOMEM || code == ESRCH || code == ENOENT ||
	    code == EBADF) {
		m->res->n_failed += to - from - 1;
		return kernel_attach_failed(m->e, m->prog, &m->shape->points[from],
					    explain_site(&m->shape->points[from], m->pid, code),
					    m->res);
	}
	TRY(multi_attach(m, from, middle));
	return multi_attach(m, middle, to);
}

/* a run of points of one file and process, attached for each process of -p */
static struct err *multi_attach_run(struct multi *m, uint32_t from, uint32_t to)
{
	const struct probe_point *first = &m->shape->points[from];
	struct sys_ints pids = { 0 };
	STRBUF_AUTO path = { 0 };
	struct err *err = NULL;

	strbuf_add_str(&path, first->path);
	m->path = strbuf_cstr(&path);
	kernel_point_pids(m->e, first, &pids);
	if (!pids.n)
		vec_push(&pids, 0);
	for (size_t i = 0; i < pids.n && !err; i++) {
		m->pid = pids.v[i];
		m->counts = i == 0;
		err = multi_attach(m, from, to);
	}
	vec_free(&pids);
	return err;
}

static struct err *attach_multi(struct engine *e, uint32_t prog, struct engine_attach_result *res)
{
	const struct probe_shape *shape = e->image->progs[prog]->shape;
	const struct probe_point *points = shape->points;
	uint32_t n = shape->n_points, to;
	struct multi m = { .e = e, .prog = prog, .shape = shape, .res = res };
	uint64_t *rows = base_alloc((size_t)n * 3 * sizeof(*rows));
	struct err *err = NULL;

	m.offsets = rows;
	m.ref_ctr_offsets = rows + n;
	m.cookies = rows + 2 * (size_t)n;
	for (uint32_t i = 0; i < n; i++) {
		m.offsets[i] = points[i].file_offset;
		m.ref_ctr_offsets[i] = points[i].ref_ctr_offset;
		m.cookies[i] = points[i].cookie;
		m.has_ref_ctr |= points[i].ref_ctr_offset != 0;
	}
	for (uint32_t from = 0; from < n && !err; from = to) {
		for (to = from + 1; to < n && str_eq(points[to].path, points[from].path) &&
				    points[to].pid == points[from].pid;
		     to++)
			;
		err = multi_attach_run(&m, from, to);
	}
	free(rows);
	return err;
}

/* ---- single perf events ---- */

static struct err *perf_attach(struct engine *e, uint32_t prog, const struct probe_point *p,
			       int32_t pid)
{
	const struct probe_shape *shape = e->image->progs[prog]->shape;
	int64_t type = sys_read_number("/sys/bus/event_source/devices/uprobe/type");
	struct perf_event_attr attr = { .config = probe_is_kernel_return(shape), .disabled = 1 };
	STRBUF_AUTO path = { 0 };
	int fd;

	if (type < 0) {
		struct err *err = features_missing("uprobe");

		return err ? err : err_new(0, "this kernel has no perf events for uprobes");
	}
	strbuf_add_str(&path, p->path);
	attr.type = (uint32_t)type;
	attr.uprobe_path = (uintptr_t)strbuf_cstr(&path);
	attr.probe_offset = p->file_offset;
	attr.config |= p->ref_ctr_offset
		       << 32; /* the upper half, see .../uprobe/format/ref_ctr_offset */
	/*
	 * of a process: the event follows all its threads, for a uprobe belongs to an address space
	 */
	fd = sys_perf_event_open(&attr, pid ? pid : -1, pid ? -1 : 0);
	if (fd < 0)
		return explain_site(p, pid, errno);
	return kernel_link_perf(e, prog, fd, p);
}

static struct err *attach_perf(struct engine *e, uint32_t prog, struct engine_attach_result *res)
{
	const struct probe_shape *shape = e->image->progs[prog]->shape;

	for (uint32_t i = 0; i < shape->n_points; i++) {
		const struct probe_point *p = &shape->points[i];
		struct sys_ints pids = { 0 };
		struct err *err = NULL;

		kernel_point_pids(e, p, &pids);
		if (!pids.n)
			vec_push(&pids, 0);
		for (size_t k = 0; k < pids.n && !err; k++)
			err = perf_attach(e, prog, p, pids.v[k]);
		vec_free(&pids);
		if (err)
			TRY(kernel_attach_failed(e, prog, p, err, res));
		else
			res->n_attached += !p->is_repeat;
	}
	return NULL;
}

static struct err *attach_by_way(struct engine *e, uint32_t prog, struct engine_attach_result *res)
{
	switch (e->progs[prog].way) {
	case UPROBE_MULTI: return attach_multi(e, prog, res);
	case UPROBE_EVENT: return kernel_uprobe_event_attach(e, prog, res);
	default: return attach_perf(e, prog, res);
	}
}

struct err *kernel_attach_uprobe(struct engine *e, uint32_t prog, struct engine_attach_result *res)
{
	struct sys_ints claims = { 0 };
	struct err *err = kernel_claim(e, prog, &claims);

	if (!err)
		err = attach_by_way(e, prog, res);
	kernel_unclaim(&claims);
	return err;
}
