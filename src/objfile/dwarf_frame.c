/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frame of a function at an address, from its call frame information. Runs in the worker. LLVM describes variables on the
 * stack as they lie while the frame is up, for all of the function; call frame information is exact, so it tells where that holds.
 */
#include "objfile/dwarf_loc.h"

#include <dwarf.h>
#include <stdlib.h>

bool dwarf_frame_cfa_ops(const struct dwarf_loc_ctx *ctx, uint64_t pc, Dwarf_Frame **frame,
			 Dwarf_Op **ops, size_t *n)
{
	Dwarf_CFI *cfis[] = { ctx->cfi_eh, ctx->cfi_debug };

	for (unsigned i = 0; i < 2; i++) {
		*frame = NULL;
		if (!cfis[i] || dwarf_cfi_addrframe(cfis[i], pc, frame) != 0)
			continue;
		if (dwarf_frame_cfa(*frame, ops, n) == 0 && *n > 0)
			return true;
		free(*frame);
	}
	*frame = NULL;
	return false;
}

/* CFA = register + offset */
static bool cfa_rule(const struct dwarf_loc_ctx *ctx, uint64_t pc, uint64_t *reg, uint64_t *offset)
{
	Dwarf_Frame *frame;
	bool ok = false;
	Dwarf_Op *ops;
	size_t n;

	if (!dwarf_frame_cfa_ops(ctx, pc, &frame, &ops, &n))
		return false;
	if (n == 1 && ops[0].atom == DW_OP_bregx) {
		*reg = ops[0].number;
		*offset = ops[0].number2;
		ok = true;
	} else if (n == 1 && ops[0].atom >= DW_OP_breg0 && ops[0].atom <= DW_OP_breg31) {
		*reg = ops[0].atom - DW_OP_breg0;
		*offset = ops[0].number;
		ok = true;
	}
	free(frame);
	return ok;
}

bool dwarf_frame_is_up(const struct dwarf_loc_ctx *ctx, uint64_t number)
{
	uint64_t reg, offset, body_reg, body_offset;

	if (!ctx->is_llvm || !ctx->body || !cfa_rule(ctx, ctx->pc, &reg, &offset) ||
	    !cfa_rule(ctx, ctx->body, &body_reg, &body_offset))
		return true;
	if (number == body_reg)
		return reg == body_reg && offset == body_offset;
	/* not the register that the frame is found by: it changes on the way in and out */
	return reg == body_reg;
}
