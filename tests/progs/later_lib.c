/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A library that later.c opens while it runs. */
__attribute__((noinline, noclone)) int work(int i);

__attribute__((noinline, noclone)) int work(int i)
{
	__asm__ volatile("");
	return i * 3;
}
