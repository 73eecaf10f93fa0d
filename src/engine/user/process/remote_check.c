/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes that are left alone, and why: another tracer has them, they are no 64-bit programs, they share their memory with another
 * process. Asked before they are touched; what shows only when threads are stopped is in remote.c.
 */
#include "engine/user/process/remote_private.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

enum { VFORK_MS = 300 };

static struct err *check_tracer(pid_t pid)
{
	char tracer[32], name[64] = "?";

	if (!proc_status(pid, "TracerPid", tracer, sizeof(tracer)) || !atoi(tracer) ||
	    atoi(tracer) == getpid())
		return NULL;
	proc_status(atoi(tracer), "Name", name, sizeof(name));
	return err_hint(
		err_new(0, "process %d is traced by process %s (%s)", (int)pid, tracer, name),
		"a process can have one tracer: end that one, or use --engine kernel, which "
		"needs none");
}

struct err *remote_check_program(pid_t pid)
{
	FD_AUTO fd = -1;
	Elf64_Ehdr head;
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)proc_task(pid));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && proc_is_alive(pid))
		return err_new(0, "process %d is a thread of the kernel", (int)pid);
	n = fd < 0 ? -1 : read(fd, &head, sizeof(head));
	if (n != sizeof(head) || memcmp(head.e_ident, ELFMAG, SELFMAG))
		return NULL; /* whoever may not read this may not trace it either, which is said then */
	if (head.e_ident[EI_CLASS] == ELFCLASS64 && head.e_machine == EM_X86_64)
		return NULL;
	return err_hint(err_new(0, "process %d is no 64-bit program of this processor", (int)pid),
			"use --engine kernel");
}

bool remote_can_compare(pid_t pid)
{
	pid_t task = proc_task(pid);

	return task && !syscall(SYS_kcmp, task, task, KCMP_VM, 0, 0);
}

pid_t remote_find_sharer(pid_t pid)
{
	struct pid_list all = { 0 };
	struct err *e = proc_all(&all);
	/* a first thread that has ended has no memory, like all threads of the kernel */
	pid_t found = 0, task = proc_task(pid);

	vec_each(other, &all)
		if (*other != pid && !found && !syscall(SYS_kcmp, task, *other, KCMP_VM, 0, 0) &&
		    proc_is_alive(*other))
			found = *other;
	vec_free(&all);
	err_free(e);
	return found;
}

/* a child of vfork() has its parent's memory until it executes a program: that is soon, as a rule */
static struct err *check_sharers(pid_t pid)
{
	uint64_t deadline = clock_monotonic_ns() + VFORK_MS * 1000000ull;
	pid_t other;

	while ((other = remote_find_sharer(pid)) && clock_monotonic_ns() < deadline)
		poll(NULL, 0, 1);
	if (!other)
		return NULL;
	return err_hint(err_new(0,
				"process %d shares its memory with process %d, as between vfork() "
				"and exec()",
				(int)pid, (int)other),
			"try again later, or use --engine kernel");
}

struct err *remote_check(pid_t pid)
{
	TRY(check_tracer(pid));
	TRY(remote_check_program(pid));
	return check_sharers(pid);
}

struct err *remote_explain_refusal(struct err *e)
{
	static const char *const by_scope[] = {
		"it takes root; or the same user, and a program that has not forbidden it "
		"(set-user-ID, PR_SET_DUMPABLE)",
		"kernel.yama.ptrace_scope is 1: without root, sonde can trace what it starts itself (-c), "
		"and programs that allow it by prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY)",
		"kernel.yama.ptrace_scope is 2: only root can trace; root can set it to 1 or 0",
		"kernel.yama.ptrace_scope is 3: nobody can trace until the next boot, but --engine "
		"kernel needs no ptrace",
	};
	FILE_AUTO f = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope = 0;

	if (!f || fscanf(f, "%d", &scope) != 1 || scope < 0 || scope > 3)
		scope = 0;
	return err_hint(e, "%s", by_scope[!geteuid() && scope < 3 ? 0 : scope]);
}
