/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inlining; see inline.h. The element of an array per processor is found by the processor's number, as rt_map_lookup_elem does; a thread
 * that is moved to another processor behind that adds to the first one's element, where additions are locked.
 */
#include "engine/user/inline.h"

#include "ebpf/insn.h"

enum {
	TABLE_HEAD =
		64, /* in front of an array's elements: rt/map.c, and test_trampoline compares */
	NUMBER_MASK = 4095, /* above it there is the node */
	LOOKUP_INSNS = 5,   /* r1 = map (two), r2 = r10, r2 += offset, call */
};

static const struct rt_map *view_of(const struct trampoline_env *env, const struct bpf_insn *in)
{
	uint64_t at = (uint32_t)in[0].imm | (uint64_t)(uint32_t)in[1].imm << 32;

	for (uint32_t i = 0; i < env->n_maps; i++)
		if (env->maps[i].at == at)
			return env->maps[i].view;
	return NULL;
}

/* *(u32 or u64 *)(r10 + offset) = key, before r1 = map, r2 = r10, r2 += offset, call map_lookup_elem */
static bool is_constant_lookup(const struct jit_place *p, uint32_t *key)
{
	const struct bpf_insn *in = &p->insns[p->i], *store = in - 1;
	int32_t offset;

	if (p->room < LOOKUP_INSNS || p->is_entered || !ebpf_is_wide(in) || in->src_reg ||
	    in->dst_reg != R1)
		return false;
	offset = in[3].imm;
	*key = (uint32_t)store->imm;
	return in[2].code == (BPF_ALU64 | BPF_MOV | BPF_X) && in[2].dst_reg == R2 &&
	       in[2].src_reg == R10 && !in[2].off && in[3].code == (BPF_ALU64 | BPF_ADD | BPF_K) &&
	       in[3].dst_reg == R2 && in[4].code == (BPF_JMP | BPF_CALL) && !in[4].src_reg &&
	       in[4].imm == BPF_FUNC_map_lookup_elem && ebpf_class(store) == BPF_ST &&
	       (store->code & 0xe0) == BPF_MEM && ebpf_size_bytes(store->code) >= 4 &&
	       store->dst_reg == R10 && store->off == offset;
}

/* rax = the processor's number, the last table's for those beyond; times the bytes of a table */
static void put_table_offset(struct x86 *x, const struct rt_map *m)
{
	uint32_t is_there = x86_label(x);

	x86_processor(x, X_RAX);
	x86_alu_imm(x, false, X_AND, X_RAX, NUMBER_MASK);
	x86_alu_imm(x, false, X_CMP, X_RAX, (int32_t)m->n_tables - 1);
	x86_jump(x, X_BE, is_there);
	x86_mov_imm(x, X_RAX, m->n_tables - 1);
	x86_place(x, is_there);
	x86_imul_imm(x, true, X_RAX, X_RAX, (int32_t)m->table_bytes);
}

static uint32_t put_lookup(const struct trampoline_env *env, const struct jit_place *p,
			   struct x86 *x)
{
	const struct rt_map *m;
	uint32_t key;
	uint64_t at;

	if (!is_constant_lookup(p, &key))
		return 0;
	m = view_of(env, &p->insns[p->i]);
	if (!m || m->kind != RT_ARRAY || m->key_size != 4 || m->table_bytes > INT32_MAX)
		return 0;
	if (key >= m->max_entries) {
		x86_mov_imm(x, X_RAX, 0);
		return LOOKUP_INSNS;
	}
	at = (uint32_t)p->insns[p->i].imm | (uint64_t)(uint32_t)p->insns[p->i + 1].imm << 32;
	at += (uint64_t)m->tables + TABLE_HEAD + (uint64_t)m->stride * key;
	if (m->n_tables == 1) {
		x86_mov_imm(x, X_RAX, at);
		return LOOKUP_INSNS;
	}
	put_table_offset(x, m);
	/* R1 is free: the call would have overwritten it */
	x86_mov_imm(x, X_RDI, at);
	x86_alu(x, true, X_ADD, X_RAX, X_RDI);
	return LOOKUP_INSNS;
}

uint32_t inline_helper(const struct trampoline_env *env, const struct trampoline_prog *prog,
		       const struct jit_place *p, struct x86 *x)
{
	const struct bpf_insn *in = &p->insns[p->i];

	if (ebpf_is_wide(in))
		return put_lookup(env, p, x);
	if (in->code != (BPF_JMP | BPF_CALL) || in->src_reg)
		return 0;
	switch (in->imm) {
	case BPF_FUNC_get_attach_cookie: x86_mov_imm(x, X_RAX, prog->cookie); return 1;
	case BPF_FUNC_get_func_ip: x86_mov_imm(x, X_RAX, prog->func_ip); return 1;
	default: return 0;
	}
}
