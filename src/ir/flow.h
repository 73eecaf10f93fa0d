/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control flow and liveness of one IR function: basic blocks, their successors, which vregs live across their borders,
 * and the regions that loops cover in the instruction order. Read by the checker, the optimiser and the register
 * allocators; valid until the function's instructions change. Memory comes from the arena given.
 */
#ifndef SONDE_IR_FLOW_H
#define SONDE_IR_FLOW_H

#include "ir/ir.h"

struct ir_block {
	uint32_t first, end; /* instructions [first, end) */
	uint32_t succ[2];    /* block numbers */
	uint8_t n_succ;
	bool is_reachable; /* from the entry */
};

/* instructions [first, last] that a backward jump may repeat; regions that overlap are one */
struct ir_loop {
	uint32_t first, last;
};

struct ir_flow {
	struct ir_block *blocks;
	uint32_t n_blocks;
	uint32_t *label_insn;  /* by label: the instruction, or UINT32_MAX */
	struct ir_loop *loops; /* ascending, disjoint */
	uint32_t n_loops;
	/*
	 * Most vregs are defined and used inside of one block. Only those read in a block before they are written there
	 * ("crossing") need bits: crossing[v] is 1 + their number, or 0.
	 */
	uint32_t *crossing;
	uint32_t *crossing_vreg; /* number -> vreg */
	uint32_t n_crossing, n_words;
	uint64_t *live_in, *live_out; /* n_blocks rows of n_words */
};

/* labels must be in range (ir_check asserts it before); a label that stands nowhere has no successor */
void ir_flow_build(const struct ir_func *f, struct arena *arena, struct ir_flow *flow);
bool ir_flow_live_out(const struct ir_flow *flow, uint32_t block, uint32_t vreg);
bool ir_flow_live_in(const struct ir_flow *flow, uint32_t block, uint32_t vreg);
/* the loop region that holds instruction i, or NULL */
const struct ir_loop *ir_flow_loop(const struct ir_flow *flow, uint32_t i);

#endif
