/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a hit costs besides its program: the jump, registers saved and given back, the locked count of hits, the jump back. Measured by running the most that a
 * trampoline does, all general registers and the flags, in our own process; most do less, so that it is an upper bound.
 */
#include "engine/user/user.h"

#include "base/clock.h"
#include "base/log.h"

enum { CALLS = 20000 };

__asm__(".text\n.p2align 4\n.type user_way_round,@function\nuser_way_round: jmp 1f\n"
	"2: ret\n"
	"1: lea -128(%rsp),%rsp; pushfq; push %rax; push %rcx; push %rdx; push %rsi; push %rdi; push %r8; "
	"push %r9; push %r10; push %r11; push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; "
	"lock incq user_way_hits(%rip)\n"
	"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; pop %r11; pop %r10; pop %r9; pop %r8; "
	"pop %rdi; pop %rsi; pop %rdx; pop %rcx; pop %rax; popfq; lea 128(%rsp),%rsp; jmp 2b\n"
	".size user_way_round, .-user_way_round\n");
void user_way_round(void);
__attribute__((used, visibility("hidden"))) uint64_t user_way_hits;

uint64_t user_way_ns(struct engine *e, uint32_t prog)
{
	(void)prog;
	if (!e->way_ns) {
		e->way_ns = (clock_time_calls(user_way_round, CALLS) + CALLS - 1) / CALLS;
		log_verbose("a hit without its program: at most %llu ns",
			    (unsigned long long)e->way_ns);
	}
	return e->way_ns;
}
