/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What gets probes while it runs. later WHAT COUNT [LIBRARY]
 *
 *	own      "own PID I" for each call of own(), which waits until a probe stands in it
 *	dlopen   opens the library and calls work() in it: "work PID I", waiting in the same way
 *	twice    own() until somebody has created the file `go`: "own PID I" for each call, at the end
 *	many     400 functions f0 ... f399, once each: "many 400"
 *
 * A probe is seen by what it is: the instructions are not those of the file any more. After two minutes it goes on without.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEEP __attribute__((noinline, noclone, used))

enum { LOOKED_AT = 16, WAITS = 120000, BREAKPOINT = 0xcc, JUMP = 0xe9 };

KEEP int own(int i)
{
	__asm__ volatile("");
	return i * 5 + 1000000; /* long enough for a jump */
}

#define FUNCTION(n)                   \
	KEEP int f##n(int i)          \
	{                             \
		__asm__ volatile(""); \
		return i + n;         \
	}
#define TEN(X, n) X(n##0) X(n##1) X(n##2) X(n##3) X(n##4) X(n##5) X(n##6) X(n##7) X(n##8) X(n##9)
#define HUNDRED(X, n) \
	TEN(X, n##0)  \
	TEN(X, n##1)  \
	TEN(X, n##2)  \
	TEN(X, n##3) TEN(X, n##4) TEN(X, n##5) TEN(X, n##6) TEN(X, n##7) TEN(X, n##8) TEN(X, n##9)
#define ALL(X) HUNDRED(X, 1) HUNDRED(X, 2) HUNDRED(X, 3) HUNDRED(X, 4)
#define CALL(n) sum += f##n(n);
#define NAME(n) f##n,
ALL(FUNCTION)

static int (*const all[])(int) = { ALL(NAME) };
static unsigned char all_before[sizeof(all) / sizeof(*all)][LOOKED_AT];

/* what was copied at the beginning is compared with what is there now; a probe that was in it then needs no waiting */
static void wait_for_probe(int (*function)(int), const unsigned char *before)
{
	const volatile unsigned char *now = (const volatile unsigned char *)(uintptr_t)function;

	if (memchr(before, BREAKPOINT, LOOKED_AT) || memchr(before, JUMP, LOOKED_AT))
		return;
	for (int i = 0; i < WAITS; i++) {
		for (int k = 0; k < LOOKED_AT; k++)
			if (now[k] != before[k])
				return;
		usleep(1000);
	}
}

static void call(int (*function)(int), const char *name, int count)
{
	unsigned char before[LOOKED_AT];

	memcpy(before, (const void *)(uintptr_t)function, LOOKED_AT);
	wait_for_probe(function, before);
	for (int i = 0; i < count; i++) {
		function(i);
		printf("%s %d %d\n", name, (int)getpid(), i);
	}
}

static int open_later(const char *library, int count)
{
	void *handle = dlopen(library, RTLD_NOW);
	int (*work)(int) = NULL;
	void *at = handle ? dlsym(handle, "work") : NULL;

	if (!at) {
		fprintf(stderr, "later: %s\n", dlerror());
		return 1;
	}
	memcpy(&work, &at, sizeof(work));
	call(work, "work", count);
	return 0;
}

static void call_until_told(int count)
{
	int n = 0;

	printf("running\n");
	for (; access("go", F_OK) && n < WAITS; n++) {
		own(n);
		usleep(1000);
	}
	for (int i = 0; i < n; i++)
		printf("own %d %d\n", (int)getpid(), i);
	call(own, "own", count);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "own";
	int count = argc > 2 ? atoi(argv[2]) : 5, sum = 0;

	setlinebuf(stdout);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		memcpy(all_before[i], (const void *)(uintptr_t)all[i], LOOKED_AT);
	if (!strcmp(what, "dlopen"))
		return open_later(argc > 3 ? argv[3] : "./liblater.so", count);
	if (!strcmp(what, "twice")) {
		call_until_told(count);
	} else if (!strcmp(what, "many")) {
		for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
			wait_for_probe(all[i], all_before[i]);
		ALL(CALL)
		printf("many 400\n");
	} else {
		call(own, "own", count);
	}
	return sum < 0;
}
