/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stands at the beginning of the memory that a traced process shares with the tracer, and what the code that is copied into
 * the process finds by it. Everything behind it (maps, rings) is named by offsets from here. Freestanding, as map.h.
 */
#ifndef SONDE_ENGINE_USER_RT_AREA_H
#define SONDE_ENGINE_USER_RT_AREA_H

#include "engine/user/rt/map.h"
#include "engine/user/rt/ring.h"

/*
 * CLOCK_MONOTONIC in ns by the time stamp counter: ns + (stamp - tsc) * scale / 2^32. Two of them: the tracer writes the one that is not
 * used and then says so, several times a second (shared_clock.c). scale 0: by system call
 */
struct rt_clock {
	uint64_t tsc, ns, scale;
	uint64_t boot_offset, tai_offset; /* of those clocks from CLOCK_MONOTONIC, in ns */
	uint64_t padding[3];              /* to a power of two: code finds them by a shift */
};

struct rt_area {
	uint32_t is_on;  /* 0: every probe passes by */
	uint32_t n_cpus; /* tables and rings for so many; a processor beyond takes the last one */
	uint64_t rings;  /* offset of the first struct rt_ring */
	uint64_t ring_stride; /* bytes from one to the next */
	uint64_t ring_size;   /* of each one's data, a power of two */
	/* counts changes; clocks[clock_now % 2] is used. Beside is_on, so that a hit which asks for the time touches two lines here */
	uint64_t clock_now;
	uint64_t padding[3];
	struct rt_clock clocks[2]; /* a line each */
	uint64_t bytes;          /* of the memory, from here on */
	uint64_t n_missed_calls; /* whose return is not noticed: no room in the table of open calls */
	uint64_t n_missed_hits; /* no program ran: all of our own stacks were in use */
};

_Static_assert(offsetof(struct rt_area, clocks) == 64, "lines of the cache");

/*
 * A stack of ours, on which programs run where the traced program's own may have no room: see trampoline_stack.c. They lie one after the
 * other at multiples of their size; this stands in the highest bytes of each, and the stack grows down from it.
 */
struct rt_stack {
	uint32_t is_taken; /* by a thread, which is in a probe */
	uint32_t padding;
	uint64_t rsp; /* that thread's own, at the place */
	uint64_t unused[6];
};
enum { RT_STACK_BYTES = 16384, RT_STACK_SHIFT = 14 };
_Static_assert(sizeof(struct rt_stack) == 64, "a line of the cache");

/* addresses that are readable as long as the process lives, whatever it does: docs/internals/user-reads.md */
struct rt_range {
	uint64_t start, end;
};
enum { RT_SURE_RANGES = 4, RT_TIDS_BITS = 7, RT_TIDS = 1 << RT_TIDS_BITS };

/* how threads' entries are found and written, for code that looks at them without a call (inline_thread.c) */
enum {
	RT_TID_BITS = 22,         /* the kernel's PID_MAX_LIMIT */
	RT_THREAD_ALIGN_BITS = 6, /* control blocks are aligned so */
	RT_PAGE_BITS = 12,
};
#define RT_THREAD_FACTOR 0x9e3779b1u

/* of threads that lie at equal distances both numbers grow alike: added up they differ */
static inline uint32_t rt_thread_hash(uint64_t base, uint64_t page)
{
	return (uint32_t)((base >> RT_PAGE_BITS) + page) * RT_THREAD_FACTOR >> (32 - RT_TIDS_BITS);
}

/* what was found out about a thread; both words carry its tid, so that halves of two entries never match: see rt/thread.c */
struct rt_thread {
	uint64_t base_tid; /* where fs points, and the tid */
	uint64_t page_tid; /* a page of its stack, and the tid */
};

/*
 * The first page of what is private to a process. The kernel empties it when the process forks: in the child is_mine is 0, and probes
 * pass by. Made by the tracer while the process stands; afterwards only thread_* and seed are written, by the process itself.
 */
