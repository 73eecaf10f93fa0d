/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each IR operation reads, writes and may do: the one place from which the checker, the optimiser and the register
 * allocators learn it. No memory is owned here.
 */
#ifndef SONDE_IR_OPS_H
#define SONDE_IR_OPS_H

#include "ir/ir.h"

#define IR_MAX_USES 5

const char *ir_cc_name(enum ir_cc cc);
const char *ir_atomic_name(enum ir_atomic a);
/* how many of a, b, c (or of the arguments) it reads, b counted even where IRF_IMM stands in for it */
unsigned ir_arity(const struct ir_insn *in);
/* vregs read, in operand order (one may stand twice); returns how many */
unsigned ir_uses(const struct ir_insn *in, uint32_t use[IR_MAX_USES]);
/* the vreg written, or IR_NO_VREG */
uint32_t ir_def(const struct ir_insn *in);
bool ir_is_call(const struct ir_insn *in);
/* b may be replaced by imm */
bool ir_can_use_imm(const struct ir_insn *in);
/* nothing but its result: may be removed when that is dead (loads are: what a program may load cannot fault) */
bool ir_is_pure(const struct ir_insn *in);
/* gives the same value wherever it stands, without operands: cheaper to repeat than to keep in a stack slot */
bool ir_is_remat(const struct ir_insn *in);
/* control may leave here for elsewhere than the next instruction */
bool ir_ends_block(const struct ir_insn *in);

#endif
