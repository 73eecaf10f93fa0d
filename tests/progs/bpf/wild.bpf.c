/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs that no verifier takes, beside one that it does: a store to and a load from where the traced program says, a loop without an end, a
 * record that is kept. The registers are read by relocations (CO-RE), as in objects that include vmlinux.h. -DGOOD: only what is right.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* less than there is: where they are is the loader's to know */
struct pt_regs {
	unsigned long si, ip, di;
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} records SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, long);
	__type(value, long);
	__uint(max_entries, 64);
} sums SEC(".maps");

long adds, behind, spins;

SEC("uprobe//:add")
int on_add(struct pt_regs *ctx)
{
	long key = (long)ctx->di, sum = (long)(ctx->di + ctx->si);

	bpf_map_update_elem(&sums, &key, &sum, BPF_ANY);
	__sync_fetch_and_add(&adds, 1);
	return 0;
}

#ifndef GOOD
SEC("uprobe//:sum")
int on_sum(struct pt_regs *ctx)
{
	*(volatile int *)ctx->di = 77;
	behind++;
	return 0;
}

SEC("uprobe//:factorial")
int on_factorial(struct pt_regs *ctx)
{
	behind += *(volatile long *)ctx->di;
	return 0;
}

SEC("uprobe//:negate")
int on_negate(struct pt_regs *ctx)
{
	for (;;)
		*(volatile long *)&spins += 1;
	return 0;
}

SEC("uprobe//:show")
int on_show(struct pt_regs *ctx)
{
	long *kept = bpf_ringbuf_reserve(&records, 64, 0);

	if (kept)
		*kept = 1;
	return 0;
}
#endif

char LICENSE[] SEC("license") = "GPL";
