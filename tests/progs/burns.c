/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Spends 70 % and 30 % of its time in two functions without frame pointers: burns N [FILE]. Each of N rounds takes 100 ms of processor time.
 * FILE gets what getrusage says of both at the end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static volatile unsigned long sink;

static double used(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

__attribute__((noinline)) static void burn(double seconds)
{
	double end = used() + seconds;

	while (used() < end)
		for (int i = 0; i < 100000; i++)
			sink += (unsigned long)i;
}

__attribute__((noinline, noclone)) static double heavy(void)
{
	double t = used();

	burn(0.07);
	sink++;
	return used() - t;
}

__attribute__((noinline, noclone)) static double light(void)
{
	double t = used();

	burn(0.03);
	sink++;
	return used() - t;
}

int main(int argc, char **argv)
{
	double h = 0, l = 0;

	for (int i = 0; argc > 1 && i < atoi(argv[1]); i++) {
		h += heavy();
		l += light();
	}
	if (argc > 2) {
		FILE *f = fopen(argv[2], "w");

		if (!f)
			return 1;
		fprintf(f, "heavy %.0f\nlight %.0f\n", h * 1e6, l * 1e6);
		fclose(f);
	}
	return 0;
}
