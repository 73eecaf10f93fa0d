/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trampolines over functions of this very program: what they count is what was called, and functions do what they did. */
#include "tap.h"
#include "err_help.h"
#include "trampoline_help.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

/* ---- counting ---- */

struct large {
	long v[9];
};
NEVER_COPIED static struct large with_stack(int a, int b, int c, int d, int e, int f, long g,
					    double h, struct large i)
{
	i.v[0] += a + b + c + d + e + f;
	i.v[1] = g;
	i.v[2] = (long)h;
	return i;
}

static bool calls_are_right(int i)
{
	struct large in = { { 1, 2, 3, 4, 5, 6, 7, 8, 9 } }, out;
	int n = i & 7;

	out = with_stack(1, 2, 3, 4, 5, 6, 1L << 40, 2.0, in);
	return by_address(i) == n + 1 + i && by_recursion(n) == 1 + n * (n + 1) / 2 &&
	       out.v[0] == 22 && out.v[1] == 1L << 40 && out.v[2] == 2 && out.v[8] == 9;
}

TEST(entries_are_counted)
{
	if (start() && add((const void *)by_address, 0, TRAMPOLINE_ENTRY, count_text, NULL)) {
		user_install(&room);
		for (int i = 0; i < 1000; i++)
			CHECK_INT(by_address(i), (i & 7) + 1 + i);
		CHECK_INT(counted(), 1000);
		/* switched off, and in another process */
		room.area->is_on = 0;
		CHECK_INT(by_address(3), 7);
		room.area->is_on = 1;
		room.private->is_mine = 0;
		CHECK_INT(by_address(4), 9);
		CHECK_INT(counted(), 1000);
	}
	user_unmake(&room);
}

/* another element than the first, one that is not there, and a key that a branch may have changed: R6 is the context */
static const char elements_text[] =
	"r6 = *(u64 *)(r1 +112)\n"
	"*(u64 *)(r10 -8) = 2\nr1 = MAP2\nr2 = r10\nr2 += -8\ncall bpf_x#1\n"
	"if r0 == 0x0 goto wrong\nr1 = 1\nlock *(u64 *)(r0 +0) += r1\n"
	"*(u32 *)(r10 -16) = 3\nr1 = MAP3\nr2 = r10\nr2 += -16\ncall bpf_x#1\n"
	"if r0 == 0x0 goto wrong\nr1 = 1\nlock *(u64 *)(r0 +0) += r1\n"
	"*(u64 *)(r10 -8) = 4\nr1 = MAP2\nr2 = r10\nr2 += -8\ncall bpf_x#1\n"
	"if r0 != 0x0 goto wrong\n"
	"*(u32 *)(r10 -8) = 0\nif r6 == 0x0 goto first\n*(u32 *)(r10 -8) = 1\n"
	"first:\nr1 = MAP2\nr2 = r10\nr2 += -8\ncall bpf_x#1\n"
	"if r0 == 0x0 goto wrong\nr1 = 1\nlock *(u64 *)(r0 +0) += r1\n"
	"r0 = 0\nexit\n"
	"wrong:\nr0 = VAL0\nr1 = 1\nlock *(u64 *)(r0 +8) += r1\nr0 = 0\nexit\n";

TEST(elements_of_arrays)
{
	const struct rt_map_plan per_cpu = { RT_ARRAY, 4, 24, 4, USER_CPUS },
				 one = { RT_ARRAY, 4, 16, 4, 1 };
	struct rt_map *m, *single;

	if (start() && CHECK(m = user_add_map(&room, &per_cpu)) &&
	    CHECK(single = user_add_map(&room, &one)) &&
	    add((const void *)by_address, 0, TRAMPOLINE_ENTRY, elements_text, NULL)) {
		user_install(&room);
		for (int i = 0; i < 100; i++)
			CHECK_INT(by_address(i & 1), (i & 1) * 2 + 1);
		CHECK_INT(user_sum(m, 0), 50);
		CHECK_INT(user_sum(m, 1), 50);
		CHECK_INT(user_sum(m, 2), 100);
		CHECK_INT(user_sum(m, 3), 0);
		CHECK_INT(user_sum(single, 3), 100);
		CHECK_INT(((const uint64_t *)(uintptr_t)(room.maps[0].at + 4096 + 64))[1], 0);
	}
	user_unmake(&room);
}

