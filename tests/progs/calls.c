/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traced program: calls with known arguments and results, each of which it prints itself, in the form that the
 * tests' scripts print too. calls [ROUNDS]
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEEP __attribute__((noinline, noclone, used))

struct point {
	int32_t x, y;
	char label[8];
	struct point *next;
};

KEEP int64_t add(int64_t a, int64_t b)
{
	__asm__ volatile("");
	return a + b;
}

KEEP int32_t negate(int32_t v)
{
	__asm__ volatile("");
	return -v;
}

KEEP int64_t six(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f, int64_t on_stack)
{
	__asm__ volatile("");
	return a + b + c + d + e + f + on_stack;
}

KEEP size_t show(const char *text, size_t n)
{
	__asm__ volatile("" ::"r"(text));
	return n;
}

KEEP int32_t sum(struct point *p)
{
	int32_t s = 0;

	for (; p; p = p->next)
		s += p->x + p->y;
	return s;
}

KEEP uint64_t factorial(uint64_t n)
{
	return n < 2 ? 1 : n * factorial(n - 1);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 1;
	static const char *words[] = { "", "a", "octi", "fest",
				       "forty-two bytes are in this string, exactly." };
	struct point tail = { .x = 3, .y = -4, .label = "tail" };
	struct point head = { .x = 1, .y = 2, .label = "head", .next = &tail };

	for (int r = 0; r < rounds; r++) {
		printf("add %d %d\n", r, 10 * r);
		printf("add = %lld\n", (long long)add(r, 10 * r));
		printf("negate %d\n", r);
		printf("negate = %d\n", negate(r));
		printf("six 1 2 3 4 5 6\n");
		printf("six = %lld\n", (long long)six(1, 2, 3, 4, 5, 6, 7));
		for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
			printf("show %s\n", words[i]);
			show(words[i], strlen(words[i]));
		}
		printf("sum %d %d %s %d %s\n", head.x, head.y, head.label, tail.y, tail.label);
		sum(&head);
		printf("factorial = %llu\n", (unsigned long long)factorial(10));
	}
	return 0;
}
