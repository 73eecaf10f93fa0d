/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Removes the names in tracefs of a sonde that was killed. What hangs on a descriptor goes with the process; events in tracefs are
 * names and would stay until the next sonde comes by. So a process of its own waits for the end of the one that makes them, removes
 * what is left, and ends. It is made before the first name (uprobe_events.c), and only on kernels where names are needed.
 *
 * It is nobody's child and of no terminal, so that whoever waits for sonde, or ends all of its group, does not meet it, and it holds none of its
 * descriptors: a pipe that sonde wrote to ends with sonde, and no probe stays because of it.
 */
#include "engine/kernel/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* a child that somebody has forked in that process can hold its descriptors for longer: that long they are tried */
enum { TRY_MS = 100, TRIES = 300 };

/* all descriptors but these two */
static void close_others(int a, int b)
{
	unsigned low = (unsigned)(a < b ? a : b), high = (unsigned)(a < b ? b : a);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd < 3 && null >= 0; fd++)
		if (fd != a && fd != b)
			dup2(null, fd);
	if (low > 3)
		syscall(SYS_close_range, 3, low - 1, 0);
	if (high > low + 1)
		syscall(SYS_close_range, low < 3 ? 3 : low + 1, high - 1, 0);
	syscall(SYS_close_range, high < 3 ? 3 : high + 1, ~0U, 0);
}

/*
 * True: it said that nothing is left to be done; false: it is gone. The pipe's end alone would be too early: it is closed
 * while its events are open still, and the kernel frees those that are in use (see uprobe_events.c). A process has ended behind that.
 */
static bool wait_for_end(int pipe_fd, int pid_fd)
{
	struct pollfd fds[2] = { { .fd = pid_fd, .events = POLLIN },
				 { .fd = pipe_fd, .events = POLLIN } };
	char said;

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents & POLLIN && read(pipe_fd, &said, 1) == 1)
			return true;
		if (fds[0].revents)
			return false;
		fds[1].fd = -1; /* closed: its end will come */
	}
}

static _Noreturn void be_keeper(pid_t of, int pipe_fd, int pid_fd, bool (*remove_names)(pid_t of))
{
	sigset_t all;

	setsid();
	prctl(PR_SET_NAME, "sonde-keeper");
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all,
		    NULL); /* terminals' keys, the end of a session: it ends by itself */
	close_others(pipe_fd, pid_fd);
	if (!wait_for_end(pipe_fd, pid_fd))
		for (int i = 0; i < TRIES && !remove_names(of); i++)
			poll(NULL, 0, TRY_MS);
	_exit(0);
}

int kernel_event_keeper_start(bool (*remove_names)(pid_t of))
{
	pid_t self = getpid(), child;
	int ends[2], pid_fd;

	pid_fd = (int)syscall(SYS_pidfd_open, self, 0);
	if (pid_fd < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		close(pid_fd);
		return -1;
	}
	child = fork();
	if (child == 0) {
		close(ends[1]);
		if (fork() == 0)
			be_keeper(self, ends[0], pid_fd, remove_names);
		_exit(0);
	}
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	close(ends[0]);
	close(pid_fd);
	if (child > 0)
		return ends[1];
	close(ends[1]);
	return -1;
}

void kernel_event_keeper_end(int fd)
{
	if (fd < 0)
		return;
	(void)!write(fd, "", 1);
	close(fd);
}
