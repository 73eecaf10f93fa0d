/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attaching kprobes and kretprobes (one kprobe_multi link for many functions, perf events for
 * single ones), fentry and fexit (a program for each function), and iterators. Kernels without
 * ftrace or kprobes, as those of small virtual machines, refuse all but iterators; the message then
 * says which option the kernel lacks.
 */
#include "engine/kernel/kernel.h"

#include "base/log.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <signal.h>

/* ---- kprobes ---- */

static const char *kind_name(enum probe_kind kind)
{
	static const char *const names[] = {
#define PROVIDER(kind, name, ...) name,
#include "probe/providers.def"
#undef PROVIDER
	};

	return names[kind];
}

/* the reason of the kernel as a whole, else that of this function */
static struct err *explain_function(enum probe_kind kind, const struct probe_point *p, int code)
{
	struct err *err = features_missing(kind_name(kind));

	if (err)
		return err;
	if (code == ENOENT || code == ESRCH)
		return err_new(0, "this kernel has no function '%.*s', or it is not traceable",
			       STR_ARG(p->symbol));
	if (code == EILSEQ)
		return err_hint(
			err_new(code, "'%.*s'", STR_ARG(p->symbol)),
			"Possible attachment attempt in the middle of an instruction, try a different offset.");
	return sys_err_explain(
		err_new(code, "probe the kernel function '%.*s'", STR_ARG(p->symbol)));
}

static struct err *attach_kprobe_multi(struct engine *e, uint32_t prog,
				       struct engine_attach_result *res)
{
	const struct probe_shape *shape = e->image->progs[prog]->shape;
	uint32_t n = shape->n_points;
	const char **names = base_alloc(n * sizeof(*names));
	__u64 *cookies = base_alloc(n * sizeof(*cookies));
	LIBBPF_OPTS(bpf_link_create_opts, opts, .kprobe_multi.syms = names,
		    .kprobe_multi.cookies = cookies, .kprobe_multi.cnt = n,
		    .kprobe_multi.flags = shape->is_return ? BPF_F_KPROBE_MULTI_RETURN : 0);
	struct err *err = NULL;
	int fd;

	for (uint32_t i = 0; i < n; i++) {
		names[i] = base_strndup(shape->points[i].symbol);
		cookies[i] = shape->points[i].cookie;
	}
	fd = bpf_link_create(e->progs[prog].fd, 0, BPF_TRACE_KPROBE_MULTI, &opts);
	if (fd >= 0) {
		kernel_link_add(e, (struct kernel_link){ .fd = fd, .perf_fd = -1, .prog = prog });
		res->n_attached += n;
	} else {
		err = explain_function(shape->kind, &shape->points[0], errno);
		err = kernel_attach_failed(e, prog, &shape->points[0], err, res);
	}
	for (uint32_t i = 0; i < n; i++)
		free((char *)(uintptr_t)names[i]);
	free(names);
	free(cookies);
	return err;
}

static struct err *attach_kprobe_perf(struct engine *e, uint32_t prog, const struct probe_point *p)
{
	const struct probe_shape *shape = e->image->progs[prog]->shape;
	int64_t type = sys_read_number("/sys/bus/event_source/devices/kprobe/type");
	struct perf_event_attr attr = { .config = shape->is_return,
					.disabled = 1,
					.probe_offset = p->func_offset };
	STRBUF_AUTO name = { 0 };
	int fd;

	if (type < 0)
		return explain_function(shape->kind, p, ENODEV);
	attr.type = (uint32_t)type;
	strbuf_add_str(&name, p->symbol);
	if (p->symbol.n)
		attr.kprobe_func = (uintptr_t)strbuf_cstr(&name);
	else
		attr.kprobe_addr = p->address;
	fd = sys_perf_event_open(&attr, -1, 0);
	if (fd < 0)
		return explain_function(shape->kind, p, errno);
	return kernel_link_perf(e, prog, fd, p);
}

struct err *kernel_attach_kprobe(struct engine *e, uint32_t prog, struct engine_attach_result *res)
{
	const struct probe_shape *shape = e->image->progs[prog]->shape;

	if (e->progs[prog].attach_type == BPF_TRACE_KPROBE_MULTI)
		return attach_kprobe_multi(e, prog, res);
	for (uint32_t i = 0; i < shape->n_points; i++) {
		struct err *err = attach_kprobe_perf(e, prog, &shape->points[i]);

		if (err)
			TRY(kernel_attach_failed(e, prog, &shape->points[i], err, res));
		else
			res->n_attached++;
	}
	return NULL;
}

/* ---- fentry, fexit ---- */

/* the program of a point: that of the first was loaded with the image */
static struct err *point_program(struct engine *e, uint32_t prog, uint32_t point, int *fd)
{
	struct kernel_prog *k = &e->progs[prog];

	if (point == 0) {
		*fd = k->fd;
		return NULL;
	}
	TRY(kernel_prog_load_point(e, prog, &e->image->progs[prog]->shape->points[point], fd));
	vec_push(&k->point_fds, *fd);
	return NULL;
}

