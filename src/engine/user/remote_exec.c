/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program that is about to be started, up to its first instruction: the dynamic linker has mapped its libraries then and run
 * their initialisers, nothing of the program itself has been executed. The way there is a breakpoint at the entry, which is
 * taken out again. (A debug register would not touch the code, but not every virtual machine has them.)
 */
#include "engine/user/remote_private.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/wait.h>

enum { INT3 = 0xcc, NAP_NS = 100000 };

/* a run of one thread, until something that concerns us */
struct run {
	struct remote *r;
	uint64_t deadline;
	uint64_t entry; /* 0: there is no breakpoint */
	uint8_t own;    /* byte at the entry */
};

static uint64_t read_entry(pid_t pid)
{
	FILE_AUTO f = NULL;
	Elf64_auxv_t v;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/auxv", (int)pid);
	f = fopen(path, "re");
	while (f && fread(&v, sizeof(v), 1, f) == 1)
		if (v.a_type == AT_ENTRY)
			return v.a_un.a_val;
	return 0;
}

/* it has other memory now */
static struct err *reopen(struct remote *r)
{
	char path[64];

	close(r->mem_fd);
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)r->pid);
	r->mem_fd = open(path, O_RDWR | O_CLOEXEC);
	r->syscall_at = 0;
	return r->mem_fd < 0 ? err_new(errno, "open the memory of process %d", (int)r->pid) : NULL;
}

static struct err *set_breakpoint(struct run *run)
{
	const uint8_t int3 = INT3;
	struct remote *r = run->r;

	TRY(reopen(r));
	TRY(remote_check_program(r->pid));
	run->entry = read_entry(r->pid);
	if (!run->entry || !remote_read(r, run->entry, &run->own, 1) ||
	    !remote_write(r, run->entry, &int3, 1)) {
		run->entry = 0;
		return err_new(errno, "stop process %d at its first instruction", (int)r->pid);
	}
	return NULL;
}

static void remove_breakpoint(struct run *run)
{
	if (run->entry)
		remote_write(run->r, run->entry, &run->own, 1);
	run->entry = 0;
}

/* status of its next stop */
static struct err *await(struct run *run, int *status)
{
	static const struct timespec nap = { .tv_nsec = NAP_NS };
	struct remote_thread *t = &run->r->threads.v[0];
	pid_t got;

	while ((got = waitpid(t->tid, status, __WALL | WNOHANG)) == 0) {
		if (clock_monotonic_ns() > run->deadline)
			return err_new(0, "process %d does not come to its first instruction",
				       (int)run->r->pid);
		nanosleep(&nap, NULL);
	}
	if (got < 0 || !WIFSTOPPED(*status)) {
		t->tid = 0;
		return err_new(ESRCH, "process %d ended before its first instruction",
			       (int)run->r->pid);
	}
	t->is_stopped = true;
	return NULL;
}

static bool is_at_entry(struct run *run, int status)
{
	struct remote_thread *t = &run->r->threads.v[0];

	return WSTOPSIG(status) == SIGTRAP && !(status >> 16) && run->entry &&
	       !ptrace(PTRACE_GETREGS, t->tid, NULL, &t->regs) && t->regs.rip == run->entry + 1;
}

static struct err *run_to_entry(struct run *run)
{
	struct remote_thread *t = &run->r->threads.v[0];
	int status = 0;

	for (;;) {
		int signal = 0;

		TRY(await(run, &status));
		if (status >> 16 == PTRACE_EVENT_EXEC) {
			run->entry = 0; /* the code that had one is gone, too */
			TRY(set_breakpoint(run));
		} else if (is_at_entry(run, status)) {
			uint64_t entry = run->entry;

			remove_breakpoint(run);
			return remote_set_ip(run->r, t, entry);
		} else if (!(status >> 16)) {
			signal = WSTOPSIG(status);
		}
		t->is_stopped = false;
		if (ptrace(PTRACE_CONT, t->tid, NULL, (void *)(intptr_t)signal))
			return err_new(errno, "let process %d go on", (int)run->r->pid);
	}
}

/* after an error it must not meet the breakpoint */
static void give_up(struct run *run)
{
	struct remote_thread *t = &run->r->threads.v[0];
	struct pollfd none;

	if (!t->tid)
		return;
	if (!t->is_stopped)
		ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
	for (unsigned ms = 0; !t->is_stopped && ms < 1000; ms++) {
		int status;

		if (waitpid(t->tid, &status, __WALL | WNOHANG) == t->tid)
			t->is_stopped = WIFSTOPPED(status);
		else
			poll(&none, 0, 1);
	}
	remove_breakpoint(run);
}

struct err *remote_run_to_entry(struct remote *r, int gate, unsigned timeout_ms)
{
	struct run run = { .r = r, .deadline = clock_monotonic_ns() + timeout_ms * 1000000ull };
	struct err *e;

	if (ptrace(PTRACE_SEIZE, r->pid, NULL, PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD))
		return err_new(errno, "trace process %d", (int)r->pid);
	vec_push(&r->threads, ((struct remote_thread){ .tid = r->pid }));
	if (write(gate, "g", 1) != 1)
		e = err_new(errno, "let process %d begin", (int)r->pid);
	else
		e = run_to_entry(&run);
	if (e) {
		give_up(&run);
		remote_go(r);
	}
	return e;
}
