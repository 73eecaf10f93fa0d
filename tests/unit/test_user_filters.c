/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Seccomp filters as engine/user/process/filters.c runs them against what the kernel says to the same calls: a child installs the filter, makes the call,
 * and lives or not. What depends on what we do not know must not be called allowed.
 */
#include "engine/user/process/filters.h"

#include "tap.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RET(verdict) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_##verdict)
#define IF(op, v, yes, no) BPF_JUMP(BPF_JMP | (op) | BPF_K, v, yes, no)

static const struct filters_call calls[] = {
	{ SYS_gettid, 0x3f, { 0 } },
	{ SYS_getuid, 0x3f, { 0 } },
	{ SYS_prctl, 0x3d, { PR_GET_DUMPABLE } },
	{ SYS_process_vm_readv, 0x34, { 0, 0, 1, 0, 1, 0 } },
};
enum { N_CALLS = sizeof(calls) / sizeof(calls[0]) };

/* does the kernel let it through? The child's end is not filtered */
static bool kernel_allows(const struct sock_filter *v, unsigned short n,
			  const struct filters_call *c)
{
	struct sock_fprog p = { .len = n, .filter = (struct sock_filter *)v };
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p))
			_exit(2);
		syscall(c->nr, c->args[0], c->args[1], c->args[2], c->args[3], c->args[4],
			c->args[5]);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	CHECK(!WIFEXITED(status) || WEXITSTATUS(status) == 0);
	return WIFEXITED(status);
}

static void compare(const struct sock_filter *v, unsigned short n)
{
	for (unsigned i = 0; i < N_CALLS; i++)
		CHECK_INT(filters_allow(v, n, &calls[i]), kernel_allows(v, n, &calls[i]));
}

#define COMPARE(...)                                            \
	do {                                                    \
		const struct sock_filter v[] = { __VA_ARGS__ }; \
		compare(v, sizeof(v) / sizeof(v[0]));           \
	} while (0)

TEST(as_the_kernel)
{
	COMPARE(RET(ALLOW));
	COMPARE(LOAD(nr), IF(BPF_JEQ, SYS_gettid, 0, 1), RET(KILL_PROCESS), RET(ALLOW));
	COMPARE(LOAD(nr), IF(BPF_JEQ, SYS_exit_group, 1, 0), IF(BPF_JGT, SYS_getuid, 0, 1),
		RET(ALLOW), IF(BPF_JEQ, SYS_exit_group, 0, 1), RET(LOG), RET(KILL_PROCESS));
	COMPARE(LOAD(arch), IF(BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0), RET(KILL_PROCESS), LOAD(nr),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 1), BPF_STMT(BPF_MISC | BPF_TAX, 0), LOAD(nr),
		IF(BPF_JEQ, SYS_exit_group, 3, 0), BPF_STMT(BPF_MISC | BPF_TXA, 0),
		IF(BPF_JSET, 1, 1, 0), RET(KILL_PROCESS), RET(ALLOW));
	COMPARE(LOAD(nr), BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LDX | BPF_IMM, SYS_getuid),
		BPF_STMT(BPF_LD | BPF_MEM, 3), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1),
		RET(KILL_PROCESS), BPF_STMT(BPF_LD | BPF_IMM, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_A, 0));
}

TEST(arguments)
{
	/* what is known of them decides, the second half too */
	COMPARE(LOAD(nr), IF(BPF_JEQ, SYS_prctl, 0, 4), LOAD(args[0]),
		IF(BPF_JEQ, PR_GET_DUMPABLE, 1, 0), RET(KILL_PROCESS), RET(ALLOW), RET(ALLOW));
	COMPARE(LOAD(nr), IF(BPF_JEQ, SYS_prctl, 0, 4), LOAD(args[0]),
		IF(BPF_JEQ, PR_GET_DUMPABLE, 0, 1), RET(KILL_PROCESS), RET(ALLOW), RET(ALLOW));
}

TEST(what_is_not_known_is_not_allowed)
{
	const struct sock_filter pointer[] = { LOAD(args[1]), IF(BPF_JEQ, 0, 0, 0), RET(ALLOW) };
	const struct sock_filter from[] = { LOAD(instruction_pointer), RET(ALLOW) };
	const struct sock_filter answers[] = { RET(ERRNO), RET(TRAP), RET(USER_NOTIF), RET(TRACE),
					       RET(KILL_THREAD) };

	CHECK(!filters_allow(pointer, 3, &calls[3]));
	CHECK(filters_allow(pointer, 3, &calls[0]));
	CHECK(!filters_allow(from, 2, &calls[0]));
	for (unsigned i = 0; i < 5; i++)
		CHECK(!filters_allow(&answers[i], 1, &calls[0]));
	/* one without an end is none */
	CHECK(!filters_allow(pointer, 2, &calls[0]));
}
