/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads that stay attached when they go on, so that they tell what they fork and execute: for --follow. The kernel attaches what they
 * fork by itself and stops it before its first instruction; so is a program that was executed. All stops of these threads come
 * through here: those that a remote_stop waits for, and those that come by themselves. What the program must not notice is passed on: signals
 * are delivered, a process that was stopped by one stays so.
 *
 * One list for all processes, since the kernel has one for a tracer. It knows nothing of probes: see follow.c.
 */
#include "engine/user/process/remote_private.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

enum {
	TELLS = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
		PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC,
	NAP_MS = 1
};

struct kept {
	pid_t tid, pid;
	bool is_stopped;
	bool has_ended;   /* kept_look_for_ends has seen it */
	bool is_stopping; /* somebody waits for its stop */
	bool is_held;     /* by a signal like SIGSTOP: it must not run */
	bool is_inside;   /* of vfork, whose child runs in its place */
	bool has_called; /* a call of ours: it stands at the end of that, where the kernel restarts nothing */
	int signal;
};

static bool is_keeping;
static VEC(struct kept) threads;
static VEC(struct kept_event) queue; /* the oldest first */

void remote_keep(void)
{
	is_keeping = true;
}

bool remote_is_keeping(void)
{
	return is_keeping;
}

/* ---- the list ---- */

static struct kept *find(pid_t tid)
{
	vec_each(k, &threads)
		if (k->tid == tid)
			return k;
	return NULL;
}

bool kept_has(pid_t tid)
{
	return find(tid) != NULL;
}

static pid_t number_of(pid_t tid, const char *key)
{
	char text[32];

	return proc_status(tid, key, text, sizeof(text)) ? (pid_t)atoi(text) : 0;
}

/* pid 0: it ended meanwhile */
static struct kept *add(pid_t tid)
{
	vec_push(&threads, ((struct kept){ .tid = tid, .pid = number_of(tid, "Tgid") }));
	return &vec_last(&threads);
}

static void drop(struct kept *k)
{
	*k = vec_last(&threads);
	threads.n--;
}

/* those that end with an exec or with the process say so, or do not */
static void drop_others(pid_t pid)
{
	for (size_t i = threads.n; i--;)
		if (threads.v[i].pid == pid && threads.v[i].tid != pid)
			drop(&threads.v[i]);
}

static void tell(enum kept_what what, const struct kept *k)
{
	vec_push(&queue, ((struct kept_event){ .what = what, .pid = k->pid, .tid = k->tid }));
}

/* ---- going on ---- */

static void go(struct kept *k)
{
	k->is_stopped = k->is_inside = false;
	/* one that is held by a signal waits on; after a system call of ours it has to come to that stop again */
	if (k->is_held && !ptrace(PTRACE_LISTEN, k->tid, NULL, NULL))
		return;
	/* nor would it restart the call that our stop had interrupted, before it comes to a stop of the other kind */
	if (k->is_held || k->has_called)
		ptrace(PTRACE_INTERRUPT, k->tid, NULL, NULL);
	k->has_called = false;
	ptrace(PTRACE_CONT, k->tid, NULL, (void *)(intptr_t)k->signal);
	k->signal = 0;
}

void remote_kept_go(pid_t tid)
{
	struct kept *k = find(tid);

	if (!k)
		return;
	k->is_stopping = false;
	if (k->is_stopped)
		go(k);
}

void remote_kept_swallow(pid_t tid)
{
	struct kept *k = find(tid);

	if (k)
		k->signal = 0;
}

uint64_t remote_kept_ip(pid_t tid)
{
	struct user_regs_struct regs;

	return ptrace(PTRACE_GETREGS, tid, NULL, &regs) ? 0 : regs.rip;
}

/* ---- what a stop says ---- */

static void end(struct kept *k)
{
	pid_t pid = k->pid;

	if (k->tid == pid)
		tell(KEPT_ENDED, k);
	drop(k);
	if (k->tid == pid)
		drop_others(pid);
}

