/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A library that later.c opens while it runs. */
__attribute__((noinline, noclone)) int work(int i);

__attribute__((noinline, noclone)) int work(int i)
{
	int far = i + 1000000; /* long enough for a jump */

	__asm__ volatile("" : "+r"(far));
	return far * 3 - 3000000;
}
