/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traced program: calls paced_call, so many times a millisecond as long as the machine lets it, and says at the end how many calls
 * there were, the sum of their arguments, the first byte of that function as it is then, and how many milliseconds it took. paced CALLS CALLS_PER_MS
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

__attribute__((noinline)) long paced_call(long a)
{
	__asm__ volatile("" ::: "memory");
	return a + 1;
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? atol(argv[1]) : 1000, per_ms = argc > 2 ? atol(argv[2]) : 100;
	long start = now_ms(), done = 0, sum = 0;
	const struct timespec nap = { .tv_nsec = 300000 };

	while (done < n) {
		long due = (now_ms() - start + 1) * per_ms;

		for (; done < due && done < n; done++) {
			long a = done % 100;

			sum += a;
			if (paced_call(a) != a + 1)
				return 1;
		}
		nanosleep(&nap, NULL);
	}
	printf("calls %ld sum %ld byte %02x\n", done, sum, *(const unsigned char *)paced_call);
	printf("took %ld\n", now_ms() - start);
	return 0;
}
