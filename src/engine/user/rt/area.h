/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stands at the beginning of the memory that a traced process shares with the tracer, and what the code that is copied into
 * the process finds by it. Everything behind it (maps, rings) is named by offsets from here. Freestanding, as map.h.
 */
#ifndef SONDE_ENGINE_USER_RT_AREA_H
#define SONDE_ENGINE_USER_RT_AREA_H

#include "engine/user/rt/map.h"
#include "engine/user/rt/ring.h"

struct rt_area {
	uint32_t n_cpus;  /* tables and rings for so many; a processor beyond takes the last one */
	uint32_t pid;     /* of the process, as the tracer sees it */
	uint32_t own_pid; /* as the process sees it */
	/* CLOCK_MONOTONIC in ns from the time stamp counter: start_ns + (tsc - start_tsc) * scale / 2^32; scale 0: by system call */
	uint64_t start_tsc, start_ns, clock_scale;
	uint64_t rings;       /* offset of the first struct rt_ring */
	uint64_t ring_stride; /* bytes from one to the next */
};

/*
 * The functions behind eBPF's helpers, as the JIT calls them: arguments and results of bpf-helpers(7). A map is the address of its struct
 * rt_map, the ring any number. They touch general registers only, and no memory of the process but its stack.
 */
#define RT_HELPERS(X)               \
	X(map_lookup_elem, 1)       \
	X(map_update_elem, 2)       \
	X(map_delete_elem, 3)       \
	X(ktime_get_ns, 5)          \
	X(get_smp_processor_id, 8)  \
	X(get_current_pid_tgid, 14) \
	X(probe_read_user, 112)     \
	X(probe_read_user_str, 114) \
	X(ringbuf_output, 130)      \
	X(ringbuf_reserve, 131)     \
	X(ringbuf_submit, 132)      \
	X(ringbuf_discard, 133)     \
	X(ringbuf_query, 134)       \
	X(map_lookup_percpu_elem, 195)

#endif