TEST(returns_are_counted)
{
	if (start() && add((const void *)by_address, 0, TRAMPOLINE_CALL, NULL, count_text) &&
	    add((const void *)with_stack, 0, TRAMPOLINE_CALL, count_text, count_text) &&
	    add((const void *)by_recursion, 0, TRAMPOLINE_CALL, NULL, count_text)) {
		user_install(&room);
		for (int i = 0; i < 80; i++)
			CHECK(calls_are_right(i));
		/* one, two, and recursion 0 .. 7 */
		CHECK_INT(counted(), 80 * 3 + 10 * (8 + 28));
		CHECK_INT(room.area->n_missed_calls, 0);
	}
	user_unmake(&room);
}

/* ---- calls that are open ---- */

static jmp_buf out_of_it;

NEVER_COPIED static int deeper(int n)
{
	int below;

	if (n < 0)
		return 0;
	if (!n)
		longjmp(out_of_it, 1);
	below = deeper(n - 1);
	__asm__ volatile("" : "+r"(below));
	return below + 1;
}

static uint64_t open_calls(const struct rt_calls *c)
{
	uint64_t n = 0;

	for (uint32_t b = 0; b <= c->mask / RT_CALLS_OF_BUCKET; b++)
		for (unsigned i = 0; i < RT_CALLS_OF_BUCKET; i++)
			n += c->buckets[b].v[i].slot && !(c->buckets[b].v[i].slot & 1);
	return n;
}

TEST(calls_left_by_longjmp)
{
	if (start() && add((const void *)deeper, 0, TRAMPOLINE_CALL, NULL, count_text) &&
	    add((const void *)by_recursion, 0, TRAMPOLINE_CALL, NULL, count_text)) {
		user_install(&room);
		for (volatile int i = 0; i < 1000; i++) {
			if (!setjmp(out_of_it))
				deeper(10);
			CHECK_INT(by_recursion(12), 1 + 12 * 13 / 2);
		}
		CHECK_INT(counted(), 13 * 1000);
		CHECK_INT(room.area->n_missed_calls, 0);
		/* those that were left are known once each, however often they were left */
		CHECK(open_calls(room.calls) <= 11);
	}
	user_unmake(&room);
}

/* functions whose last act is a jump to another one, or to themselves: assembly, so that it is a jump */
int tail_a(int n), tail_b(int n), tail_c(int n);
__asm__(".text\n"
	".macro tail from, to\n"
	".p2align 4\n\\from: sub $1, %edi\njs 1f\nnopl 8(%rax,%rax,1)\njmp \\to\n1: mov $42, %eax\nret\n"
	".endm\n"
	"tail tail_a, tail_b\ntail tail_b, tail_a\ntail tail_c, tail_c\n");

TEST(tail_calls)
{
	if (start() && add((const void *)tail_a, 0, TRAMPOLINE_CALL, NULL, count_text) &&
	    add((const void *)tail_b, 0, TRAMPOLINE_CALL, NULL, count_text) &&
	    add((const void *)tail_c, 0, TRAMPOLINE_CALL, NULL, count_text)) {
		user_install(&room);
		for (int i = 0; i < 100; i++)
			CHECK_INT(tail_a(5), 42);
		CHECK_INT(counted(), 600);
		CHECK_INT(tail_a(50), 42);
		/* one slot has room for eight calls of different functions; the others are let through */
		CHECK_INT(counted() + room.area->n_missed_calls, 651);
		CHECK_INT(tail_c(1000), 42);
		CHECK_INT(counted() + room.area->n_missed_calls, 651 + 1001);
		CHECK_INT(open_calls(room.calls), 0);
	}
	user_unmake(&room);
}

TEST(a_full_table_lets_calls_through)
{
	if (start() && add((const void *)by_recursion, 0, TRAMPOLINE_CALL, count_text, count_text)) {
		*room.calls = rt_calls_head(2);
		user_install(&room);
		CHECK_INT(by_recursion(99), 1 + 99 * 100 / 2);
		CHECK_INT(room.area->n_missed_calls, 100 - 16);
		CHECK_INT(counted(), 100 + 16);
	}
	user_unmake(&room);
}

