/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traced program: calls of a function and system calls in turn, for scripts of which one half runs in the process and the other in the
 * kernel. It prints each before it does it. mixed [ROUNDS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KEEP __attribute__((noinline, noclone, used))

KEEP long work(long i, const char *name)
{
	__asm__ volatile("" ::"r"(name));
	return 3 * i;
}

KEEP long rest(long i)
{
	__asm__ volatile("");
	return i + 1;
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "red", "green", "blue" };
	long rounds = argc > 1 ? atol(argv[1]) : 1, sum = 0;

	for (long i = 0; i < rounds; i++) {
		printf("work %ld %s\n", i, names[i % 3]);
		sum += work(i, names[i % 3]);
		/* which 7: there is no such thing, so the kernel says no and does nothing */
		printf("call %ld\n", i);
		syscall(SYS_getpriority, 7, i);
		printf("rest %ld\n", i);
		sum += rest(i);
	}
	printf("sum %ld\n", sum);
	return 0;
}
