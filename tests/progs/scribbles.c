/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traced program that turns on its tracer: calls hit(n) 100 times, then writes anything over the memory that it shares with the tracer, for
 * MS milliseconds (default 500), and tries to make the file shorter. It never calls hit() again, so only the tracer reads what it wrote.
 *
 *   scribbles [MS [FILE]]	it waits until FILE, what the tracer prints, has the last of its calls
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile long sink;

__attribute__((noinline, noclone, used)) long hit(long n)
{
	sink = n;
	return n + 1;
}

static uint64_t seed = 88172645463325252ull;
static uint64_t any(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static uint64_t *find_shared(size_t *bytes)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long start = 0, end = 0;
	char line[512], path[96];
	int fd;

	*bytes = 0;
	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "memfd:sonde") && sscanf(line, "%lx-%lx", &start, &end) == 2) {
			*bytes = end - start;
			break;
		}
	if (f)
		fclose(f);
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", start, end);
	fd = open(path, O_RDWR);
	printf("shorter: %s\n", fd >= 0 && !ftruncate(fd, 0) ? "yes" : "no");
	return (uint64_t *)start;
}

/* struct image_globals, known by the pid in it: its first word would end the trace, so it is spared */
static size_t find_globals(const uint64_t *words, size_t n)
{
	for (size_t i = 3; i < n; i++)
		if (words[i] == (uint64_t)getpid() && !words[i - 3] && !words[i - 2])
			return i - 3;
	return n;
}

static void wait_for_last(const char *path)
{
	static char line[512];

	for (int i = 0; path && i < 12000; i++) {
		FILE *f = fopen(path, "r");

		while (f && fgets(line, sizeof(line), f))
			if (!strncmp(line, "hit 99 ", 7))
				path = NULL;
		if (f)
			fclose(f);
		usleep(10000);
	}
}

int main(int argc, char **argv)
{
	double end;
	uint64_t *words, n_writes = 0;
	size_t globals;
	size_t bytes;

	for (long n = 0; n < 100; n++)
		hit(n);
	/* what was sent till then is to be read as it was */
	wait_for_last(argc > 2 ? argv[2] : NULL);
	end = now() + (argc > 1 ? atof(argv[1]) : 500);
	words = find_shared(&bytes);
	globals = find_globals(words, bytes / 8);
	while (bytes && now() < end)
		for (unsigned k = 0; k < 10000; k++, n_writes++) {
			/* descriptions stand in front */
			size_t i = any() % (any() % 4 ? bytes / 8 : 512);
			uint64_t *at = &words[i];

			if (i - globals < 2)
				continue;
			switch (any() % 4) {
			case 0: *at = any(); break;
			case 1: *at = ~0ull >> any() % 64; break;
			case 2: *at = 1ull << 29 | any() % 4096; break; /* a record's header */
			default: *at = any() % 8;                       /* a slot's state */
			}
		}
	printf("%s\n", n_writes > 1000 ? "many writes" : "nothing was shared");
	return 0;
}
