/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traced program with debug information, optimized: arguments and results of several types, which it prints; a variable
 * that never has a value, so that no compiler finds a place for it.
 */
#include <stdio.h>
#include <stdlib.h>

struct point {
	int x, y;
	const char *name;
};

__attribute__((noinline, noclone, used)) int scale(const struct point *p, int by)
{
	int never __attribute__((unused));

	printf("scale %d %d %s %d\n", p->x, p->y, p->name, by);
	return (p->x - p->y) * by;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 3;
	int sum = 0;

	for (int i = 0; i < n; i++) {
		struct point p = { i, -i, "here" };
		int r = scale(&p, i + 2);

		printf("result %d\n", r);
		sum += r;
	}
	return sum != 0;
}
