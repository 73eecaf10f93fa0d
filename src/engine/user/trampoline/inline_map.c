/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls of maps' helpers as code, where the key stands on the program's stack. Maps whose keys belong to one thread each (struct rt_own in
 * rt/map.h): look-up, update and deletion as plain loads and stores in the slot of the key. Hash tables with keys of 8 bytes: the
 * slot where a search begins, and mostly ends. All else is left to the helper. Called by inline.c.
 */
#include "engine/user/trampoline/inline_private.h"

#include "ebpf/insn.h"

#include <stddef.h>

enum {
	LINE_SHIFT = 6,
	NEAR = 16,
	KEY = offsetof(struct rt_own, key),
	VALUE = offsetof(struct rt_own, value)
};
_Static_assert(sizeof(struct rt_own) == 1 << LINE_SHIFT, "a line");

/* what a call of a map's helper is made of: r1 = map, r2 = r10 + key, and for updates r3 = r10 + value, r4 = flags */
struct map_call {
	const struct rt_map *map;
	uint64_t at; /* of it */
	int32_t helper;
	int32_t key, value; /* from rsp */
	int32_t flags;
	uint8_t key_reg; /* that still holds the key, of 8 bytes; R10: none is known to */
	uint32_t n_insns;
};

/* rN = r10; rN += offset: how far that is from rsp */
static bool is_stack(const struct jit_place *p, uint32_t i, unsigned reg, int32_t *ret)
{
	const struct bpf_insn *in = &p->insns[p->i + i];

	if (i + 2 > p->room || in[0].code != (BPF_ALU64 | BPF_MOV | BPF_X) ||
	    in[0].dst_reg != reg || in[0].src_reg != R10 || in[0].off ||
	    in[1].code != (BPF_ALU64 | BPF_ADD | BPF_K) || in[1].dst_reg != reg)
		return false;
	*ret = p->below + in[1].imm;
	return true;
}

static bool is_map_call(const struct inline_at *at, const struct jit_place *p, struct map_call *c)
{
	const struct bpf_insn *in = &p->insns[p->i];
	uint32_t i = 2;

	*c = (struct map_call){ .key_reg = R10 };
	c->map = inline_map(at->env, in, &c->at);
	if (!c->map || in->dst_reg != R1 || !is_stack(p, i, R2, &c->key))
		return false;
	i += 2;
	if (is_stack(p, i, R3, &c->value)) {
		if (i + 2 >= p->room || in[i + 2].code != (BPF_ALU64 | BPF_MOV | BPF_K) ||
		    in[i + 2].dst_reg != R4)
			return false;
		c->flags = in[i + 2].imm;
		i += 3;
	}
	if (i >= p->room || in[i].code != (BPF_JMP | BPF_CALL) || in[i].src_reg)
		return false;
	c->helper = in[i].imm;
	c->n_insns = i + 1;
	/* what was stored a moment ago is still at hand: nothing of the call has been executed yet */
	if (!p->is_entered && in[-1].code == (BPF_STX | BPF_MEM | BPF_DW) &&
	    in[-1].dst_reg == R10 && p->below + in[-1].off == c->key)
		c->key_reg = in[-1].src_reg;
	return (c->helper == BPF_FUNC_map_update_elem) == (i == 7) &&
	       (i == 7 || c->helper == BPF_FUNC_map_lookup_elem ||
		c->helper == BPF_FUNC_map_delete_elem);
}

/* the shorter form, where code lies as near as it does in a process */
static void put_address(struct x86 *x, enum x86_reg dst, uint64_t address)
{
	int64_t rel = (int64_t)(address - (x->base + x86_here(x)));

	if (rel > INT32_MIN + NEAR && rel < INT32_MAX - NEAR)
		(void)x86_lea_at(x, dst, address);
	else
		x86_mov_imm(x, dst, address);
}

