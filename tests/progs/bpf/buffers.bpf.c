/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two rings and a perf buffer, each with records of its own, and lines of bpf_printk between them: for the program tests/progs/calls. */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct first {
	long a;
};
struct second {
	long a, b;
};
struct third {
	int sum;
};
const struct third *unused __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
	__type(value, struct first);
} ones SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
	__type(value, struct second);
} twos SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__type(key, int);
	__type(value, struct third);
} threes SEC(".maps");

SEC("uprobe")
int BPF_KPROBE(on_add, long a, long b)
{
	struct first one = { a };
	struct third three = { (int)(a + b) };
	struct second *two = bpf_ringbuf_reserve(&twos, sizeof(*two), 0);

	bpf_ringbuf_output(&ones, &one, sizeof(one), 0);
	bpf_printk("between %ld", a);
	if (two) {
		two->a = a;
		two->b = b;
		bpf_ringbuf_submit(two, 0);
	}
	bpf_perf_event_output(ctx, &threes, BPF_F_CURRENT_CPU, &three, sizeof(three));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
