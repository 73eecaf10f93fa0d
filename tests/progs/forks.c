/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traced program: forks CHILDREN children, each calls child_work(its number) and ends. forks CHILDREN */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int sink;

__attribute__((noinline, noclone, used)) int child_work(int n)
{
	sink = n;
	return n * n;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 3;

	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return 1;
		if (pid == 0) {
			child_work(i);
			_exit(0);
		}
		if (waitpid(pid, NULL, 0) != pid)
			return 1;
		printf("child %d\n", i);
	}
	return 0;
}
