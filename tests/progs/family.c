/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * family FILE MODE N: processes that make processes, all of which call hit() and count the calls in the shared file: the truth for --follow.
 * At the end "hits COUNT" is printed by the first process.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CALLS = 3, THREADS = 3 };

struct counts {
	uint64_t hits, n_ready, n_ended;
};

static struct counts *counts;
static char *file;
static volatile int is_over;

__attribute__((noinline, noclone, used)) int hit(int n)
{
	__atomic_add_fetch(&counts->hits, 1, __ATOMIC_RELAXED);
	return n + 1;
}

static void leaf(void)
{
	for (int i = 0; i < CALLS; i++)
		hit(i);
}

static char *const *leaf_argv(void)
{
	static char *argv[5] = { "family", NULL, "leaf", "1", NULL };

	argv[1] = file;
	return argv;
}

static pid_t child(void (*fn)(void))
{
	pid_t pid = fork();

	if (pid)
		return pid;
	fn();
	_exit(0);
}

static void collect(pid_t pid)
{
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		exit(1);
}

static void exec_leaf(void)
{
	hit(0);
	execv("/proc/self/exe", leaf_argv());
	_exit(1);
}

static void by_vfork(void)
{
	pid_t pid = vfork();

	if (!pid) {
		execv("/proc/self/exe", leaf_argv());
		_exit(1);
	}
	collect(pid);
}

static void by_spawn(void)
{
	extern char **environ;
	pid_t pid;

	if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, leaf_argv(), environ))
		exit(1);
	collect(pid);
}

/* it works when its parent has gone */
static void orphan(void)
{
	pid_t parent = getpid();

	if (!fork()) {
		while (getppid() == parent)
			usleep(100);
		leaf();
		__atomic_add_fetch(&counts->n_ended, 1, __ATOMIC_RELEASE);
	}
	_exit(0);
}

static void by_double_fork(void)
{
	uint64_t n = counts->n_ended;

	collect(child(orphan));
	while (__atomic_load_n(&counts->n_ended, __ATOMIC_ACQUIRE) == n)
		usleep(100);
}

static void work_until_killed(void)
{
	leaf();
	__atomic_add_fetch(&counts->n_ready, 1, __ATOMIC_RELEASE);
	for (;;)
		pause();
}

static void by_kill(void)
{
	uint64_t n = counts->n_ready;
	pid_t pid = child(work_until_killed);

	while (__atomic_load_n(&counts->n_ready, __ATOMIC_ACQUIRE) == n)
		usleep(100);
	kill(pid, SIGKILL);
	collect(pid);
}

static void nested(void)
{
	hit(0);
	collect(child(exec_leaf));
	hit(1);
}

static void *forks(void *n)
{
	for (intptr_t i = 0; i < (intptr_t)n; i++)
		collect(child(leaf));
	return NULL;
}

static void *calls(void *arg)
{
	while (!is_over)
		hit(0);
	return arg;
}

static void by_threads(int n)
{
	pthread_t maker[THREADS], load;

	pthread_create(&load, NULL, calls, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&maker[i], NULL, forks, (void *)(intptr_t)n);
	for (int i = 0; i < THREADS; i++)
		pthread_join(maker[i], NULL);
	is_over = 1;
	pthread_join(load, NULL);
}

static void fail(const char *what)
{
	printf("%s\n", what);
	exit(1);
}

static void work_on(void)
{
	for (;;) {
		hit(0);
		__atomic_add_fetch(&counts->n_ready, 1, __ATOMIC_RELEASE);
		usleep(100);
	}
}

/* stopped and continued, as a shell does it */
static void by_stop(void)
{
	uint64_t n = counts->n_ready;
	pid_t pid = child(work_on);
	int status;

	while (__atomic_load_n(&counts->n_ready, __ATOMIC_ACQUIRE) == n)
		usleep(100);
	kill(pid, SIGSTOP);
	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status) ||
	    WSTOPSIG(status) != SIGSTOP)
		fail("it did not stop");
	n = counts->n_ready;
	usleep(10000);
	if (n != counts->n_ready)
		fail("it runs though it is stopped");
	kill(pid, SIGCONT);
	if (waitpid(pid, &status, WCONTINUED) != pid || !WIFCONTINUED(status))
		fail("it does not go on");
	while (__atomic_load_n(&counts->n_ready, __ATOMIC_ACQUIRE) == n)
		usleep(100);
	kill(pid, SIGTERM);
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) || WTERMSIG(status) != SIGTERM)
		fail("it was not ended by the signal");
}

static int wake[2];

static void disturb(void)
{
	leaf();
	for (int i = 0; i < 3; i++) {
		usleep(3000);
		kill(getppid(), i == 1 ? SIGHUP : SIGURG);
	}
	usleep(3000);
	(void)!write(wake[1], "w", 1);
}

/* signals that a process ignores interrupt nothing */
static void by_ignored(void)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int epoll = epoll_create1(0);
	pid_t pid;

	signal(SIGHUP, SIG_IGN);
	if (pipe(wake) || epoll_ctl(epoll, EPOLL_CTL_ADD, wake[0], &ev))
		fail("no pipe");
	pid = child(disturb);
	if (epoll_wait(epoll, &ev, 1, 10000) != 1)
		fail("epoll_wait was interrupted");
	collect(pid);
	close(wake[0]);
	close(wake[1]);
	close(epoll);
}

/* goes on when the first process has ended, until it is told to stop by SIGTERM */
static void lasting(void)
{
	prctl(PR_SET_NAME, "lasting");
	for (;;) {
		hit(0);
		usleep(1000);
	}
}

static void run(const char *mode, int n)
{
	for (int i = 0; i < n; i++) {
		if (!strcmp(mode, "leaf"))
			leaf();
		else if (!strcmp(mode, "fork"))
			collect(child(leaf));
		else if (!strcmp(mode, "exec"))
			collect(child(exec_leaf));
		else if (!strcmp(mode, "vfork"))
			by_vfork();
		else if (!strcmp(mode, "spawn"))
			by_spawn();
		else if (!strcmp(mode, "orphan"))
			by_double_fork();
		else if (!strcmp(mode, "killed"))
			by_kill();
		else if (!strcmp(mode, "stopped"))
			by_stop();
		else if (!strcmp(mode, "ignored"))
			by_ignored();
		else if (!strcmp(mode, "nested"))
			collect(child(nested));
		else if (!strcmp(mode, "lasting"))
			child(lasting);
		else
			exit(2);
	}
}

int main(int argc, char **argv)
{
	int fd = argc > 3 ? open(argv[1], O_RDWR | O_CREAT, 0600) : -1;

	if (fd < 0 || ftruncate(fd, sizeof(*counts)))
		return 2;
	file = argv[1];
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (counts == MAP_FAILED)
		return 2;
	close(fd);
	if (!strcmp(argv[2], "threads"))
		by_threads(atoi(argv[3]));
	else
		run(argv[2], atoi(argv[3]));
	if (strcmp(argv[2], "leaf"))
		printf("hits %llu\n", (unsigned long long)counts->hits);
	return 0;
}
