/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads of another process: stopping them all, letting them go as they were; see remote.h and ptrace(2). */
#include "engine/user/process/remote_private.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

enum {
	SYSCALL_BYTES = 2,
	SYSCALL_CODE = 0x050f,
	SPINS = 50,
	NAP_NS = 50000,
	LAST_WAIT_MS = 100,
	PAGE = 4096
};

/* ---- life ---- */

struct err *remote_open(pid_t pid, struct remote *ret)
{
	char path[64];

	*ret = (struct remote){ .pid = pid, .mem_fd = -1, .leader = proc_task(pid) };
	if (!ret->leader)
		return err_new(ESRCH, "find process %d", (int)pid);
	TRY(remote_check(pid));
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)ret->leader);
	ret->mem_fd = open(path, O_RDWR | O_CLOEXEC);
	if (ret->mem_fd < 0)
		return remote_explain_refusal(
			err_new(errno, "open the memory of process %d", (int)pid));
	return NULL;
}

void remote_close(struct remote *r)
{
	remote_go(r);
	if (r->mem_fd >= 0)
		close(r->mem_fd);
	r->mem_fd = -1;
	vec_free(&r->threads);
}

bool remote_read(const struct remote *r, uint64_t address, void *bytes, size_t n)
{
	return pread(r->mem_fd, bytes, n, (off_t)address) == (ssize_t)n;
}

bool remote_write(const struct remote *r, uint64_t address, const void *bytes, size_t n)
{
	return pwrite(r->mem_fd, bytes, n, (off_t)address) == (ssize_t)n;
}

bool remote_is_current(const struct remote *r)
{
	uint8_t byte;

	/* where memory is gone there is nothing to read; where only the page is not there, that is an error */
	return r->mem_fd >= 0 && pread(r->mem_fd, &byte, sizeof(byte), PAGE) != 0;
}

/* ---- one thread ---- */

static uint64_t deadline_in(unsigned ms)
{
	return clock_monotonic_ns() + ms * 1000000ull;
}

/*
 * Waits of the program must not end because of us. Most calls restart by themselves (the kernel has marked them); some give EINTR
 * to whoever is stopped: epoll_wait, semop, sigtimedwait, ... Such a call is made again, with its whole timeout.
 */
void remote_undo_interruption(pid_t tid, struct user_regs_struct *regs)
{
	long code;

	if ((int64_t)regs->orig_rax < 0 || (int64_t)regs->rax != -EINTR)
		return;
	errno = 0;
	code = ptrace(PTRACE_PEEKTEXT, tid, (void *)(regs->rip - SYSCALL_BYTES), NULL);
	if (errno || (code & 0xffff) != SYSCALL_CODE)
		return;
	regs->rip -= SYSCALL_BYTES;
	regs->rax = regs->orig_rax;
	regs->orig_rax = (unsigned long long)-1;
	ptrace(PTRACE_SETREGS, tid, NULL, regs);
}

/* a filter would judge our system calls as the program's own: kill it, perhaps */
bool remote_is_filtered(pid_t tid)
{
	char mode[16];

	return proc_status(tid, "Seccomp", mode, sizeof(mode)) && strcmp(mode, "0");
}

/* a stop that came is noted; false: not yet */
static bool look_for_stop(struct remote_thread *t)
{
	int status;
	pid_t got;

	if (kept_has(t->tid))
		return kept_look_for_stop(t);
	got = waitpid(t->tid, &status, __WALL | WNOHANG);
	if (got == 0)
		return false;
	if (got < 0 || !WIFSTOPPED(status)) {
		t->tid = 0; /* it has ended */
		return true;
	}
	t->is_stopped = true;
	t->signal = status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status);
	if (ptrace(PTRACE_GETREGS, t->tid, NULL, &t->regs))
		t->tid = 0;
	else if (!t->signal)
		remote_undo_interruption(t->tid, &t->regs);
	return true;
}

