/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls that end early: nested calls, some of which are left by longjmp, prints each entry and each true return with its
 * depth. The truth of tests/run/flow.test.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

static jmp_buf out;
static int depth;

#define ENTER(name) printf("%*s-> %s\n", 2 * depth++, "", name)
#define LEAVE(name) printf("%*s<- %s\n", 2 * --depth, "", name)

__attribute__((noinline)) int leaf(int n)
{
	ENTER("leaf");
	if (n == 3)
		longjmp(out, 1);
	LEAVE("leaf");
	return n + 1;
}

__attribute__((noinline)) int middle(int n)
{
	int r;

	ENTER("middle");
	r = leaf(n) * 2;
	r += leaf(n + 10);
	LEAVE("middle");
	return r;
}

__attribute__((noinline)) int recurse(int n)
{
	int r = 1;

	ENTER("recurse");
	if (n)
		r = recurse(n - 1) + middle(n + 20);
	LEAVE("recurse");
	return r;
}

int main(int argc, char **argv)
{
	volatile int n = argc > 1 ? atoi(argv[1]) : 5, kept = 0;
	int sum = 0;

	for (volatile int i = 0; i < n; i++) {
		depth = kept;
		if (!setjmp(out))
			sum += middle(i);
	}
	depth = kept;
	sum += recurse(3);
	return sum == 0;
}