/*
 * r11 = the slot of the key; elsewhere: where to go if it is not the key's. Keys are often written as eight zeroes and four bytes over
 * them: halves are read, as word_of in rt/map.c does and why.
 */
static void put_slot(struct x86 *x, const struct map_call *c, uint32_t elsewhere)
{
	const struct rt_map *m = c->map;
	uint64_t slots = c->at + (uint64_t)m->tables + m->table_bytes * m->n_tables;
	uint32_t n_halves = m->key_size / 4;

	x86_load(x, 4, X_RAX, X_RSP, c->key);
	x86_mov(x, false, X_R11, X_RAX);
	if (m->key_size == 8) {
		x86_load(x, 4, X_RSI, X_RSP, c->key + 4);
		x86_alu(x, false, X_ADD, X_R11, X_RSI);
	} else {
		x86_shift_imm(x, false, X_SHR, X_R11, 4);
		x86_alu(x, false, X_ADD, X_R11, X_RAX);
		x86_load(x, 4, X_RDX, X_RSP, c->key + 8);
		x86_load(x, 4, X_RCX, X_RSP, c->key + 12);
		x86_alu(x, false, X_ADD, X_R11, X_RDX);
		x86_alu(x, false, X_ADD, X_R11, X_RCX);
		x86_load(x, 4, X_RSI, X_RSP, c->key + 4);
	}
	x86_alu_imm(x, false, X_AND, X_R11, (int32_t)m->n_own - 1);
	x86_shift_imm(x, false, X_SHL, X_R11, LINE_SHIFT);
	put_address(x, X_RDI, slots);
	x86_alu(x, true, X_ADD, X_R11, X_RDI);
	for (uint32_t i = 0; i < n_halves; i++) {
		static const enum x86_reg halves[] = { X_RAX, X_RSI, X_RDX, X_RCX };

		x86_alu_mem(x, false, X_CMP, halves[i], X_R11, KEY + 4 * (int32_t)i);
		x86_jump(x, X_NE, elsewhere);
	}
	/* its state: claimed ones may not be complete yet, free ones may be taken for the key 0 */
	x86_cmp_mem_imm(x, true, X_R11, 0, RT_OWN_ABSENT);
	x86_jump(x, X_B, elsewhere);
}

/* flags say whether the key was there: equal, if not */
static void put_work(struct x86 *x, const struct map_call *c)
{
	uint32_t is_done = x86_label(x);

	switch (c->helper) {
	case BPF_FUNC_map_lookup_elem:
		x86_lea(x, X_RAX, X_R11, VALUE);
		x86_jump(x, X_NE, is_done);
		x86_mov_imm(x, X_RAX, 0);
		break;
	case BPF_FUNC_map_update_elem:
		x86_load(x, 8, X_RAX, X_RSP, c->value);
		x86_store(x, 8, X_R11, VALUE, X_RAX);
		x86_store_imm(x, 8, X_R11, 0, RT_OWN_PRESENT);
		x86_mov_imm(x, X_RAX, 0);
		break;
	default:
		x86_mov_imm(x, X_RAX, (uint64_t)(int64_t)RT_ENOENT);
		x86_jump(x, X_E, is_done);
		x86_store_imm(x, 8, X_R11, 0, RT_OWN_ABSENT);
		x86_mov_imm(x, X_RAX, 0);
		break;
	}
	x86_place(x, is_done);
}

/* rax = the hash of rsi */
static void put_hash(struct x86 *x, const struct rt_map *m)
{
	if (m->is_dense) {
		x86_mov(x, true, X_RAX, X_RSI);
		return;
	}
	x86_mov_imm(x, X_RAX, RT_HASH_START);
	x86_alu(x, true, X_XOR, X_RAX, X_RSI);
	x86_mov_imm(x, X_RDX, RT_HASH_FACTOR);
	x86_imul(x, true, X_RAX, X_RDX);
	x86_mov(x, true, X_RDX, X_RAX);
	x86_shift_imm(x, true, X_SHR, X_RDX, 32);
	x86_alu(x, true, X_XOR, X_RAX, X_RDX);
}

