/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System calls in a stopped thread: registers are set up, one `syscall` instruction that is somewhere in its memory (the vdso has
 * one) is executed up to where the kernel reports the end of the call, registers are put back. Not by a single step: its SIGTRAP is forced
 * upon a thread whose signals we hold back, and then the kernel forgets the handler that the program has for it. A thread that is stopped within a call of its own still has it: the kernel restarts
 * it by the registers that are put back.
 */
#include "engine/user/process/remote_private.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

enum {
	CHUNK = 65536,
	STOPS_MAX = 16,
	OF_SYSCALL = 0x80,
	TRAP_FLAG = 0x100,
	DIRECTION_FLAG = 0x400,
	CALL_MS = 1500, /* to the next report */
	SPINS = 200,
	NAP_NS = 20000
};

static uint64_t search_mapping(const struct remote *r, const struct proc_map *m)
{
	FREE_AUTO uint8_t *bytes = base_alloc(CHUNK);

	for (uint64_t at = m->start; at < m->end; at += CHUNK) {
		size_t n = m->end - at < CHUNK ? m->end - at : CHUNK;

		if (!remote_read(r, at, bytes, n))
			return 0;
		for (size_t i = 0; i + 1 < n; i++)
			if (bytes[i] == 0x0f && bytes[i + 1] == 0x05)
				return at + i;
	}
	return 0;
}

/* any two bytes that the processor takes for `syscall` will do */
static struct err *find_syscall(struct remote *r)
{
	struct proc_maps maps;

	if (r->syscall_at)
		return NULL;
	TRY(proc_maps_read(r->leader, &maps));
	for (unsigned pass = 0; pass < 2 && !r->syscall_at; pass++)
		for (uint32_t i = 0; i < maps.n && !r->syscall_at; i++) {
			const struct proc_map *m = &maps.v[i];

			if (m->exec && !str_is(m->path, "[vsyscall]") &&
			    (pass || str_is(m->path, "[vdso]")))
				r->syscall_at = search_mapping(r, m);
		}
	proc_maps_free(&maps);
	return r->syscall_at ? NULL
			     : err_new(0, "process %d has no system call instruction to execute",
				       (int)r->pid);
}

/* 1: it stopped; 0: not within ms; -1: it has ended */
static int await_stop(struct remote_thread *t, unsigned ms, int *status)
{
	static const struct timespec nap = { .tv_nsec = NAP_NS };
	uint64_t deadline = clock_monotonic_ns() + ms * 1000000ull;

	for (unsigned spins = 0;; spins++) {
		pid_t got = waitpid(t->tid, status, __WALL | WNOHANG);

		if (got)
			return got > 0 && WIFSTOPPED(*status) ? 1 : -1;
		if (spins < SPINS)
			sched_yield();
		else if (clock_monotonic_ns() > deadline)
			return 0;
		else
			nanosleep(&nap, NULL);
	}
}

/*
 * A process whose cgroup is frozen stands before it comes to our call. It is stopped again, as it was. One that does not even stop is within
 * the call, and has to be waited for: its registers are not its own
 */
static int await_report(struct remote *r, struct remote_thread *t, int *status)
{
	int got = await_stop(t, CALL_MS, status);

	if (got)
		return got;
	r->is_frozen = true;
	ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
	while (!(got = await_stop(t, CALL_MS, status)))
		;
	return got;
}

static struct err *refuse_frozen(const struct remote *r)
{
	return err_hint(
		err_new(0, "make a system call in process %d, which does not run", (int)r->pid),
		"its cgroup is frozen, or it gets no time of a processor");
}

static struct err *go_through(struct remote *r, struct remote_thread *t, int64_t *result)
{
	struct user_regs_struct regs;
	unsigned n_reports = 0; /* its begin, its end */
	int status;

	for (unsigned i = 0; i < STOPS_MAX; i++) {
		if (ptrace(PTRACE_SYSCALL, t->tid, NULL, NULL))
			return err_new(errno, "let thread %d make a system call", (int)t->tid);
		if (await_report(r, t, &status) < 0) {
			kept_note_end(t->tid);
			t->tid = 0;
			return err_new(ESRCH, "process %d has ended", (int)r->pid);
		}
		if (WSTOPSIG(status) != (SIGTRAP | OF_SYSCALL)) {
			if (r->is_frozen && !n_reports)
				return refuse_frozen(r);
			continue;
		}
		if (ptrace(PTRACE_GETREGS, t->tid, NULL, &regs))
			return err_new(errno, "read the registers of thread %d", (int)t->tid);
		if (regs.rip == r->syscall_at + 2 && ++n_reports == 2) {
			*result = (int64_t)regs.rax;
			return NULL;
		}
	}
	return err_new(EIO, "execute a system call in process %d", (int)r->pid);
}

/* one that has no signal to be delivered: that would come before our call */
struct remote_thread *remote_pick(struct remote *r)
{
	vec_each(t, &r->threads)
		if (t->tid && t->is_stopped && !t->signal && !t->is_inside)
			return t;
	return NULL;
}

struct err *remote_call(struct remote *r, long nr, const uint64_t arg[6], int64_t *result)
{
	struct remote_thread *t = remote_pick(r);
	uint64_t kept_mask, all = ~0ull;
	struct user_regs_struct regs;
	struct err *e;

	if (r->is_frozen)
		return refuse_frozen(r);
	if (!t)
		return err_new(EAGAIN, "no thread of process %d is free of signals", (int)r->pid);
	TRY(find_syscall(r));
	if (!kept_suspend_filter(t->tid))
		return remote_refuse_filter(r);
	if (ptrace(PTRACE_GETSIGMASK, t->tid, (void *)sizeof(kept_mask), &kept_mask) ||
	    ptrace(PTRACE_SETSIGMASK, t->tid, (void *)sizeof(all), &all))
		return err_new(errno, "hold back the signals of thread %d", (int)t->tid);
	regs = t->regs;
	regs.rip = r->syscall_at;
	regs.rax = (unsigned long long)nr;
	regs.orig_rax = (unsigned long long)-1;
	regs.rdi = arg[0];
	regs.rsi = arg[1];
	regs.rdx = arg[2];
	regs.r10 = arg[3];
	regs.r8 = arg[4];
	regs.r9 = arg[5];
	regs.eflags &= ~(unsigned long long)(TRAP_FLAG | DIRECTION_FLAG);
	e = ptrace(PTRACE_SETREGS, t->tid, NULL, &regs)
		    ? err_new(errno, "set the registers of thread %d", (int)t->tid)
		    : go_through(r, t, result);
	if (t->tid) {
		ptrace(PTRACE_SETREGS, t->tid, NULL, &t->regs);
		ptrace(PTRACE_SETSIGMASK, t->tid, (void *)sizeof(kept_mask), &kept_mask);
		kept_resume_filter(t->tid);
	}
	return e;
}
