/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traced program: exceptions that pass through frames. Prints entries and returns as a script's maps are printed. */
#include <cstdio>
#include <stdexcept>
#include <string>

#define KEEP __attribute__((noinline, noclone, used))

enum { THROWER, MIDDLE, CATCHER, N };
static const char *const names[N] = { "thrower", "middle", "catcher" };
static unsigned in[N], out[N];

static int leave(int id, int v)
{
	out[id]++;
	__asm__ volatile("");
	return v;
}

extern "C" {
KEEP int thrower(int n)
{
	in[THROWER]++;
	if (n & 1)
		throw std::runtime_error("odd");
	return leave(THROWER, n);
}

KEEP int middle(int n)
{
	std::string s(n + 20, 'x'); /* something to be destroyed on the way */

	in[MIDDLE]++;
	n = thrower(n) + (int)s.size();
	return leave(MIDDLE, n);
}

KEEP int catcher(int n)
{
	in[CATCHER]++;
	try {
		n = middle(n);
	} catch (const std::exception &e) {
		n = -1;
	}
	return leave(CATCHER, n);
}
}

int main()
{
	for (int i = 0; i < 20; i++)
		catcher(i);
	for (int i = 0; i < N; i++)
		printf("@in[%s]: %u\n@out[%s]: %u\n", names[i], in[i], names[i], out[i]);
	return 0;
}