TEST(switched_off_in_open_calls)
{
	int status;
	pid_t child;

	if (start() && add((const void *)deeper, 0, TRAMPOLINE_CALL, NULL, count_text) &&
	    add((const void *)by_recursion, 0, TRAMPOLINE_CALL, NULL, count_text)) {
		user_install(&room);
		fflush(stdout);
		child = fork();
		if (!child) { /* its is_mine is zero, as the kernel would make it */
			room.private->is_mine = 0;
			_exit(by_recursion(3) == 7 && !counted() ? 7 : 1);
		}
		CHECK_INT(waitpid(child, &status, 0), child);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
		CHECK_INT(by_recursion(3), 7);
		CHECK_INT(counted(), 4);
	}
	user_unmake(&room);
}

/* a function that forks and returns in both */
static volatile pid_t forked;
NEVER_COPIED static int fork_within(int i)
{
	forked = fork();
	if (!forked)
		room.private->is_mine = 0;
	return i + 1;
}

TEST(fork_within_an_open_call)
{
	int status, got;

	if (start() && add((const void *)fork_within, 0, TRAMPOLINE_CALL, NULL, count_text)) {
		user_install(&room);
		fflush(stdout);
		got = fork_within(6);
		if (!forked)
			_exit(got);
		CHECK_INT(got, 7);
		CHECK_INT(waitpid(forked, &status, 0), forked);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
		CHECK_INT(counted(), 1);
	}
	user_unmake(&room);
}

/* ---- signals and threads ---- */

static volatile sig_atomic_t n_signals, n_wrong;

static void on_signal(int sig)
{
	(void)sig;
	n_signals++;
	if (!calls_are_right(n_signals & 7))
		n_wrong++;
}

/* expected counts of calls_are_right(i), whose probes are those of put_all */
static uint64_t hits(int i)
{
	return 3 + 2 * (uint64_t)((i & 7) + 1);
}

static bool put_all(void)
{
	return start() && add((const void *)by_address, 0, TRAMPOLINE_ENTRY, count_text, NULL) &&
	       add((const void *)with_stack, 0, TRAMPOLINE_CALL, count_text, count_text) &&
	       add((const void *)by_recursion, 0, TRAMPOLINE_CALL, count_text, count_text);
}

TEST(signal_handlers_hit_probes)
{
	struct sigaction sa = { .sa_handler = on_signal }, old;
	struct itimerval often = { { 0, 50 }, { 0, 50 } }, never = { { 0, 0 }, { 0, 0 } };
	uint64_t want = 0;

	if (put_all()) {
		user_install(&room);
		n_signals = n_wrong = 0;
		sigaction(SIGALRM, &sa, &old);
		setitimer(ITIMER_REAL, &often, NULL);
		for (int i = 0; n_signals < 3000; i = (i + 1) & 7) {
			want += hits(i);
			if (!calls_are_right(i))
				n_wrong++;
		}
		setitimer(ITIMER_REAL, &never, NULL);
		sigaction(SIGALRM, &old, NULL);
		for (int i = 1; i <= n_signals; i++)
			want += hits(i & 7);
		CHECK_INT(n_wrong, 0);
		CHECK_INT(counted() + room.area->n_missed_calls, want);
		CHECK_INT(open_calls(room.calls), 0);
	}
	user_unmake(&room);
}

enum { THREADS = 8, CALLS = 20000 };

static void *call_often(void *arg)
{
	bool is_right = true;

	for (int i = 0; i < CALLS; i++)
		is_right &= calls_are_right(i);
	*(bool *)arg = is_right;
	return NULL;
}

TEST(threads)
{
	pthread_t t[THREADS];
	bool is_right[THREADS];
	uint64_t want = 0;

	if (put_all()) {
		user_install(&room);
		for (unsigned i = 0; i < THREADS; i++)
			pthread_create(&t[i], NULL, call_often, &is_right[i]);
		for (unsigned i = 0; i < THREADS; i++) {
			pthread_join(t[i], NULL);
			CHECK(is_right[i]);
		}
		for (int i = 0; i < CALLS; i++)
			want += hits(i);
		CHECK_INT(counted() + room.area->n_missed_calls, THREADS * want);
		CHECK_INT(open_calls(room.calls), 0);
	}
	user_unmake(&room);
}

/* ---- what is refused ---- */

int looks_at_return(void);
__asm__(".text\n.p2align 4\nlooks_at_return: mov (%rsp), %rax\nnopl 8(%rax,%rax,1)\nret\n.p2align 4\n");

