/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold NAME DIR COMMAND...: runs the command, mostly a shell, and holds the first process of its that executes a file of that name, at
 * the entry of its program: the loader has mapped and bound the libraries, nothing else has run. Its pid goes to DIR/pid; it goes on when DIR/go
 * is there. For tests of what has to be put into a process before it does something: works for static programs and under shells and pipes.
 *
 * What waits is a loop in a page that is mapped into the process for it: nobody traces it meanwhile, and none of its code is changed.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096 };

extern char loop_begin[], loop_target[], loop_path[];

/* access(path) until it succeeds, 1 ms of sleep in between; then on to the target as if nothing had been */
__asm__(".pushsection .rodata\n"
	"loop_begin:\n"
	"	push %rax; push %rcx; push %rdx; push %rsi; push %rdi; push %r11\n"
	"1:	lea loop_path(%rip), %rdi\n"
	"	xor %esi, %esi\n"
	"	mov $21, %eax\n"
	"	syscall\n"
	"	test %eax, %eax\n"
	"	jz 2f\n"
	"	lea 3f(%rip), %rdi\n"
	"	xor %esi, %esi\n"
	"	mov $35, %eax\n"
	"	syscall\n"
	"	jmp 1b\n"
	"2:	pop %r11; pop %rdi; pop %rsi; pop %rdx; pop %rcx; pop %rax\n"
	"	jmp *loop_target(%rip)\n"
	"3:	.quad 0, 1000000\n"
	"loop_target: .quad 0\n"
	"loop_path:\n"
	".popsection\n");

static void die(const char *what)
{
	fprintf(stderr, "hold: %s: %s\n", what, strerror(errno));
	exit(3);
}

static void must(long r, const char *what)
{
	if (r < 0)
		die(what);
}

static uint64_t entry_of(pid_t pid)
{
	char path[64];
	Elf64_auxv_t v;
	uint64_t entry = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/auxv", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && read(fd, &v, sizeof(v)) == sizeof(v))
		if (v.a_type == AT_ENTRY)
			entry = v.a_un.a_val;
	if (fd >= 0)
		close(fd);
	return entry;
}

static void wait_for_trap(pid_t pid)
{
	int status;

	must(waitpid(pid, &status, __WALL), "wait for the program");
	if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) {
		fprintf(stderr, "hold: the program ended before its entry (%#x)\n", status);
		exit(3);
	}
}

static void run_to(pid_t pid, uint64_t entry, struct user_regs_struct *regs)
{
	long old = ptrace(PTRACE_PEEKTEXT, pid, entry, 0);

	must(ptrace(PTRACE_POKETEXT, pid, entry, (old & ~0xffL) | 0xcc), "write to the entry");
	must(ptrace(PTRACE_CONT, pid, 0, 0), "go on");
	wait_for_trap(pid);
	must(ptrace(PTRACE_POKETEXT, pid, entry, old), "write to the entry");
	must(ptrace(PTRACE_GETREGS, pid, 0, regs), "read registers");
	regs->rip = entry;
}

/* a page of it, made by a system call that it executes at its entry */
static uint64_t map_page(pid_t pid, const struct user_regs_struct *at)
{
	long old = ptrace(PTRACE_PEEKTEXT, pid, at->rip, 0);
	struct user_regs_struct r = *at;

	r.rax = SYS_mmap;
	r.rdi = 0;
	r.rsi = PAGE;
	r.rdx = PROT_READ | PROT_EXEC;
	r.r10 = MAP_PRIVATE | MAP_ANONYMOUS;
	r.r8 = ~0ull;
	r.r9 = 0;
	must(ptrace(PTRACE_POKETEXT, pid, at->rip, (old & ~0xffffL) | 0x050f), "write to the entry");
	must(ptrace(PTRACE_SETREGS, pid, 0, &r), "set registers");
	must(ptrace(PTRACE_SINGLESTEP, pid, 0, 0), "step");
	wait_for_trap(pid);
	must(ptrace(PTRACE_GETREGS, pid, 0, &r), "read registers");
	must(ptrace(PTRACE_POKETEXT, pid, at->rip, old), "write to the entry");
	if (r.rax > -(uint64_t)PAGE) {
		errno = (int)-(int64_t)r.rax;
		die("map a page in the program");
	}
	return r.rax;
}

static void plant(pid_t pid, const char *dir)
{
	union {
		char bytes[PAGE];
		long words[PAGE / sizeof(long)];
	} page = { 0 };
	size_t length = (size_t)(loop_path - loop_begin);
	struct user_regs_struct regs;
	uint64_t entry = entry_of(pid), at;

	run_to(pid, entry, &regs);
	at = map_page(pid, &regs);
	memcpy(page.bytes, loop_begin, length);
	memcpy(page.bytes + (loop_target - loop_begin), &entry, sizeof(entry));
	snprintf(page.bytes + length, PAGE - length, "%s/go", dir);
	for (size_t i = 0; i < PAGE / sizeof(long); i++)
		must(ptrace(PTRACE_POKETEXT, pid, at + i * sizeof(long), page.words[i]), "write the loop");
	regs.rip = at;
	must(ptrace(PTRACE_SETREGS, pid, 0, &regs), "set registers");
	must(ptrace(PTRACE_DETACH, pid, 0, 0), "detach");
}

static void tell(pid_t pid, const char *dir)
{
	char path[PATH_MAX], new[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/pid", dir);
	snprintf(new, sizeof(new), "%s/pid.new", dir);
	f = fopen(new, "we");
	if (!f)
		die(new);
	fprintf(f, "%d\n", pid);
	fclose(f);
	must(rename(new, path), path);
}

static int is_named(pid_t pid, const char *name)
{
	char link[64], path[PATH_MAX + 1];
	const char *base;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	n = readlink(link, path, PATH_MAX);
	if (n < 0)
		return 0;
	path[n] = '\0';
	base = strrchr(path, '/');
	return !strcmp(base ? base + 1 : path, name);
}

int main(int argc, char **argv)
{
	const long options = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
	int status, is_held = 0, is_first = 1, is_shell = 1;
	pid_t first, pid;

	if (argc < 4) {
		fprintf(stderr, "usage: hold NAME DIR COMMAND...\n");
		return 2;
	}
	first = fork();
	must(first, "fork");
	if (!first) {
		must(ptrace(PTRACE_TRACEME, 0, 0, 0), "be traced");
		raise(SIGSTOP); /* until the options are set: the first program may be the one */
		execvp(argv[3], argv + 3);
		die(argv[3]);
	}
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		int signal = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;

		if (!WIFSTOPPED(status)) {
			if (pid == first)
				return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			continue;
		}
		if (pid == first && is_first) {
			ptrace(PTRACE_SETOPTIONS, pid, 0, options);
			is_first = signal = 0;
		} else if (pid == first && is_shell && status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8)) {
			is_shell = signal = 0; /* the command itself */
		} else if (status >> 16 == PTRACE_EVENT_EXEC && !is_held && is_named(pid, argv[1])) {
			plant(pid, argv[2]);
			is_held = 1;
			tell(pid, argv[2]);
			continue;
		} else if (status >> 16 || signal == SIGSTOP) { /* an event; a new child begins with a stop */
			signal = 0;
		}
		ptrace(PTRACE_CONT, pid, 0, signal);
	}
	return 3;
}
