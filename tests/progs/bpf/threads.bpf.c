/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests/run/object_user.test: work() of tests/progs/threads.c, hit by several threads at once: counted by key, by helpers that call back,
 * and sent; the program itself counts what its buffer had no room for. -DRESULT: a return that looks at the result.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct work_event {
	__u64 thread, i;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
	__type(value, struct work_event);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u64);
	__type(value, __u64);
} calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} sums SEC(".maps");

const volatile __u32 rounds = 4;
__u64 sent, lost;

static long add(__u32 i, void *sum)
{
	*(__u64 *)sum += i;
	return 0;
}

SEC("uprobe")
int work(struct pt_regs *ctx)
{
	struct work_event e = { PT_REGS_PARM1(ctx), PT_REGS_PARM2(ctx) };
	__u32 slot = e.thread & 7;
	__u64 zero = 0, sum = 0, *n;

	bpf_map_update_elem(&calls, &e.thread, &zero, BPF_NOEXIST);
	n = bpf_map_lookup_elem(&calls, &e.thread);
	if (n)
		__sync_fetch_and_add(n, 1);
	bpf_loop(rounds, add, &sum, 0);
	n = bpf_map_lookup_elem(&sums, &slot);
	if (n)
		__sync_fetch_and_add(n, sum);
	__sync_fetch_and_add(bpf_ringbuf_output(&events, &e, sizeof(e), 0) ? &lost : &sent, 1);
	return 0;
}

#ifdef RESULT
__u64 odd;

SEC("uretprobe")
int result(struct pt_regs *ctx)
{
	if (PT_REGS_RC(ctx) & 1)
		__sync_fetch_and_add(&odd, 1);
	return 0;
}
#endif

char LICENSE[] SEC("license") = "GPL";