/* r11 = the key's home in the table of this processor; elsewhere: where to go if it is not there. As want() and find() in rt/map.c */
static void put_home(struct x86 *x, const struct map_call *c, uint32_t elsewhere)
{
	const struct rt_map *m = c->map;

	if (m->n_tables > 1) {
		inline_table_offset(x, m);
		x86_mov(x, true, X_R11, X_RAX);
	}
	/* rsi = the key, rax = its hash, later the state that its slot has */
	if (c->key_reg != R10) {
		x86_mov(x, true, X_RSI, jit_reg(c->key_reg));
	} else {
		x86_load(x, 4, X_RAX, X_RSP, c->key);
		x86_load(x, 4, X_RSI, X_RSP, c->key + 4);
		x86_shift_imm(x, true, X_SHL, X_RSI, 32);
		x86_alu(x, true, X_OR, X_RSI, X_RAX);
	}
	put_hash(x, m);
	x86_mov(x, false, X_RCX, X_RAX);
	x86_alu_imm(x, false, X_AND, X_RCX, (int32_t)m->n_slots - 1);
	x86_imul_imm(x, true, X_RCX, X_RCX, (int32_t)m->stride);
	put_address(x, X_RDX, c->at + (uint64_t)m->tables + RT_TABLE_HEAD);
	x86_alu(x, true, X_ADD, X_RDX, X_RCX);
	if (m->n_tables > 1)
		x86_alu(x, true, X_ADD, X_R11, X_RDX);
	else
		x86_mov(x, true, X_R11, X_RDX);
	x86_shift_imm(x, true, X_SHL, X_RAX, RT_STATE_BITS);
	x86_alu_imm(x, true, X_OR, X_RAX, RT_STATE_READY);
	x86_alu_mem(x, true, X_CMP, X_RAX, X_R11, 0);
	x86_jump(x, X_NE, elsewhere);
	x86_alu_mem(x, true, X_CMP, X_RSI, X_R11, 8);
	x86_jump(x, X_NE, elsewhere);
}

static bool is_home(const struct map_call *c)
{
	return c->map->kind == RT_HASH && c->map->key_size == 8 && !c->map->n_own &&
	       c->map->table_bytes <= INT32_MAX && c->helper == BPF_FUNC_map_lookup_elem;
}

uint32_t inline_map_call(const struct inline_at *at, const struct jit_place *p, struct x86 *x)
{
	uint32_t elsewhere, done;
	struct map_call c;

	if (!is_map_call(at, p, &c) || (!c.map->n_own && !is_home(&c)) ||
	    (c.helper == BPF_FUNC_map_update_elem && c.flags))
		return 0;
	elsewhere = x86_label(x);
	done = x86_label(x);
	if (c.map->n_own) {
		put_slot(x, &c, elsewhere);
		put_work(x, &c);
	} else {
		put_home(x, &c, elsewhere);
		x86_lea(x, X_RAX, X_R11, (int32_t)c.map->value_at);
	}
	x86_jump(x, X_ALWAYS, done);
	x86_place(x, elsewhere);
	x86_mov_imm(x, jit_reg(R1), c.at);
	x86_lea(x, jit_reg(R2), X_RSP, c.key);
	if (c.helper == BPF_FUNC_map_update_elem) {
		x86_lea(x, jit_reg(R3), X_RSP, c.value);
		x86_mov_imm(x, jit_reg(R4), 0);
	}
	if (!at->call(at->arg, x, c.helper))
		return 0;
	x86_place(x, done);
	/* as jit.c has it behind a call: programs expect nothing in R1 to R5 */
	x->written |= 1u << X_RAX | 1u << X_RCX | 1u << X_RDX | 1u << X_RSI | 1u << X_RDI |
		      1u << X_R8 | 1u << X_R9 | 1u << X_R10 | 1u << X_R11;
	return c.n_insns;
}
