/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traced program: calls that do not end as they began: coroutines whose calls overlap, a signal handler on a stack above the
 * one that it interrupts, jumps out of frames, deep recursion. Prints how often each function was entered and left, in
 * the form in which a script's maps are printed. switches coroutines|altstack|jumps|recursion|twice
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define KEEP __attribute__((noinline, noclone, used))
#define STACK 65536

enum { STEP, GRAB, NOTE, DIVE, DOWN, N };
static const char *const names[N] = { "step", "grab", "note", "dive", "down" };
static unsigned in[N], out[N];
static ucontext_t first, second, back;
static jmp_buf jump;

static int leave(int id, int v)
{
	out[id]++;
	__asm__ volatile("");
	return v;
}

KEEP int step(int n, ucontext_t *me, ucontext_t *other)
{
	in[STEP]++;
	swapcontext(me, other);
	return leave(STEP, n + 1);
}

static void run_first(void)
{
	for (int i = 0; i < 10; i++)
		step(i, &first, &second);
	swapcontext(&first, &back);
}

static void run_second(void)
{
	for (int i = 0; i < 10; i++)
		step(i, &second, &first);
	swapcontext(&second, &first);
}

static void coroutines(void)
{
	char *stacks = mmap(NULL, 2 * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);

	getcontext(&first);
	first.uc_stack.ss_sp = stacks;
	first.uc_stack.ss_size = STACK;
	makecontext(&first, run_first, 0);
	getcontext(&second);
	second.uc_stack.ss_sp = stacks + STACK;
	second.uc_stack.ss_size = STACK;
	makecontext(&second, run_second, 0);
	swapcontext(&back, &first);
}

KEEP int note(int n)
{
	in[NOTE]++;
	return leave(NOTE, n);
}

KEEP int grab(int n)
{
	in[GRAB]++;
	if (n)
		raise(SIGUSR1);
	return leave(GRAB, n);
}

static void handler(int sig)
{
	grab(0);
	note(sig);
}

static void *on_low_stack(void *high)
{
	stack_t st = { .ss_sp = high, .ss_size = STACK };

	sigaltstack(&st, NULL);
	for (int i = 0; i < 5; i++)
		grab(1);
	return NULL;
}

/* what is mapped later lies lower: the thread's stack is below the handler's */
static void altstack(void)
{
	struct sigaction sa = { .sa_handler = handler, .sa_flags = SA_ONSTACK };
	char *high = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t t;

	sigaction(SIGUSR1, &sa, NULL);
	pthread_create(&t, NULL, on_low_stack, high);
	pthread_join(t, NULL);
}

KEEP int dive(int n)
{
	in[DIVE]++;
	if (n == 0)
		longjmp(jump, 1);
	n = dive(n - 1) + 1;
	return leave(DIVE, n);
}

static void jumps(void)
{
	for (volatile int i = 0; i < 4; i++)
		if (!setjmp(jump))
			dive(i);
	note(1);
}

KEEP int down(int n)
{
	int r = 0;

	in[DOWN]++;
	if (n)
		r = down(n - 1) + 1;
	return leave(DOWN, r);
}

static void twice(void)
{
	pid_t pid;

	if (!setjmp(jump))
		longjmp(jump, 1);
	pid = vfork();
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	note(2);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "recursion";

	if (!strcmp(what, "coroutines"))
		coroutines();
	else if (!strcmp(what, "altstack"))
		altstack();
	else if (!strcmp(what, "jumps"))
		jumps();
	else if (!strcmp(what, "twice"))
		twice();
	else
		down(200);
	for (int i = 0; i < N; i++) {
		if (in[i])
			printf("@in[%s]: %u\n", names[i], in[i]);
		if (out[i])
			printf("@out[%s]: %u\n", names[i], out[i]);
	}
	return 0;
}
