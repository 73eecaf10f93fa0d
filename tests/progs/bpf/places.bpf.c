/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sections that name no place, or one that is none for tracing; a tracepoint, a raw tracepoint, samples; bytes of no type. */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#if defined(USDT) || defined(OPERANDS)
#include <stdbool.h>

#include <bpf/usdt.bpf.h>
#endif

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, char[8]);
	__type(value, __u64);
} hits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} raw SEC(".maps");

static __always_inline int hit(const char name[8])
{
	__u64 zero = 0, *n;

	bpf_map_update_elem(&hits, name, &zero, BPF_NOEXIST);
	n = bpf_map_lookup_elem(&hits, name);
	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}

#ifdef USER
SEC("uprobe")
int plain(struct pt_regs *ctx)
{
#ifdef WORD
	__u8 bytes[9] = { 1, 'a', ' ', 'w', 'o', 'r', 'd', 0, 0xab };
#else
	__u8 bytes[3] = { 1, 0xab, PT_REGS_PARM2(ctx) };
#endif
	char name[8] = "plain";

	bpf_ringbuf_output(&raw, bytes, sizeof(bytes), 0);
	return hit(name);
}
#endif

#ifdef USDT
SEC("usdt/" PROGS "/usdts:probes:constants")
int static_probe(struct pt_regs *ctx)
{
	char name[8] = "usdt";
	long second = 0;

	bpf_usdt_arg(ctx, 1, &second);
	return second == -9 ? hit(name) : 0;
}
#endif

#ifdef OPERANDS
struct operands_event {
	long v[8];
};
const struct operands_event *unused __attribute__((unused));

SEC("usdt/" PROGS "/usdts:probes:widths")
int operands(struct pt_regs *ctx)
{
	struct operands_event e = {};

	for (int i = 0; i < 8; i++)
		bpf_usdt_arg(ctx, i, &e.v[i]);
	bpf_ringbuf_output(&raw, &e, sizeof(e), 0);
	return 0;
}
#endif

#ifdef FORGETS
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16);
	__type(key, __u64);
	__type(value, __u64);
} recent SEC(".maps");

long refused;

SEC("uprobe/" PROGS "/calls:add")
int forgets(struct pt_regs *ctx)
{
	__u64 a = PT_REGS_PARM1(ctx);

	if (bpf_map_update_elem(&recent, &a, &a, 0))
		refused++;
	return 0;
}
#endif

#ifdef KERNEL
SEC("tracepoint/syscalls/sys_enter_getppid")
int on_getppid(void *ctx)
{
	char name[8] = "tp";

	return hit(name);
}

SEC("raw_tp/sys_enter")
int on_enter(struct bpf_raw_tracepoint_args *ctx)
{
	char name[8] = "raw";

	return ctx->args[1] == 110 ? hit(name) : 0; /* getppid */
}
#endif

#ifdef SAMPLES
SEC("perf_event")
int sample(void *ctx)
{
	char name[8] = "sample";

	return hit(name);
}
#endif

#ifdef NET
SEC("xdp")
int packet(struct xdp_md *ctx)
{
	return XDP_PASS;
}
#endif

char LICENSE[] SEC("license") = "GPL";
