/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes probes with libsonde and tells what it fires. makes_probes WHAT COUNT [MS before the provider is made [MS between]]
 *
 *	types   one probe of twelve arguments of all types: "all ..." for each time
 *	fork    a parent and a child fire: "forked PID N"
 *	churn   two threads fire while the provider is loaded and unloaded COUNT times
 *	price   nobody looks: "price NS" of asking whether a probe is enabled
 *
 * $MAKES_PROVIDER is the provider's name, "made" if it is not set. Before it fires it waits until somebody traces, two minutes at most; afterwards until nobody does.
 */
#include <sonde_usdt.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct sonde_provider *provider;
static struct sonde_probe *probe;
static volatile int has_ended;

static void make(const char *types)
{
	const char *name = getenv("MAKES_PROVIDER");

	provider = sonde_provider_new(name ? name : "made");
	probe = provider ? sonde_probe_add(provider, "all", types) : NULL;
	if (probe && !sonde_provider_load(provider)) {
		printf("made %s\n", sonde_provider_path(provider) ? "a file" : "in memory");
		return;
	}
	fprintf(stderr, "makes_probes: %s\n", sonde_usdt_error());
	exit(2);
}

static void wait_for(int enabled)
{
	for (int i = 0; i < 120000 && !!sonde_probe_enabled(probe) != enabled; i++)
		usleep(1000);
	/* the kernel raises the semaphore before it puts the probe in */
	if (enabled)
		usleep(50000);
}

static void fire_types(int count, int pause)
{
	static const char *const words[] = { "seven", "", "-7 of them" };

	make("i8 u8 i16 u16 i32 u32 i64 u64 str ptr f64 i32");
	printf("enabled before %d\n", sonde_probe_enabled(probe));
	wait_for(1);
	for (int i = 0; i < count; i++) {
		int sign = i % 2 ? -1 : 1;
		double half = sign * (i + 0.5);

		sonde_probe_fire(probe, sign * 7, 250 + i % 6, sign * 3000, 60000 + i,
				 sign * 100000, 4000000000u, sign * INT64_C(5000000000),
				 UINT64_MAX - (uint64_t)i, words[i % 3], &provider, half,
				 sign * 12);
		printf("all %d %u %d %u %d %u %" PRId64 " %" PRIu64 " [%s] %" PRIx64 " %d\n",
		       sign * 7, 250 + i % 6, sign * 3000, 60000 + i, sign * 100000, 4000000000u,
		       sign * INT64_C(5000000000), UINT64_MAX - (uint64_t)i, words[i % 3],
		       (uint64_t)(uintptr_t)&provider, sign * 12);
		usleep((useconds_t)pause * 1000);
	}
	fflush(stdout);
	wait_for(0);
	printf("enabled after %d\n", sonde_probe_enabled(probe));
	sonde_probe_fire(probe, 1, 2, 3, 4, 5, 6, INT64_C(7), INT64_C(8), "", NULL, 0.0, 9);
}

static void fire_forked(int count)
{
	pid_t child;

	make("i32 i32");
	wait_for(1);
	child = fork();
	for (int i = 0; i < count; i++) {
		sonde_probe_fire(probe, (int)getpid(), i);
		printf("forked %d %d\n", (int)getpid(), i);
	}
	fflush(stdout);
	if (child)
		waitpid(child, NULL, 0);
	sonde_provider_free(provider);
	if (!child)
		_exit(0);
	provider = NULL;
}

static void *fire_always(void *arg)
{
	uint64_t *n = arg, words[2] = { 1, 2 };

	while (!has_ended) {
		sonde_probe_fire_words(probe, words, 2);
		(*n)++;
	}
	return NULL;
}

static void churn(int count)
{
	uint64_t n[2] = { 0, 0 };
	pthread_t threads[2];

	make("i32 i32");
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, fire_always, &n[i]);
	for (int i = 0; i < count; i++) {
		if (sonde_provider_unload(provider) || sonde_provider_load(provider))
			exit(3);
		usleep(i % 4 ? 200 : 12000);
	}
	has_ended = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	printf("churned %d\n", count);
}

static void price(int count)
{
	double best = 1e9;
	int sum = 0;

	make("i32");
	/* the least of many: a machine can do other things meanwhile */
	for (int round = 0; round < 100; round++) {
		struct timespec a, b;
		double took;

		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
		for (int i = 0; i < count / 100; i++)
			sum += sonde_probe_enabled(probe);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
		took = (double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec);
		best = took < best ? took : best;
	}
	printf("price %.2f %d\n", best / (count / 100), sum);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "types";
	int count = argc > 2 ? atoi(argv[2]) : 5;

	setlinebuf(stdout);
	if (argc > 3)
		usleep((useconds_t)atoi(argv[3]) * 1000);
	if (!strcmp(what, "fork"))
		fire_forked(count);
	else if (!strcmp(what, "churn"))
		churn(count);
	else if (!strcmp(what, "price"))
		price(count);
	else
		fire_types(count, argc > 4 ? atoi(argv[4]) : 0);
	sonde_provider_free(provider);
	return 0;
}
