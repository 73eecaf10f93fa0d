/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traced program with frame pointers, at addresses that are the file's: leaf is called by way of left and of right, from several threads at once. It
 * prints how often each. framed ROUNDS THREADS
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define KEEP __attribute__((noinline, noclone, used))

static long rounds;

KEEP long leaf(long a)
{
	__asm__ volatile("" ::: "memory");
	return a + 1;
}

KEEP long left(long a)
{
	return leaf(a) * 2;
}

KEEP long right(long a)
{
	long v = leaf(a);

	__asm__ volatile("" : "+r"(v));
	return v * 3;
}

KEEP long outer(void)
{
	long sum = 0;

	for (long i = 0; i < rounds; i++) {
		sum += left(i);
		sum -= right(i);
		sum += right(i + 1);
	}
	return sum;
}

static void *run(void *arg)
{
	long *sum = arg;

	*sum = outer();
	return NULL;
}

int main(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[2]) : 0;
	pthread_t threads[16];
	long sums[17] = { 0 };

	rounds = argc > 1 ? atol(argv[1]) : 1;
	for (int i = 0; i < n && i < 16; i++)
		pthread_create(&threads[i], NULL, run, &sums[i]);
	sums[16] = outer();
	for (int i = 0; i < n && i < 16; i++)
		pthread_join(threads[i], NULL);
	printf("left %ld right %ld sum %ld\n", rounds * (n + 1), 2 * rounds * (n + 1), sums[16]);
	return 0;
}
