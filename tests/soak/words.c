/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Four threads that ask a C library for what they know the answers of (four_threads.h). For soak.py: built with musl, static, all of the
 * library is in the program.
 */
#include "../progs/four_threads.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { NUMBERS = 40, ROUNDS_PER_FORK = 4096 };

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

NEVER_COPIED int are_sorted(unsigned seed)
{
	int v[NUMBERS], sum = 0;

	for (int i = 0; i < NUMBERS; i++)
		v[i] = (int)((seed * 31 + (unsigned)i * 17) % NUMBERS);
	qsort(v, NUMBERS, sizeof(v[0]), compare);
	for (int i = 1; i < NUMBERS; i++)
		sum += v[i - 1] > v[i];
	return !sum && bsearch(&v[3], v, NUMBERS, sizeof(v[0]), compare) != NULL;
}

NEVER_COPIED int is_printed(unsigned n)
{
	char text[64], *end;

	snprintf(text, sizeof(text), "%u %.3f %s", n, n / 8.0, n & 1 ? "odd" : "even");
	return strtoul(text, &end, 10) == n && strtod(end, &end) == n / 8.0 &&
	       !strcmp(end, n & 1 ? " odd" : " even");
}

NEVER_COPIED int is_copied(unsigned n)
{
	size_t size = n % 5000 + 1;
	char *a = malloc(size), *b = a ? calloc(1, size) : NULL;
	int ok = b != NULL;

	if (ok) {
		memset(a, (int)n | 1, size);
		memcpy(b, a, size);
		b = realloc(b, size * 2);
		ok = b && !memcmp(a, b, size) && memchr(a, 0, size) == NULL;
	}
	free(a);
	free(b);
	return ok;
}

NEVER_COPIED void away(jmp_buf *back, int n)
{
	if (n == 0)
		longjmp(*back, 7);
	away(back, n - 1);
}

NEVER_COPIED int jumps(unsigned n)
{
	jmp_buf back;
	int came = setjmp(back);

	if (!came)
		away(&back, (int)(n % 9));
	return came == 7;
}

NEVER_COPIED int child_answers(unsigned n)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit((int)(n & 63));
	return pid < 0 || (waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
			   WEXITSTATUS(status) == (int)(n & 63));
}

static int is_right(unsigned me, unsigned n)
{
	return are_sorted(n) && is_printed(n) && is_copied(n) && jumps(n) &&
	       (me || n % ROUNDS_PER_FORK || child_answers(n / ROUNDS_PER_FORK));
}
