/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traced program of bench/user-engine: functions with several first instructions, called in loops by one or more threads. Reads lines
 * "FUNCTION CALLS THREADS" and answers each with the nanoseconds that one call takes (of CALLS calls in each thread). `by_hand` counts
 * itself as a trampoline would that somebody wrote for it: a jump, a locked addition, a jump back.
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
ASM(by_hand, "jmp 2f; 1: mov %rdi,%rbx; lea 1(%rbx),%rax; pop %rbx; ret\n"
	     "2: lock incq hand_counter(%rip); push %rbx; jmp 1b");

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
	char name[64];
	long calls;
	int n;

	while (scanf("%63s %ld %d", name, &calls, &n) == 3)
		if (n < 1 || n > MOST_THREADS || run(name, calls, n))
			return 1;
	return 0;
}
