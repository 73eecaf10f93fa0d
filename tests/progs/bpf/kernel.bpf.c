/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sections that want kprobes, ftrace or the BPF security module: reads of 12345 bytes, counted by each way (tests/vm). */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, char[8]);
	__type(value, __u64);
} hits SEC(".maps");

static __always_inline int hit(const char name[8])
{
	__u64 zero = 0, *n;

	bpf_map_update_elem(&hits, name, &zero, BPF_NOEXIST);
	n = bpf_map_lookup_elem(&hits, name);
	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}

SEC("kprobe/vfs_read")
int by_kprobe(struct pt_regs *ctx)
{
	char name[8] = "kprobe";

	return PT_REGS_PARM3(ctx) == 12345 ? hit(name) : 0;
}

SEC("kretprobe/vfs_read")
int by_kretprobe(struct pt_regs *ctx)
{
	char name[8] = "kretp";

	return PT_REGS_RC(ctx) == 12345 ? hit(name) : 0;
}

SEC("fentry/vfs_read")
int by_fentry(__u64 *ctx)
{
	char name[8] = "fentry";

	return ctx[2] == 12345 ? hit(name) : 0;
}

SEC("fexit/vfs_read")
int by_fexit(__u64 *ctx)
{
	char name[8] = "fexit";

	return ctx[4] == 12345 ? hit(name) : 0;
}

#ifdef LSM
/* it is the hook's answer: 0 lets the caller go on */
SEC("lsm/file_open")
int by_lsm(__u64 *ctx)
{
	char name[8] = "lsm", comm[16] = "", want[8] = "openers";

	bpf_get_current_comm(comm, sizeof(comm));
	for (int i = 0; i < 8; i++)
		if (comm[i] != want[i])
			return 0;
	return hit(name);
}
#endif

char LICENSE[] SEC("license") = "GPL";
