/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traced program (to be built with -O2 -g): an argument whose register is overwritten by the first call, so that the debug
 * information can only say "what it was at the entry". Recursive, and inlined into a caller. Prints the truth.
 */
#include <stdio.h>

#define KEEP __attribute__((noinline, noclone, used))

KEEP int spoil(int x)
{
	__asm__ volatile("mov $99, %%edi; mov $98, %%esi" ::: "rdi", "rsi");
	return x + 1;
}

KEEP int after(int x, int depth)
{
	int a = spoil(x * 2);

	__asm__ volatile("nop"); /* line 20: x is nowhere but in the entry's register */
	if (a & 1)
		a += spoil(a);
	return a;
}

KEEP int down(int n)
{
	int r = spoil(n);

	if (r > 1)
		r += down(r - 2);
	__asm__ volatile("nop"); /* line 32, after the inner calls */
	return r;
}

int main(void)
{
	for (int i = 1; i < 4; i++) {
		printf("x = %d\n", i * 10);
		after(i * 10, 0);
	}
	for (int i = 0; i <= 4; i++)
		printf("n = %d\n", i);
	down(4);
	return 0;
}
