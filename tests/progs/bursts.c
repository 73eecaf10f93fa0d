/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traced program: a burst of calls, then few of them. bursts CALLS GO AFTER: calls burst_call(0) so often, 1,000 times a millisecond;
 * then burst_call(1) twice a millisecond until there is a file GO (30 s at most); then burst_call(2) AFTER times as slowly. Each call lasts from
 * burst_call to its return, and calls nothing. At the end it says how many calls of each kind there were.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { CALM_MS = 30000, CALM_CALLS = 2, BURST_CALLS = 1000 };

__attribute__((noinline)) long burst_call(long kind)
{
	__asm__ volatile("" ::: "memory");
	return kind + 100;
}

static void nap(void)
{
	const struct timespec ms = { .tv_nsec = 900000 };

	nanosleep(&ms, NULL);
}

static long call(long kind, long n)
{
	for (long i = 0; i < n; i++)
		if (burst_call(kind) != kind + 100)
			exit(1);
	return n;
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? atol(argv[1]) : 1000, after = argc > 3 ? atol(argv[3]) : 100;
	long calls[3] = { 0 };

	for (; calls[0] < n; nap())
		calls[0] += call(0, BURST_CALLS);
	for (int ms = 0; ms < CALM_MS && argc > 2 && access(argv[2], F_OK); ms++, nap())
		calls[1] += call(1, CALM_CALLS);
	for (; calls[2] < after; nap())
		calls[2] += call(2, CALM_CALLS);
	printf("calls %ld %ld %ld\n", calls[0], calls[1], calls[2]);
	return 0;
}