void kept_note_end(pid_t tid)
{
	struct kept *k = find(tid);

	if (k)
		end(k);
}

void kept_look_for_ends(void)
{
	vec_each(k, &threads)
		if (k->tid != k->pid && !k->has_ended)
			k->has_ended = remote_has_ended(k->tid);
}

void kept_note_ends(void)
{
	for (size_t i = threads.n; i--;)
		if (threads.v[i].has_ended)
			drop(&threads.v[i]);
}

/* a new thread says for itself whose it is */
static void on_fork(struct kept *k, bool is_vfork)
{
	unsigned long child = 0;

	if (!ptrace(PTRACE_GETEVENTMSG, k->tid, NULL, &child) &&
	    number_of((pid_t)child, "Tgid") == (pid_t)child)
		vec_push(&queue, ((struct kept_event){ KEPT_FORKED, k->pid, k->tid, (pid_t)child,
						       is_vfork }));
}

static void undo(const struct kept *k)
{
	struct user_regs_struct regs;

	if (!ptrace(PTRACE_GETREGS, k->tid, NULL, &regs))
		remote_undo_interruption(k->tid, &regs);
}

static bool is_holding(int signal)
{
	return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

/*
 * The kernel throws away what a process ignores before it can interrupt anything; but not for a process that has a tracer. Its waits
 * must not end for that
 */
static bool is_ignored(pid_t tid, int signal)
{
	static const char *const lines[] = { "SigIgn", "SigCgt" };
	const bool is_harmless = signal == SIGCHLD || signal == SIGURG || signal == SIGWINCH ||
				 signal == SIGCONT;
	bool is_set[2] = { false, true };
	char text[32];

	for (unsigned i = 0; i < 2; i++)
		if (proc_status(tid, lines[i], text, sizeof(text)))
			is_set[i] = strtoull(text, NULL, 16) >> (signal - 1) & 1;
	return is_set[0] || (is_harmless && !is_set[1]);
}

/* one that nobody waits for goes on, unless it is told of */
static void on_stop(struct kept *k, int status)
{
	int event = status >> 16, signal = WSTOPSIG(status);

	k->is_stopped = true;
	k->is_held = event == PTRACE_EVENT_STOP && is_holding(signal);
	switch (event) {
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_CLONE:
	case PTRACE_EVENT_VFORK:
		k->is_inside = event == PTRACE_EVENT_VFORK;
		on_fork(k, k->is_inside);
		/* within its call it cannot make one for us: the stop that is waited for comes behind it */
		if (!k->is_stopping || !k->is_inside)
			go(k);
		if (k->is_stopping && !k->is_stopped)
			ptrace(PTRACE_INTERRUPT, k->tid, NULL, NULL);
		return;
	case PTRACE_EVENT_EXEC:
		drop_others(k->pid);
		k = find(k->pid);
		if (k)
			tell(KEPT_EXECED, k);
		return;
	case PTRACE_EVENT_STOP:
		if (!k->is_stopping && !k->is_held)
			undo(k);
		break;
	default:
		if (is_ignored(k->tid, signal)) {
			undo(k);
			break;
		}
		k->signal = signal;
		if (signal == SIGTRAP && !k->is_stopping) {
			tell(KEPT_TRAPPED, k);
			return;
		}
	}
	if (!k->is_stopping)
		go(k);
}

/* the first stop of a thread or process that one of ours made */
static void on_birth(pid_t tid)
{
	struct kept *k = add(tid);

	k->is_stopped = true;
	if (k->pid == tid)
		tell(KEPT_BORN, k);
	else
		go(k);
}

static void on_status(pid_t tid, int status)
{
	struct kept *k = find(tid);

	if (k && !WIFSTOPPED(status))
		end(k);
	else if (k)
		on_stop(k, status);
	else if (WIFSTOPPED(status))
		on_birth(tid);
}

bool remote_kept_next(struct kept_event *ret)
{
	int status;
	pid_t tid;

	while (!queue.n) {
		tid = waitpid(-1, &status, __WALL | WNOHANG);
		if (tid <= 0)
			return false;
		on_status(tid, status);
	}
	*ret = queue.v[0];
	queue.n--;
	memmove(queue.v, queue.v + 1, queue.n * sizeof(*queue.v));
	return true;
}

/* ---- stops that are asked for: for remote.c ---- */

static bool has_execed(pid_t pid)
{
	vec_each(e, &queue)
		if (e->what == KEPT_EXECED && e->pid == pid)
			return true;
	return false;
}

enum seized kept_seize(pid_t tid)
{
	struct kept *k = find(tid);

	if (!k && !remote_ptrace_seize(tid, TELLS)) {
		int code = errno;

		if (code == ESRCH)
			return SEIZED_GONE;
		/* one that a thread of ours made: its first stop is on its way */
		if (number_of(tid, "TracerPid") != getpid()) {
			errno = code;
			return SEIZED_NOT;
		}
	}
	if (!k)
		k = add(tid);
	if (has_execed(k->pid))
		return SEIZED_GONE; /* it is another program, which nobody has looked at yet */
	k->is_stopping = true;
	if (k->is_stopped)
		return SEIZED;
	return ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) && errno == ESRCH ? SEIZED_GONE : SEIZED;
}

