/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of a program can never run, because of constants: objects are written for many cases, and their loaders choose by variables in .rodata
 * before they load them (if (filter_cgroup && !bpf_current_task_under_cgroup(...))). The kernel's verifier cuts such code off, and what it
 * calls does not matter. Here the same: values of registers are followed through the program, those that are known, until nothing changes;
 * instructions that nothing came to are replaced by exit.
 *
 * It must not take for a constant what is none: memory other than .rodata, and whatever is not listed below, is unknown.
 */
#include "object/user.h"

#include "ebpf/insn.h"

#include <linux/bpf.h>
#include <string.h>

enum { N_REGS = 10, MOST_INSNS = 1 << 20 };

enum known { NOT_REACHED, CONSTANT, RODATA, UNKNOWN };
struct reg {
	enum known kind;
	uint32_t map; /* RODATA: of the image; then value is an offset in it */
	uint64_t value;
};
struct state {
	struct reg r[N_REGS];
	bool is_reached;
};

struct reach {
	const struct object_user *u;
	const struct image_prog *p;
	struct state *before; /* each instruction */
	bool is_changed;
};

static bool merge(struct reg *into, const struct reg *from)
{
	if (into->kind == UNKNOWN ||
	    (into->kind == from->kind && into->map == from->map && into->value == from->value))
		return false;
	*into = into->kind == NOT_REACHED ? *from : (struct reg){ .kind = UNKNOWN };
	return true;
}

static void flow(struct reach *c, int64_t to, const struct state *s)
{
	struct state *at;

	if (to < 0 || to >= c->p->n_insns)
		return; /* the verifier has seen to that */
	at = &c->before[to];
	c->is_changed |= !at->is_reached;
	at->is_reached = true;
	for (int i = 0; i < N_REGS; i++)
		c->is_changed |= merge(&at->r[i], &s->r[i]);
}

static struct state nothing_known(void)
{
	struct state s = { 0 };

	for (int i = 0; i < N_REGS; i++)
		s.r[i].kind = UNKNOWN;
	return s;
}

/* ---- values ---- */

/* the bytes of a constant section; NULL: it is none */
static const uint8_t *constants(const struct object_user *u, uint32_t map, uint32_t *n)
{
	vec_each(m, &u->maps) {
		const struct image_map *im = u->image->maps[map];

		if (m->index != map || !bpf_map__is_internal(m->map) || !im->init ||
		    !(bpf_map__map_flags(m->map) & BPF_F_RDONLY_PROG))
			continue;
		*n = im->value_size;
		return im->init;
	}
	return NULL;
}

static struct reg loaded(const struct reach *c, uint32_t i)
{
	const struct bpf_insn *in = &c->p->insns[i];

	if (!in->src_reg)
		return (struct reg){ .kind = CONSTANT,
				     .value = (uint32_t)in->imm | (uint64_t)(uint32_t)in[1].imm
									  << 32 };
	for (uint32_t k = 0; k < c->p->n_relocs; k++)
		if (c->p->relocs[k].insn == i && c->p->relocs[k].kind == RELOC_MAP_VALUE)
			return (struct reg){ .kind = RODATA,
					     .map = c->p->relocs[k].index,
					     .value = (uint32_t)in[1].imm };
	return (struct reg){ .kind = UNKNOWN };
}

static struct reg read_memory(const struct reach *c, const struct bpf_insn *in,
			      const struct state *s)
{
	static const uint8_t sizes[] = { 4, 2, 1, 8 }; /* BPF_W, BPF_H, BPF_B, BPF_DW */
	uint32_t size = sizes[BPF_SIZE(in->code) >> 3], n = 0;
	struct reg unknown = { .kind = UNKNOWN }, r, from;
	const uint8_t *bytes;
	uint64_t at;

	if (in->src_reg >= N_REGS || BPF_MODE(in->code) != BPF_MEM)
		return unknown;
	from = s->r[in->src_reg];
	if (from.kind != RODATA)
		return unknown;
	bytes = constants(c->u, from.map, &n);
	at = from.value + (uint64_t)(int64_t)in->off;
	if (!bytes || at > n || size > n - at)
		return unknown;
	r = (struct reg){ .kind = CONSTANT };
	memcpy(&r.value, bytes + at, size);
	return r;
}

static struct reg computed(const struct bpf_insn *in, const struct state *s)
{
	bool is_64 = BPF_CLASS(in->code) == BPF_ALU64, is_reg = BPF_SRC(in->code) == BPF_X;
	struct reg unknown = { .kind = UNKNOWN }, a = s->r[in->dst_reg], b;

	b = is_reg ? (in->src_reg < N_REGS ? s->r[in->src_reg] : unknown)
		   : (struct reg){ .kind = CONSTANT, .value = (uint64_t)(int64_t)in->imm };
	if (in->off) /* with a sign, in newer instruction sets */
		return unknown;
	if (BPF_OP(in->code) == BPF_MOV) {
		a = b;
	} else if (BPF_OP(in->code) == BPF_ADD && a.kind == RODATA && b.kind == CONSTANT && is_64) {
		a.value += b.value;
	} else if (a.kind != CONSTANT || b.kind != CONSTANT) {
		return unknown;
	} else {
		unsigned shift = b.value & (is_64 ? 63 : 31);

		switch (BPF_OP(in->code)) {
		case BPF_ADD: a.value += b.value; break;
		case BPF_AND: a.value &= b.value; break;
		case BPF_OR: a.value |= b.value; break;
		case BPF_LSH: a.value <<= shift; break;
		case BPF_RSH: a.value = (is_64 ? a.value : (uint32_t)a.value) >> shift; break;
		case BPF_ARSH:
			a.value = (uint64_t)((is_64 ? (int64_t)a.value : (int32_t)a.value) >> shift);
			break;
		default: return unknown;
		}
	}
	if (is_64 || a.kind == UNKNOWN)
		return a;
	if (a.kind != CONSTANT)
		return unknown;
	a.value = (uint32_t)a.value;
	return a;
}

