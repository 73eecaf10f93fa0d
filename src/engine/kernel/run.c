/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs without an event (begin, end, self, test, bench) are RAW_TRACEPOINT programs that
 * BPF_PROG_TEST_RUN calls in our own context: pid, comm and stacks are those of sonde, as with any
 * other tracer. The kernel has no repeat for that type, so benchmarks loop here; their time is the
 * kernel's own account of the program (BPF_ENABLE_STATS), which leaves the system calls out, or,
 * where that is refused, the whole of the calls. Also: hits that the kernel itself did not deliver.
 */
#include "engine/kernel/kernel.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <bpf/bpf.h>
#include <errno.h>

/* arguments that a raw tracepoint program may read: MAX_BPF_FUNC_ARGS words */
#define CONTEXT_WORDS 12

static bool prog_info(int fd, struct bpf_prog_info *info)
{
	uint32_t size = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return bpf_obj_get_info_by_fd(fd, info, &size) == 0;
}

static struct err *run_again(struct engine *e, uint32_t prog, uint64_t *retval)
{
	uint64_t context[CONTEXT_WORDS] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = context, .ctx_size_in = sizeof(context));
	const struct image_prog *p = e->image->progs[prog];

	while (bpf_prog_test_run_opts(e->progs[prog].fd, &opts) < 0)
		if (errno != EINTR)
			return sys_err_explain(
				err_new(errno, "run program '%.*s'", STR_ARG(p->name)));
	if (retval)
		*retval = opts.retval;
	return NULL;
}

struct err *kernel_run_once(struct engine *e, uint32_t prog, uint32_t repeat, uint64_t *retval,
			    uint64_t *ns)
{
	FD_AUTO stats = ns ? bpf_enable_stats(BPF_STATS_RUN_TIME) : -1;
	struct bpf_prog_info before, after;
	bool counted = stats >= 0 && prog_info(e->progs[prog].fd, &before);
	uint64_t start = clock_monotonic_ns();

	for (uint32_t i = 0; i < repeat; i++)
		TRY(run_again(e, prog, retval));
	if (!ns)
		return NULL;
	*ns = (clock_monotonic_ns() - start) / (repeat ? repeat : 1);
	if (counted && prog_info(e->progs[prog].fd, &after) && after.run_cnt > before.run_cnt)
		*ns = (after.run_time_ns - before.run_time_ns) / (after.run_cnt - before.run_cnt);
	return NULL;
}

/* ---- messages: programs that the consumer runs for each ---- */

void *kernel_message(struct engine *e)
{
	return e->message;
}

struct err *kernel_run_message(struct engine *e, uint32_t prog, engine_event_fn *fn, void *arg)
{
	struct err *err = run_again(e, prog, NULL);

	kernel_ring_drain_messages(e, fn, arg);
	return err;
}

/* ---- hits that were not delivered ---- */

/* struct bpf_link_info of kernels from 6.7 on, as far as it is needed here */
struct link_info {
	uint32_t type, id, prog_id, pad;
	union {
		struct {
			uint64_t addrs;
			uint32_t count, flags;
			uint64_t missed;
		} kprobe_multi;
		uint8_t bytes[64];
	};
};

static uint64_t link_missed(int fd)
{
	struct link_info info;
	uint32_t size = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0 || info.type != BPF_LINK_TYPE_KPROBE_MULTI)
		return 0;
	return info.kprobe_multi.missed;
}

static uint64_t prog_missed(int fd)
{
	struct bpf_prog_info info;

	return fd >= 0 && prog_info(fd, &info) ? info.recursion_misses : 0;
}

uint64_t kernel_missed(struct engine *e, uint32_t prog)
{
	struct kernel_prog *k = &e->progs[prog];
	/* the kernel counts for all that have the program */
	uint64_t n = k->twin == IMAGE_NONE ? prog_missed(k->fd) : 0;

	vec_each(fd, &k->point_fds)
		n += prog_missed(*fd);
	vec_each(link, &e->links)
		if (link->prog == prog && link->fd >= 0)
			n += link_missed(link->fd);
	return n;
}
