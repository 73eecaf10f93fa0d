/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traced program without frame pointers: bottom() is reached in all the ways that make unwinding hard, and prints the return
 * addresses above it, a line for each call, as libgcc's unwinder finds them. First argument: milliseconds to wait after the
 * first call; second: the round's parts, all of them by default.
 */
#include <alloca.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile int sink;

#define FRAME __attribute__((noinline, noclone, used))

FRAME void bottom(int n)
{
	void *frames[200];
	int k = backtrace(frames, 200);

	sink = n;
	for (int i = 1; i < k; i++)
		printf(" %lx", (unsigned long)frames[i]);
	printf("\n");
}

FRAME void plain(int n)
{
	bottom(n);
	sink++;
}

FRAME void large_frame(int n)
{
	volatile char room[9000];

	room[n] = 1;
	plain(n);
	sink = room[n];
}

/* of a size known at run time: rbp leads to the frame, as the compiler says */
FRAME void moving_frame(int n)
{
	char *room = alloca((size_t)n * 24);

	memset(room, n, (size_t)n * 24);
	plain(n);
	sink = room[n];
}

/* aligned to more than the stack is */
FRAME void aligned_frame(int n)
{
	volatile char room[64] __attribute__((aligned(64)));

	room[n] = 1;
	plain(n);
	sink = room[n];
}

FRAME int deep(int n)
{
	volatile int keep = n;

	if (!n)
		bottom(n);
	else
		deep(n - 1);
	return keep;
}

FRAME int compare(const void *a, const void *b)
{
	bottom(3);
	return *(const int *)a - *(const int *)b;
}

FRAME void through_library(void)
{
	int v[2] = { 2, 1 };

	qsort(v, 2, sizeof(*v), compare);
	sink++;
}

FRAME void on_signal(int n)
{
	bottom(n);
	sink++;
}

FRAME void through_signal(void)
{
	raise(SIGUSR1);
	sink++;
}

FRAME void *thread_main(void *arg)
{
	plain(7);
	through_signal();
	return arg;
}

FRAME void through_thread(void)
{
	pthread_t t;

	if (!pthread_create(&t, NULL, thread_main, NULL))
		pthread_join(t, NULL);
}

int main(int argc, char **argv)
{
	const char *parts = argc > 2 ? argv[2] : "lmarqstA";
	stack_t other = { .ss_sp = malloc(65536), .ss_size = 65536 };
	struct sigaction action = { .sa_handler = on_signal };

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	sigaction(SIGUSR1, &action, NULL);
	plain(1);
	usleep(argc > 1 ? (unsigned)atoi(argv[1]) * 1000 : 0);
	for (; *parts; parts++)
		switch (*parts) {
		case 'l': large_frame(5); break;
		case 'm': moving_frame(9); break;
		case 'a': aligned_frame(3); break;
		case 'r': deep(100); break;
		case 'd': deep(40); break;
		case 'q': through_library(); break;
		case 's': through_signal(); break;
		case 't': through_thread(); break;
		case 'A': /* the handler on a stack of its own */
			action.sa_flags = SA_ONSTACK;
			sigaltstack(&other, NULL);
			sigaction(SIGUSR1, &action, NULL);
			through_signal();
			break;
		}
	return 0;
}
