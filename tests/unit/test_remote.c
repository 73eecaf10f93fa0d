/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Another process from outside: children of this test, with threads that count, wait in system calls and end, are stopped, given
 * memory, and let go. They say themselves whether they noticed.
 */
#include "engine/user/process/remote.h"

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
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 4, TIMEOUT_MS = 2000, ROUNDS = 50, PAGE = 4096 };

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

static void never_comes(int signal)
{
	(void)signal;
}

static void be_a_target(void)
{
	pthread_t t;

	signal(SIGTRAP, never_comes);
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

/* a memory file with a view of it; its length */
static int make_memory(size_t bytes, uint64_t **view)
{
	int fd = memfd_create("sonde", MFD_CLOEXEC);

	CHECK(fd >= 0 && !ftruncate(fd, (off_t)bytes));
	*view = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return CHECK(*view != MAP_FAILED) ? fd : -1;
}

static uint64_t word_at(const struct remote *r, uint64_t address)
{
	uint64_t word = 0;

	CHECK(remote_read(r, address, &word, sizeof(word)));
	return word;
}

static void check_area(const struct remote *r, const struct remote_area *a, uint64_t text,
		       uint64_t *view)
{
	const uint64_t code = 98, data = 99, private = 97;

	CHECK_INT(a->code_bytes, 12288);
	CHECK_INT(a->private_bytes, 8192);
	CHECK_INT(a->private, a->code + a->code_bytes);
	CHECK_INT(a->data, a->private + a->private_bytes);
	CHECK(a->code < text ? text - a->code < 1ull << 31 : a->code - text < 1ull << 31);
	/* written here, seen there, and the other way round */
	view[5] = 0x1122334455667788ull;
	CHECK_INT(word_at(r, a->data + 40), 0x1122334455667788ull);
	CHECK(remote_write(r, a->data + 8, &data, 8));
	CHECK_INT(view[1], data);
	/* code is written through its protection */
	CHECK(remote_write(r, a->code + 100, &code, 8));
	CHECK_INT(word_at(r, a->code + 100), code);
	/* nothing of what the calls needed is left in the private pages */
	for (uint64_t at = a->private; at < a->data; at += 8)
		if (word_at(r, at) && CHECK(!"a word is not zero"))
			break;
	CHECK(remote_write(r, a->private, &private, 8));
	CHECK_INT(word_at(r, a->private), private);
}

TEST(memory_of_ours)
{
	const struct remote_area_sizes sizes = { .code = 10000, .private = 5000, .data = 100000 };
	pid_t pid = start();
	uint64_t text = (uint64_t)(uintptr_t)be_a_target, gone, word, *view;
	unsigned n_fds = count_fds(pid);
	int fd = make_memory(102400, &view);
	struct remote_area a = { 0 }, b = { 0 };
	struct remote r;

	if (check_err(remote_open(pid, &r), "target") &&
	    check_err(remote_stop_one(&r, TIMEOUT_MS), "target")) {
		if (check_err(remote_area_make(&r, text, text + PAGE, &sizes, fd, &a), "target")) {
			check_area(&r, &a, text, view);
			CHECK_INT(count_fds(pid), n_fds);
			/* a second one of the same file, for another module */
			check_err(remote_area_make(&r, text, text + PAGE, &sizes, fd, &b),
				  "target");
			CHECK(b.code && b.code != a.code);
			CHECK_INT(word_at(&r, b.data + 8), 99);
			gone = a.data;
			check_err(remote_area_unmap(&r, &a), "target");
			CHECK(!remote_read(&r, gone, &word, 8));
			CHECK_INT(view[1], 99);
		}
		remote_close(&r);
	}
	munmap(view, 102400);
	close(fd);
	finish(pid);
}

/*
 * Code of ours is in use when a thread stands in it, or a signal's frame on a stack has an address in it: that of an interrupted trampoline. An
 * address alone is what an earlier attachment has left
 */
TEST(code_that_is_in_use)
{
	const struct remote_area_sizes sizes = { .code = PAGE, .data = PAGE };
	uint64_t text = (uint64_t)(uintptr_t)be_a_target, *view, own, kept[3];
	pid_t pid = start();
	int fd = make_memory(PAGE, &view);
	struct remote_area a = { 0 };
	struct remote r;

	if (check_err(remote_open(pid, &r), "target") &&
	    check_err(remote_stop(&r, TIMEOUT_MS), "target") &&
	    check_err(remote_area_make(&r, text, text + PAGE, &sizes, fd, &a), "target")) {
		CHECK(remote_area_is_idle(&r, &a));
		vec_each(t, &r.threads) {
			uint64_t at = (t->regs.rsp & ~7ull) + 64, inside = a.code + 100;
			const uint64_t frame[] = { inside, 0x246, 0x002b000000000033 };

			own = t->regs.rip;
			t->regs.rip = inside;
			CHECK(!remote_area_is_idle(&r, &a));
			t->regs.rip = own;
			CHECK(remote_read(&r, at, kept, 24) && remote_write(&r, at, frame, 24));
			CHECK(!remote_area_is_idle(&r, &a));
			remote_write(&r, at, kept, 24);
			remote_write(&r, at, &inside, 8);
			CHECK(remote_area_is_idle(&r, &a));
			remote_write(&r, at, kept, 8);
			t->is_stopped = false;
			CHECK(!remote_area_is_idle(&r, &a));
			t->is_stopped = true;
		}
		CHECK(remote_area_is_idle(&r, &a));
	}
	remote_close(&r);
	munmap(view, PAGE);
	close(fd);
	finish(pid);
}

/* what system calls of ours may not do is an error, and nothing of ours is left */
TEST(no_room_for_a_descriptor)
{
	const struct remote_area_sizes sizes = { .code = 4096, .data = 4096 };
	const struct rlimit none = { 0, 0 };
	pid_t pid = start();
	uint64_t text = (uint64_t)(uintptr_t)be_a_target, *view;
	int fd = make_memory(4096, &view);
	struct proc_maps before, after;
	struct remote_area a = { 0 };
	struct err *e = NULL;
	struct remote r;

	CHECK_INT(prlimit(pid, RLIMIT_NOFILE, &none, NULL), 0);
	if (check_err(remote_open(pid, &r), "target") &&
	    check_err(remote_stop(&r, TIMEOUT_MS), "target")) {
		check_err(proc_maps_read(pid, &before), "target");
		e = remote_area_make(&r, text, text + PAGE, &sizes, fd, &a);
		CHECK(e && err_code(e) == EMFILE);
		CHECK(!a.code);
		check_err(proc_maps_read(pid, &after), "target");
		CHECK_INT(after.n, before.n);
		proc_maps_free(&before);
		proc_maps_free(&after);
		err_free(e);
		remote_close(&r);
	}
	munmap(view, 4096);
	close(fd);
	finish(pid);
}

TEST(system_calls)
{
	pid_t pid = start();
	const uint64_t none[6] = { 0 }, bad[6] = { 9999 };
	struct remote r;
	int64_t got = 0;
	char handlers[64] = "", after[64] = "";

	CHECK(proc_status(pid, "SigCgt", handlers, sizeof(handlers)));
	if (check_err(remote_open(pid, &r), "target") &&
	    check_err(remote_stop(&r, TIMEOUT_MS), "target")) {
		check_err(remote_call(&r, SYS_getpid, none, &got), "target");
		CHECK_INT(got, pid);
		check_err(remote_call(&r, SYS_close, bad, &got), "target");
		CHECK_INT(got, -EBADF);
		remote_close(&r);
	}
	/* a SIGTRAP that the kernel forces upon a thread takes the program's handler away */
	CHECK(proc_status(pid, "SigCgt", after, sizeof(after)));
	CHECK_STR(after, handlers);
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