bool kept_look_for_stop(struct remote_thread *t)
{
	struct kept *k = find(t->tid);
	int status;

	if (!k->is_stopped) {
		pid_t got = waitpid(t->tid, &status, __WALL | WNOHANG);

		if (got == 0)
			return false;
		if (got < 0)
			drop(k); /* by an exec of another thread */
		else
			on_status(t->tid, status);
		k = find(t->tid);
		if (k && !k->is_stopped)
			return false;
	}
	if (!k || has_execed(k->pid)) {
		t->tid = 0; /* what was to be stopped is not there any more */
		return true;
	}
	k->is_stopping = false;
	t->is_stopped = true;
	t->is_inside = k->is_inside;
	t->signal = k->signal;
	if (ptrace(PTRACE_GETREGS, t->tid, NULL, &t->regs))
		t->tid = 0;
	else if (!t->signal && !t->is_inside)
		remote_undo_interruption(t->tid, &t->regs);
	return true;
}

bool kept_suspend_filter(pid_t tid)
{
	return !kept_has(tid) ||
	       !ptrace(PTRACE_SETOPTIONS, tid, NULL, TELLS | PTRACE_O_SUSPEND_SECCOMP) ||
	       !remote_is_filtered(tid);
}

void kept_resume_filter(pid_t tid)
{
	struct kept *k = find(tid);

	if (!k)
		return;
	k->has_called = true;
	ptrace(PTRACE_SETOPTIONS, tid, NULL, TELLS);
}

/* ---- the end ---- */

static void release(struct kept *k)
{
	if (!k->signal && !k->is_inside)
		undo(k);
	ptrace(PTRACE_DETACH, k->tid, NULL, (void *)(intptr_t)k->signal);
	drop(k);
}

bool remote_keep_no_more(unsigned timeout_ms)
{
	uint64_t deadline = clock_monotonic_ns() + timeout_ms * 1000000ull;

	is_keeping = false;
	vec_each(k, &threads) {
		k->is_stopping = true;
		if (!k->is_stopped)
			ptrace(PTRACE_INTERRUPT, k->tid, NULL, NULL);
	}
	for (;;) {
		int status;
		pid_t tid;

		for (size_t i = threads.n; i--;)
			if (threads.v[i].is_stopped)
				release(&threads.v[i]);
		tid = waitpid(-1, &status, __WALL | WNOHANG);
		if (tid < 0 || (!tid && clock_monotonic_ns() > deadline))
			break;
		if (tid && !find(tid) && WIFSTOPPED(status))
			add(tid)->is_stopped = true;
		else if (tid)
			on_status(tid, status);
		else
			poll(NULL, 0, NAP_MS);
	}
	vec_free(&queue);
	if (!threads.n)
		vec_free(&threads);
	return !threads.n;
}
