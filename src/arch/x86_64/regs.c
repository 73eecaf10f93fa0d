/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of x86-64; see regs.h. Offsets are those of the kernel's struct pt_regs, which uprobe programs get as
 * their context and which <sys/ptrace.h> declares too: asserted below, not repeated from memory.
 */
#include "arch/x86_64/regs.h"

#include <stdlib.h>
#include <sys/user.h>

/* user_regs_struct begins with the words of pt_regs in the same order; pt_regs ends after ss */
#define OFF(field) offsetof(struct user_regs_struct, field)

_Static_assert(OFF(r15) == 0 && OFF(rdi) == 14 * 8 && OFF(orig_rax) == 15 * 8 && OFF(ss) == 20 * 8,
	       "struct user_regs_struct does not begin like struct pt_regs");
_Static_assert(OFF(ss) + 8 == ARCH_PT_REGS_SIZE, "size of struct pt_regs");

/* the four old registers have names for both of their low bytes */
/* clang-format off */
#define OLD_REG(letter)                                                                                 \
	{ "r" #letter "x", OFF(r##letter##x), 8, 0 }, { "e" #letter "x", OFF(r##letter##x), 4, 0 },     \
		{ #letter "x", OFF(r##letter##x), 2, 0 }, { #letter "l", OFF(r##letter##x), 1, 0 },     \
		{ #letter "h", OFF(r##letter##x), 1, 8 }
#define POINTER_REG(name)                                                                    \
	{ "r" #name, OFF(r##name), 8, 0 }, { "e" #name, OFF(r##name), 4, 0 },                \
		{ #name, OFF(r##name), 2, 0 }, { #name "l", OFF(r##name), 1, 0 }
#define NEW_REG(n)                                                                      \
	{ "r" #n, OFF(r##n), 8, 0 }, { "r" #n "d", OFF(r##n), 4, 0 },                   \
		{ "r" #n "w", OFF(r##n), 2, 0 }, { "r" #n "b", OFF(r##n), 1, 0 }

static const struct arch_reg regs[] = {
	OLD_REG(a),      OLD_REG(b),      OLD_REG(c),  OLD_REG(d),  POINTER_REG(si), POINTER_REG(di),
	POINTER_REG(bp), POINTER_REG(sp), NEW_REG(8),  NEW_REG(9),  NEW_REG(10),     NEW_REG(11),
	NEW_REG(12),     NEW_REG(13),     NEW_REG(14), NEW_REG(15), { "rip", OFF(rip), 8, 0 },
	{ "eip", OFF(rip), 4, 0 },
};
/* clang-format on */

const struct arch_reg arch_script_regs[] = {
	{ "r8", OFF(r8), 8, 0 },
	{ "r9", OFF(r9), 8, 0 },
	{ "r10", OFF(r10), 8, 0 },
	{ "r11", OFF(r11), 8, 0 },
	{ "r12", OFF(r12), 8, 0 },
	{ "r13", OFF(r13), 8, 0 },
	{ "r14", OFF(r14), 8, 0 },
	{ "r15", OFF(r15), 8, 0 },
	{ "ax", OFF(rax), 8, 0 },
	{ "bx", OFF(rbx), 8, 0 },
	{ "cx", OFF(rcx), 8, 0 },
	{ "dx", OFF(rdx), 8, 0 },
	{ "si", OFF(rsi), 8, 0 },
	{ "di", OFF(rdi), 8, 0 },
	{ "bp", OFF(rbp), 8, 0 },
	{ "sp", OFF(rsp), 8, 0 },
	{ "ip", OFF(rip), 8, 0 },
	{ "pc", OFF(rip), 8, 0 },
	{ "flags", OFF(eflags), 8, 0 },
	{ "cs", OFF(cs), 8, 0 },
	{ "ss", OFF(ss), 8, 0 },
	{ "orig_rax", OFF(orig_rax), 8, 0 },
	{ NULL, 0, 0, 0 },
};

const struct arch_reg *arch_reg_find(struct str name)
{
	for (size_t i = 0; i < sizeof(regs) / sizeof(regs[0]); i++)
		if (str_is(name, regs[i].name))
			return &regs[i];
	return NULL;
}

const struct arch_reg *arch_reg_find_script(struct str name)
{
	for (const struct arch_reg *r = arch_script_regs; r->name; r++)
		if (str_is(name, r->name))
			return r;
	return NULL;
}

int arch_arg_offset(unsigned n)
{
	static const uint16_t offsets[ARCH_N_ARG_REGS] = { OFF(rdi), OFF(rsi), OFF(rdx),
							   OFF(rcx), OFF(r8),  OFF(r9) };

	return n < ARCH_N_ARG_REGS ? offsets[n] : -1;
}

int arch_syscall_arg_offset(unsigned n)
{
	/* the syscall instruction overwrites rcx, so the fourth one travels in r10 */
	return n == 3 ? (int)OFF(r10) : arch_arg_offset(n);
}

int arch_retval_offset(void)
{
	return OFF(rax);
}

int arch_ip_offset(void)
{
	return OFF(rip);
}

int arch_sp_offset(void)
{
	return OFF(rsp);
}

int arch_fp_offset(void)
{
	return OFF(rbp);
}

bool arch_reg_is_float(struct str name)
{
	static const char *const prefixes[] = { "xmm", "ymm", "zmm", "mm", "st" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (str_starts(name, str_from(prefixes[i])) && name.n > strlen(prefixes[i]))
			return true;
	return str_is(name, "st");
}
