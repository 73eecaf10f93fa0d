/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets that programs send with bpf_skb_output. That helper copies the data of a socket buffer, fragments included, but
 * only into perf rings: one for each CPU, read by libbpf, beside the ring that all other events travel in. A sample is
 * a record as in the ring: struct event_head, then the payload. A packet's order among other events is not kept.
 */
#include "engine/kernel/kernel.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <sys/epoll.h>

enum { PAGES_PER_CPU = 64 };

struct kernel_packets {
	struct perf_buffer *buffer;
	engine_event_fn *fn; /* during a poll */
	void *arg;
};

static void take_sample(void *ctx, int cpu, void *data, __u32 size)
{
	struct kernel_packets *p = ctx;

	if (p->fn && size >= sizeof(struct event_head))
		p->fn(p->arg, data, (const char *)data + sizeof(struct event_head),
		      size - (uint32_t)sizeof(struct event_head));
}

static int find_map(const struct engine *e)
{
	for (uint32_t i = 0; i < e->image->n_maps; i++)
		if (e->image->maps[i]->role == MAP_PACKETS)
			return e->map_fds[i];
	return -1;
}

struct err *kernel_packets_open(struct engine *e)
{
	int map = find_map(e);
	struct kernel_packets *p;

	if (map < 0)
		return NULL;
	p = base_alloc(sizeof(*p));
	/* what does not fit is counted by the program: the helper fails there */
	p->buffer = perf_buffer__new(map, PAGES_PER_CPU, take_sample, NULL, p, NULL);
	if (!p->buffer) {
		int code = errno;

		free(p);
		return sys_err_explain(err_new(code, "make the rings for packets"));
	}
	e->packets = p;
	return NULL;
}

int kernel_packets_fd(const struct engine *e)
{
	return e->packets ? perf_buffer__epoll_fd(e->packets->buffer) : -1;
}

uint64_t kernel_packets_drain(struct engine *e, engine_event_fn *fn, void *arg)
{
	struct kernel_packets *p = e->packets;
	int n;

	if (!p)
		return 0;
	p->fn = fn;
	p->arg = arg;
	n = perf_buffer__consume(p->buffer);
	p->fn = NULL;
	return n > 0 ? (uint64_t)n : 0;
}

void kernel_packets_close(struct engine *e)
{
	if (!e->packets)
		return;
	perf_buffer__free(e->packets->buffer);
	free(e->packets);
	e->packets = NULL;
}
