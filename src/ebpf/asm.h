/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Assembler for the notation that image/disasm writes (the kernel verifier's), one instruction per line; for tests. In
 * addition: `name:` makes a label, `goto name` and `call name` refer to it, `;` and `#` at the start of a word begin a
 * comment, `rN = subprog name` is the address of a function. `rN = 5` (decimal) is a 32-bit move, `rN = 0x5` (hexadecimal) is ld_imm64, as the disassembler prints them.
 */
#ifndef SONDE_EBPF_ASM_H
#define SONDE_EBPF_ASM_H

#include "base/arena.h"
#include "base/err.h"

#include <linux/bpf.h>

/* instructions in the arena; the error names the line */
struct err *ebpf_assemble(struct str text, struct arena *arena, struct bpf_insn **insns,
			  uint32_t *n_insns) ERR_MUST;

#endif
