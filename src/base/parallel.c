/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads for work that waits in the kernel, or that several processors do sooner than one. They take the next index until none
 * is left, so that long and short pieces even out; nothing else is shared but what fn shares.
 */
#include "base/parallel.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

enum { MAX_THREADS = 64 };

struct work {
	void (*fn)(void *arg, size_t i);
	void *arg;
	size_t n;
	size_t next; /* atomic */
};

static void *work_on(void *arg)
{
	struct work *w = arg;
	size_t i;

	while ((i = __atomic_fetch_add(&w->next, 1, __ATOMIC_RELAXED)) < w->n)
		w->fn(w->arg, i);
	return NULL;
}

void parallel_each(size_t n, size_t n_threads, size_t stack, void (*fn)(void *arg, size_t i),
		   void *arg)
{
	struct work w = { .fn = fn, .arg = arg, .n = n };
	pthread_t threads[MAX_THREADS];
	size_t n_started = 0, wanted = n < n_threads ? n : n_threads;
	pthread_attr_t attr;
	sigset_t all, before;

	/* this thread is one of them */
	wanted = wanted > MAX_THREADS ? MAX_THREADS : wanted ? wanted - 1 : 0;
	if (wanted && pthread_attr_init(&attr) == 0) {
		pthread_attr_setstacksize(&attr, (size_t)PTHREAD_STACK_MIN + stack);
		/* signals are the session's, whose handlers must not run in these threads */
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		while (n_started < wanted &&
		       pthread_create(&threads[n_started], &attr, work_on, &w) == 0)
			n_started++;
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		pthread_attr_destroy(&attr);
	}
	work_on(&w);
	for (size_t i = 0; i < n_started; i++)
		pthread_join(threads[i], NULL);
}

size_t parallel_cpus(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return n > 0 ? (size_t)n : 1;
}
