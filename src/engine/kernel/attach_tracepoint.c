/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attaching tracepoints (a perf event of the tracepoint's id with the program linked to it) and raw
 * tracepoints (by name). One perf event on one CPU is enough: the program runs for the tracepoint
 * wherever it fires. For the same reason a process cannot be picked here; the program compares the
 * pid itself.
 */
#include "engine/kernel/kernel.h"

#include <errno.h>

static struct err *open_tracepoint(const struct probe_point *p, int *fd)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.config = p->tracepoint_id,
		.sample_period = 1,
		.disabled = 1,
	};

	*fd = sys_perf_event_open(&attr, -1, 0);
	if (*fd >= 0)
		return NULL;
	if (errno == ENOENT)
		return err_new(0, "this kernel has no tracepoint with id %u", p->tracepoint_id);
	return sys_err_explain(err_new(errno, "open the tracepoint"));
}

struct err *kernel_attach_tracepoint(struct engine *e, uint32_t prog,
				     struct engine_attach_result *res)
{
	const struct probe_shape *shape = e->image->progs[prog]->shape;

	for (uint32_t i = 0; i < shape->n_points; i++) {
		const struct probe_point *p = &shape->points[i];
		int fd = -1;
		struct err *err = open_tracepoint(p, &fd);

		if (!err)
			err = kernel_link_perf(e, prog, fd, p);
		if (err)
			TRY(kernel_attach_failed(e, prog, p, err, res));
		else
			res->n_attached += !p->is_repeat;
	}
	return NULL;
}

struct err *kernel_attach_rawtracepoint(struct engine *e, uint32_t prog,
					struct engine_attach_result *res)
{
	const struct probe_shape *shape = e->image->progs[prog]->shape;

	for (uint32_t i = 0; i < shape->n_points; i++) {
		const struct probe_point *p = &shape->points[i];
		STRBUF_AUTO name = { 0 };
		struct err *err;
		int fd, code;

		strbuf_add_str(&name, p->symbol);
		fd = sys_raw_tracepoint_open(strbuf_cstr(&name), e->progs[prog].fd, p->cookie);
		code = errno;
		if (fd >= 0) {
			kernel_link_add(
				e, (struct kernel_link){ .fd = fd, .perf_fd = -1, .prog = prog });
			res->n_attached += !p->is_repeat;
			continue;
		}
		if (code == ENOENT)
			err = err_new(0, "this kernel has no tracepoint '%s'", strbuf_cstr(&name));
		else if (code == EINVAL)
			err = err_new(
				0,
				"the program reads more arguments than the tracepoint '%s' has, or this "
				"kernel has no cookies for raw tracepoints",
				strbuf_cstr(&name));
		else
			err = sys_err_explain(
				err_new(code, "open the raw tracepoint '%s'", strbuf_cstr(&name)));
		TRY(kernel_attach_failed(e, prog, p, err, res));
	}
	return NULL;
}
