/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inlining; see inline.h. The element of an array per processor is found by the processor's number, as rt_map_lookup_elem does; a thread
 * that is moved to another processor behind that adds to the first one's element, where additions are locked.
 */
#include "engine/user/trampoline/inline_private.h"

#include "ebpf/insn.h"

enum {
	NUMBER_MASK = 4095, /* above it there is the node */
	LOOKUP_INSNS = 5,   /* r1 = map (two), r2 = r10, r2 += offset, call */
};

const struct rt_map *inline_map(const struct trampoline_env *env, const struct bpf_insn *in,
				uint64_t *at)
{
	*at = (uint32_t)in[0].imm | (uint64_t)(uint32_t)in[1].imm << 32;
	for (uint32_t i = 0; i < env->n_maps; i++)
		if (env->maps[i].at == *at)
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

void inline_table_offset(struct x86 *x, const struct rt_map *m)
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
	m = inline_map(env, &p->insns[p->i], &at);
	if (!m || m->kind != RT_ARRAY || m->key_size != 4 || m->table_bytes > INT32_MAX)
		return 0;
	if (key >= m->max_entries) {
		x86_mov_imm(x, X_RAX, 0);
		return LOOKUP_INSNS;
	}
	at += (uint64_t)m->tables + RT_TABLE_HEAD + (uint64_t)m->stride * key;
	if (m->n_tables == 1) {
		x86_mov_imm(x, X_RAX, at);
		return LOOKUP_INSNS;
	}
	inline_table_offset(x, m);
	/* R1 is free: the call would have overwritten it */
	x86_mov_imm(x, X_RDI, at);
	x86_alu(x, true, X_ADD, X_RAX, X_RDI);
	return LOOKUP_INSNS;
}

/*
 * A thread stays the same for as long as a hit lasts: it is asked for once. Where the first code for that was jumped around, the helper is called:
 * the same code again would only stand between what is executed.
 */
static uint32_t put_thread(const struct inline_at *at, struct x86 *x)
{
	uint32_t is_known = x86_label(x);

	if (at->tid_at < 0)
		return inline_thread(at, x);
	if (*at->has_tid) {
		x86_load(x, 8, X_RAX, X_RSP, at->tid_at);
		x86_test(x, true, X_RAX, X_RAX);
		x86_jump(x, X_NE, is_known);
	}
	if (*at->has_tid ? !at->call(at->arg, x, BPF_FUNC_get_current_pid_tgid)
			 : !inline_thread(at, x))
		return 0;
	*at->has_tid = true;
	x86_store(x, 8, X_RSP, at->tid_at, X_RAX);
	x86_place(x, is_known);
	return 1;
}

/*
 * r2 = 8; call probe_read_user: the word may be the function's return address, which is there, though the helper could not know: it lies
 * on the next page of the stack when this one has just begun.
 */
static uint32_t put_read(const struct inline_at *at, const struct jit_place *p, struct x86 *x)
{
	const struct bpf_insn *size = &p->insns[p->i] - 1;
	uint32_t is_other = x86_label(x), done = x86_label(x);

	if (at->slot_at < 0 || p->is_entered || size->code != (BPF_ALU64 | BPF_MOV | BPF_K) ||
	    size->dst_reg != R2 || size->imm != 8)
		return 0;
	x86_lea(x, X_R11, X_RSP, at->slot_at);
	x86_alu(x, true, X_CMP, X_R11, jit_reg(R3));
	x86_jump(x, X_NE, is_other);
	x86_load(x, 8, X_R11, X_R11, 0);
	x86_store(x, 8, jit_reg(R1), 0, X_R11);
	x86_mov_imm(x, X_RAX, 0);
	x86_jump(x, X_ALWAYS, done);
	x86_place(x, is_other);
	if (!at->call(at->arg, x, BPF_FUNC_probe_read_user))
		return 0;
	x86_place(x, done);
	return 1;
}

/*
 * A hit's number for --budget: behind the look-up of the element of this processor. The lock is most of what a hit costs that is left out. Without
 * it the addition is one instruction still, whole to every thread that this processor runs. Only a thread that is moved between the
 * look-up and here can meet another processor in that word, and then one of two hits is missing in an estimate.
 */
static uint32_t put_hit(const struct inline_at *at, const struct jit_place *p, struct x86 *x)
{
	const struct bpf_insn *in = &p->insns[p->i];
	uint64_t map = 0;

	if (!at->prog->hits || in->imm != (BPF_ADD | BPF_FETCH) || in->off || in->dst_reg > R9 ||
	    in->src_reg > R9)
		return 0;
	for (uint32_t i = 0; i < p->i; i++) {
		if (!ebpf_is_wide(&p->insns[i]))
			continue;
		map = (uint32_t)p->insns[i].imm | (uint64_t)(uint32_t)p->insns[i + 1].imm << 32;
		i++;
	}
	if (map != at->prog->hits)
		return 0;
	x86_xadd(x, true, jit_reg(in->dst_reg), 0, jit_reg(in->src_reg));
	return 1;
}

uint32_t inline_helper(const struct inline_at *at, const struct jit_place *p, struct x86 *x)
{
	const struct bpf_insn *in = &p->insns[p->i];
	uint32_t n;

	if (ebpf_is_wide(in)) {
		n = put_lookup(at->env, p, x);
		return n ? n : inline_map_call(at, p, x);
	}
	if (in->code == (BPF_ALU64 | BPF_MOV | BPF_X))
		return inline_log2(p, x);
	if (in->code == (BPF_STX | BPF_ATOMIC | BPF_DW))
		return put_hit(at, p, x);
	if (in->code != (BPF_JMP | BPF_CALL) || in->src_reg)
		return 0;
	switch (in->imm) {
	case BPF_FUNC_get_attach_cookie: x86_mov_imm(x, X_RAX, at->prog->cookie); return 1;
	case BPF_FUNC_get_func_ip: x86_mov_imm(x, X_RAX, at->prog->func_ip); return 1;
	case BPF_FUNC_get_current_pid_tgid: return put_thread(at, x);
	case BPF_FUNC_ktime_get_ns:
	case BPF_FUNC_ktime_get_boot_ns:
	case BPF_FUNC_ktime_get_tai_ns: return inline_clock(at, x, in->imm);
	case BPF_FUNC_probe_read_user: return put_read(at, p, x);
	/* where the walk begins is one argument more */
	case BPF_FUNC_get_stackid:
		x86_mov_imm(x, jit_reg(R4), at->prog->stack_from);
		return at->call(at->arg, x, in->imm);
	case BPF_FUNC_get_stack:
		x86_mov_imm(x, jit_reg(R5), at->prog->stack_from);
		return at->call(at->arg, x, in->imm);
	default: return 0;
	}
}

uint32_t inline_count(const struct bpf_insn *insns, uint32_t n, int32_t helper)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < n; i++) {
		found += insns[i].code == (BPF_JMP | BPF_CALL) && !insns[i].src_reg &&
			 insns[i].imm == helper;
		i += ebpf_is_wide(&insns[i]);
	}
	return found;
}
