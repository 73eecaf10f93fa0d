/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * eBPF to x86-64. The program's memory is ours by the time it runs (context, stack, map values: the kernel's verifier or our
 * linter has seen to it), so loads and stores are plain; reads of the traced program's own memory are helpers. Semantics: the
 * kernel's Documentation/bpf/standardization/instruction-set.rst, versions 3 and 4. The interpreter (ebpf/interp.h) is the oracle.
 *
 * Registers: R0 rax, R1 rdi, R2 rsi, R3 rdx, R4 rcx, R5 r8, R6 rbx, R7 r13, R8 r14, R9 r15. r10 and r11 are scratch, rbp and r12 are never
 * touched, R10 is rsp + a constant. Helpers are C functions of the System V convention that touch no vector registers.
 */
#ifndef SONDE_ENGINE_USER_JIT_H
#define SONDE_ENGINE_USER_JIT_H

#include "base/err.h"
#include "engine/user/code/x86.h"

#include <linux/bpf.h>

/* where the compiler is in a program */
struct jit_place {
	const struct bpf_insn *insns;
	uint32_t i;
	uint32_t room; /* instructions from i on, into the middle of which no branch leads */
	uint32_t end;  /* of the function */
	bool is_entered; /* i by a branch, or as the first of a function: what stands before it may not have been executed */
	/* bytes of stack that lie between r10 and rsp; and whether this is the piece itself, whose r10 is rsp as it was in front of it */
	int32_t below;
	bool is_piece;
};

/* an unverified program: where the functions of rt/fence.c are, and what they are given. Addresses of where the code runs */
struct jit_fence {
	uint64_t access, call, spent, reserved, leave;
	uint64_t is_off;   /* of the program's report */
	const void *table; /* a struct rt_fence, which is copied behind the code */
	uint32_t table_bytes;
	int32_t context_from, context_end; /* from R1 on, what of it is there */
};

struct jit_env {
	/*
	 * Code for a call of a helper: inline, or a call (x86_call_to). Arguments are in R1 to R5, the result goes to R0; R6 to R9 and the stack
	 * must survive. False: there is no such helper.
	 */
	bool (*call_helper)(void *arg, struct x86 *x, int32_t helper);
	/* other code for the instructions at a place: how many of them it stands for. 0: none; or the pointer is NULL */
	uint32_t (*replace)(void *arg, struct x86 *x, const struct jit_place *p);
	void *arg;
	/*
	 * A C function `uint64_t f(void *ctx)`, else a piece of a trampoline: entered at the top with R1 set and rsp a multiple of 16,
	 * left at the end with the result in R0; callee-saved registers are then the trampoline's business (x->written says which).
	 */
	bool is_function;
	/* code that we did not write: wherever an instruction has to do with the stack, all of the function's 512 bytes are there */
	bool is_foreign;
	/* nobody has verified it: it is checked, and its code checks what it does. NULL: it was */
	const struct jit_fence *fence;
	/*
	 * If not NULL: the bytes of stack that the program and its functions use at most are added, with those of helpers that call functions
	 * back; what the last helper of a chain needs is apart.
	 */
	uint32_t *stack;
};

/* what a helper keeps on the stack while it calls a function back: bpf_for_each_map_elem, the others */
enum { JIT_STACK_OF_EACH = 256, JIT_STACK_OF_LOOP = 64 };

/* appends to x: the program first, its other functions behind it. x86_link is the caller's */
struct err *jit_compile(const struct bpf_insn *insns, uint32_t n, const struct jit_env *env,
			struct x86 *x) ERR_MUST;
enum x86_reg jit_reg(unsigned ebpf_reg); /* R0 to R9 */

#endif
