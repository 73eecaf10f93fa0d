/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Basic blocks and liveness by the usual backward data flow over bit sets, kept small by giving bits only to vregs that
 * cross a block border. Runs before each user of its results; it must not change the function.
 */
#include "ir/flow.h"
#include "ir/ops.h"

#define NO_INSN UINT32_MAX

static void find_labels(const struct ir_func *f, struct arena *arena, struct ir_flow *flow)
{
	flow->label_insn = arena_array(arena, uint32_t, f->n_labels + 1);
	for (uint32_t l = 0; l < f->n_labels; l++)
		flow->label_insn[l] = NO_INSN;
	for (uint32_t i = 0; i < f->n; i++)
		if (f->insn[i].op == IR_LABEL && f->insn[i].target < f->n_labels)
			flow->label_insn[f->insn[i].target] = i;
}

/* cut before labels and behind jumps; block_of maps an instruction to its block */
static uint32_t *cut_blocks(const struct ir_func *f, struct arena *arena, struct ir_flow *flow)
{
	uint32_t *block_of = arena_array(arena, uint32_t, f->n + 1);
	uint32_t n = 0;
	bool starts = true;

	flow->blocks = arena_array(arena, struct ir_block, f->n + 1);
	for (uint32_t i = 0; i < f->n; i++) {
		if (starts || f->insn[i].op == IR_LABEL) {
			flow->blocks[n].first = i;
			n++;
		}
		flow->blocks[n - 1].end = i + 1;
		block_of[i] = n - 1;
		starts = ir_ends_block(&f->insn[i]);
	}
	flow->n_blocks = n;
	return block_of;
}

static void link_blocks(const struct ir_func *f, struct ir_flow *flow, const uint32_t *block_of)
{
	for (uint32_t b = 0; b < flow->n_blocks; b++) {
		struct ir_block *bl = &flow->blocks[b];
		const struct ir_insn *last = &f->insn[bl->end - 1];

		if (last->op == IR_JMP || last->op == IR_BR) {
			uint32_t to = last->target < f->n_labels ? flow->label_insn[last->target]
								 : NO_INSN;

			if (to != NO_INSN)
				bl->succ[bl->n_succ++] = block_of[to];
		}
		if (last->op != IR_JMP && last->op != IR_RET && b + 1 < flow->n_blocks)
			bl->succ[bl->n_succ++] = b + 1;
	}
}

static void mark_reachable(struct ir_flow *flow, struct arena *arena)
{
	uint32_t *stack = arena_array(arena, uint32_t, flow->n_blocks + 1);
	uint32_t n = 0;

	if (!flow->n_blocks)
		return;
	flow->blocks[0].is_reachable = true;
	stack[n++] = 0;
	while (n) {
		const struct ir_block *bl = &flow->blocks[stack[--n]];

		for (unsigned s = 0; s < bl->n_succ; s++) {
			struct ir_block *to = &flow->blocks[bl->succ[s]];

			if (!to->is_reachable) {
				to->is_reachable = true;
				stack[n++] = bl->succ[s];
			}
		}
	}
}

/*
 * Each jump backwards spans [label, jump]. Going down from the end, with the lowest label reached by any jump seen so
 * far, merges regions that overlap in one pass.
 */
static void find_loops(const struct ir_func *f, struct arena *arena, struct ir_flow *flow)
{
	uint32_t low = NO_INSN, last = 0, n = 0;

	flow->loops = arena_array(arena, struct ir_loop, flow->n_blocks + 1);
	for (uint32_t i = f->n; i-- > 0;) {
		const struct ir_insn *in = &f->insn[i];

		if ((in->op == IR_JMP || in->op == IR_BR) && in->target < f->n_labels &&
		    flow->label_insn[in->target] != NO_INSN && flow->label_insn[in->target] <= i) {
			if (low == NO_INSN)
				last = i;
			if (flow->label_insn[in->target] < low)
				low = flow->label_insn[in->target];
		}
		if (low == i) {
			flow->loops[n++] = (struct ir_loop){ low, last };
			low = NO_INSN;
		}
	}
	flow->n_loops = n;
	for (uint32_t a = 0, b = n; a + 1 < b; a++) { /* ascending */
		struct ir_loop t = flow->loops[a];

		flow->loops[a] = flow->loops[--b];
		flow->loops[b] = t;
	}
}

