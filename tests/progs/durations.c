/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traced program: functions that take known times and measure themselves. For each call it prints "NAME MICROSECONDS",
 * and at the end "calls NAME COUNT". durations [ROUNDS]
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define KEEP __attribute__((noinline, noclone, used))

static int n_nap, n_deep;

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void wait_us(int us)
{
	struct timespec t = { 0, us * 1000 };

	nanosleep(&t, NULL);
}

KEEP int nap(int us, const char *who)
{
	int64_t start = now_us();

	__sync_add_and_fetch(&n_nap, 1);
	wait_us(us);
	printf("nap %lld %s\n", (long long)(now_us() - start), who);
	return us + 1;
}

/* each level waits for a millisecond and calls the next one in the midst of it */
KEEP int deep(int levels)
{
	int64_t start = now_us();
	int sum = levels;

	n_deep++;
	wait_us(1000);
	if (levels > 1)
		sum += deep(levels - 1);
	printf("deep %lld %d\n", (long long)(now_us() - start), levels);
	return sum;
}

static void *other(void *arg)
{
	for (int i = 0; i < *(int *)arg; i++)
		nap(2000, "thread");
	return NULL;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 3;
	pthread_t t;

	pthread_create(&t, NULL, other, &rounds);
	for (int i = 0; i < rounds; i++) {
		nap(i % 2 ? 20000 : 500, i % 2 ? "long" : "short");
		deep(5);
	}
	pthread_join(t, NULL);
	printf("calls nap %d\ncalls deep %d\n", n_nap, n_deep);
	return 0;
}
