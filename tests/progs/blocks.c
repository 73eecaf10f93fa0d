/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waits in functions of known names, in two threads: blocks FILE. FILE gets for each function how many microseconds its waits took by the
 * clock ("each" for each of the short ones), and for each thread its number, its life, its processor time, and how long the kernel says that
 * it has been there.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile unsigned long sink;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int ends[2];
static FILE *truth;

static double now(clockid_t c)
{
	struct timespec t;

	clock_gettime(c, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

#define WAIT(name, what)                                            \
	__attribute__((noinline, noclone)) static double name(void) \
	{                                                           \
		double t = now(CLOCK_MONOTONIC);                    \
                                                                    \
		what;                                               \
		sink++;                                             \
		return now(CLOCK_MONOTONIC) - t;                    \
	}

static char byte;
WAIT(wait_long, usleep(300000))
WAIT(wait_short, usleep(15000))
WAIT(wait_lock, pthread_mutex_lock(&lock))
WAIT(wait_pipe, if (read(ends[0], &byte, 1) != 1) return 0)

__attribute__((noinline, noclone)) static void work(double us)
{
	double end = now(CLOCK_THREAD_CPUTIME_ID) + us;

	while (now(CLOCK_THREAD_CPUTIME_ID) < end)
		for (int i = 0; i < 20000; i++)
			sink += (unsigned long)i;
}

/* by /proc, in hundredths of a second */
static double age(void)
{
	char path[64], line[1024] = "", *end;
	unsigned long long ticks = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", gettid());
	f = fopen(path, "r");
	if (f && fgets(line, sizeof(line), f) && (end = strrchr(line, ')')))
		sscanf(end,
		       ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		       &ticks);
	if (f)
		fclose(f);
	return now(CLOCK_BOOTTIME) - (double)ticks * 1e4;
}

static void put_thread(double start)
{
	double life = now(CLOCK_MONOTONIC) - start, on = now(CLOCK_THREAD_CPUTIME_ID);

	fprintf(truth, "thread %d %.0f %.0f %.0f\n", gettid(), life, on, age());
}

static void *second(void *arg)
{
	double start = now(CLOCK_MONOTONIC);

	(void)arg;
	fprintf(truth, "wait_lock %.0f\n", wait_lock());
	fprintf(truth, "wait_pipe %.0f\n", wait_pipe());
	work(150000);
	put_thread(start);
	return NULL;
}

int main(int argc, char **argv)
{
	double start = now(CLOCK_MONOTONIC), l = 0, s = 0, each[10];
	pthread_t t;

	truth = fopen(argc > 1 ? argv[1] : "/dev/stdout", "w");
	if (!truth || pipe(ends))
		return 1;
	pthread_mutex_lock(&lock);
	pthread_create(&t, NULL, second, NULL);
	for (int i = 0; i < 2; i++)
		l += wait_long();
	pthread_mutex_unlock(&lock);
	for (int i = 0; i < 10; i++)
		s += each[i] = wait_short();
	if (write(ends[1], "x", 1) != 1)
		return 1;
	work(100000);
	pthread_join(t, NULL);
	fprintf(truth, "wait_long %.0f\nwait_short %.0f\n", l, s);
	for (int i = 0; i < 10; i++)
		fprintf(truth, "each %.0f\n", each[i]);
	put_thread(start);
	return fclose(truth);
}
