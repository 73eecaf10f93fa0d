/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a checked unit to linear IR and the data parts of the image (maps, events, faults,
 * constants). Module and image live in the unit's arena and point into the unit (types, names,
 * nodes): they end with it. The options are read during the call only.
 */
#ifndef SONDE_IR_BUILD_H
#define SONDE_IR_BUILD_H

#include "base/err.h"
#include "ir/ir.h"
#include "sema/sema.h"

/*
 * What the unwinder of user stacks reads of the kernel's structures: offsets in bytes, -1: not known. Without those of
 * the mm no process can be told from its successor, and user stacks are left to bpf_get_stack.
 */
struct ir_unwind_opts {
	bool is_on;
	bool is_in_process; /* nothing of the kernel can be looked at (user engine): not who the process is, nor pending uretprobes */
	int32_t task_mm, mm_start_stack, mm_start_code;
	/* pending uretprobes, which hide return addresses */
	int32_t mm_xol_area, xol_vaddr, task_utask, utask_instances;
	int32_t utask_vaddr,
		utask_xol_vaddr; /* an instruction being stepped: its place, and its copy's */
	int32_t instance_stack, instance_address, instance_next;
};

/* where the kernel keeps sockets and their addresses: offsets in bytes; sk_v6_*: -1 without IPv6 */
struct ir_socket_opts {
	bool is_known;
	int32_t task_files, files_fdt, fdt_max_fds, fdt_fd, file_private, file_inode, inode_mode;
	int32_t socket_sk, sk_family, sk_num, sk_dport, sk_daddr, sk_rcv_saddr;
	int32_t sk_v6_daddr, sk_v6_rcv_saddr;
};

struct ir_build_opts {
	const int32_t *pids; /* -p: programs that are not attached per process test the process id */
	uint32_t n_pids;
	/* --follow: shapes of the tracepoints sched_process_fork and _exit, raw or not; NULL: children are not followed */
	const struct probe_shape *fork_shape, *exit_shape;
	int32_t task_pid;    /* of a task_struct, where fork_shape is the raw tracepoint */
	uint64_t ring_bytes; /* size of the ring, a power of two */
	uint64_t cgroup_id;  /* --cgroup: 0 none */
	bool warn_helpers;   /* -k: failed reads and lookups are faults */
	uint64_t pidns_dev,
		pidns_ino; /* the tracer's pid namespace when it is not the initial one, else 0 */
	const char *
		dummy_ts_map; /* tests: name of a scalar map that holds the time for tseries(), or NULL */
	bool has_func_ip; /* bpf_get_func_ip works for uprobes (uprobe_multi) */
	/* fills o; asked when the first user stack of an engine is met. NULL: no unwinding */
	void (*find_unwind)(void *arg, bool in_process, struct ir_unwind_opts *o);
	/* fills o; asked when the first socket is met. NULL: addresses of sockets are not known */
	void (*find_socket)(void *arg, struct ir_socket_opts *o);
	void *unwind_arg; /* of both */
	uint32_t n_cpus;
	bool has_no_books; /* calls that are kept are not counted: nobody will ask (-v) */
	bool is_user; /* all programs are for the user engine */
	/* which programs are for the user engine, of an image for both: events then carry the time. NULL: it is for one engine */
	bool (*is_in_process)(void *arg, const struct probe_shape *s);
	bool has_budget; /* --budget: user probes count their hits and can be told to leave some out */
	/* add to this image (image_extend), whose programs, maps and events stay as they are; NULL: make a new one */
	struct image *base;
	uint32_t fault_room;                              /* see struct image */
	bool (*has_feature)(void *arg, const char *name); /* as sema_world.has_feature */
	void *feature_arg;
};

/*
 * Build the module; its image has everything but the code (src/ebpf adds that). Errors are limits of the script
 * (too much scratch memory) reported to diags; NULL then.
 */
struct ir_module *ir_build(const struct unit *u, const struct ir_build_opts *o,
			   struct diag_list *diags);

#endif
