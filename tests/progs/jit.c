/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traced program: bottom() is called by a function that it makes at run time and names in /tmp/perf-PID.map, as compilers
 * of other languages do; prints the frames as a ustack must show them, and ends at once. With an argument a process that
 * it forks does it. x86-64.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int sink;

__attribute__((noinline, noclone, used)) void bottom(void)
{
	sink = 1;
}

/* push %rbp; mov %rsp, %rbp; call *%rdi; pop %rbp; ret */
static const unsigned char body[] = { 0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3 };

__attribute__((noinline, noclone, used)) int run(void)
{
	void *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void (*compiled)(void (*)(void));
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
	f = fopen(path, "w");
	if (code == MAP_FAILED || !f)
		return 1;
	memcpy(code, body, sizeof(body));
	mprotect(code, 4096, PROT_READ | PROT_EXEC);
	fprintf(f, "%lx %zx compiled at run time\n", (unsigned long)code, sizeof(body));
	fclose(f);
	memcpy(&compiled, &code, sizeof(compiled));
	compiled(bottom);
	sink++;
	return 0;
}

int main(int argc, char **argv)
{
	int status = 0;

	(void)argv;
	printf("bottom\ncompiled at run time\nrun\n");
	if (argc < 2)
		return run();
	if (fork() == 0)
		_exit(run());
	wait(&status);
	return status != 0;
}
