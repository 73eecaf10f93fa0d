/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traced program: leaf functions that keep their argument below the stack pointer over a 5-byte nop, where kernels from 6.18 on
 * put a call for a uprobe. Prints how often they lost it: never. redzone [CALLS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/sdt.h>

#undef _SDT_NOP
#define _SDT_NOP .nops 5

#define ASM(name, text)                                                                           \
	__asm__(".text\n.p2align 4\n.globl " #name "\n.type " #name ",@function\n" #name ":" text \
		"\n.size " #name ", .-" #name "\n");                                              \
	long name(long a)

/* the nop is at +6; control comes behind it from it alone */
ASM(zone, "mov %rdi,-8(%rsp); nop; .nops 5; mov -8(%rsp),%rax; ret");
/* at +5; a loop goes to the instruction behind it */
ASM(looped, "mov %rdi,-8(%rsp); .nops 5; 1: mov -8(%rsp),%rax; dec %rdi; jns 1b; ret");
/* at +0: nothing is below the stack pointer yet */
ASM(entry, ".nops 5; mov %rdi,-8(%rsp); mov -8(%rsp),%rax; ret");

__attribute__((noinline, noclone, used)) long site(long a)
{
	volatile long kept[4] = { a, a, a, a };

	DTRACE_PROBE1(redzone, hit, a);
	return (kept[0] + kept[1] + kept[2] + kept[3]) / 4;
}

int main(int argc, char **argv)
{
	long calls = argc > 1 ? atol(argv[1]) : 100, wrong = 0;

	for (long i = 0; i < calls; i++)
		wrong += (zone(i) != i) + (looped(i % 10) != i % 10) + (entry(i) != i) +
			 (site(i) != i);
	printf("wrong: %ld\n", wrong);
	return 0;
}