static struct err *refuse_wait(const struct remote *r, pid_t tid)
{
	char state = proc_state(tid);

	if (state != 'D')
		return err_new(0, "stop thread %d of process %d, which is in state %c", (int)tid,
			       (int)r->pid, state);
	return err_hint(
		err_new(0,
			"stop thread %d of process %d, which waits for a device or a child of "
			"vfork() and cannot be interrupted (state D)",
			(int)tid, (int)r->pid),
		"try again later, or use --engine kernel");
}

static struct err *wait_for_stop(struct remote *r, struct remote_thread *t, uint64_t deadline)
{
	static const struct timespec nap = { .tv_nsec = NAP_NS };
	pid_t tid = t->tid;

	for (unsigned spins = 0, next_reap = 2 * SPINS; !look_for_stop(t); spins++) {
		if (spins < SPINS) {
			sched_yield();
			continue;
		}
		if (clock_monotonic_ns() > deadline)
			return refuse_wait(r, t->tid);
		/* this one, or another, may be executing a program, and wait for the ends of the others, stopped or not yet */
		if (spins == next_reap) {
			remote_reap_others(r, t);
			next_reap *= 2;
		}
		nanosleep(&nap, NULL);
	}
	/* its number is gone; is it the first thread now? */
	if (!t->tid && tid != r->pid)
		remote_note_exec(r);
	return NULL;
}

/* ---- all threads ---- */

static bool is_known(const struct remote *r, pid_t tid)
{
	vec_each(t, &r->threads)
		if (t->tid == tid)
			return true;
	return false;
}

struct err *remote_refuse_filter(const struct remote *r)
{
	return err_hint(err_new(0,
				"process %d has a seccomp filter, which would judge system calls "
				"that are made in it",
				(int)r->pid),
			"root can suspend the filter (CAP_SYS_ADMIN); or use --engine kernel");
}

static struct err *refuse_seize(const struct remote *r, pid_t tid, int code)
{
	if (code == EACCES)
		return remote_refuse_filter(r);
	return err_hint(err_new(code, "trace thread %d of process %d", (int)tid, (int)r->pid),
			"a debugger or strace may trace it already; else it takes root, or the same "
			"user and kernel.yama.ptrace_scope = 0");
}

/* it ends, or makes way for a thread that executes a program: that is no refusal */
static bool is_going(const struct remote *r, pid_t tid)
{
	return strchr("?XZ", proc_state(tid)) || !remote_is_current(r);
}

/* seizes threads that are not known yet; *n_new of them */
static struct err *seize_new(struct remote *r, size_t *n_new)
{
	struct pid_list threads;
	struct err *e = NULL;

	*n_new = 0;
	TRY(proc_threads(r->pid, UINT_MAX, &threads));
	remote_seize_begin(r);
	vec_each(tid, &threads) {
		enum seized got;

		if (e || is_known(r, *tid))
			continue;
		got = remote_seize(*tid);
		if (got == SEIZED) {
			vec_push(&r->threads, ((struct remote_thread){ .tid = *tid }));
			++*n_new;
		} else if (got == SEIZED_NOT) {
			int code = errno;

			if (!is_going(r, *tid))
				e = refuse_seize(r, *tid, code);
		}
	}
	remote_seize_end();
	vec_free(&threads);
	return e;
}

/* it is in the kernel, and before it comes back it stops; unless it is the parent of a vfork(), whose child runs in its place */
static bool is_as_good_as_stopped(const struct remote *r, const struct remote_thread *t)
{
	return proc_state(t->tid) == 'D' && remote_can_compare(r->pid) &&
	       !remote_find_sharer(r->pid);
}

static struct err *stop(struct remote *r, unsigned timeout_ms, bool is_most)
{
	uint64_t deadline = deadline_in(timeout_ms);
	struct err *e;
	size_t first, n_new;

