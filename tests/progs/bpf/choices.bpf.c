/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An object for several kernels and cases, as those of libbpf's world are: a variable says what it is to do, one of its programs is for a
 * kernel's function that no kernel has, and a map has no size. -DCHOICE='const volatile int', with a value other than 0: what a process
 * cannot do is done.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#ifndef CHOICE
#define CHOICE const volatile int
#endif
#ifndef VALUE
#define VALUE 0
#endif

CHOICE in_group = VALUE;
const volatile long units[3] = { 7, 1, 5 };
const volatile unsigned char which = 2;

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} group SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__type(key, __u32);
} stacks SEC(".maps");

long sum, calls;

SEC("fentry/no_kernel_has_this")
int other_way(void *ctx)
{
	calls += 1000;
	return 0;
}

static __attribute__((noinline)) long counted(void *ctx)
{
	if (in_group && !bpf_current_task_under_cgroup(&group, 0))
		return 0;
	if (in_group > 3)
		return bpf_get_stackid(ctx, &stacks, 0);
	return which == 2 ? units[2] : bpf_get_stackid(ctx, &stacks, 0);
}

SEC("kprobe/dummy")
int BPF_KPROBE(on_add, int a)
{
	long unit = counted(ctx);

	if (!unit)
		return 0;
	__sync_fetch_and_add(&sum, a * unit);
	__sync_fetch_and_add(&calls, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
