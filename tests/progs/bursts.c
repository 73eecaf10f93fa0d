/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traced program: a burst of calls, then few of them. bursts STOP GO AFTER: calls burst_call(0) a thousand times a millisecond until there is a file
 * STOP; then burst_call(1) every five milliseconds until there is a file GO; then burst_call(2) AFTER times as slowly. It waits for each
 * file two minutes at most. At the end it says how many calls of each kind there were.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { MOST_S = 120, CALM_MS = 5, BURST_CALLS = 1000 };

__attribute__((noinline)) long burst_call(long kind)
{
	__asm__ volatile("" ::: "memory");
	return kind + 100;
}

static void nap(long ms)
{
	const struct timespec t = { .tv_nsec = ms * 1000000 };

	nanosleep(&t, NULL);
}

static long call(long kind, long n)
{
	for (long i = 0; i < n; i++)
		if (burst_call(kind) != kind + 100)
			exit(1);
	return n;
}

static long call_until(const char *file, long kind, long at_once, long ms)
{
	time_t end = time(NULL) + MOST_S;
	long n = 0;

	for (; access(file, F_OK) && time(NULL) < end; nap(ms))
		n += call(kind, at_once);
	return n;
}

int main(int argc, char **argv)
{
	long calls[3] = { 0 };

	if (argc != 4)
		return 1;
	calls[0] = call_until(argv[1], 0, BURST_CALLS, 1);
	calls[1] = call_until(argv[2], 1, 1, CALM_MS);
	for (; calls[2] < atol(argv[3]); nap(CALM_MS))
		calls[2] += call(2, 1);
	printf("calls %ld %ld %ld\n", calls[0], calls[1], calls[2]);
	return 0;
}
