/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The optimiser: one forward pass per function that follows values inside of basic blocks (opt_fold.c), then removal of
 * what cannot be reached or is not read (here). Both linear; a few rounds while something is still found. Runs between
 * the checker and src/ebpf and may be left out.
 *
 * What the verifier can prove must not shrink. It learns bounds from a compare about the very register compared, so a
 * branch keeps its operands when they are copies: `t = a; if (t > 9) goto out; use t` must not become `if (a > 9) ...`.
 * IR_BOUND is never looked through.
 */
#include "ir/opt_private.h"
#include "ir/flow.h"
#include "ir/ops.h"

#define MAX_ROUNDS 4

/* ---- removing ---- */

static void remove_insn(struct optimizer *o, struct ir_insn *in)
{
	if (in->op == IR_NOP)
		return;
	memset(in, 0, sizeof(*in));
	in->op = IR_NOP;
	o->changed = true;
}

/* liveness while going up a block */
struct block_scan {
	const struct ir_flow *flow;
	uint32_t block;
	uint32_t *mark; /* by vreg: end + 1 of the block: read below; UINT32_MAX - end: written below before it is read */
};

static bool is_live_below(const struct block_scan *s, uint32_t v)
{
	uint32_t end = s->flow->blocks[s->block].end;

	if (s->mark[v] == end + 1)
		return true;
	return s->mark[v] != UINT32_MAX - end && ir_flow_live_out(s->flow, s->block, v);
}

/* `t = op ...; x = t` with t not read any more -> `x = op ...` */
static bool merge_move(struct optimizer *o, const struct block_scan *s, uint32_t i)
{
	struct ir_insn *in = &o->f->insn[i], *before = in - 1;

	if (in->op != IR_MOV || i == s->flow->blocks[s->block].first || ir_def(before) != in->a ||
	    in->a == in->dst || is_live_below(s, in->a))
		return false;
	before->dst = in->dst;
	remove_insn(o, in);
	return true;
}

static void remove_dead_in_block(struct optimizer *o, const struct block_scan *s)
{
	const struct ir_block *bl = &s->flow->blocks[s->block];
	uint32_t use[IR_MAX_USES];

	for (uint32_t i = bl->end; i-- > bl->first;) {
		struct ir_insn *in = &o->f->insn[i];
		uint32_t def = ir_def(in);
		unsigned n;

		if (def && !is_live_below(s, def)) {
			if (ir_is_pure(in)) {
				remove_insn(o, in);
				continue;
			}
			in->dst = IR_NO_VREG; /* calls and atomics stay, their result does not */
		} else if (def) {
			if (merge_move(o, s, i))
				continue;
			s->mark[def] = UINT32_MAX - bl->end;
		}
		n = ir_uses(in, use);
		for (unsigned u = 0; u < n; u++)
			s->mark[use[u]] = bl->end + 1;
	}
}

static void remove_dead(struct optimizer *o, struct arena *arena)
{
	struct ir_flow flow;
	struct block_scan s = { &flow, 0, arena_array(arena, uint32_t, o->f->n_vregs + 1) };

	ir_flow_build(o->f, arena, &flow);
	for (uint32_t b = 0; b < flow.n_blocks; b++) {
		const struct ir_block *bl = &flow.blocks[b];

		if (bl->is_reachable) {
			s.block = b;
			remove_dead_in_block(o, &s);
			continue;
		}
		for (uint32_t i = bl->first; i < bl->end; i++)
			if (o->f->insn[i].op != IR_LABEL)
				remove_insn(o, &o->f->insn[i]);
	}
}

/* NOPs out, and labels that no jump names: they would end blocks for nothing */
static void compact(struct ir_func *f, struct arena *arena)
{
	bool *is_used = arena_array(arena, bool, f->n_labels + 1);
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->n; i++)
		if (f->insn[i].op == IR_JMP || f->insn[i].op == IR_BR)
			is_used[f->insn[i].target] = true;
	for (uint32_t i = 0; i < f->n; i++) {
		const struct ir_insn *in = &f->insn[i];

		if (in->op == IR_NOP || (in->op == IR_LABEL && !is_used[in->target]))
			continue;
		f->insn[n++] = *in;
	}
	f->n = n;
}

static void find_constants(struct optimizer *o)
{
	const struct ir_func *f = o->f;

	memset(o->n_defs, 0, (f->n_vregs + 1) * sizeof(*o->n_defs));
	memset(o->is_constant, 0, (f->n_vregs + 1) * sizeof(*o->is_constant));
	for (uint32_t i = 0; i < f->n; i++) {
		uint32_t def = ir_def(&f->insn[i]);

		if (!def)
			continue;
		o->is_constant[def] = ++o->n_defs[def] == 1 && f->insn[i].op == IR_IMM;
		o->constant[def] = f->insn[i].imm;
	}
}

static void optimize_func(struct ir_func *f)
{
	struct optimizer o = { .f = f, .epoch = 1 };
	struct arena arena;

	arena_init(&arena);
	o.facts = arena_array(&arena, struct fact, f->n_vregs + 1);
	o.version = arena_array(&arena, uint32_t, f->n_vregs + 1);
	o.n_defs = arena_array(&arena, uint32_t, f->n_vregs + 1);
	o.constant = arena_array(&arena, int64_t, f->n_vregs + 1);
	o.is_constant = arena_array(&arena, bool, f->n_vregs + 1);
	for (unsigned round = 0; round < MAX_ROUNDS; round++) {
		o.changed = false;
		find_constants(&o);
		opt_fold(&o);
		remove_dead(&o, &arena);
		compact(f, &arena);
		if (!o.changed)
			break;
	}
	arena_free(&arena);
}

void ir_optimize(struct ir_module *m)
{
	for (uint32_t i = 0; i < m->n_funcs; i++)
		optimize_func(m->funcs[i]);
}
