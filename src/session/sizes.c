/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes that follow from the machine; see sizes.h. */
#include "session/sizes.h"

#include <bpf/libbpf.h>
#include <unistd.h>

enum { PAGE = 4096, MIN_PAGES = 64, MAX_PAGES = 4096, CONTROL_PAGES = 16, STREAM_RING = 8 << 20 };

/* 1/4096 of the memory, between 256 KiB and 16 MiB: what bpftrace's documentation promises */
uint64_t sizes_ring_bytes(int64_t pages)
{
	uint64_t want = (uint64_t)pages * PAGE, size = (uint64_t)PAGE;

	if (pages <= 0) {
		want = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 4096;
		if (want < (uint64_t)MIN_PAGES * PAGE)
			want = (uint64_t)MIN_PAGES * PAGE;
		if (want > (uint64_t)MAX_PAGES * PAGE)
			want = (uint64_t)MAX_PAGES * PAGE;
	}
	while (size < want)
		size *= 2;
	return size;
}

static bool is_data(enum event_kind kind)
{
	/* of these at most one per map or script is on its way at a time */
	return kind != EVENT_EXIT && kind != EVENT_PRINT_MAP && kind != EVENT_CLEAR &&
	       kind != EVENT_ZERO;
}

uint64_t sizes_ring_for(const struct image *im, uint64_t ring_bytes)
{
	uint64_t control = (uint64_t)CONTROL_PAGES * PAGE;

	for (uint32_t i = 0; i < im->n_events; i++)
		if (is_data(im->events[i]->kind))
			return ring_bytes;
	return ring_bytes < control ? ring_bytes : control;
}

uint64_t sizes_ring_for_streams(uint64_t ring_bytes)
{
	uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

	while (ring_bytes < STREAM_RING && ring_bytes * 2 <= memory / 64)
		ring_bytes *= 2;
	return ring_bytes;
}

uint32_t sizes_possible_cpus(void)
{
	int n = libbpf_num_possible_cpus();

	return n > 0 ? (uint32_t)n : 1;
}
