/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traced program: functions that end in jumps to others (to be built with -O2). Prints calls and results as the scripts of the
 * tests do, each when it is over: that of leaf before those of the functions that went on in it. -DSWITCHES: a
 * program that could switch stacks, as far as its imports tell. -DTHROWS: leaf leaves by longjmp now and then.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KEEP __attribute__((noinline, noclone, used))

typedef long fn(long);

fn leaf, other, mid, chain, pick, through, self, length, half, top;
static fn *volatile pointer = leaf;
static jmp_buf out;

KEEP long leaf(long x)
{
	__asm__ volatile("");
	if (x == 13)
		longjmp(out, 1);
	return x * 3;
}

KEEP long other(long x)
{
	__asm__ volatile("");
	return x - 1;
}

KEEP long mid(long x)
{
	__asm__ volatile("");
	return leaf(x + 1);
}

KEEP long chain(long x)
{
	__asm__ volatile("");
	return mid(x + 1);
}

/* one way returns, two ways go on elsewhere */
KEEP long pick(long x)
{
	__asm__ volatile("");
	if (x < 0)
		return 7;
	if (x & 1)
		return leaf(x);
	return other(x);
}

KEEP long through(long x)
{
	__asm__ volatile("");
	return pointer(x);
}

/* a loop, in the end */
KEEP long self(long x)
{
	__asm__ volatile("");
	return x > 5 ? x : self(x + 1);
}

static char text[32];
KEEP long length(long n)
{
	text[n] = 0;
	return (long)strlen(text);
}

/* a result of its own, or one that nobody can foretell where it is made */
KEEP long half(long x)
{
	__asm__ volatile("");
	return x & 1 ? 8 : pointer(x);
}

KEEP long top(long x)
{
	long r = mid(x) + 1;

	__asm__ volatile("");
	return r;
}

static void said(const char *name, long v)
{
	printf("%s = %ld\n", name, v);
}

int main(void)
{
#ifdef SWITCHES
	stack_t st;

	sigaltstack(NULL, &st);
#endif
	memset(text, 'a', sizeof(text));
	for (long i = 0; i < 6; i++) {
		said("leaf", (i + 1) * 3);
		said("mid", mid(i));
		said("leaf", (i + 2) * 3);
		said("mid", (i + 2) * 3);
		said("chain", chain(i));
		if (i & 1)
			said("leaf", i * 3);
		else
			said("other", i - 1);
		said("pick", pick(i));
		said("pick", pick(-i - 1));
		said("self", self(i));
		said("leaf", (i + 1) * 3);
		said("mid", (i + 1) * 3);
		said("top", top(i));
		/* out of leaf, past mid: no return of either; then the same depth again, by another way */
		if (!setjmp(out))
			mid(12);
		said("leaf", leaf(i));
		said("leaf", i * 3);
		said("through", through(i));
		said("length", length(i));
		if (!(i & 1))
			said("leaf", i * 3);
		said("half", half(i));
	}
	return 0;
}
