/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Four threads that call functions with known answers (four_threads.h), which begin in ways that are hard to probe: with a loop's head, a jump,
 * a call, three bytes of code, an address relative to the instruction.
 */
#include "four_threads.h"

static volatile int table[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

NEVER_COPIED int by_address(int i)
{
	return table[i & 7] + i;
}

NEVER_COPIED int by_branch(int i)
{
	if (i & 1)
		return by_address(i) * 3;
	return i ^ 5;
}

NEVER_COPIED int by_recursion(int i)
{
	int below;

	if (i <= 0)
		return 1;
	below = by_recursion(i - 1);
	__asm__ volatile("" : "+r"(below));
	return below + i;
}

/* its first bytes are jumped to */
int by_loop(int i);
__asm__(".text\n"
	".globl by_loop\n"
	".type by_loop, @function\n"
	"by_loop:\n"
	"	dec %edi\n"
	"	inc %eax\n"
	"	test %edi, %edi\n"
	"	jg by_loop\n"
	"	ret\n"
	".size by_loop, . - by_loop\n"
	/* three bytes */
	".globl by_little\n"
	".type by_little, @function\n"
	"by_little:\n"
	"	mov %edi, %eax\n"
	"	ret\n"
	".size by_little, . - by_little\n"
	".balign 16\n");
int by_little(int i);

NEVER_COPIED double by_float(double d, int i)
{
	return d * i + 0.5;
}

NEVER_COPIED int by_table(int i)
{
	switch (i & 7) {
	case 0: return by_little(3);
	case 1: return 17 + table[2];
	case 2: return by_address(4);
	case 3: return i * 5;
	case 4: return i - 1;
	case 5: return table[i & 3];
	case 6: return 99;
	default: return -i;
	}
}

/* what by_table gives, from arithmetic alone */
static int expected(int i)
{
	const int answers[8] = { 3, 20, 9, i * 5, i - 1, (i & 3) + 1, 99, -i };

	return answers[i & 7];
}

static int is_right(unsigned me, unsigned n_th)
{
	int i = n_th & 0xffff, n = i & 7, loops;

	(void)me;
	__asm__ volatile("xor %%eax, %%eax\n\tcall by_loop" : "=a"(loops), "+D"(n)::"rcx", "rdx", "rsi",
			 "r8", "r9", "r10", "r11", "memory", "cc");
	n = i & 7;
	return loops == (n ? n : 1) && by_address(i) == n + 1 + i &&
	       by_branch(i) == (i & 1 ? (n + 1 + i) * 3 : (i ^ 5)) &&
	       by_recursion(n) == 1 + n * (n + 1) / 2 && by_float(2.0, n) == 2.0 * n + 0.5 &&
	       by_table(i) == expected(i) && by_little(i) == i;
}
