/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stacks of user programs by frame pointers, as bpf_get_stackid and bpf_get_stack give them: at a function's entry, where it returns, and with
 * frames left out. calls_by_stack counts by the numbers that the map of stacks has.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

enum { FRAMES = 6 };

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(key_size, 4);
	__uint(value_size, 127 * 8);
	__uint(max_entries, 8192);
} stacks SEC(".maps");

struct key {
	int stack, is_return;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct key);
	__type(value, __u64);
} calls_by_stack SEC(".maps");

unsigned long at_entry[FRAMES], at_return[FRAMES], skipped[FRAMES];
long n_entry, n_return, n_skipped, n_flags, n_odd;

static void count(void *ctx, int is_return)
{
	struct key k = { bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK), is_return };
	__u64 one = 1, *n = bpf_map_lookup_elem(&calls_by_stack, &k);

	if (n)
		__sync_fetch_and_add(n, 1);
	else if (bpf_map_update_elem(&calls_by_stack, &k, &one, BPF_NOEXIST)) {
		n = bpf_map_lookup_elem(&calls_by_stack, &k);
		if (n)
			__sync_fetch_and_add(n, 1);
	}
}

SEC("uprobe")
int on_entry(struct pt_regs *ctx)
{
	count(ctx, 0);
	n_entry = bpf_get_stack(ctx, at_entry, sizeof(at_entry), BPF_F_USER_STACK);
	n_flags = bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK | 1 << 15);
	n_odd = bpf_get_stack(ctx, skipped, 12, BPF_F_USER_STACK | 2); /* and zeroes */
	n_skipped = bpf_get_stack(ctx, skipped, sizeof(skipped), BPF_F_USER_STACK | 2);
	return 0;
}

SEC("uretprobe")
int on_return(struct pt_regs *ctx)
{
	count(ctx, 1);
	n_return = bpf_get_stack(ctx, at_return, sizeof(at_return), BPF_F_USER_STACK);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
