/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Functions for tests that patch their own: one copy of each, and every call goes there. */
#ifndef SONDE_TESTS_UNIT_NEVER_COPIED_H
#define SONDE_TESTS_UNIT_NEVER_COPIED_H

#ifdef __clang__
#define NEVER_COPIED __attribute__((noinline, unused))
#else
#define NEVER_COPIED __attribute__((noinline, noclone, unused))
#endif

static volatile int never_copied_table[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

/* begins with an address relative to rip */
NEVER_COPIED static int by_address(int i)
{
	return never_copied_table[i & 7] + i;
}

NEVER_COPIED static int by_recursion(int i)
{
	int below;

	if (i <= 0)
		return 1;
	below = by_recursion(i - 1);
	__asm__ volatile("" : "+r"(below));
	return below + i;
}

#endif
