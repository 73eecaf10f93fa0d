/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program that is about to be started, up to its first instruction: the dynamic linker has mapped its libraries then and run
 * their initialisers, nothing of the program itself has been executed. The way there is a breakpoint at the entry, which is
 * taken out again. (A debug register would not touch the code, but not every virtual machine has them.)
 */
#include "engine/user/process/remote_private.h"

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
	struct remote_entry entry;
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

	if (r->mem_fd >= 0)
		close(r->mem_fd);
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)r->pid);
	r->mem_fd = open(path, O_RDWR | O_CLOEXEC);
	r->syscall_at = 0;
	return r->mem_fd < 0 ? err_new(errno, "open the memory of process %d", (int)r->pid) : NULL;
}

struct err *remote_break_at_entry(struct remote *r, struct remote_entry *ret)
{
	const uint8_t int3 = INT3;

	*ret = (struct remote_entry){ 0 };
	TRY(reopen(r));
	TRY(remote_check_program(r->pid));
	ret->at = read_entry(r->pid);
	if (ret->at && remote_read(r, ret->at, &ret->own, 1) && remote_write(r, ret->at, &int3, 1))
		return NULL;
	ret->at = 0;
	return err_new(errno, "stop process %d at its first instruction", (int)r->pid);
}

void remote_unbreak(const struct remote *r, struct remote_entry *e)
{
	if (e->at)
		remote_write(r, e->at, &e->own, 1);
	e->at = 0;
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

	return WSTOPSIG(status) == SIGTRAP && !(status >> 16) && run->entry.at &&
	       !ptrace(PTRACE_GETREGS, t->tid, NULL, &t->regs) && t->regs.rip == run->entry.at + 1;
}

static struct err *run_to_entry(struct run *run)
{
	struct remote_thread *t = &run->r->threads.v[0];
	int status = 0;

	for (;;) {
		int signal = 0;

		TRY(await(run, &status));
		if (status >> 16 == PTRACE_EVENT_EXEC) {
			/* the code that had one is gone, too */
			TRY(remote_break_at_entry(run->r, &run->entry));
		} else if (is_at_entry(run, status)) {
			uint64_t entry = run->entry.at;

			remote_unbreak(run->r, &run->entry);
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
	remote_unbreak(run->r, &run->entry);
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
