/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of trampolines share: a room with a counter, and trampolines that count. Needs tap.h and err_help.h before it. */
#ifndef SONDE_TESTS_UNIT_TRAMPOLINE_HELP_H
#define SONDE_TESTS_UNIT_TRAMPOLINE_HELP_H

#include "never_copied.h"
#include "user_help.h"

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

static inline bool start(void)
{
	return CHECK(user_make(&room)) && CHECK(user_add_map(&room, &globals_plan)) &&
	       CHECK(user_add_map(&room, &count_plan));
}

/* free: NULL, or registers that are free, on a stack of ours */
static inline bool add_on(const void *function, unsigned at, enum trampoline_kind kind,
			  const uint32_t *free, const char *entry, const char *back)
{
	struct trampoline_prog progs[2] = { { .func_ip = (uintptr_t)function + at, .cookie = 7 },
					    { .func_ip = (uintptr_t)function, .cookie = 8 } };
	struct trampoline_site s = { .kind = kind,
				     .progs = progs,
				     .n_progs = entry != NULL,
				     .returns = progs + 1,
				     .n_returns = back != NULL,
				     .is_on_ours = free,
				     .free = free ? *free : 0 };

	return (!entry || check_err(user_program(&room, entry, &progs[0]), "entry")) &&
	       (!back || check_err(user_program(&room, back, &progs[1]), "return")) &&
	       check_err(user_emit(&room, function, at, &s), "trampoline");
}

static inline bool add(const void *function, unsigned at, enum trampoline_kind kind,
		       const char *entry, const char *back)
{
	return add_on(function, at, kind, NULL, entry, back);
}

static inline uint64_t counted(void)
{
	return user_sum((struct rt_map *)(uintptr_t)room.maps[1].at, 0);
}

#endif
