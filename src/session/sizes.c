/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes that follow from the machine; see sizes.h. */
#include "session/sizes.h"

#include <bpf/libbpf.h>
#include <unistd.h>

enum { PAGE = 4096, MIN_PAGES = 64, MAX_PAGES = 4096 };

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

uint32_t sizes_possible_cpus(void)
{
	int n = libbpf_num_possible_cpus();

	return n > 0 ? (uint32_t)n : 1;
}
