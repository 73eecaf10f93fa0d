/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traced program that is there before the tracer: says "ready", then calls tick(n) every 10 ms, n = 0, 1, ...,
 * until SIGTERM, SIGKILL or SECONDS (default 20) end it; with "die" as second argument it ends by abort() in tick().
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static volatile long sink;

__attribute__((noinline, noclone, used)) long tick(long n, const char *how)
{
	if (n == 50 && strcmp(how, "die") == 0)
		abort();
	sink = n;
	return n + 1;
}

int main(int argc, char **argv)
{
	long rounds = (argc > 1 ? atol(argv[1]) : 20) * 100;
	const char *how = argc > 2 ? argv[2] : "live";

	puts("ready");
	fflush(stdout);
	for (long n = 0; n < rounds; n++) {
		struct timespec t = { 0, 10 * 1000 * 1000 };

		tick(n, how);
		nanosleep(&t, NULL);
	}
	return 0;
}
