/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a hit costs besides its program, and all that one costs that --budget leaves out: the jump, registers saved and given back, the count of hits,
 * the choice (ir/build_budget.c), the jump back. The same is executed in our own process, with all registers that a trampoline can save, and the
 * flags as it keeps them: most save fewer, so that it is an upper bound.
 */
#include "engine/user/user.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/user/code/x86.h"

enum { CALLS = 20000 };

#define SAVE                                                                                                      \
	"lea -128(%rsp),%rsp; push %rax; lahf; seto %al; push %rax; push %rcx; push %rdx; push %rsi; push %rdi; " \
	"push %r8; push %r9; push %r10; push %r11; push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; "
#define RESTORE                                                                                              \
	"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; pop %r11; pop %r10; pop %r9; pop %r8; " \
	"pop %rdi; pop %rsi; pop %rdx; pop %rcx; pop %rax; add $127,%al; sahf; pop %rax; lea 128(%rsp),%rsp; "
/* rax: the processor's number, of which nothing is done with here but that the address depends on it */
#define COUNT                                                                                                    \
	"and $0,%eax; imul $24,%rax,%rax; lea user_way_hits(%rip),%rdi; add %rdi,%rax; mov $1,%ebx; "            \
	"xadd %rbx,(%rax); mov user_way_rate(%rip),%rcx; test %rcx,%rcx; je 3f; test $1,%cl; jne 3f; dec %rcx; " \
	"movabs $0x9e3779b97f4a7c15,%rdx; imul %rdx,%rbx; mov %rbx,%rdx; shr $32,%rdx; xor %rdx,%rbx; "          \
	"movabs $0xd6e8feb86659fd93,%rdx; imul %rdx,%rbx; shr $32,%rbx; and %rcx,%rbx; jne 3f; "                 \
	"lock incq user_way_hits+8(%rip); 3: "
#define ROUND(name, processor)                                                                   \
	__asm__(".text\n.p2align 4\n.type " #name ",@function\n" #name                           \
		": jmp 1f\n2: ret\n1: cmpl $0,user_way_rate(%rip); je 2b; " SAVE processor COUNT \
			RESTORE "jmp 2b\n.size " #name ", .-" #name "\n");                       \
	void name(void)

ROUND(user_way_rdpid, ".byte 0xf3,0x0f,0xc7,0xf8; ");
ROUND(user_way_lsl, "mov $0x7b,%eax; lsl %eax,%eax; ");

__attribute__((used, visibility("hidden"))) uint64_t user_way_hits[3];
__attribute__((used, visibility("hidden"))) uint64_t user_way_rate = 1 << 16;

uint64_t user_way_ns(struct engine *e, uint32_t prog)
{
	(void)prog;
	if (!e->way_ns) {
		uint64_t ns = clock_time_calls(x86_has_rdpid() ? user_way_rdpid : user_way_lsl,
					       CALLS);

		e->way_ns = (ns + CALLS - 1) / CALLS;
		log_verbose("a hit without its program: at most %llu ns",
			    (unsigned long long)e->way_ns);
	}
	return e->way_ns;
}
