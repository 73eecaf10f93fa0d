/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What opens libraries while it runs: loads WHAT N NAME
 *
 *	all	opens NAME0.so ... NAME<N-1>.so, one after the other, each of which has work(). Four threads call what is there, meanwhile
 *		and until each library was called 200 times: "lib I C" for the calls of each
 *	again	opens NAME N times, calls work() 7 times, closes it: "calls C", and in how many places it was: "places P"
 *	slowly	all, but without threads, and nobody waits for probes: "waiting", until there is the file `begin`; "loaded I" for each; and when
 *		there is the file `go`: "right R", of N
 *
 * What waits for probes sees them by what they are, as later.c does, and goes on without after 20 s.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX = 256, THREADS = 4, LOOKED_AT = 16, WAITS = 120000, CALLS = 200, AGAIN = 7 };

typedef int work_fn(int i);

static work_fn *works[MAX];
static atomic_int n_works, is_over;
static atomic_long counts[MAX];

static work_fn *open_one(const char *path, void **handle)
{
	work_fn *work = NULL;
	void *at;

	*handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	at = *handle ? dlsym(*handle, "work") : NULL;
	if (!at) {
		fprintf(stderr, "loads: %s\n", dlerror());
		exit(1);
	}
	memcpy(&work, &at, sizeof(work));
	return work;
}

/* file: the function as it is where nobody has written to it */
static void wait_for_probe(work_fn *work, const unsigned char *file)
{
	const volatile unsigned char *now = (const volatile unsigned char *)(uintptr_t)work;

	for (int i = 0; i < WAITS; i++) {
		for (int k = 0; k < LOOKED_AT; k++)
			if (now[k] != file[k])
				return;
		usleep(1000);
	}
}

/* the file's bytes of work(): all libraries are copies of one, whose symbol and text have the same offset */
static void read_file(const char *path, work_fn *work, unsigned char *ret)
{
	FILE *f = fopen(path, "rb");
	Dl_info info;

	if (!f || !dladdr((void *)(uintptr_t)work, &info) ||
	    fseek(f, (long)((uintptr_t)work - (uintptr_t)info.dli_fbase), SEEK_SET) ||
	    fread(ret, 1, LOOKED_AT, f) != LOOKED_AT) {
		fprintf(stderr, "loads: cannot read %s\n", path);
		exit(1);
	}
	fclose(f);
}

static void *run(void *arg)
{
	(void)arg;
	while (!is_over) {
		for (int i = 0, n = n_works; i < n; i++) {
			works[i](i);
			counts[i]++;
		}
		usleep(100);
	}
	return NULL;
}

static void open_all(int n, const char *name, int waits)
{
	for (int i = 0; i < n; i++) {
		unsigned char file[LOOKED_AT];
		char path[4096];
		void *handle;

		snprintf(path, sizeof(path), "%s%d.so", name, i);
		works[i] = open_one(path, &handle);
		if (waits) {
			read_file(path, works[i], file);
			wait_for_probe(works[i], file);
		} else {
			printf("loaded %d\n", i);
			usleep(2000);
		}
		n_works = i + 1;
	}
}

static int load_all(int n, const char *name)
{
	pthread_t threads[THREADS];
	int is_enough = 0;

	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, run, NULL);
	open_all(n, name, 1);
	while (!is_enough) {
		usleep(1000);
		is_enough = 1;
		for (int i = 0; i < n; i++)
			is_enough &= counts[i] >= CALLS;
	}
	is_over = 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < n; i++)
		printf("lib %d %ld\n", i, counts[i]);
	return 0;
}

static int load_again(int n, const char *path)
{
	uintptr_t last = 0;
	int calls = 0, places = 0;

	for (int i = 0; i < n; i++) {
		unsigned char file[LOOKED_AT];
		void *handle;
		work_fn *work = open_one(path, &handle);

		places += (uintptr_t)work != last;
		last = (uintptr_t)work;
		read_file(path, work, file);
		wait_for_probe(work, file);
		for (int k = 0; k < AGAIN; k++, calls++)
			work(k);
		dlclose(handle);
	}
	printf("calls %d\nplaces %d\n", calls, places);
	return 0;
}

static int load_slowly(int n, const char *name)
{
	int right = 0;

	printf("waiting\n");
	while (access("begin", F_OK))
		usleep(1000);
	open_all(n, name, 0);
	while (access("go", F_OK))
		usleep(1000);
	for (int i = 0; i < n; i++)
		right += works[i](i) == 3 * i;
	printf("right %d\n", right);
	return right != n;
}

int main(int argc, char **argv)
{
	int n = argc > 3 ? atoi(argv[2]) : 0;

	setlinebuf(stdout);
	if (n < 1 || n > MAX) {
		fprintf(stderr, "usage: loads all|again|slowly N NAME\n");
		return 2;
	}
	if (!strcmp(argv[1], "again"))
		return load_again(n, argv[3]);
	return !strcmp(argv[1], "slowly") ? load_slowly(n, argv[3]) : load_all(n, argv[3]);
}
