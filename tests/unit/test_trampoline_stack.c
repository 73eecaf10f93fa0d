/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Probes on stacks of ours, over functions of this very program: every hit is counted or said to be missed, whoever interrupts whom. */
#include "tap.h"
#include "err_help.h"
#include "trampoline_help.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

static const uint32_t none = 0, scratch = 1 << 10 | 1 << 11;

/* both ways: by_address has no free register, by_recursion two (at entries of C functions r10 and r11 are free) */
static bool put_both(void)
{
	return start() &&
	       add_on((const void *)by_address, 0, TRAMPOLINE_ENTRY, &none, count_text, NULL) &&
	       add_on((const void *)by_recursion, 0, TRAMPOLINE_ENTRY, &scratch, count_text, NULL);
}

static bool is_right(int i)
{
	int n = i & 7;

	return by_address(i) == n + 1 + i && by_recursion(n) == 1 + n * (n + 1) / 2;
}

static uint64_t hits(int i)
{
	return 1 + (uint64_t)(i & 7) + 1;
}

static void check_given_back(void)
{
	for (unsigned i = 0; i < USER_STACKS; i++)
		CHECK_INT(user_stack(&room, i)->is_taken, 0);
}

TEST(hits_for_which_no_stack_is_left_are_missed)
{
	if (put_both()) {
		user_install(&room);
		for (unsigned taken = 0; taken <= USER_STACKS; taken++) {
			/* the first ones: those of processors beyond go on to later ones */
			for (unsigned i = 0; i < taken; i++)
				user_stack(&room, i)->is_taken = 1;
			for (int i = 0; i < 8; i++)
				CHECK(is_right(i));
		}
		CHECK_INT(counted(), USER_STACKS * (8 + 36));
		CHECK_INT(room.area->n_missed_hits, 8 + 36);
	}
	user_unmake(&room);
}

static volatile int n_signals;
static volatile int n_wrong;

static void on_signal(int sig)
{
	(void)sig;
	n_signals++;
	if (!is_right(n_signals))
		n_wrong++;
}

TEST(signal_handlers_take_other_stacks)
{
	struct sigaction sa = { .sa_handler = on_signal }, old;
	struct itimerval often = { { 0, 50 }, { 0, 50 } }, never = { { 0, 0 }, { 0, 0 } };
	uint64_t want = 0;

	if (put_both()) {
		user_install(&room);
		sigaction(SIGALRM, &sa, &old);
		setitimer(ITIMER_REAL, &often, NULL);
		for (int i = 0; n_signals < 3000; i = (i + 1) & 7) {
			want += hits(i);
			if (!is_right(i))
				n_wrong++;
		}
		setitimer(ITIMER_REAL, &never, NULL);
		sigaction(SIGALRM, &old, NULL);
		for (int i = 1; i <= n_signals; i++)
			want += hits(i);
		CHECK_INT(n_wrong, 0);
		CHECK_INT(counted(), want);
		CHECK_INT(room.area->n_missed_hits, 0);
		check_given_back();
	}
	user_unmake(&room);
}

enum { THREADS = 8, CALLS = 20000 };

static void *call_often(void *arg)
{
	bool *is_good = arg;

	for (int i = 0; i < CALLS; i++)
		*is_good &= is_right(i);
	return NULL;
}

/* more threads than stacks */
TEST(threads)
{
	bool is_good[THREADS];
	pthread_t t[THREADS];
	uint64_t want = 0;

	if (put_both()) {
		user_install(&room);
		for (unsigned i = 0; i < THREADS; i++) {
			is_good[i] = true;
			pthread_create(&t[i], NULL, call_often, &is_good[i]);
		}
		for (unsigned i = 0; i < THREADS; i++) {
			pthread_join(t[i], NULL);
			CHECK(is_good[i]);
		}
		for (int i = 0; i < CALLS; i++)
			want += hits(i);
		CHECK_INT(counted() + room.area->n_missed_hits, THREADS * want);
		check_given_back();
	}
	user_unmake(&room);
}

/* the context's sp leads to the program's stack, and that is read without asking the kernel: r1 is what stands there */
static const char read_text[] = "r6 = r1\nr7 = VAL2\n"
				"r1 = r7\nr2 = 8\nr3 = *(u64 *)(r6 +152)\ncall bpf_x#112\n"
				"r1 = *(u64 *)(r6 +152)\n*(u64 *)(r7 +8) = r1\n"
				"r0 = 0\nexit\n";

static volatile uint64_t returns_to;

NEVER_COPIED static int note_return(int n)
{
	returns_to = (uint64_t)(uintptr_t)__builtin_return_address(0);
	return n * 3 + 1;
}

TEST(the_programs_stack_is_read)
{
	const struct rt_map_plan plan = { RT_ARRAY, 4, 64, 1, 1 };
	const uint64_t *seen;

	if (start() && CHECK(user_add_map(&room, &plan)) &&
	    add_on((const void *)note_return, 0, TRAMPOLINE_ENTRY, &none, read_text, NULL)) {
		user_install(&room);
		/* the kernel cannot be asked: this process has another number */
		room.private->own_pid = 1;
		CHECK_INT(note_return(2), 7);
		seen = (const uint64_t *)(uintptr_t)(room.maps[2].at + 4096 + 64);
		CHECK(returns_to);
		CHECK_INT(seen[0], returns_to);
		CHECK(seen[1]);
	}
	user_unmake(&room);
}

TEST(what_cannot_be_is_refused)
{
	struct trampoline_prog p = { .func_ip = 1 };
	struct trampoline_site s = {
		.kind = TRAMPOLINE_GO, .progs = &p, .n_progs = 1, .is_on_ours = true, .free = 1 << 12
	};
	struct err *e;

	if (start() && check_err(user_program(&room, count_text, &p), "program")) {
		e = user_emit(&room, (const void *)by_address, 0, &s);
		CHECK(e && strstr(e->msg, "no register is free"));
		err_free(e);
		s.free |= 1 << 13;
		room.env.n_stacks = 0;
		e = user_emit(&room, (const void *)by_address, 0, &s);
		CHECK(e && strstr(e->msg, "no stacks"));
		err_free(e);
		CHECK_INT(room.n_patches, 0);
	}
	user_unmake(&room);
}
