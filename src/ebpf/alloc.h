/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the vregs and stack slots of one function live. Two allocators behind one interface: alloc_slots gives every
 * vreg a stack slot of its own and is obviously right; alloc_linear is the one in use. The emitter knows only places, so
 * tests can run both and compare. Results live in the arena given.
 *
 * Contract with the emitter, which needs registers of its own: R0 and R1 never hold a vreg. An instruction that is
 * "heavy" (ebpf_is_heavy) also takes R2 and R3: no vreg that it reads or writes, or that lives across it, is there. A
 * call takes R0 to R5: no vreg that lives across it is there, its arguments may be.
 */
#ifndef SONDE_EBPF_ALLOC_H
#define SONDE_EBPF_ALLOC_H

#include "ir/ir.h"

enum ebpf_place_kind {
	PLACE_NONE, /* never read, or never reached */
	PLACE_REG,
	PLACE_STACK, /* 8 bytes at R10 + off */
	PLACE_REMAT, /* made anew at each use from its one definition, IR instruction def */
};

struct ebpf_place {
	uint8_t kind;
	uint8_t reg;
	int32_t off;
	uint32_t def;
};

struct ebpf_alloc {
	/*
	 * By vreg. Behind the function's own ones, ebpf_entry_vreg(f, k) stands for what comes in R1 + k at the entry:
	 * the context or parameter k. PLACE_NONE when not read.
	 */
	struct ebpf_place *places;
	int32_t *slot_off; /* by slot: R10 + slot_off is its first byte, a multiple of 8 */
	uint32_t frame_bytes;
	uint32_t n_in_regs, n_spilled, n_remat;
};

#define EBPF_N_ENTRY 5

static inline uint32_t ebpf_entry_vreg(const struct ir_func *f, unsigned k)
{
	return f->n_vregs + 1 + k;
}

static inline bool ebpf_is_heavy(const struct ir_insn *in)
{
	return in->op == IR_COPY || in->op == IR_SDIV || in->op == IR_SMOD ||
	       (in->op == IR_ATOMIC && in->cc == ATOMIC_CMPXCHG);
}

void ebpf_alloc_slots(const struct ir_func *f, struct arena *arena, struct ebpf_alloc *out);
void ebpf_alloc_linear(const struct ir_func *f, struct arena *arena, struct ebpf_alloc *out);

#endif
