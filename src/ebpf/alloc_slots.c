/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The allocator that is obviously right: each vreg, each entry value and each slot has its own place on the stack, no
 * two share, nothing is kept in a register between IR instructions. The oracle for alloc_linear; too hungry for real
 * scripts.
 */
#include "ebpf/alloc.h"
#include "ebpf/insn.h"

static int32_t take_bytes(struct ebpf_alloc *out, uint32_t bytes)
{
	out->frame_bytes += (bytes + 7) & ~7u;
	return -(int32_t)out->frame_bytes;
}

void ebpf_alloc_slots(const struct ir_func *f, struct arena *arena, struct ebpf_alloc *out)
{
	uint32_t n = f->n_vregs + 1 + EBPF_N_ENTRY;

	memset(out, 0, sizeof(*out));
	out->places = arena_array(arena, struct ebpf_place, n);
	out->slot_off = arena_array(arena, int32_t, f->n_slots + 1);
	for (uint32_t v = 1; v <= f->n_vregs; v++)
		out->places[v] = (struct ebpf_place){ .kind = PLACE_STACK,
						      .off = take_bytes(out, 8) };
	for (uint32_t i = 0; i < f->n; i++) {
		const struct ir_insn *in = &f->insn[i];
		struct ebpf_place *p;

		if (in->op != IR_CTX && in->op != IR_PARAM)
			continue;
		p = &out->places[ebpf_entry_vreg(f, in->op == IR_CTX ? 0 : (unsigned)in->imm)];
		if (p->kind == PLACE_NONE)
			*p = (struct ebpf_place){ .kind = PLACE_STACK, .off = take_bytes(out, 8) };
	}
	for (uint32_t s = 0; s < f->n_slots; s++)
		out->slot_off[s] = take_bytes(out, f->slots[s].size);
	out->n_spilled = f->n_vregs;
}
