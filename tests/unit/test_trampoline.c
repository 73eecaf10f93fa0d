/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trampolines over functions of this very program: what they count is what was called, and nothing else may differ. Registers, flags,
 * vector registers and the stack below rsp are filled by assembly before a probe and compared behind it.
 */
#include "user_help.h"

#include "tap.h"
#include "err_help.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/user.h>
#include <sys/wait.h>

#ifdef __clang__
#define NEVER_COPIED __attribute__((noinline))
#else
#define NEVER_COPIED __attribute__((noinline, noclone))
#endif

/* ---- programs ---- */

/* as sonde compiles { @ = count(); }: globals MAP0, @ MAP1 */
static const char count_text[] = "r0 = VAL0\n"
				 "r5 = *(u64 *)(r0 +0)\n"
				 "if r5 == 0x0 goto on\n"
				 "r0 = 0\n"
				 "exit\n"
				 "on:\n"
				 "*(u64 *)(r10 -8) = 0\n"
				 "r1 = MAP1\n"
				 "r2 = r10\n"
				 "r2 += -8\n"
				 "call bpf_map_lookup_elem#1\n"
				 "r5 = r0\n"
				 "if r5 == 0x0 goto end\n"
				 "r1 = 1\n"
				 "lock *(u64 *)(r5 +0) += r1\n"
				 "end:\n"
				 "r0 = 0\n"
				 "exit\n";

static const struct rt_map_plan globals_plan = { RT_ARRAY, 4, 64, 1, 1 };
static const struct rt_map_plan count_plan = { RT_ARRAY, 4, 8, 1, USER_CPUS };

static struct user_room room;

static bool start(void)
{
	return CHECK(user_make(&room)) && CHECK(user_add_map(&room, &globals_plan)) &&
	       CHECK(user_add_map(&room, &count_plan));
}

static bool add(const void *function, unsigned at, enum trampoline_kind kind, const char *entry,
		const char *back)
{
	struct trampoline_prog progs[2] = { { .func_ip = (uintptr_t)function + at, .cookie = 7 },
					    { .func_ip = (uintptr_t)function, .cookie = 8 } };
	struct trampoline_site s = { .kind = kind,
				     .progs = progs,
				     .n_progs = entry != NULL,
				     .returns = progs + 1,
				     .n_returns = back != NULL };

	return (!entry || check_err(user_program(&room, entry, &progs[0]), "entry")) &&
	       (!back || check_err(user_program(&room, back, &progs[1]), "return")) &&
	       check_err(user_emit(&room, function, at, &s), "trampoline");
}

static uint64_t counted(void)
{
	return user_sum((struct rt_map *)(uintptr_t)room.maps[1].at, 0);
}

/* ---- counting ---- */

static volatile int table[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

NEVER_COPIED static int by_address(int i)
{
	return table[i & 7] + i;
}

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

NEVER_COPIED static int by_recursion(int i)
{
	int below;

	if (i <= 0)
		return 1;
	below = by_recursion(i - 1);
	__asm__ volatile("" : "+r"(below));
	return below + i;
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
