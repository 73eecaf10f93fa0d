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
/* moves a stopped thread */
struct err *remote_set_ip(struct remote *r, struct remote_thread *t, uint64_t ip) ERR_MUST;

bool remote_read(const struct remote *r, uint64_t address, void *bytes, size_t n);
bool remote_write(const struct remote *r, uint64_t address, const void *bytes, size_t n);

/* executes a system call in a stopped thread; *result: what the kernel returns, -errno included. Signals wait meanwhile */
struct err *remote_call(struct remote *r, long nr, const uint64_t arg[6], int64_t *result) ERR_MUST;

/* ---- memory of ours in the process (remote_area.c) ---- */

/* addresses in the process: code, private, data lie one behind the other */
struct remote_area {
	uint64_t code; /* R-X, private */
	uint64_t private; /* RW, private; a fork's child finds the first page full of zeroes (MADV_WIPEONFORK) */
	uint64_t data; /* RW, the memory file from its beginning */
	size_t code_bytes, private_bytes, data_bytes;
};

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
/* where such an area would fit: a hole of size bytes, 0: there is none. For tests, too */
uint64_t remote_find_hole(const struct proc_maps *maps, uint64_t low, uint64_t high, size_t size);

#endif
