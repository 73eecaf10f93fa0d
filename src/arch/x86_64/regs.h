/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of x86-64 as a traced thread's struct pt_regs holds them (arch/x86/include/uapi/asm/ptrace.h): the one
 * place that knows those offsets. Everything here is constant data.
 */
#ifndef SONDE_ARCH_X86_64_REGS_H
#define SONDE_ARCH_X86_64_REGS_H

#include "base/str.h"

struct arch_reg {
	const char *name;
	uint16_t offset; /* of the whole 64-bit register in struct pt_regs */
	uint8_t size;    /* bytes that the name means: 8, 4, 2, 1 */
	uint8_t shift; /* bits to shift the 64-bit value right by first: 8 for %ah, %bh, %ch, %dh, else 0 */
};

enum {
	ARCH_PT_REGS_SIZE = 168,
	ARCH_N_ARG_REGS =
		6, /* integer arguments of the C calling convention that travel in registers */
};

/* the name as an assembler writes it, without '%': rax, eax, ax, al, ah, r8, r8d, r8w, r8b, rip; NULL when unknown */
const struct arch_reg *arch_reg_find(struct str name);
/* the name as reg("...") of a script takes it: ax, bx, di, sp, ip, flags, orig_rax, r8, ...; always 64 bits */
const struct arch_reg *arch_reg_find_script(struct str name);
/* all names of arch_reg_find_script, ended by a NULL name; for messages */
extern const struct arch_reg arch_script_regs[];

/* n-th integer argument (0..5) of a C function at its entry: offset in struct pt_regs; -1 beyond */
int arch_arg_offset(unsigned n);
/* n-th integer argument of a system call (0..5: rdi rsi rdx r10 r8 r9) */
int arch_syscall_arg_offset(unsigned n);
int arch_retval_offset(void); /* ax */
int arch_ip_offset(void);
int arch_sp_offset(void);
int arch_fp_offset(void); /* bp */
/* true when the assembler name is a vector or x87 register */
bool arch_reg_is_float(struct str name);

#endif
