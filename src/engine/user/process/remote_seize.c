/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads become ours, and are let go. For remote.c.
 *
 * What makes it more than two calls of ptrace is exec: the thread that executes a program kills all others of its process and waits until they
 * are gone, and holds a lock meanwhile, for which PTRACE_SEIZE waits, too. A thread that is ours is gone only when we have waited for it. So who
 * waits in PTRACE_SEIZE sees to the ends of threads by a timer's signal, and of a thread that died in our hands the end is asked for until it
 * has come: else the process would stand in its exec for good.
 */
#include "engine/user/process/remote_private.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

enum {
	TICK_NS = 5000000, /* PTRACE_SEIZE waits for nothing that takes so long, but for exec */
	NAP_NS = 100000,
	NAPS = 20, /* a thread that was killed ends within 2 ms, as a rule */
};

/* threads that are ours, and that only a stop lets us detach from: they have not stopped, or were killed as they stood */
struct left {
	pid_t tid, pid;
};
static VEC(struct left) lefts;
static bool is_any_killed;

static bool is_ours(pid_t tid)
{
	char text[16];

	return proc_status(tid, "TracerPid", text, sizeof(text)) && atoi(text) == getpid();
}

static bool take_left(pid_t tid)
{
	vec_each(l, &lefts)
		if (l->tid == tid) {
			*l = vec_last(&lefts);
			lefts.n--;
			return is_ours(tid);
		}
	return false;
}

static void leave(pid_t tid, pid_t pid)
{
	vec_each(l, &lefts)
		if (l->tid == tid)
			return;
	vec_push(&lefts, ((struct left){ tid, pid }));
}

/* ---- ends ---- */

bool remote_has_ended(pid_t tid)
{
	siginfo_t info = { 0 };

	/* a stop of a tracee would be told, too, whatever is asked for: it stays for who waits for it */
	if (waitid(P_PID, (id_t)tid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL))
		return errno == ECHILD;
	if (!info.si_pid || (info.si_code != CLD_EXITED && info.si_code != CLD_KILLED &&
			     info.si_code != CLD_DUMPED))
		return false;
	return !waitid(P_PID, (id_t)tid, &info, WEXITED | WNOHANG | __WALL) || errno == ECHILD;
}

void remote_reap_others(struct remote *r, const struct remote_thread *awaited)
{
	vec_each(t, &r->threads)
		if (t != awaited && t->tid && t->tid != r->pid && remote_has_ended(t->tid)) {
			kept_note_end(t->tid);
			t->tid = 0;
		}
	remote_tend();
}

void remote_note_exec(const struct remote *r)
{
	if (!remote_is_keeping() && is_ours(r->pid))
		leave(r->pid, r->pid);
}

/* ---- PTRACE_SEIZE ---- */

static struct {
	const struct remote *r;
	timer_t timer;
	struct sigaction action; /* what the signal did before */
	sigset_t mask;
} session;
static volatile sig_atomic_t is_waiting; /* lists do not change */
static volatile sig_atomic_t n_calls, last_call;

/* anew each time, so that the call goes on in between however long a look takes */
static void start_tick(void)
{
	static const struct itimerspec tick = { .it_value.tv_nsec = TICK_NS };

	timer_settime(session.timer, 0, &tick, NULL);
}

/* a first thread needs nobody who waits for it */
static void look_for_ends(void)
{
	vec_each(t, &session.r->threads)
		if (t->tid && t->tid != session.r->pid && !kept_has(t->tid))
			(void)remote_has_ended(t->tid); /* whoever asks for it next is told */
	vec_each(l, &lefts)
		if (l->tid != l->pid)
			(void)remote_has_ended(l->tid);
	kept_look_for_ends();
}

static void on_tick(int signal)
{
	int code = errno;

	(void)signal;
	if (is_waiting && last_call == n_calls)
		look_for_ends();
	last_call = n_calls;
	start_tick();
	errno = code;
}

void remote_seize_begin(struct remote *r)
{
	struct sigaction action = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMAX };
	sigset_t ours;

	session.r = NULL;
	if (timer_create(CLOCK_MONOTONIC, &event, &session.timer))
		return;
	session.r = r;
	sigaction(SIGRTMAX, &action, &session.action);
	sigemptyset(&ours);
	sigaddset(&ours, SIGRTMAX);
	sigprocmask(SIG_UNBLOCK, &ours, &session.mask);
	start_tick();
}

void remote_seize_end(void)
{
	if (!session.r)
		return;
	/* one that is pending goes with its timer */
	timer_delete(session.timer);
	sigprocmask(SIG_SETMASK, &session.mask, NULL);
	sigaction(SIGRTMAX, &session.action, NULL);
	session.r = NULL;
	kept_note_ends();
}

bool remote_ptrace_seize(pid_t tid, unsigned long options)
{
	bool is_done;

	n_calls = (n_calls + 1) & 0xffff;
	is_waiting = session.r != NULL;
	is_done = !ptrace(PTRACE_SEIZE, tid, NULL, options);
	is_waiting = false;
	return is_done;
}

/* true, too, if it is ours already: a thread that was, by another number, has executed a program. false: errno is the call's */
static bool seize_plainly(pid_t tid)
{
	int code;

	if (remote_ptrace_seize(tid, PTRACE_O_TRACESYSGOOD))
		return true;
	code = errno;
	if (is_ours(tid))
		return true;
	errno = code;
	return false;
}

enum seized remote_seize(pid_t tid)
{
	if (take_left(tid))
		return SEIZED; /* since an earlier attempt */
	if (remote_is_keeping() || kept_has(tid))
		return kept_seize(tid);
	if (!remote_ptrace_seize(tid, PTRACE_O_TRACESYSGOOD | PTRACE_O_SUSPEND_SECCOMP)) {
		if (errno == ESRCH)
			return SEIZED_GONE;
		if (remote_is_filtered(tid)) {
			errno = EACCES;
			return SEIZED_NOT;
		}
		if (!seize_plainly(tid))
			return errno == ESRCH ? SEIZED_GONE : SEIZED_NOT;
	}
	return ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) && errno == ESRCH ? SEIZED_GONE : SEIZED;
}

/* ---- letting go ---- */

bool remote_tend(void)
{
	size_t n = 0;

	for (size_t i = 0; i < lefts.n; i++) {
		struct left l = lefts.v[i];
		int status, signal;
		pid_t got = waitpid(l.tid, &status, __WALL | WNOHANG);

		if (got == 0) {
			lefts.v[n++] = l;
		} else if (got > 0 && WIFSTOPPED(status)) {
			signal = status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status);
			ptrace(PTRACE_DETACH, l.tid, NULL, (void *)(intptr_t)signal);
		} else if (got < 0 && l.tid != l.pid && is_ours(l.pid)) {
			lefts.v[n++] = (struct left){ l.pid,
						      l.pid }; /* it has executed a program */
		}
	}
	lefts.n = n;
	if (!n)
		vec_free(&lefts);
	return !n;
}

void remote_let_go(const struct remote *r, const struct remote_thread *t)
{
	if (t->is_stopped &&
	    (!ptrace(PTRACE_DETACH, t->tid, NULL, (void *)(intptr_t)t->signal) || errno != ESRCH))
		return;
	is_any_killed |= t->is_stopped;
	leave(t->tid, r->pid);
}

/* an exec waits for them */
void remote_tend_killed(void)
{
	static const struct timespec nap = { .tv_nsec = NAP_NS };

	for (unsigned i = 0; is_any_killed && i < NAPS && !remote_tend(); i++)
		nanosleep(&nap, NULL);
	is_any_killed = false;
}
