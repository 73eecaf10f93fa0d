/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process from outside: its threads stopped and let go (ptrace), its memory read and written (/proc/PID/mem, which goes
 * through page protection, so that no page of it is ever writable and executable), system calls executed in one of its threads. What
 * the process itself can notice is time: waits that our stop interrupts go on, they do not return EINTR.
 *
 * ptrace belongs to the thread that seized: all calls for one struct remote come from one thread. Any of them may find that the process
 * has ended: then the error has code ESRCH.
 */
#ifndef SONDE_ENGINE_USER_REMOTE_H
#define SONDE_ENGINE_USER_REMOTE_H

#include "base/err.h"
#include "base/vec.h"
#include "objfile/proc.h"

#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

struct remote_thread {
	pid_t tid;
	bool is_stopped;
	bool is_inside; /* within a system call of its own, which goes on: it cannot make one for us */
	int signal; /* that it was about to be delivered when it stopped: given back when it goes on */
	struct user_regs_struct regs;
};

struct remote {
	pid_t pid;
	pid_t leader; /* a thread that is alive: the first one may have ended */
	int mem_fd;
	bool is_frozen; /* a thread that was let go did not run: until remote_go, no more calls are tried */
	uint64_t syscall_at; /* a `syscall` instruction in its memory, found when first needed */
	VEC(struct remote_thread) threads; /* while stopped */
};

/* false: the process has executed another program since, and the memory that we have open is nobody's any more */
bool remote_is_current(const struct remote *r);
/* refuses processes that must be left alone: another tracer has them, other code than that of this processor, ... */
struct err *remote_open(pid_t pid, struct remote *ret) ERR_MUST;
void remote_close(struct remote *r); /* lets go of threads that are stopped */
/*
 * Threads that did not stop in time (they wait in the kernel for what cannot be interrupted) stop when they come back, and somebody has to
 * let them go then: this, to be called every some 10 ms by whoever has seen remote_stop fail. True: there are none any more
 */
bool remote_tend(void);

/*
 * Stops every thread. An error, one that does not stop within timeout_ms among them, leaves all of them running. Threads that begin in
 * between are caught.
 */
struct err *remote_stop(struct remote *r, unsigned timeout_ms) ERR_MUST;
/*
 * The same, but after timeout_ms threads that wait in the kernel for what cannot be interrupted count as stopped: they execute nothing of the
 * program before remote_go. Where they will go on is not known: for patch_remove, not for patch_install
 */
struct err *remote_stop_most(struct remote *r, unsigned timeout_ms) ERR_MUST;
/* stops one thread, any; enough for system calls */
struct err *remote_stop_one(struct remote *r, unsigned timeout_ms) ERR_MUST;
void remote_go(struct remote *r);
/*
 * A process that waits to read a byte from a pipe and will then execute a program: gate, the pipe's other end, gets the byte. On success
 * its only known thread is stopped at the program's first instruction, behind the initialisers of its libraries
 */
struct err *remote_run_to_entry(struct remote *r, int gate, unsigned timeout_ms) ERR_MUST;
/* where a program that has just been executed stops: at its first instruction */
struct remote_entry {
	uint64_t at; /* 0: there is no breakpoint */
	uint8_t own; /* the program's byte there */
};
/* a process that is stopped since its exec: its new memory is opened, and a breakpoint set there */
struct err *remote_break_at_entry(struct remote *r, struct remote_entry *ret) ERR_MUST;
/* takes it out */
void remote_unbreak(const struct remote *r, struct remote_entry *e);
/* moves a stopped thread */
struct err *remote_set_ip(struct remote *r, struct remote_thread *t, uint64_t ip) ERR_MUST;

bool remote_read(const struct remote *r, uint64_t address, void *bytes, size_t n);
bool remote_write(const struct remote *r, uint64_t address, const void *bytes, size_t n);

/* executes a system call in a stopped thread; *result: what the kernel returns, -errno included. Signals wait meanwhile */
struct err *remote_call(struct remote *r, long nr, const uint64_t arg[6], int64_t *result) ERR_MUST;

