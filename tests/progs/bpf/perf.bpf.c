/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A uretprobe and a usdt-free tracepoint with perf buffers: one of a named type, one whose records nothing describes. */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct sum_event {
	__s64 result;
	__u64 thread;
};
const struct sum_event *unused __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} sums SEC(".maps");

SEC("uretprobe/" PROGS "/calls:add")
int added(struct pt_regs *ctx)
{
	struct sum_event e = { PT_REGS_RC(ctx), (__u32)bpf_get_current_pid_tgid() };

	bpf_perf_event_output(ctx, &sums, BPF_F_CURRENT_CPU, &e, sizeof(e));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