static struct err *attach_function(struct engine *e, uint32_t prog, uint32_t point)
{
	const struct probe_shape *shape = e->image->progs[prog]->shape;
	LIBBPF_OPTS(bpf_link_create_opts, opts, .tracing.cookie = shape->points[point].cookie);
	int fd, link;

	TRY(point_program(e, prog, point, &fd));
	link = bpf_link_create(fd, 0, (enum bpf_attach_type)e->progs[prog].attach_type, &opts);
	if (link < 0)
		return explain_function(shape->kind, &shape->points[point], errno);
	kernel_link_add(e, (struct kernel_link){ .fd = link, .perf_fd = -1, .prog = prog });
	return NULL;
}

struct err *kernel_attach_fentry(struct engine *e, uint32_t prog, struct engine_attach_result *res)
{
	const struct probe_shape *shape = e->image->progs[prog]->shape;

	for (uint32_t i = 0; i < shape->n_points; i++) {
		struct err *err = attach_function(e, prog, i);

		if (err)
			TRY(kernel_attach_failed(e, prog, &shape->points[i], err, res));
		else
			res->n_attached++;
	}
	return NULL;
}

/* ---- iterators ---- */

static struct err *iter_link(struct engine *e, uint32_t prog, uint32_t point, int *link)
{
	const struct probe_point *p = &e->image->progs[prog]->shape->points[point];
	union bpf_iter_link_info info = { 0 };
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	struct sys_ints pids = { 0 };
	int fd;

	TRY(point_program(e, prog, point, &fd));
	kernel_point_pids(e, p, &pids);
	if (pids.n) {
		info.task.pid = (uint32_t)pids.v[0];
		opts.iter_info = &info;
		opts.iter_info_len = sizeof(info);
	}
	vec_free(&pids);
	*link = bpf_link_create(fd, 0, BPF_TRACE_ITER, &opts);
	if (*link < 0)
		return sys_err_explain(
			err_new(errno, "make the iterator '%.*s'", STR_ARG(p->symbol)));
	return NULL;
}

/* with a path the link is pinned there, for others to read; else it is read when all is attached */
static struct err *attach_iterator(struct engine *e, uint32_t prog, uint32_t point)
{
	const struct probe_point *p = &e->image->progs[prog]->shape->points[point];
	STRBUF_AUTO path = { 0 };
	int link, fd;

	TRY(iter_link(e, prog, point, &link));
	kernel_link_add(e, (struct kernel_link){ .fd = link, .perf_fd = -1, .prog = prog });
	if (p->path.n) {
		strbuf_add_str(&path, p->path);
		if (bpf_obj_pin(link, strbuf_cstr(&path)) < 0)
			return err_new(errno, "pin the iterator at '%s'", strbuf_cstr(&path));
		return NULL;
	}
	fd = bpf_iter_create(link);
	if (fd < 0) {
		int code = errno;

		return sys_err_explain(
			err_new(code, "start the iterator '%.*s'", STR_ARG(p->symbol)));
	}
	vec_push(&e->iter_fds, fd);
	return NULL;
}

struct err *kernel_attach_iter(struct engine *e, uint32_t prog, struct engine_attach_result *res)
{
	const struct probe_shape *shape = e->image->progs[prog]->shape;

	for (uint32_t i = 0; i < shape->n_points; i++) {
		struct err *err = attach_iterator(e, prog, i);

		if (err)
			TRY(kernel_attach_failed(e, prog, &shape->points[i], err, res));
		else
			res->n_attached++;
	}
	return NULL;
}

/*
 * Reading an iterator runs its program for each object. What the program prints comes as events;
 * text that the kernel's seq_file would give is not used.
 */
static void *read_iterators(void *arg)
{
	struct engine *e = arg;
	char text[4096];

	for (size_t i = 0; i < e->iter_fds.n; i++) {
		ssize_t n;

		do
			n = read(e->iter_fds.v[i], text, sizeof(text));
		while (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)));
	}
	__atomic_store_n(&e->iter_done, 1, __ATOMIC_RELEASE);
	return NULL;
}

struct err *kernel_iter_start(struct engine *e)
{
	sigset_t all, before;
	int code;

	if (!e->iter_fds.n)
		return NULL;
	/* signals are the session's: its thread must get them */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	code = pthread_create(&e->iter_thread, NULL, read_iterators, e);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (code)
		return err_new(code, "start the thread that reads iterators");
	e->iter_running = true;
	return NULL;
}

void kernel_iter_stop(struct engine *e)
{
	/*
	 * programs end at once when the script is exiting, so that the walk of the kernel is soon
	 * over
	 */
	if (e->iter_running)
		pthread_join(e->iter_thread, NULL);
	e->iter_running = false;
	vec_each(fd, &e->iter_fds)
		close(*fd);
	vec_free(&e->iter_fds);
}
