/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Leaks known numbers of bytes at known places, and nothing elsewhere; what it leaks it prints. leaks: at once. leaks wait: says "ready", waits
 * for a line on its input, leaks, says "done" and waits to be killed.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLACE(name, call)                                         \
	__attribute__((noinline, noclone)) static void name(void) \
	{                                                         \
		keep[n_kept++] = (call);                          \
	}

static void *volatile keep[256];
static int n_kept;

PLACE(leak_malloc, malloc(1000))
PLACE(leak_calloc, calloc(10, 30))
PLACE(leak_memalign, memalign(64, 512))
PLACE(leak_aligned, aligned_alloc(64, 640))
PLACE(leak_valloc, valloc(5000))
PLACE(leak_reallocarray, reallocarray(NULL, 7, 100))

__attribute__((noinline, noclone)) static void leak_posix(void)
{
	void *p = NULL;

	if (posix_memalign(&p, 64, 4096))
		return;
	keep[n_kept++] = p;
}

/* three sizes, one of which cannot be had: the block stays what it was */
__attribute__((noinline, noclone)) static void leak_realloc(void)
{
	void *volatile p = malloc(100);
	void *volatile q;

	p = realloc(p, 500);
	p = realloc(p, 200000);
	q = realloc(p, (size_t)-1 >> 1);
	keep[n_kept++] = q ? q : p;
}

/* freed by growing to nothing, by free, by another thread; not had at all */
__attribute__((noinline, noclone)) static void leak_nothing(void)
{
	void *volatile p = malloc(7777);

	memset(p, 1, 7777);
	free(p);
	p = malloc((size_t)-1 >> 1);
	free(p);
	free(NULL);
}

static void *free_all(void *arg)
{
	for (int i = 0; i < 50; i++)
		free(((void **)arg)[i]);
	return NULL;
}

__attribute__((noinline, noclone)) static void freed_elsewhere(void)
{
	static void *all[50];
	pthread_t t;

	for (int i = 0; i < 50; i++)
		all[i] = malloc(333);
	pthread_create(&t, NULL, free_all, all);
	pthread_join(t, NULL);
}

static void leak_all(void)
{
	for (int i = 0; i < 17; i++)
		leak_malloc();
	for (int i = 0; i < 5; i++)
		leak_calloc();
	for (int i = 0; i < 3; i++)
		leak_memalign();
	for (int i = 0; i < 2; i++)
		leak_aligned();
	leak_valloc();
	leak_reallocarray();
	for (int i = 0; i < 4; i++)
		leak_posix();
	leak_realloc();
	for (int i = 0; i < 500; i++)
		leak_nothing();
	freed_elsewhere();
}

int main(int argc, char **argv)
{
	static char buffer[4096];
	FILE *truth = stderr;

	(void)argv;
	setvbuf(stdout, buffer, _IOLBF, sizeof(buffer));
	if (argc > 1) {
		puts("ready");
		if (getchar() == EOF)
			return 1;
	}
	leak_all();
	if (argc > 1)
		truth = stdout;
	fprintf(truth,
		"leak_malloc 17 17000\nleak_calloc 5 1500\nleak_memalign 3 1536\nleak_aligned 2 1280\n"
		"leak_valloc 1 5000\nleak_reallocarray 1 700\nleak_posix 4 16384\nleak_realloc 1 200000\n");
	if (argc > 1) {
		puts("done");
		for (;;)
			pause();
	}
	usleep(200000); /* who looks at it on a busy machine may be slow */
	return 0;
}
