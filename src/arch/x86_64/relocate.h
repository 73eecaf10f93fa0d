/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions executed elsewhere than they stand: what a patch displaces is written again behind the trampoline. What an
 * instruction does may not change: addresses that it names relative to itself are adjusted, short jumps become long ones, calls
 * push the return address that they would have pushed in their own place. Pure: bytes in, bytes out.
 */
#ifndef SONDE_ARCH_X86_64_RELOCATE_H
#define SONDE_ARCH_X86_64_RELOCATE_H

#include "arch/x86_64/decode.h"

enum { RELOCATE_MAX = 32 }; /* bytes that one instruction can become */

/* why it cannot be executed elsewhere; NULL: it can (addresses out of reach apart) */
const char *relocate_refusal(const struct code_insn *i, const uint8_t *bytes);
/*
 * The instruction whose bytes are given, as it has to be at address `to`: its length, at most RELOCATE_MAX; 0: what it names is not
 * within 2 GB of there. Only for instructions that are not refused.
 */
unsigned relocate_insn(const struct code_insn *i, const uint8_t *bytes, uint64_t to,
		       uint8_t out[RELOCATE_MAX]);

#endif
