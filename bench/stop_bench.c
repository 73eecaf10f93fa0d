/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For how long a process stands still while probes come and go, and for how long one of its threads is not itself: that executes system
 * calls for us, with registers of ours. A guardian that is killed in that time leaves a thread astray: the one hole of the
 * user engine. Least and median of many rounds, in us.
 *
 *	ninja -C build tests/unit/stop_bench && build/tests/unit/stop_bench [ROUNDS]
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "engine/user/process/remote.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { ROUNDS_MAX = 10000, STOP_MS = 5000, PAGE = 4096 };

struct round {
	uint64_t stop, borrowed,
		still; /* all threads stopped; calls executed in one; from first to last */
};

static void *run(void *arg)
{
	volatile uint64_t n = 0;

	for (;;)
		n++;
	return arg;
}

static pid_t start(unsigned n_hot)
{
	pid_t pid = fork();
	pthread_t t;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned i = 0; i < n_hot; i++)
		pthread_create(&t, NULL, run, NULL);
	for (;;)
		pause();
}

static struct err *measure(struct remote *r, int memory, struct round *ret)
{
	const struct remote_area_sizes sizes = { .code = 16 * PAGE,
						 .private = 2 * PAGE,
						 .data = PAGE };
	uint64_t text = (uint64_t)(uintptr_t)measure, begun = clock_monotonic_ns(), stopped, made;
	struct remote_area a;

	TRY(remote_stop(r, STOP_MS));
	stopped = clock_monotonic_ns();
	TRY(remote_area_make(r, text, text + PAGE, &sizes, memory, &a));
	made = clock_monotonic_ns();
	remote_go(r);
	*ret = (struct round){ stopped - begun, made - stopped, clock_monotonic_ns() - begun };
	TRY(remote_stop(r, STOP_MS));
	TRY(remote_area_unmap(r, &a));
	remote_go(r);
	return NULL;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void put(const struct round *v, unsigned n, size_t at)
{
	static uint64_t sorted[ROUNDS_MAX];

	for (unsigned i = 0; i < n; i++)
		sorted[i] = *(const uint64_t *)((const char *)&v[i] + at);
	qsort(sorted, n, sizeof(*sorted), by_size);
	printf(" %9.1f %9.1f", (double)sorted[0] / 1000, (double)sorted[n / 2] / 1000);
}

static struct err *bench(unsigned n_hot, unsigned rounds, int memory)
{
	static struct round v[ROUNDS_MAX];
	struct err *e;
	struct remote r;
	pid_t pid = start(n_hot);

	poll(NULL, 0, 20);
	e = remote_open(pid, &r);
	for (unsigned i = 0; !e && i < rounds; i++)
		e = measure(&r, memory, &v[i]);
	remote_close(&r);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (e)
		return e;
	printf("%11u", n_hot);
	put(v, rounds, offsetof(struct round, stop));
	put(v, rounds, offsetof(struct round, borrowed));
	put(v, rounds, offsetof(struct round, still));
	printf("\n");
	return NULL;
}

int main(int argc, char **argv)
{
	static const unsigned threads[] = { 0, 1, 4, 16 };
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 200;
	int memory = memfd_create("sonde", MFD_CLOEXEC);

	if (!rounds || rounds > ROUNDS_MAX || ftruncate(memory, PAGE))
		return 1;
	printf("us           stopping all          calls in one        from stop to go\n"
	       "hot threads     least    median     least    median     least    median\n");
	for (size_t i = 0; i < sizeof(threads) / sizeof(*threads); i++) {
		struct err *e = bench(threads[i], rounds, memory);
		STRBUF_AUTO text = { 0 };

		if (!e)
			continue;
		err_format(e, &text);
		fprintf(stderr, "ERROR: %s\n", strbuf_cstr(&text));
		err_free(e);
		return 1;
	}
	return 0;
}
