/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs compiled for the tests of debug information, run under breakpoints of our own: how often was an address executed?
 * The programs count their calls themselves and say so; neither needs root.
 */
#ifndef SONDE_TESTS_UNIT_DEBUGINFO_HELP_H
#define SONDE_TESTS_UNIT_DEBUGINFO_HELP_H

#include "base/strbuf.h"
#include "objfile/debuginfo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* a folder of this run, made at the first call and removed at the end */
static char help_folder[64];

static inline void help_clean(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", help_folder);
	if (help_folder[0] && system(command) != 0)
		fprintf(stderr, "cannot remove %s\n", help_folder);
}

static inline const char *help_dir(void)
{
	if (!help_folder[0]) {
		strcpy(help_folder, "/tmp/sonde-debuginfo-XXXXXX");
		if (!mkdtemp(help_folder))
			abort();
		atexit(help_clean);
	}
	return help_folder;
}

static inline void help_write(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", help_dir(), name);
	f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
}

/* a shell command in the folder; false when it fails (a compiler that is not there) */
static inline bool help_sh(const char *command)
{
	STRBUF_AUTO b = { 0 };

	strbuf_printf(&b, "cd %s && ( %s ) >log 2>&1", help_dir(), command);
	return system(strbuf_cstr(&b)) == 0;
}

static inline bool help_has(const char *program)
{
	char command[128];

	snprintf(command, sizeof(command), "command -v %s", program);
	return help_sh(command);
}

static inline struct objfile *help_open(const char *name)
{
	struct objfile *f = NULL;
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", help_dir(), name);
	err_free(objfile_open(path, &f));
	return f;
}

struct help_break {
	uint64_t addr;
	unsigned hits;
	long saved;
};

/* the address stands a word further when it is not the last one: a byte of it is replaced */
static inline void help_poke(pid_t pid, struct help_break *b, bool on)
{
	long word = ptrace(PTRACE_PEEKTEXT, pid, b->addr, NULL);

	if (on)
		b->saved = word & 0xff;
	word = (word & ~0xffL) | (on ? 0xcc : b->saved);
	ptrace(PTRACE_POKETEXT, pid, b->addr, word);
}

/*
 * Runs a program that lies at its own addresses (-no-pie) and counts how often each address is executed. What it
 * prints comes back in out. Breakpoints share no instruction.
 */
static inline bool help_run(const char *name, struct help_break *b, unsigned n, struct strbuf *out)
{
	char path[256], buf[4096];
	int status, pipefd[2];
	ssize_t got;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/%s", help_dir(), name);
	if (pipe(pipefd))
		return false;
	pid = fork();
	if (pid == 0) {
		dup2(pipefd[1], 1);
		close(pipefd[0]);
		close(pipefd[1]);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execl(path, path, NULL);
		_exit(127);
	}
	close(pipefd[1]);
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return false;
	for (unsigned i = 0; i < n; i++)
		help_poke(pid, &b[i], true);
	ptrace(PTRACE_CONT, pid, NULL, 0);
	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
		struct user_regs_struct regs;
		struct help_break *hit = NULL;

		ptrace(PTRACE_GETREGS, pid, NULL, &regs);
		for (unsigned i = 0; i < n; i++)
			if (b[i].addr == regs.rip - 1)
				hit = &b[i];
		if (!hit || WSTOPSIG(status) != SIGTRAP) {
			ptrace(PTRACE_CONT, pid, NULL, WSTOPSIG(status));
			continue;
		}
		hit->hits++;
		regs.rip--;
		ptrace(PTRACE_SETREGS, pid, NULL, &regs);
		help_poke(pid, hit, false);
		ptrace(PTRACE_SINGLESTEP, pid, NULL, 0);
		if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
			break;
		help_poke(pid, hit, true);
		ptrace(PTRACE_CONT, pid, NULL, 0);
	}
	while ((got = read(pipefd[0], buf, sizeof(buf))) > 0)
		strbuf_add(out, buf, (size_t)got);
	close(pipefd[0]);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

#endif
