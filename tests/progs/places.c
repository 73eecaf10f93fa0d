/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traced program: functions whose first instructions are of all the sorts that placement has to tell apart, called a known
 * number of times from several threads, through recursion, out of a signal handler and left by longjmp. It prints how often
 * each was entered, as the tests' scripts do. places [CALLS [THREADS]]
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#define KEEP __attribute__((noinline, noclone, used))

/* f: what the assembler makes of text; symbols have sizes, as compilers give them */
#define ASM(name, text)                                                                           \
	__asm__(".text\n.p2align 4\n.globl " #name "\n.type " #name ",@function\n" #name ":" text \
		"\n.size " #name ", .-" #name "\n");                                              \
	long name(long a, long b)

ASM(at_endbr, "endbr64; push %rbx; mov %rdi,%rbx; lea (%rbx,%rsi),%rax; pop %rbx; ret");
ASM(at_sub, "sub $24,%rsp; mov %rsi,%rax; call leaf; add $24,%rsp; ret");
ASM(at_lea, "lea 1(%rdi),%rax; test %rsi,%rsi; je 1f; inc %rax; 1: ret");
ASM(at_mov, "mov %rdi,%rax; jmp leaf");
ASM(at_load, "mov shared(%rip),%rax; push %rbx; pop %rbx; ret");
ASM(at_deref, "mov shared@GOTPCREL(%rip),%rcx; mov (%rcx),%rax; push %rbx; pop %rbx; ret");
ASM(leaf, "ret");
/* each turn of the loop goes over every emulated instruction: only the first instruction is entered once */
ASM(loop_head, "xor %eax,%eax; 1: add $1,%rax; dec %rsi; jg 1b; ret");
/* f.cold goes back into the entry block */
ASM(cold_back, "xor %eax,%eax; 1: inc %rax; cmp $3,%rax; jb cold_back.cold; ret");
__asm__(".text\n.type cold_back.cold,@function\ncold_back.cold: nop; jmp cold_back+2\n"
	".size cold_back.cold, .-cold_back.cold\n");
/* the same through a switch's table, and through a table of labels */
ASM(table_back, "xor %eax,%eax; 1: inc %rax; nop; cmp $4,%rax; ja 2f; lea 3f(%rip),%rcx; "
		"movslq (%rcx,%rax,4),%rdx; add %rcx,%rdx; jmp *%rdx; 2: ret;"
		".section .rodata; 3: .long 1b-3b, 1b-3b, 1b-3b, 2b-3b, 2b-3b; .text");
ASM(label_back, "xor %eax,%eax; 1: inc %rax; nop; lea 3f(%rip),%rcx; jmp *(%rcx,%rax,8); 2: ret;"
		".section .data.rel.ro,\"aw\"; .p2align 3; 3: .quad 1b, 1b, 1b, 2b, 2b; .text");
/* two ways in: the second has a name */
ASM(two_ways, "xor %eax,%eax; .globl second_way; .type second_way,@function; second_way: "
	      "push %rbx; pop %rbx; ret; .size second_way, .-second_way");
long second_way(long a, long b);
/* a function that goes on in the middle of another one, far and near */
ASM(joined, "mov %rdi,%rax; 1: test %rsi,%rsi; je 2f; inc %rax; 2: ret");
ASM(joined_near, "mov %rdi,%rax; .Lmiddle: test %rsi,%rsi; je 2f; inc %rax; 2: ret");
ASM(joins_near, "mov $3,%eax; jmp .Lmiddle");
ASM(padding, ".skip 300, 0x90; ret");
ASM(joins_far, "mov $4,%eax; jmp joined+3");

volatile long shared = 5;

static const struct {
	const char *name;
	long (*f)(long a, long b);
} functions[] = {
	{ "at_endbr", at_endbr },   { "at_sub", at_sub },         { "at_lea", at_lea },
	{ "at_mov", at_mov },       { "at_load", at_load },       { "loop_head", loop_head },
	{ "cold_back", cold_back }, { "table_back", table_back }, { "label_back", label_back },
	{ "joined", joined },       { "joins_near", joins_near }, { "joined_near", joined_near },
	{ "joins_far", joins_far }, { "two_ways", two_ways },     { "at_deref", at_deref },
};
enum { N_FUNCTIONS = sizeof(functions) / sizeof(*functions) };

static int calls = 100;
static volatile sig_atomic_t handled;
static uint64_t recursed;
static volatile int left;
static jmp_buf back;

KEEP uint64_t recursive(uint64_t n)
{
	__atomic_add_fetch(&recursed, 1, __ATOMIC_RELAXED);
	return n < 2 ? 1 : n + recursive(n - 1) + recursive(n - 2);
}

KEEP void leaves(int n)
{
	if (n)
		longjmp(back, 1);
}

/* the seventh and eighth argument lie on the stack, whose pointer moves before anything that is emulated */
__asm__(".text\n.globl on_stack\n.type on_stack,@function\non_stack: sub $40,%rsp; mov 48(%rsp),%rax;"
	"call leaf; add $40,%rsp; ret\n.size on_stack, .-on_stack\n");
long on_stack(long a, long b, long c, long d, long e, long f, long g, long h);

KEEP long eight(long a, long b, long c, long d, long e, long f, long g, long h)
{
	char frame[64];

	__asm__ volatile("" ::"r"(frame) : "memory");
	return a + b + c + d + e + f + g * h;
}

static void on_signal(int n)
{
	at_endbr(1, 2);
	handled++;
}

static void *run(void *arg)
{
	for (int i = 0; i < calls; i++) {
		for (int k = 0; k < N_FUNCTIONS; k++)
			functions[k].f(i, 7);
		second_way(1, 2);
	}
	return arg;
}

int main(int argc, char **argv)
{
	struct itimerval every = { { 0, 500 }, { 0, 500 } }, never = { 0 };
	int n_threads = argc > 2 ? atoi(argv[2]) : 2;
	pthread_t threads[64];

	if (argc > 1)
		calls = atoi(argv[1]);
	if (n_threads > 64)
		n_threads = 64;
	signal(SIGALRM, on_signal);
	setitimer(ITIMER_REAL, &every, NULL);
	for (int i = 0; i < n_threads; i++)
		pthread_create(&threads[i], NULL, run, NULL);
	for (int i = 0; i < n_threads; i++)
		pthread_join(threads[i], NULL);
	recursive(12);
	for (volatile int i = 0; i < calls; i++) {
		left++;
		if (!setjmp(back))
			leaves(1);
	}
	for (int i = 0; i < calls; i++) {
		eight(1, 2, 3, 4, 5, 6, i % 3, 8);
		on_stack(1, 2, 3, 4, 5, 6, i % 3, 8);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	for (int k = 0; k < N_FUNCTIONS; k++)
		printf("@[%s]: %ld\n", functions[k].name,
		       (long)calls * n_threads + (k ? 0 : (long)handled));
	printf("@[second_way]: %ld\n", 2L * calls * n_threads);
	printf("@[recursive]: %llu\n@[leaves]: %d\n@[eight]: %d\n@[on_stack]: %d\n",
	       (unsigned long long)recursed, left, calls, calls);
	return 0;
}