/* ---- staying attached (remote_kept.c) ---- */

/*
 * From here on threads that were stopped stay ours when they go on, and tell what they start: what they fork is ours from its first
 * instruction, and a program they execute stands before its first. Everything above works as before.
 */
void remote_keep(void);
bool remote_is_keeping(void);
/* all go on by themselves. False: some did not stop in time; they do when this process ends */
bool remote_keep_no_more(unsigned timeout_ms);

enum kept_what {
	KEPT_FORKED, /* a process made another one, child, which may be born already */
	KEPT_BORN, /* a process stands at its first instruction, in its parent's memory or a copy */
	KEPT_EXECED, /* the only thread stands before the first instruction of the dynamic linker */
	KEPT_TRAPPED, /* a breakpoint, which may be its own: remote_kept_go gives it the signal */
	KEPT_ENDED,
};
struct kept_event {
	enum kept_what what;
	pid_t pid,
		tid; /* the process; its thread, which stands: KEPT_BORN, KEPT_EXECED, KEPT_TRAPPED */
	pid_t child;
	bool is_vfork;
};
/* the next one; false: none. What is not told of goes on */
bool remote_kept_next(struct kept_event *ret);
/* a thread that stands goes on, with the signal that it was about to get */
void remote_kept_go(pid_t tid);
/* it does not get that: it was ours */
void remote_kept_swallow(pid_t tid);
uint64_t remote_kept_ip(pid_t tid); /* of a thread that stands; 0: it is gone */
/* a program that is executed: why it must be left alone */
struct err *remote_check_program(pid_t pid) ERR_MUST;

/* ---- memory of ours in the process (remote_area.c) ---- */

/* addresses in the process: code, private, data lie one behind the other */
struct remote_area {
	uint64_t code; /* R-X, private */
	uint64_t private; /* RW, private; a fork's child finds the first page full of zeroes (MADV_WIPEONFORK) */
	uint64_t data; /* RW, the memory file from its beginning */
	size_t code_bytes, private_bytes, data_bytes;
};

/* bytes from one end to the other: jumps of 32 bits reach 2 GB; what is displaced may name things some way beyond the text */
#define REMOTE_REACH ((1ull << 31) - (64ull << 20))

struct remote_area_sizes {
	size_t code, private, data; /* bytes: rounded up to pages; private: at least one page */
};

/*
 * One area within reach of 32 bits from all of [low, high). memory_fd: a memory file of ours, sizes->data bytes long at least, which is
 * handed over as a descriptor, so that it does not matter what the process sees of the file system or of other
 * processes. A thread must be stopped. No descriptor is left in the process; after an error nothing is.
 */
struct err *remote_area_make(struct remote *r, uint64_t low, uint64_t high,
			     const struct remote_area_sizes *sizes, int memory_fd,
			     struct remote_area *ret) ERR_MUST;
/* takes it out of the process (a thread must be stopped, and none be in it) */
struct err *remote_area_unmap(struct remote *r, struct remote_area *a) ERR_MUST;
/* all threads must be stopped, and no jump lead to the area: none of them is in its code or will come back to it. When in doubt, false */
bool remote_area_is_idle(const struct remote *r, const struct remote_area *a);
/*
 * Does an address in the area's code stand in memory or registers of the process outside of it, and of these other n ranges of ours? Words for
 * which counts says no do not count
 */
enum remote_found { REMOTE_FOUND_NONE, REMOTE_FOUND_ONE, REMOTE_FOUND_UNKNOWN };
struct remote_range {
	uint64_t start, end;
};
typedef bool remote_word_fn(void *arg, uint64_t at, uint64_t word); /* at 0: a register */
enum remote_found remote_search(const struct remote *r, const struct remote_area *a,
				const struct remote_range *ours, size_t n, remote_word_fn *counts,
				void *arg);
/* where such an area would fit: a hole of size bytes, 0: there is none. For tests, too */
uint64_t remote_find_hole(const struct proc_maps *maps, uint64_t low, uint64_t high, size_t size);

#endif