	/* until no thread appears that was not stopped before: stopped ones start none */
	do {
		first = r->threads.n;
		e = seize_new(r, &n_new);
		for (size_t i = first; !e && i < r->threads.n; i++) {
			if (!r->threads.v[i].tid)
				continue; /* its end was seen while another was waited for */
			e = wait_for_stop(r, &r->threads.v[i], deadline);
			if (e && is_most && is_as_good_as_stopped(r, &r->threads.v[i])) {
				err_free(e);
				e = NULL;
			}
		}
	} while (!e && n_new);
	if (!e) {
		bool is_alive = false;

		vec_each(t, &r->threads)
			is_alive |= t->tid != 0;
		if (!is_alive)
			e = err_new(ESRCH, "process %d has ended", (int)r->pid);
		else if (!remote_is_current(r))
			e = err_new(ESRCH, "process %d has become another program", (int)r->pid);
	}
	if (e)
		remote_go(r);
	return e;
}

struct err *remote_stop(struct remote *r, unsigned timeout_ms)
{
	return stop(r, timeout_ms, false);
}

struct err *remote_stop_most(struct remote *r, unsigned timeout_ms)
{
	return stop(r, timeout_ms, true);
}

struct err *remote_stop_one(struct remote *r, unsigned timeout_ms)
{
	uint64_t deadline = deadline_in(timeout_ms);
	struct err *e = NULL;
	enum seized got;

	vec_push(&r->threads, ((struct remote_thread){ .tid = r->leader }));
	remote_seize_begin(r);
	got = remote_seize(r->leader);
	if (got != SEIZED) {
		e = refuse_seize(r, r->leader, errno);
		if (got == SEIZED_GONE || is_going(r, r->leader)) {
			err_free(e);
			e = err_new(ESRCH, "process %d has ended, or become another program",
				    (int)r->pid);
		}
	}
	remote_seize_end();
	if (e) {
		vec_free(&r->threads);
		return e;
	}
	/* a signal that is about to be delivered is delivered first */
	for (unsigned tries = 0; !e && tries < SPINS; tries++) {
		struct remote_thread *t = &r->threads.v[0];

		e = wait_for_stop(r, t, deadline);
		if (e || !t->tid || !t->signal)
			break;
		t->is_stopped = false;
		if (kept_has(t->tid)) {
			remote_kept_go(t->tid);
			kept_seize(t->tid);
		} else {
			ptrace(PTRACE_CONT, t->tid, NULL, (void *)(intptr_t)t->signal);
			ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
		}
		t->signal = 0;
	}
	if (!e && !r->threads.v[0].tid)
		e = err_new(ESRCH, "process %d has ended", (int)r->pid);
	else if (!e && !remote_is_current(r))
		e = err_new(ESRCH, "process %d has become another program", (int)r->pid);
	if (e)
		remote_go(r);
	return e;
}

/* a thread that has not stopped yet is waited for, shortly; else it is for remote_tend */
static void detach(struct remote *r, struct remote_thread *t)
{
	if (!t->tid)
		return;
	if (kept_has(t->tid)) {
		remote_kept_go(t->tid); /* one that stops later goes on by itself */
		return;
	}
	if (!t->is_stopped)
		err_free(wait_for_stop(r, t, deadline_in(LAST_WAIT_MS)));
	if (t->tid)
		remote_let_go(r, t);
}

void remote_go(struct remote *r)
{
	/* those that are stopped have waited long enough */
	vec_each(t, &r->threads)
		if (t->is_stopped)
			detach(r, t);
	vec_each(t, &r->threads)
		if (!t->is_stopped)
			detach(r, t);
	vec_free(&r->threads);
	remote_tend_killed();
	r->is_frozen = false;
}

struct err *remote_set_ip(struct remote *r, struct remote_thread *t, uint64_t ip)
{
	t->regs.rip = ip;
	if (ptrace(PTRACE_SETREGS, t->tid, NULL, &t->regs))
		return err_new(errno, "move thread %d of process %d", (int)t->tid, (int)r->pid);
	return NULL;
}
