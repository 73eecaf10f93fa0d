/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traced program of bench/user-engine: functions with several first instructions, called in loops by one or more threads. Reads lines
 * "FUNCTION CALLS THREADS" and answers each with the nanoseconds that one call takes (of CALLS calls in each thread). `by_hand` counts
 * itself as a trampoline would that somebody wrote for it: a jump, a locked addition, a jump back. "FUNCTION CALLS 1 cold": what a call in
 * the middle takes, of which each comes when the caches next to the processor (data, instructions, jumps) are full of something else.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ASM(name, text)                                                                           \
	__asm__(".text\n.p2align 4\n.globl " #name "\n.type " #name ",@function\n" #name ":" text \
		"\n.size " #name ", .-" #name "\n");                                              \
	long name(long a)

ASM(begins_push, "push %rbx; mov %rdi,%rbx; lea 1(%rbx),%rax; pop %rbx; ret");
ASM(begins_endbr, "endbr64; push %rbx; mov %rdi,%rbx; lea 1(%rbx),%rax; pop %rbx; ret");
ASM(begins_lea, "lea 1(%rdi),%rax; push %rbx; pop %rbx; nop; ret");
ASM(begins_nop5, ".byte 0x0f,0x1f,0x44,0,0; push %rbx; lea 1(%rdi),%rax; pop %rbx; ret");
/* to be counted by key: 64 different arguments */
ASM(by_key, "push %rbx; mov %rdi,%rbx; lea 1(%rbx),%rax; pop %rbx; ret");
/* text_arg gets a text as its second argument */
ASM(text_arg, "push %rbx; mov %rdi,%rbx; lea 1(%rbx),%rax; pop %rbx; ret");
ASM(with_text, "lea some_text(%rip),%rsi; jmp text_arg");
ASM(by_hand, "jmp 2f; 1: mov %rdi,%rbx; lea 1(%rbx),%rax; pop %rbx; ret\n"
	     "2: lock incq hand_counter(%rip); push %rbx; jmp 1b");

__attribute__((used)) char some_text[] = "thirty characters, and no more";

enum { MOST_THREADS = 16 };

__attribute__((aligned(64), used)) unsigned long hand_counter;

static const struct {
	const char *name;
	long (*f)(long a);
	long mask; /* of arguments */
} functions[] = {
	{ "begins_push", begins_push, -1 }, { "begins_endbr", begins_endbr, -1 },
	{ "begins_lea", begins_lea, -1 },   { "begins_nop5", begins_nop5, -1 },
	{ "by_key", by_key, 63 },           { "by_hand", by_hand, -1 },
	{ "with_text", with_text, -1 },
};

struct job {
	long (*f)(long a);
	long calls, mask;
	pthread_barrier_t *start;
	double ns;
};

static void *work(void *arg)
{
	struct job *j = arg;
	struct timespec from, to;
	long sum = 0, expected = 0;

	for (long i = 0; i < j->calls; i++)
		expected += (i & j->mask) + 1;
	pthread_barrier_wait(j->start);
	/* the thread's own time: others may be at work on its processor */
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	for (long i = 0; i < j->calls; i++)
		sum += j->f(i & j->mask);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	j->ns = ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) /
		(double)j->calls;
	if (sum != expected)
		j->ns = -1;
	return NULL;
}

/* ---- with caches that know nothing of it ---- */

/* 64 KB of jumps: twice what the first cache of instructions holds */
__asm__(".text\n.p2align 6\n.type other_code,@function\nother_code:\n"
	".rept 1024\njmp 1f\n.p2align 6\n1:\n.endr\nret\n.size other_code, .-other_code\n");
void other_code(void);

enum { OTHER_DATA = 4 << 20 };
static volatile char other_data[OTHER_DATA];

static int by_value(const void *a, const void *b)
{
	unsigned long x = *(const unsigned long *)a, y = *(const unsigned long *)b;

	return x < y ? -1 : x > y;
}

static unsigned long stamp(void)
{
	unsigned int low, high, processor;

	__asm__ volatile("lfence; rdtscp; lfence"
			 : "=a"(low), "=d"(high), "=c"(processor)::"memory");
	return (unsigned long)high << 32 | low;
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double cold(long (*f)(long a), long calls, long mask)
{
	unsigned long *took = calloc((size_t)calls, sizeof(*took)), begun = stamp(), end;
	double from = now_ns(), median;

	for (long i = 0; i < calls; i++) {
		for (size_t k = 0; k < sizeof(other_data); k += 64)
			other_data[k]++;
		other_code();
		took[i] = stamp();
		if (f(i & mask) != (i & mask) + 1)
			return -1;
		took[i] = stamp() - took[i];
	}
	end = stamp();
	qsort(took, (size_t)calls, sizeof(*took), by_value);
	median = (double)took[calls / 2] * (now_ns() - from) / (double)(end - begun);
	free(took);
	return median;
}

static int run_cold(const char *name, long calls)
{
	double ns = -1;

	for (unsigned k = 0; k < sizeof(functions) / sizeof(*functions); k++)
		if (!strcmp(functions[k].name, name))
			ns = cold(functions[k].f, calls, functions[k].mask);
	printf("%.2f\n", ns);
	fflush(stdout);
	return ns < 0;
}

static int run(const char *name, long calls, int n)
{
	pthread_t threads[MOST_THREADS];
	struct job jobs[MOST_THREADS];
	pthread_barrier_t start;
	double ns = 0;

	for (unsigned k = 0; k < sizeof(functions) / sizeof(*functions); k++) {
		if (strcmp(functions[k].name, name))
			continue;
		pthread_barrier_init(&start, NULL, (unsigned)n);
		for (int i = 0; i < n; i++) {
			jobs[i] = (struct job){ functions[k].f, calls, functions[k].mask, &start,
						0 };
			pthread_create(&threads[i], NULL, work, &jobs[i]);
		}
		for (int i = 0; i < n; i++) {
			pthread_join(threads[i], NULL);
			if (jobs[i].ns < 0) {
				fprintf(stderr, "%s computed something else\n", name);
				return 1;
			}
			ns += jobs[i].ns / n;
		}
		pthread_barrier_destroy(&start);
		printf("%.2f\n", ns);
		fflush(stdout);
		return 0;
	}
	return 1;
}

int main(void)
{
	char line[128], name[64], how[16];
	long calls;
	int n;

	while (fgets(line, sizeof(line), stdin)) {
		int words = sscanf(line, "%63s %ld %d %15s", name, &calls, &n, how);

		if (words < 3 || calls < 1 || n < 1 || n > MOST_THREADS ||
		    (words == 4 ? run_cold(name, calls) : run(name, calls, n)))
			return 1;
	}
	return 0;
}
