/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Another process from outside: children of this test, with threads that count, wait in system calls and end, are stopped, given
 * memory, and let go. They say themselves whether they noticed.
 */
#include "engine/user/remote.h"

#include "base/cleanup.h"

#include "tap.h"
#include "err_help.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 4, TIMEOUT_MS = 2000, ROUNDS = 50 };

/* shared with the child */
struct report {
	atomic_int is_ready, is_done;
	atomic_uint n_interrupted; /* waits that ended with EINTR */
	atomic_ulong n_counted[THREADS];
};

static struct report *report;

static void *count(void *arg)
{
	unsigned i = (unsigned)(uintptr_t)arg;

	while (!report->is_done)
		report->n_counted[i]++;
	return NULL;
}

static void *wait_in_epoll(void *arg)
{
	struct epoll_event event;
	int fd = epoll_create1(0);

	report->is_ready = 1; /* all descriptors are there */

	while (!report->is_done)
		if (epoll_wait(fd, &event, 1, 200) < 0 && errno == EINTR)
			report->n_interrupted++;
	return NULL;
}

static void *sleep_in_pieces(void *arg)
{
	struct timespec piece = { .tv_nsec = 20000000 };

	while (!report->is_done)
		if (nanosleep(&piece, NULL) && errno == EINTR)
			report->n_interrupted++;
	return NULL;
}

static void be_a_target(void)
{
	pthread_t t;

	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&t, NULL, count, (void *)i);
	pthread_create(&t, NULL, sleep_in_pieces, NULL);
	pthread_create(&t, NULL, wait_in_epoll, NULL);
	while (!report->is_done)
		poll(NULL, 0, 10);
	_exit(7);
}

static pid_t start(void)
{
	pid_t pid;

	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	fflush(stdout);
	pid = fork();
	if (!pid)
		be_a_target();
	while (!report->is_ready)
		poll(NULL, 0, 1);
	return pid;
}

static void finish(pid_t pid)
{
	int status = 0;

	report->is_done = 1;
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	CHECK_INT(report->n_interrupted, 0);
	munmap(report, sizeof(*report));
}

static unsigned long total(void)
{
	unsigned long n = 0;

	for (unsigned i = 0; i < THREADS; i++)
		n += report->n_counted[i];
	return n;
}

TEST(stopped_threads_do_nothing)
{
	pid_t pid = start();
	struct remote r;

	if (check_err(remote_open(pid, &r), "target")) {
		for (unsigned i = 0; i < ROUNDS; i++) {
			unsigned long before;

			if (!check_err(remote_stop(&r, TIMEOUT_MS), "target"))
				break;
			CHECK_INT(r.threads.n, THREADS + 3);
			before = total();
			poll(NULL, 0, 1);
			CHECK_INT(total(), before);
			remote_go(&r);
		}
		remote_close(&r);
	}
	finish(pid);
}

static unsigned count_fds(pid_t pid)
{
	unsigned n = 0;

	for (int fd = 0; fd < 64; fd++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
		n += access(path, F_OK) == 0;
	}
	return n;
}

TEST(memory_of_ours)
{
	pid_t pid = start();
	uint64_t text = (uint64_t)(uintptr_t)be_a_target, word = 0;
	unsigned n_fds = count_fds(pid);
	struct remote_area a = { 0 };
	struct remote r;

	if (check_err(remote_open(pid, &r), "target") &&
	    check_err(remote_stop_one(&r, TIMEOUT_MS), "target")) {
		if (check_err(remote_area_make(&r, text, text + 4096, 10000, 100000, &a),
			      "target")) {
			CHECK(a.code_bytes == 12288 && a.data == a.code + 12288);
			CHECK(a.code < text ? text - a.code < 1ull << 31
					    : a.code - text < 1ull << 31);
			/* written here, seen there, and the other way round */
			((uint64_t *)a.view)[5] = 0x1122334455667788ull;
			CHECK(remote_read(&r, a.data + 40, &word, 8) &&
			      word == 0x1122334455667788ull);
			word = 99;
			CHECK(remote_write(&r, a.data + 8, &word, 8));
			CHECK_INT(((uint64_t *)a.view)[1], 99);
			/* code is written through its protection */
			CHECK(remote_write(&r, a.code + 100, &word, 8));
			word = 0;
			CHECK(remote_read(&r, a.code + 100, &word, 8) && word == 99);
			CHECK_INT(count_fds(pid), n_fds);
			check_err(remote_area_unmap(&r, &a), "target");
			CHECK(!remote_read(&r, a.data + 8, &word, 8));
			CHECK_INT(((uint64_t *)a.view)[1], 99);
		}
		remote_area_free(&a);
		remote_close(&r);
	}
	finish(pid);
}

TEST(system_calls)
{
	pid_t pid = start();
	const uint64_t none[6] = { 0 }, bad[6] = { 9999 };
	struct remote r;
	int64_t got = 0;

	if (check_err(remote_open(pid, &r), "target") &&
	    check_err(remote_stop(&r, TIMEOUT_MS), "target")) {
		check_err(remote_call(&r, SYS_getpid, none, &got), "target");
		CHECK_INT(got, pid);
		check_err(remote_call(&r, SYS_close, bad, &got), "target");
		CHECK_INT(got, -EBADF);
		remote_close(&r);
	}
	finish(pid);
}

TEST(a_process_that_is_gone)
{
	pid_t pid = start();
	struct remote r;
	struct err *e;

	if (check_err(remote_open(pid, &r), "target")) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		e = remote_stop(&r, TIMEOUT_MS);
		CHECK(e && err_code(e) == ESRCH);
		err_free(e);
		remote_close(&r);
	}
	e = remote_open(pid, &r);
	CHECK(e && err_code(e) == ESRCH);
	err_free(e);
	remote_close(&r);
	munmap(report, sizeof(*report));
}

TEST(holes)
{
	const struct proc_map v[] = {
		{ .start = 0x400000, .end = 0x500000, .path = STR("/bin/x") },
		{ .start = 0x500000, .end = 0x600000, .path = STR("[heap]") },
		{ .start = 0x7fff00000000, .end = 0x7fff00200000, .path = STR("[stack]") },
	};
	struct proc_maps maps = { .v = (struct proc_map *)v, .n = 3 };
	uint64_t at = remote_find_hole(&maps, 0x400000, 0x500000, 1 << 20);

	/* below the program there is room; the heap may grow */
	CHECK(at >= 0x10000 && at + (1 << 20) <= 0x400000);
	CHECK(remote_find_hole(&maps, 0x400000, 0x500000, 64 << 20) >= 0x600000 + (1ull << 30));
	CHECK_INT(remote_find_hole(&maps, 0x400000, 0x500000, 1ull << 31), 0);
}
