/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traced program: hands buffers of awkward bytes to show(p, n) and prints their length and the sum of their bytes:
 * empty, with NUL inside, control bytes, UTF-8, not UTF-8, exactly 63, 64, 65, 200 and 1000 bytes.
 */
#include <stdio.h>
#include <string.h>

static volatile size_t sink;

__attribute__((noinline, noclone, used)) void show(const char *p, size_t n)
{
	sink = n + (size_t)p[0];
}

static void give(const char *p, size_t n)
{
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (unsigned char)p[i];
	printf("%zu %u\n", n, sum);
	show(p, n);
}

int main(void)
{
	static const size_t sizes[] = { 63, 64, 65, 200, 1000 };
	char big[1001];

	give("", 0);
	give("a\0b", 3);
	give("\033[31mred\033[0m\r\n\a", 14);
	give("\xc3\xa4\xe2\x82\xac", 5);
	give("\xff\xfe\x80", 3);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		memset(big, 'a' + (int)i, sizes[i]);
		big[sizes[i]] = '\0';
		give(big, sizes[i]);
	}
	return 0;
}
