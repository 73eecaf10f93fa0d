/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel engine: runs an image by bpf(2). This file opens and closes it and holds the table of
 * its operations; see kernel.h for the files behind them and for which program types the image must
 * carry.
 */
#include "engine/kernel/kernel.h"

#include <bpf/libbpf.h>
#include <errno.h>

/* libbpf would write its own messages to stderr; ours say the same with more around it */
static int no_print(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static struct engine *engine_new(const struct image *im, struct sources *s,
				 const struct engine_opts *opts)
{
	struct engine *e = base_alloc(sizeof(*e));
	int cpus = libbpf_num_possible_cpus();

	e->image = im;
	e->sources = s;
	e->opts = *opts;
	e->n_cpus = cpus > 0 ? (uint32_t)cpus : 1;
	e->btf_fd = e->epoll_fd = e->keeper_fd = -1;
	e->map_fds = base_alloc((im->n_maps + 1) * sizeof(*e->map_fds));
	for (uint32_t i = 0; i < im->n_maps; i++)
		e->map_fds[i] = -1;
	e->progs = base_alloc((im->n_progs + 1) * sizeof(*e->progs));
	for (uint32_t i = 0; i < im->n_progs; i++)
		e->progs[i] = (struct kernel_prog){ .fd = -1, .twin = IMAGE_NONE, .sites_fd = -1 };
	return e;
}

static void kernel_close(struct engine *e)
{
	if (!e)
		return;
	kernel_detach(e);
	kernel_detach_late(e);
	vec_free(&e->links);
	kernel_ring_close(e);
	kernel_progs_unload(e);
	kernel_maps_destroy(e);
	free(e);
}

static struct err *kernel_open(const struct image *im, struct sources *s,
			       const struct engine_opts *opts, struct engine **ret)
{
	struct engine *e;
	struct err *err;

	*ret = NULL;
	libbpf_set_print(no_print);
	if (opts->no_feature)
		TRY(features_disable(opts->no_feature));
	e = engine_new(im, s, opts);
	err = kernel_maps_create(e);
	if (!err)
		err = kernel_ring_open(e);
	if (!err)
		err = kernel_progs_load(e);
	if (err) {
		kernel_close(e);
		return err;
	}
	kernel_describe(e);
	*ret = e;
	return NULL;
}

static struct image_globals *kernel_globals(struct engine *e)
{
	return e->globals;
}

static const struct image_fault_count *kernel_faults(struct engine *e)
{
	return e->faults;
}

static uint64_t kernel_event_time(struct engine *e)
{
	return e->event_time;
}

static uint32_t kernel_n_cpus(struct engine *e)
{
	return e->n_cpus;
}

static bool kernel_is_finished(struct engine *e)
{
	return e->iter_running && __atomic_load_n(&e->iter_done, __ATOMIC_ACQUIRE);
}

const struct engine_ops engine_kernel = {
	.name = "kernel",
	.open = kernel_open,
	.run_once = kernel_run_once,
	.message = kernel_message,
	.run_message = kernel_run_message,
	.attach = kernel_attach,
	.extend = kernel_extend,
	.drop_group = kernel_drop_group,
	.drop_file = kernel_drop_file,
	.poll = kernel_poll,
	.poll_fd = kernel_poll_fd,
	.event_time = kernel_event_time,
	.map_each = kernel_map_each,
	.map_lookup = kernel_map_lookup,
	.map_update = kernel_map_update,
	.map_delete = kernel_map_delete,
	.set_table = kernel_set_table,
	.map_clear = kernel_map_clear,
	.map_zero = kernel_map_zero,
	.globals = kernel_globals,
	.faults = kernel_faults,
	.n_cpus = kernel_n_cpus,
	.unwatch = kernel_unwatch,
	.missed = kernel_missed,
	.way_ns = kernel_way_ns,
	.drop_clause = kernel_drop_clause,
	.resume_clause = kernel_resume_clause,
	.is_finished = kernel_is_finished,
	.detach = kernel_detach,
	.close = kernel_close,
};
