/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything that a format of bpf_printk can say, for each call of `add`: the kernel's lines are the truth for those of a process. Formats that
 * are none print nothing, and their error is printed. For the program tests/progs/calls.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

const char constant[] = "of .rodata";
const unsigned char address[16] = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 1, 2, 30, 254, 127, 0, 0, 1 };
char in_data[] = "of .data";

static long wrong(const char *format, unsigned size)
{
	return bpf_trace_printk(format, size, 1, 2, 3);
}

SEC("uprobe")
int BPF_KPROBE(on_add, int a, int b)
{
	char on_stack[] = "of the stack";
	static const char no_kind[] = "none %q", too_many[] = "%d %d %d %d",
			  no_end[4] = { '%', 'd', 'x', 'x' };
	unsigned long long big = 0xfedcba9876543210ull + a;

	bpf_printk("nothing to say");
	bpf_printk("a line that ends %d\n", a);
	bpf_printk("ints %d %i %u", a, -a - 1, -a - 1);
	bpf_printk("hex %x %X %x", a + 0xabc, -1, -a);
	bpf_printk("longs %ld %lu %lx", -5l - a, big, big);
	bpf_printk("long longs %lld %llu %llx", -5ll - a, big, big);
	bpf_printk("low halves %d %u %x", big, big, big);
	bpf_printk("widths [%6d] [%-6d] [%06d]", a - 2, a - 2, a - 2);
	bpf_printk("widths [%12lx] [%-20llx] [%020llx]", big, big, big);
	bpf_printk("signs [%+d] [% d] [%+5d]", a, a, a - 5);
	bpf_printk("narrow [%1d] [%02x] [%-1d]", 12345 + a, 0x12345, 12345);
	bpf_printk("chars %c%c%c", 'a' + a, '%', 'z');
	bpf_printk("percents 100%% %d%%", a);
	bpf_printk("texts %s, %s, %s", constant, in_data, on_stack);
	bpf_printk("texts [%14s] [%-14s] [%2s]", constant, in_data, on_stack);
	bpf_printk("kernel's [%pks]", constant);
	bpf_printk("no text [%s]", (char *)8);
	bpf_printk("pointer %px", (void *)(0x7f0000001000 + a));
	bpf_printk("addresses %pI4 %pi4", address + 8, address + 8);
	bpf_printk("addresses %pI6 %pi6", address, address);
	bpf_printk("many %d %s %lx %c %u [%-4d] %llx", a, constant, big, 'x', b, a, big);
	bpf_printk("wrong %d %d", wrong(no_kind, sizeof(no_kind)),
		   wrong(too_many, sizeof(too_many)));
	bpf_printk("wrong %d", wrong(no_end, sizeof(no_end)));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
