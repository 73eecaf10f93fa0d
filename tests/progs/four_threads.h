/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program of four threads that ask what they know the answer of, as fast as they can, until SIGTERM; then it says how many answers there were
 * and how many were wrong, and ends with status 0 when none was. Who includes this defines is_right. Nothing but libc: the programs are built
 * by others, too, and with other libraries.
 */
#ifndef SONDE_TESTS_PROGS_FOUR_THREADS_H
#define SONDE_TESTS_PROGS_FOUR_THREADS_H

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#define NEVER_COPIED __attribute__((noinline, noclone))

enum { THREADS = 4 };

static volatile sig_atomic_t is_done;
static struct {
	unsigned long n, wrong;
	char apart[48];
} counts[THREADS];

/* the n-th question of thread `me` */
static int is_right(unsigned me, unsigned n);

static void *work(void *arg)
{
	unsigned me = (unsigned)(unsigned long)arg;

	for (unsigned n = 0; !is_done; n++) {
		counts[me].n++;
		counts[me].wrong += !is_right(me, n);
	}
	return NULL;
}

static void end(int signal)
{
	(void)signal;
	is_done = 1;
}

int main(void)
{
	unsigned long n = 0, wrong = 0;
	pthread_t t[THREADS];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGTERM, end);
	(void)!nice(5);
	for (unsigned long i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, work, (void *)i);
	printf("ready\n");
	fflush(stdout);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
		n += counts[i].n;
		wrong += counts[i].wrong;
	}
	printf("%lu rounds, %lu wrong\n", n, wrong);
	return wrong != 0;
}

#endif
