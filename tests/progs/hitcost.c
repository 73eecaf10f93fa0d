/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traced program of bench/placement: functions that begin with an instruction that the kernel has to single-step under a
 * uprobe, called in a loop; prints how long one call of each takes. hitcost CALLS
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ASM(name, text)                                                                           \
	__asm__(".text\n.p2align 4\n.globl " #name "\n.type " #name ",@function\n" #name ":" text \
		"\n.size " #name ", .-" #name "\n");                                              \
	long name(long a)

ASM(begins_endbr, "endbr64; push %rbx; mov %rdi,%rbx; lea 1(%rbx),%rax; pop %rbx; ret");
ASM(begins_lea, "lea 1(%rdi),%rax; push %rbx; pop %rbx; ret");
ASM(begins_sub, "sub $24,%rsp; test %rdi,%rdi; js 1f; 1: lea 1(%rdi),%rax; add $24,%rsp; ret");
ASM(begins_mov, "mov %rdi,%rax; test %rax,%rax; js 1f; inc %rax; 1: ret");

static const struct {
	const char *name;
	long (*f)(long a);
} functions[] = {
	{ "begins_endbr", begins_endbr },
	{ "begins_lea", begins_lea },
	{ "begins_sub", begins_sub },
	{ "begins_mov", begins_mov },
};

int main(int argc, char **argv)
{
	long calls = argc > 1 ? atol(argv[1]) : 1000;

	for (unsigned k = 0; k < sizeof(functions) / sizeof(*functions); k++) {
		struct timespec from, to;
		long sum = 0;

		clock_gettime(CLOCK_MONOTONIC, &from);
		for (long i = 0; i < calls; i++)
			sum += functions[k].f(i);
		clock_gettime(CLOCK_MONOTONIC, &to);
		if (sum != calls * (calls + 1) / 2) {
			fprintf(stderr, "%s computed something else\n", functions[k].name);
			return 1;
		}
		printf("%s %.1f\n", functions[k].name,
		       ((double)(to.tv_sec - from.tv_sec) * 1e9 +
			(double)(to.tv_nsec - from.tv_nsec)) /
			       (double)calls);
	}
	return 0;
}
