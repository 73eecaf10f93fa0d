/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traced program: bottom() is reached through middle() and top(); prints the frames as a ustack must show them. */
#include <stdio.h>

static volatile int sink;

#define FRAME __attribute__((noinline, noclone, used))

FRAME void bottom(int n)
{
	sink = n;
}

FRAME void middle(int n)
{
	bottom(n);
	sink++; /* no tail call */
}

FRAME void top(int n)
{
	middle(n);
	sink++;
}

int main(void)
{
	top(1);
	printf("bottom\nmiddle\ntop\nmain\n");
	return 0;
}
