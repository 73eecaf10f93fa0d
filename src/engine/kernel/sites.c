/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Telling sites apart where many of them share one tracefs event (kernels without uprobe_multi). Each
 * site has a cookie for the program to read, but the event's link has one for them all. So the
 * program's calls of bpf_get_attach_cookie are turned into calls of a function put behind its end,
 * which looks the site up by where it stands:
 *
 *	row = table[link cookie << 12 | instruction pointer & 0xfff]
 *
 * The low 12 bits of an address are those of the offset in the file, wherever the file is mapped.
 * Sites that have them in common are put into different events ("groups"); 340 sites take 2 or 3.
 * The link's cookie is the number of its group. At returns this does not work: there the instruction
 * pointer is the caller's.
 */
#include "engine/kernel/kernel.h"

#include <asm/ptrace.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <stddef.h>

#define PAGE_BITS 12
#define PAGE_SLOTS (1u << PAGE_BITS)

static bool is_cookie_call(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == 0 &&
	       insn->imm == BPF_FUNC_get_attach_cookie;
}

bool kernel_sites_wanted(const struct image_prog *p)
{
	for (uint32_t i = 0; i < p->n_insns; i++)
		if (is_cookie_call(&p->insns[i]))
			return true;
	return false;
}

/* the first group in which no site has the same low bits; their number */
static uint32_t make_groups(const struct probe_shape *shape, uint32_t *group)
{
	uint32_t *used = base_alloc(PAGE_SLOTS * sizeof(*used)); /* how many sites have these bits */
	uint32_t n = 1;

	for (uint32_t i = 0; i < shape->n_points; i++) {
		group[i] = used[shape->points[i].file_offset & (PAGE_SLOTS - 1)]++;
		if (group[i] >= n)
			n = group[i] + 1;
	}
	free(used);
	return n;
}

struct err *kernel_sites_create(struct engine *e, uint32_t prog)
{
	const struct probe_shape *shape = e->image->progs[prog]->shape;
	struct kernel_prog *k = &e->progs[prog];
	uint32_t n = shape->n_points;

	k->group = base_alloc(n * sizeof(*k->group));
	k->n_groups = make_groups(shape, k->group);
	k->sites_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "sites", sizeof(uint32_t),
				     sizeof(uint64_t), k->n_groups * PAGE_SLOTS, NULL);
	if (k->sites_fd < 0)
		return sys_err_explain(err_new(errno, "create the table of sites"));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t slot = k->group[i] << PAGE_BITS |
				(shape->points[i].file_offset & (PAGE_SLOTS - 1));
		uint64_t cookie = shape->points[i].cookie;

		if (bpf_map_update_elem(k->sites_fd, &slot, &cookie, BPF_ANY) < 0)
			return err_new(errno, "fill the table of sites");
	}
	return NULL;
}

struct bpf_insn *kernel_sites_rewrite(struct bpf_insn *insns, uint32_t *n, int table_fd)
{
#ifdef __x86_64__
	enum { IP_OFFSET = offsetof(struct pt_regs, rip) };
#else
#error "where the instruction pointer stands in this architecture's pt_regs"
#endif
	const struct bpf_insn lookup[] = {
		/* r6 = context; r0 = cookie of the link << 12 | ip & 0xfff */
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_attach_cookie },
		{ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = 1, .src_reg = 6, .off = IP_OFFSET },
		{ .code = BPF_ALU64 | BPF_AND | BPF_K, .dst_reg = 1, .imm = PAGE_SLOTS - 1 },
		{ .code = BPF_ALU64 | BPF_LSH | BPF_K, .dst_reg = 0, .imm = PAGE_BITS },
		{ .code = BPF_ALU64 | BPF_OR | BPF_X, .dst_reg = 0, .src_reg = 1 },
		/* return table[r0] */
		{ .code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = 10, .src_reg = 0, .off = -4 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 10 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = -4 },
		{ .code = BPF_LD | BPF_IMM | BPF_DW,
		  .dst_reg = 1,
		  .src_reg = BPF_PSEUDO_MAP_FD,
		  .imm = table_fd },
		{ 0 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_map_lookup_elem },
		{ .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 0, .off = 1 },
		{ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = 0, .src_reg = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	uint32_t n_before = *n;

	for (uint32_t i = 0; i < n_before; i++)
		if (is_cookie_call(&insns[i])) {
			insns[i].src_reg = BPF_PSEUDO_CALL;
			insns[i].imm = (int32_t)(n_before - i - 1);
		}
	insns = base_realloc(insns, (n_before + sizeof(lookup) / sizeof(*lookup)) * sizeof(*insns));
	memcpy(insns + n_before, lookup, sizeof(lookup));
	*n = n_before + (uint32_t)(sizeof(lookup) / sizeof(*lookup));
	return insns;
}

/*
 * Programs with BTF must name a function for each of theirs, and callees must be static there: a
 * static double of the last function of the blob goes behind its types. Its id; 0 when the blob is
 * none of ours.
 */
uint32_t kernel_sites_extend_btf(const void *btf, uint32_t size, struct strbuf *out)
{
	struct btf_header header;
	struct btf_type function = { 0 };
	const uint8_t *types = (const uint8_t *)btf + sizeof(header);
	uint32_t id = 1, at = 0;

	memcpy(&header, btf, sizeof(header));
	if (header.hdr_len != sizeof(header) || header.type_off != 0 ||
	    header.str_off != header.type_len ||
	    sizeof(header) + header.str_off + header.str_len != size)
		return 0;
	for (; at + sizeof(struct btf_type) <= header.type_len; id++) {
		struct btf_type t;

		memcpy(&t, types + at, sizeof(t));
		if (BTF_INFO_KIND(t.info) == BTF_KIND_FUNC)
			function = t;
		at += (uint32_t)sizeof(t) +
		      features_btf_tail(BTF_INFO_KIND(t.info), BTF_INFO_VLEN(t.info));
	}
	function.info = BTF_KIND_FUNC << 24 | BTF_FUNC_STATIC;
	header.type_len += (uint32_t)sizeof(function);
	header.str_off = header.type_len;
	strbuf_add(out, &header, sizeof(header));
	strbuf_add(out, types, header.type_len - sizeof(function));
	strbuf_add(out, &function, sizeof(function));
	strbuf_add(out, types + header.type_len - sizeof(function), header.str_len);
	return function.name_off ? id : 0;
}