TEST(what_cannot_be_is_refused)
{
	struct trampoline_prog p = { .func_ip = 1 };
	struct trampoline_site s = { .kind = TRAMPOLINE_CALL, .returns = &p, .n_returns = 1 };
	struct err *e;
	size_t n;

	if (start() && check_err(user_program(&room, count_text, &p), "program")) {
		n = room.x.code.n;
		e = user_emit(&room, (const void *)looks_at_return, 0, &s);
		CHECK(e && strstr(e->msg, "return address"));
		err_free(e);
		room.env.calls = 0;
		e = user_emit(&room, (const void *)by_recursion, 0, &s);
		CHECK(e && strstr(e->msg, "no table"));
		err_free(e);
		room.env.calls = (uint64_t)(uintptr_t)room.calls;
		room.env.area += 1ull << 40;
		e = user_emit(&room, (const void *)by_recursion, 0, &s);
		CHECK(e && strstr(e->msg, "out of reach"));
		err_free(e);
		room.env.area -= 1ull << 40;
		CHECK(check_err(user_program(&room, "call bpf_x#9999\nexit\n", &p), "program"));
		e = user_emit(&room, (const void *)by_recursion, 0, &s);
		CHECK(e && strstr(e->msg, "cannot be compiled"));
		err_free(e);
		CHECK_INT(room.x.code.n, n);
		CHECK_INT(room.n_patches, 0);
	}
	user_unmake(&room);
}

/* ---- the stack ---- */

enum { PAINTED = 4096, UNPAINTED = 256 };

/* how far below the call's own frame the stack is written by f(1) */
NEVER_COPIED static unsigned depth_of(int (*f)(int))
{
	volatile uint64_t *here;
	unsigned n = PAINTED / 8;

	__asm__ volatile("mov %%rsp, %0" : "=r"(here));
	for (unsigned i = UNPAINTED / 8; i < PAINTED / 8; i++)
		here[-(long)i] = 0x5a5a5a5a5a5a5a5aull;
	f(1);
	while (n > UNPAINTED / 8 && here[-(long)n + 1] == 0x5a5a5a5a5a5a5a5aull)
		n--;
	return n > UNPAINTED / 8 ? n * 8 : 0;
}

/* the helpers that need most: a key that is new, a text, a record */
static const char deep_text[] =
	"r6 = r1\n*(u64 *)(r10 -8) = 5\n*(u64 *)(r10 -16) = 6\n"
	"r1 = MAP2\nr2 = r10\nr2 += -8\nr3 = r10\nr3 += -16\nr4 = 0\ncall bpf_x#2\n"
	"r1 = MAP2\nr2 = r10\nr2 += -8\ncall bpf_x#1\n"
	"r1 = MAP2\nr2 = r10\nr2 += -8\ncall bpf_x#3\n"
	"r1 = r10\nr1 += -200\nr2 = 128\nr3 = *(u64 *)(r6 +152)\ncall bpf_x#114\n"
	"r1 = r10\nr1 += -200\nr2 = 128\nr3 = 8\ncall bpf_x#112\n"
	"r1 = r10\nr1 += -200\nr2 = 16\ncall bpf_x#16\n"
	"r1 = MAP2\nr2 = r10\nr2 += -200\nr3 = 128\nr4 = 0\ncall bpf_x#130\n"
	"call bpf_x#14\ncall bpf_x#5\nr0 = 0\nexit\n";

TEST(stack_is_what_is_said)
{
	const struct rt_map_plan keyed = { RT_HASH, 8, 8, 100, USER_CPUS };
	unsigned depth;

	if (start() && CHECK(user_add_map(&room, &keyed)) &&
	    add((const void *)by_address, 0, TRAMPOLINE_ENTRY, count_text, NULL) &&
	    add((const void *)deeper, 0, TRAMPOLINE_ENTRY, deep_text, NULL) &&
	    add((const void *)by_recursion, 0, TRAMPOLINE_CALL, deep_text, deep_text)) {
		user_install(&room);
		/* small programs have no helper, and no use for what a signal's frame may need */
		CHECK(trampoline_stack(&room.patches[0]) <= 96);
		for (unsigned i = 0; i < 3; i++) {
			int (*const functions[])(int) = { by_address, deeper, by_recursion };

			if (i == 1) /* it leaves by longjmp */
				continue;
			depth = depth_of(functions[i]);
			printf("# %u of %u bytes\n", depth, trampoline_stack(&room.patches[i]));
			CHECK(depth <= UNPAINTED + trampoline_stack(&room.patches[i]));
		}
	}
	user_unmake(&room);
}
