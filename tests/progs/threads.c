/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traced program: THREADS threads call work() CALLS times each, the i-th thread with its number. Prints the totals
 * that a count must show. threads THREADS CALLS
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static long calls;
static volatile uint64_t sink;

__attribute__((noinline, noclone, used)) void work(uint64_t thread, uint64_t i)
{
	sink = thread + i;
}

static void *run(void *arg)
{
	for (long i = 0; i < calls; i++)
		work((uint64_t)(uintptr_t)arg, (uint64_t)i);
	return NULL;
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? atol(argv[1]) : 4;
	pthread_t *t = calloc((size_t)n, sizeof(*t));

	calls = argc > 2 ? atol(argv[2]) : 1000;
	for (long i = 0; i < n; i++)
		if (pthread_create(&t[i], NULL, run, (void *)(uintptr_t)i))
			return 1;
	for (long i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	free(t);
	for (long i = 0; i < n; i++)
		printf("@[%ld]: %ld\n", i, calls);
	printf("@total: %ld\n", n * calls);
	return 0;
}
