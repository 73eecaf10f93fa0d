/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads operands of usdt probes in the form that usdt.bpf.h has since libbpf 1.7, as clang lays it out: written out here, since the header that is
 * installed may be older. Prints four of them by bpf_printk.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>

struct operand {
	__u64 value;
	__u8 kind, unused1;
	__u16 index; /* 12 bits: where the register is; 4 bits: log2 of the scale */
	__u16 unused2;
	short reg;
	__u8 is_signed, shift;
	__u8 unused3[6];
};

struct spec {
	struct operand v[12];
	__u64 cookie;
	short n;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, int);
	__type(value, struct spec);
} __bpf_usdt_specs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, long);
	__type(value, __u32);
} __bpf_usdt_ip_to_spec_id SEC(".maps");

static __always_inline long operand(void *ctx, const struct operand *o)
{
	__u64 v = o->value, base = 0, index = 0;

	if (o->kind)
		bpf_probe_read_kernel(&base, 8, ctx + o->reg);
	if (o->kind == 1)
		v = base;
	if (o->kind == 3)
		bpf_probe_read_kernel(&index, 8, ctx + (o->index & 0xfff));
	if (o->kind >= 2)
		bpf_probe_read_user(&v, 8, (void *)(base + (index << (o->index >> 12)) + v));
	v <<= o->shift;
	return o->is_signed ? (long)v >> o->shift : (long)(v >> o->shift);
}

SEC("usdt")
int on_pick(void *ctx)
{
	int id = (int)bpf_get_attach_cookie(ctx);
	const struct spec *s = bpf_map_lookup_elem(&__bpf_usdt_specs, &id);

	if (s && s->n >= 4)
		bpf_printk("pick %ld %ld %ld %ld", operand(ctx, &s->v[0]), operand(ctx, &s->v[1]),
			   operand(ctx, &s->v[2]), operand(ctx, &s->v[3]));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
