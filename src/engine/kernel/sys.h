/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bottom of the kernel engine: system calls that neither libc nor libbpf 1.1 wraps, small files
 * of /proc and /sys, and why the kernel said no. Knows nothing of images or probes. Strings given
 * back are the caller's to free.
 */
#ifndef SONDE_ENGINE_KERNEL_SYS_H
#define SONDE_ENGINE_KERNEL_SYS_H

#include "base/err.h"
#include "base/vec.h"

#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sys/types.h>
#include <unistd.h>

/* VEC(int32_t) with a tag, so that it can be passed on */
struct sys_ints {
	int32_t *v;
	size_t n, cap;
};

/* perf_event_open(2), close-on-exec; -1 and errno */
int sys_perf_event_open(struct perf_event_attr *attr, pid_t pid, int cpu);
/* expected_attach_type and link attributes of kernels newer than the headers that we build with */
#define SYS_BPF_TRACE_UPROBE_MULTI 48
#define SYS_BPF_F_UPROBE_MULTI_RETURN 1u

struct sys_uprobe_multi {
	const char *path;
	const uint64_t *offsets;
	const uint64_t *ref_ctr_offsets; /* or NULL */
	const uint64_t *cookies;         /* or NULL */
	uint32_t n;
	bool is_return;
	int32_t pid; /* 0: every process */
};
/* fd of the link, or -1 and errno */
int sys_link_uprobe_multi(int prog_fd, const struct sys_uprobe_multi *m);
/* fd of the link, or -1 and errno; cookie 0 is not passed, for kernels before 6.10 */
int sys_raw_tracepoint_open(const char *name, int prog_fd, uint64_t cookie);

/* whole text of a small file into *out; false and errno */
bool sys_read_file(const char *path, struct strbuf *out);
/* the decimal number that a file holds, or -1 */
int64_t sys_read_number(const char *path);
/* CPUs of a list like "0-3,8" (/sys/devices/system/cpu/online); never empty */
void sys_online_cpus(struct sys_ints *out);
bool sys_process_exists(int32_t pid);
/* mount point of tracefs, or NULL when there is none */
const char *sys_tracefs(void);

/*
 * Give e the hint that fits its code: which capability this process lacks, which sysctl or which
 * lockdown forbids it, that locked memory is out. Returns e.
 */
struct err *sys_err_explain(struct err *e);

#endif
