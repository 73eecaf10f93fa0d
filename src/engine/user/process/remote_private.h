/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files about another process share; nobody else includes this. */
#ifndef SONDE_ENGINE_USER_REMOTE_PRIVATE_H
#define SONDE_ENGINE_USER_REMOTE_PRIVATE_H

#include "engine/user/process/remote.h"

#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

#ifndef PTRACE_O_SUSPEND_SECCOMP
#define PTRACE_O_SUSPEND_SECCOMP (1 << 21)
#endif
#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

enum seized { SEIZED, SEIZED_NOT, SEIZED_GONE };

/* why a process must be left alone, as far as that can be known without touching it */
struct err *remote_check(pid_t pid) ERR_MUST;
/* adds what may help against a refusal of the kernel's to trace */
struct err *remote_explain_refusal(struct err *e);
/* another process that shares its memory, which stopping it does not stop; 0: none, or the kernel cannot compare */
pid_t remote_find_sharer(pid_t pid);
bool remote_can_compare(pid_t pid);
/* system calls that give EINTR to whoever is stopped are made again; regs: those of the thread, which is stopped */
void remote_undo_interruption(pid_t tid, struct user_regs_struct *regs);
bool remote_is_filtered(pid_t tid);
struct err *remote_refuse_filter(const struct remote *r);
/* the thread in which system calls are executed; NULL: all of them have signals to be delivered first */
struct remote_thread *remote_pick(struct remote *r);
/* a system call that must succeed; what: for the error, "map pages" */
struct err *remote_call_checked(struct remote *r, const char *what, long nr, const uint64_t arg[6],
				int64_t *result) ERR_MUST;
/* a descriptor of ours becomes one of the process; scratch: a page of ours in it that it can write */
struct err *remote_pass_fd(struct remote *r, uint64_t scratch, int fd, int64_t *ret) ERR_MUST;

/* ---- remote_seize.c ---- */

/* around calls of remote_seize for threads of one process */
void remote_seize_begin(struct remote *r);
void remote_seize_end(void);
/* errno EACCES with SEIZED_NOT: it has a seccomp filter, and we may not suspend that */
enum seized remote_seize(pid_t tid);
bool remote_ptrace_seize(pid_t tid, unsigned long options);
void remote_let_go(const struct remote *r, const struct remote_thread *t);
/* true once, and the kernel knows that we know; or it is none of ours */
bool remote_has_ended(pid_t tid);
/* threads that have died in our hands: of r, but for the one that is waited for; of processes that were let go */
void remote_reap_others(struct remote *r, const struct remote_thread *awaited);
void remote_tend_killed(void);
/* a thread of ours may have become the first one by an exec */
void remote_note_exec(const struct remote *r);

/* ---- remote_kept.c: threads that stay ours between stops ---- */

bool kept_has(pid_t tid);
/* as the function for others does; errno is set with SEIZED_NOT */
enum seized kept_seize(pid_t tid);
bool kept_look_for_stop(struct remote_thread *t);
/* somebody has seen its end */
void kept_note_end(pid_t tid);
/* in a signal's handler; what was seen there is noted by the other */
void kept_look_for_ends(void);
void kept_note_ends(void);
/* its filter is suspended for a system call of ours. False: it has one, and we may not */
bool kept_suspend_filter(pid_t tid);
void kept_resume_filter(pid_t tid);

#endif