static void find_crossing(const struct ir_func *f, struct arena *arena, struct ir_flow *flow)
{
	/* 1 + the block that wrote it last, in instruction order */
	uint32_t *written = arena_array(arena, uint32_t, f->n_vregs + 1);
	uint32_t use[IR_MAX_USES];

	flow->crossing = arena_array(arena, uint32_t, f->n_vregs + 1);
	flow->crossing_vreg = arena_array(arena, uint32_t, f->n_vregs + 1);
	for (uint32_t b = 0; b < flow->n_blocks; b++) {
		for (uint32_t i = flow->blocks[b].first; i < flow->blocks[b].end; i++) {
			unsigned n = ir_uses(&f->insn[i], use);

			for (unsigned u = 0; u < n; u++) {
				if (written[use[u]] == b + 1 || flow->crossing[use[u]])
					continue;
				flow->crossing_vreg[flow->n_crossing] = use[u];
				flow->crossing[use[u]] = ++flow->n_crossing;
			}
			if (ir_def(&f->insn[i]))
				written[ir_def(&f->insn[i])] = b + 1;
		}
	}
	flow->n_words = (flow->n_crossing + 63) / 64;
}

static void set_bit(uint64_t *row, uint32_t number)
{
	row[number / 64] |= 1ull << (number % 64);
}

static bool has_bit(const uint64_t *row, uint32_t number)
{
	return row[number / 64] >> (number % 64) & 1;
}

/* gen: read before written in the block; kill: written in it */
static void find_block_sets(const struct ir_func *f, struct ir_flow *flow, uint64_t *gen,
			    uint64_t *kill)
{
	uint32_t use[IR_MAX_USES];

	for (uint32_t b = 0; b < flow->n_blocks; b++) {
		uint64_t *g = gen + (size_t)b * flow->n_words,
			 *k = kill + (size_t)b * flow->n_words;

		for (uint32_t i = flow->blocks[b].first; i < flow->blocks[b].end; i++) {
			unsigned n = ir_uses(&f->insn[i], use);
			uint32_t def = ir_def(&f->insn[i]);

			for (unsigned u = 0; u < n; u++)
				if (flow->crossing[use[u]] &&
				    !has_bit(k, flow->crossing[use[u]] - 1))
					set_bit(g, flow->crossing[use[u]] - 1);
			if (def && flow->crossing[def])
				set_bit(k, flow->crossing[def] - 1);
		}
	}
}

static void solve_liveness(struct ir_flow *flow, const uint64_t *gen, const uint64_t *kill)
{
	bool changed = true;
	uint32_t words = flow->n_words;

	/* blocks from the last to the first: without loops the second round only confirms */
	while (changed) {
		changed = false;
		for (uint32_t b = flow->n_blocks; b-- > 0;) {
			const struct ir_block *bl = &flow->blocks[b];
			uint64_t *in = flow->live_in + (size_t)b * words,
				 *out = flow->live_out + (size_t)b * words;

			for (uint32_t w = 0; w < words; w++) {
				uint64_t o = 0, live;

				for (unsigned s = 0; s < bl->n_succ; s++)
					o |= flow->live_in[(size_t)bl->succ[s] * words + w];
				out[w] = o;
				live = gen[(size_t)b * words + w] |
				       (o & ~kill[(size_t)b * words + w]);
				if (live != in[w]) {
					in[w] = live;
					changed = true;
				}
			}
		}
	}
}

void ir_flow_build(const struct ir_func *f, struct arena *arena, struct ir_flow *flow)
{
	const uint32_t *block_of;
	uint64_t *gen, *kill;
	size_t bits;

	memset(flow, 0, sizeof(*flow));
	find_labels(f, arena, flow);
	block_of = cut_blocks(f, arena, flow);
	link_blocks(f, flow, block_of);
	mark_reachable(flow, arena);
	find_loops(f, arena, flow);
	find_crossing(f, arena, flow);
	bits = (size_t)flow->n_blocks * flow->n_words + 1;
	gen = arena_array(arena, uint64_t, bits);
	kill = arena_array(arena, uint64_t, bits);
	flow->live_in = arena_array(arena, uint64_t, bits);
	flow->live_out = arena_array(arena, uint64_t, bits);
	find_block_sets(f, flow, gen, kill);
	solve_liveness(flow, gen, kill);
}

bool ir_flow_live_out(const struct ir_flow *flow, uint32_t block, uint32_t vreg)
{
	uint32_t number = flow->crossing[vreg];

	return number && has_bit(flow->live_out + (size_t)block * flow->n_words, number - 1);
}

bool ir_flow_live_in(const struct ir_flow *flow, uint32_t block, uint32_t vreg)
{
	uint32_t number = flow->crossing[vreg];

	return number && has_bit(flow->live_in + (size_t)block * flow->n_words, number - 1);
}

const struct ir_loop *ir_flow_loop(const struct ir_flow *flow, uint32_t i)
{
	uint32_t lo = 0, hi = flow->n_loops;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (flow->loops[mid].last < i)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < flow->n_loops && flow->loops[lo].first <= i ? &flow->loops[lo] : NULL;
}