/* -> 1: it jumps, 0: it does not, -1: either */
static int decided(const struct bpf_insn *in, const struct state *s)
{
	bool is_reg = BPF_SRC(in->code) == BPF_X;
	struct reg ra, rb = { .kind = CONSTANT, .value = (uint64_t)(int64_t)in->imm };

	/* the kernel has more kinds, which compare nothing */
	if (in->dst_reg >= N_REGS || (is_reg && in->src_reg >= N_REGS) ||
	    BPF_OP(in->code) > BPF_JSLE)
		return -1;
	ra = s->r[in->dst_reg];
	if (is_reg)
		rb = s->r[in->src_reg];
	if (ra.kind != CONSTANT || rb.kind != CONSTANT)
		return -1;
	return ebpf_jumps(in->code, ra.value, rb.value);
}

/* ---- instructions ---- */

static void forget(struct state *s, int first, int last)
{
	for (int i = first; i <= last; i++)
		s->r[i] = (struct reg){ .kind = UNKNOWN };
}

static void follow_jump(struct reach *c, uint32_t i, struct state *s)
{
	const struct bpf_insn *in = &c->p->insns[i];
	const struct state any = nothing_known();
	int64_t next = (int64_t)i + 1;
	int taken;

	switch (BPF_OP(in->code)) {
	case BPF_EXIT: return;
	case BPF_JA:
		flow(c, next + (BPF_CLASS(in->code) == BPF_JMP32 ? in->imm : in->off), s);
		return;
	case BPF_CALL:
		if (in->src_reg == BPF_PSEUDO_CALL)
			flow(c, next + in->imm, &any);
		forget(s, BPF_REG_0, BPF_REG_5);
		flow(c, next, s);
		return;
	default: break;
	}
	taken = decided(in, s);
	if (taken != 0)
		flow(c, next + in->off, s);
	if (taken != 1)
		flow(c, next, s);
}

/* -> how many slots it takes */
static uint32_t follow(struct reach *c, uint32_t i)
{
	const struct bpf_insn *in = &c->p->insns[i];
	struct state s = c->before[i];
	const struct state any = nothing_known();
	uint32_t n = in->code == (BPF_LD | BPF_IMM | BPF_DW) ? 2 : 1;

	if (!s.is_reached || i + n > c->p->n_insns)
		return n;
	switch (BPF_CLASS(in->code)) {
	case BPF_JMP:
	case BPF_JMP32: follow_jump(c, i, &s); return n;
	case BPF_LD:
		if (n == 2 && in->src_reg == BPF_PSEUDO_FUNC)
			flow(c, (int64_t)i + 1 + in->imm, &any);
		if (n == 2 && in->dst_reg < N_REGS)
			s.r[in->dst_reg] = loaded(c, i);
		else
			forget(&s, BPF_REG_0, BPF_REG_5);
		break;
	case BPF_LDX:
		if (in->dst_reg < N_REGS)
			s.r[in->dst_reg] = read_memory(c, in, &s);
		break;
	case BPF_STX: /* atomic ones bring what stood there */
		if (BPF_MODE(in->code) == BPF_ATOMIC) {
			forget(&s, BPF_REG_0, BPF_REG_0);
			if (in->src_reg < N_REGS)
				forget(&s, in->src_reg, in->src_reg);
		}
		break;
	case BPF_ALU:
	case BPF_ALU64:
		if (in->dst_reg < N_REGS)
			s.r[in->dst_reg] = computed(in, &s);
		break;
	default: break;
	}
	flow(c, (int64_t)i + n, &s);
	return n;
}

static void drop_relocs(struct image_prog *p, uint32_t insn)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < p->n_relocs; k++)
		if (p->relocs[k].insn != insn)
			p->relocs[n++] = p->relocs[k];
	p->n_relocs = n;
}

void object_user_cut(const struct object_user *u, struct image_prog *p)
{
	const struct bpf_insn out = { .code = BPF_JMP | BPF_EXIT };
	struct reach c = { .u = u, .p = p };
	struct state any = nothing_known();
	uint32_t n;

	if (!p->n_insns || p->n_insns > MOST_INSNS)
		return;
	c.before = base_alloc(p->n_insns * sizeof(*c.before));
	flow(&c, 0, &any);
	while (c.is_changed) {
		c.is_changed = false;
		for (uint32_t i = 0; i < p->n_insns; i += n)
			n = follow(&c, i);
	}
	for (uint32_t i = 0; i < p->n_insns; i += n) {
		n = p->insns[i].code == (BPF_LD | BPF_IMM | BPF_DW) ? 2 : 1;
		if (c.before[i].is_reached)
			continue;
		drop_relocs(p, i);
		for (uint32_t k = i; k < i + n && k < p->n_insns; k++)
			p->insns[k] = out;
	}
	free(c.before);
}