struct rt_private {
	uint32_t is_mine;
	uint32_t pid;     /* of the process, as the tracer sees it */
	uint32_t own_pid; /* as the process sees it */
	uint32_t has_other_pids; /* another pid namespace than the tracer's: of threads only the first is known */
	uint32_t has_other_users; /* another user namespace: uid_gid stands for all threads, for ever */
	uint32_t has_fsgsbase;   /* AT_HWCAP2 bit 1: fs's base can be read by an instruction */
	/* how threads are known again, with what stands at the end; 0 at first. On the line that every hit looks at */
	uint32_t thread_offset; /* from fs's base to where the kernel keeps the tid; 0: not known yet */
	uint32_t n_thread_misses;
	uint64_t uid_gid;        /* gid << 32 | uid, of the tracer's user namespace */
	uint64_t cgroup_id;      /* as bpf_get_current_cgroup_id gives it */
	uint64_t ns_dev, ns_ino; /* the tracer's pid namespace: stat of its /proc/self/ns/pid */
	struct rt_range sure[RT_SURE_RANGES]; /* unused ones: 0, 0 */
	uint64_t seed;                        /* of random numbers: anything */
	int64_t g_offset; /* from fs's base to where Go has the address of the goroutine; 0: it is no Go program, or not known */
	/* the first struct rt_stack, and where the last stack ends; both 0: there are none */
	uint64_t stacks, stacks_end;
	uint64_t padding[4]; /* threads begin on a line */
	struct rt_thread threads[RT_TIDS];
};
_Static_assert(sizeof(struct rt_private) <= 4096, "one page");

/*
 * A stack in a map of stacks: the values of an array, the number is the index. Written once, by who has made it RT_STACK_BUSY; complete when
 * state is the stack's hash.
 */
struct rt_kept_stack {
	uint64_t state; /* RT_STACK_FREE, RT_STACK_BUSY, or the hash */
	uint32_t pid, n; /* of the process, as the tracer sees it; frames */
	uint64_t frames[]; /* innermost first */
};
enum { RT_STACK_FREE, RT_STACK_BUSY, RT_STACK_FRAMES = 127 };
/* where a walk begins: bits */
enum { RT_FROM_IP = 1, RT_FROM_SLOT = 2 }; /* the context's ip; where rsp points to, which is the return address */

/*
 * The functions behind eBPF's helpers, as the JIT calls them: arguments and results of bpf-helpers(7). A map is the address of its struct
 * rt_map, the ring any number. They touch general registers only, and no memory of the process but its stack.
 */
#define RT_HELPERS(X)                   \
	X(map_lookup_elem, 1)           \
	X(map_update_elem, 2)           \
	X(map_delete_elem, 3)           \
	X(ktime_get_ns, 5)              \
	X(trace_printk, 6)              \
	X(get_prandom_u32, 7)           \
	X(get_smp_processor_id, 8)      \
	X(get_current_pid_tgid, 14)     \
	X(get_current_uid_gid, 15)      \
	X(get_current_comm, 16)         \
	X(perf_event_output, 25)        \
	X(get_stackid, 27)              \
	X(probe_write_user, 36)         \
	X(get_numa_node_id, 42)         \
	X(get_stack, 67)                \
	X(get_current_cgroup_id, 80)    \
	X(send_signal, 109)             \
	X(probe_read_user, 112)         \
	X(probe_read_kernel, 113)       \
	X(probe_read_user_str, 114)     \
	X(probe_read_kernel_str, 115)   \
	X(send_signal_thread, 117)      \
	X(get_ns_current_pid_tgid, 120) \
	X(ktime_get_boot_ns, 125)       \
	X(ringbuf_output, 130)          \
	X(ringbuf_reserve, 131)         \
	X(ringbuf_submit, 132)          \
	X(ringbuf_discard, 133)         \
	X(ringbuf_query, 134)           \
	X(copy_from_user, 148)          \
	X(for_each_map_elem, 164)       \
	X(trace_vprintk, 177)           \
	X(loop, 181)                    \
	X(strncmp, 182)                 \
	X(map_lookup_percpu_elem, 195)  \
	X(ktime_get_tai_ns, 208)

#endif
