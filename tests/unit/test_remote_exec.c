/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs stopped at their first instruction: children that wait on a pipe before exec, as the session's do. Nothing of the program
 * has run then (it has said nothing), its libraries are there, and its entry is the file's again. And one whose threads execute it again.
 */
#include "engine/user/process/remote.h"

#include "base/cleanup.h"

#include "tap.h"
#include "err_help.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { WAIT_MS = 20000, PAGE = 4096, N_EXECS = 100, N_IDLE = 3 };

struct start {
	pid_t pid;
	int gate, out; /* its standard output */
};

static struct start start_held(const char *path, char *const *argv)
{
	int gate[2], out[2];
	struct start s;

	CHECK(!pipe2(gate, O_CLOEXEC) && !pipe2(out, O_CLOEXEC));
	fflush(stdout);
	s.pid = fork();
	if (!s.pid) {
		char byte;

		dup2(out[1], 1);
		close(gate[1]);
		if (read(gate[0], &byte, 1) == 1)
			execv(path, argv);
		_exit(127);
	}
	close(gate[0]);
	close(out[1]);
	s.gate = gate[1];
	s.out = out[0];
	return s;
}

static uint64_t entry_of(const char *path)
{
	FD_AUTO fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr head = { 0 };

	CHECK(fd >= 0 && read(fd, &head, sizeof(head)) == sizeof(head));
	return head.e_entry;
}

static bool has_library(pid_t pid, const char *name)
{
	struct proc_maps maps;
	bool is_there = false;

	if (!check_err(proc_maps_read(pid, &maps), "maps"))
		return false;
	for (uint32_t i = 0; i < maps.n; i++)
		is_there |= maps.v[i].exec && maps.v[i].path.n &&
			    memmem(maps.v[i].path.p, maps.v[i].path.n, name, strlen(name));
	proc_maps_free(&maps);
	return is_there;
}

/* the bytes at a process's entry are those of the file */
static void check_entry(struct remote *r, const char *path)
{
	uint64_t ip = r->threads.v[0].regs.rip;
	FD_AUTO fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t here[8], there[8];
	struct proc_maps maps;

	CHECK_INT(ip & (PAGE - 1), entry_of(path) & (PAGE - 1));
	CHECK(remote_read(r, ip, there, sizeof(there)));
	if (check_err(proc_maps_read(r->pid, &maps), "maps")) {
		const struct proc_map *m = proc_maps_find(&maps, ip);

		if (CHECK(m))
			CHECK(pread(fd, here, sizeof(here), (off_t)(ip - m->start + m->offset)) ==
				      sizeof(here) &&
			      !memcmp(here, there, sizeof(here)));
		proc_maps_free(&maps);
	}
}

static void check_start(const char *path, char *const *argv, const char *library, const char *says)
{
	struct start s = start_held(path, argv);
	struct pollfd p = { .fd = s.out, .events = POLLIN };
	struct remote r;
	char text[16] = "";
	int status = 0;

	if (check_err(remote_open(s.pid, &r), path) &&
	    check_err(remote_run_to_entry(&r, s.gate, WAIT_MS), path)) {
		check_entry(&r, path);
		CHECK(!library || has_library(s.pid, library));
		CHECK_INT(poll(&p, 1, 0), 0); /* it has said nothing */
	}
	remote_close(&r);
	CHECK_INT(waitpid(s.pid, &status, 0), s.pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(read(s.out, text, sizeof(text) - 1) > 0);
	CHECK_HAS(text, says);
	close(s.gate);
	close(s.out);
}

TEST(from_the_first_instruction)
{
	char *const shell[] = { "sh", "-c", "echo hello", NULL };
	char *const linker[] = { "ldconfig", "--version", NULL };

	check_start("/bin/sh", shell, "libc.so", "hello");
	/* a static one, on Debian */
	check_start("/sbin/ldconfig", linker, NULL, "ldconfig");
}

TEST(a_program_that_does_not_start)
{
	char *const none[] = { "none", NULL };
	struct start s = start_held("/nonexistent", none);
	struct remote r;
	struct err *e;

	if (check_err(remote_open(s.pid, &r), "child")) {
		e = remote_run_to_entry(&r, s.gate, WAIT_MS);
		CHECK(e && err_code(e) == ESRCH);
		err_free(e);
	}
	remote_close(&r);
	waitpid(s.pid, NULL, 0);
	close(s.gate);
	close(s.out);
}

/* ---- a program that executes itself, which is this file ---- */

#define EXECS_LEFT "TEST_EXECS_LEFT"

static void *idle(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *execute(void *arg)
{
	char *const argv[] = { "execs", NULL };

	execv("/proc/self/exe", argv);
	_exit(127);
	return arg;
}

/* before main() of what start_execs has begun, and of none else: threads, one of which executes the file; the last one says that it is there */
__attribute__((constructor)) static void go_on(void)
{
	const char *left = getenv(EXECS_LEFT);
	char text[16];
	pthread_t t;

	if (!left)
		return;
	if (!strcmp(left, "0"))
		_exit(write(1, "end", 3) != 3);
	snprintf(text, sizeof(text), "%d", atoi(left) - 1);
	setenv(EXECS_LEFT, text, true);
	for (int i = 0; i < N_IDLE; i++)
		pthread_create(&t, NULL, idle, NULL);
	pthread_create(&t, NULL, execute, NULL);
	idle(NULL);
}

static pid_t start_execs(int *out)
{
	char *const argv[] = { "execs", NULL };
	char text[16];
	int pipes[2];
	pid_t pid;

	CHECK(!pipe2(pipes, O_CLOEXEC));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(pipes[1], 1);
		snprintf(text, sizeof(text), "%d", N_EXECS);
		setenv(EXECS_LEFT, text, true);
		execv("/proc/self/exe", argv);
		_exit(127);
	}
	close(pipes[1]);
	*out = pipes[0];
	return pid;
}

/* exec waits for the ends of threads that are ours, and PTRACE_SEIZE for exec: neither may wait for ever */
TEST(a_program_that_is_executed_while_it_is_stopped)
{
	struct pollfd p = { .events = POLLIN };
	pid_t pid = start_execs(&p.fd);
	unsigned n_stopped = 0;
	char text[4] = "";

	alarm(6 * WAIT_MS / 1000);
	while (!poll(&p, 1, 0)) {
		struct remote r;
		struct err *e = remote_open(pid, &r);

		if (!e)
			e = remote_stop(&r, WAIT_MS);
		n_stopped += !e;
		err_free(e);
		remote_close(&r);
		remote_tend();
	}
	alarm(0);
	CHECK(read(p.fd, text, sizeof(text)) == 3);
	CHECK_STR(text, "end");
	printf("# stopped %u times during %d execs\n", n_stopped, N_EXECS);
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, __WALL) > 0)
		;
	close(p.fd);
}
