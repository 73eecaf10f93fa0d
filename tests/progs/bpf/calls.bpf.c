/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * eBPF objects for tests/run/object.test, made with clang -target bpf when the test runs: what tests/progs/calls.c prints
 * of itself comes back through a ring, maps, a variable and bpf_printk. -DPROGS: the folder of the traced programs.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct event {
	__u32 pid;
	__s32 a, b;
	char comm[16];
};

struct key {
	__s64 rest;
	char word[8];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
	__type(value, struct event);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct key);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} each_cpu SEC(".maps");

__u64 total;

SEC("uprobe/" PROGS "/calls:add")
int on_add(struct pt_regs *ctx)
{
	struct key k = { PT_REGS_PARM1(ctx) % 3, "rest" };
	__u64 one = 1, *n;
	__u32 two = 2;
	struct event *e;

	total++;
	n = bpf_map_lookup_elem(&counts, &k);
	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(&counts, &k, &one, 0);
	n = bpf_map_lookup_elem(&each_cpu, &two);
	if (n)
		(*n)++;
#ifdef PRINTK /* the kernel has one pipe for it: two readers at a time share the lines */
	bpf_printk("add %d", (int)PT_REGS_PARM1(ctx));
#endif
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e)
		return 0;
	e->pid = bpf_get_current_pid_tgid() >> 32;
	e->a = PT_REGS_PARM1(ctx);
	e->b = PT_REGS_PARM2(ctx);
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	bpf_ringbuf_submit(e, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
