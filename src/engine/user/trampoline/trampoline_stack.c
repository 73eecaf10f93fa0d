/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changing to a stack of ours at a place where the traced program's may have no room, as in Go, and back again. Nothing is written below
 * the program's rsp, and nothing may be asked of it. The stacks (struct rt_stack) are in the process's private memory; whoever sets a
 * stack's bit has it, so a signal handler that interrupts a probe takes another one, and all of them taken is a hit that is missed.
 *
 * With a free register, the search begins at the stack of this processor's number, so that threads mostly do not meet. Without one, the
 * bits are tried by instructions that name no register (lock bts at an address), and what runs on the stack is called from where it is
 * known which one that is. That changes the flags: where they are needed, two free registers are.
 */
#include "engine/user/trampoline/trampoline_private.h"

#include "engine/user/code/context_use.h"

#include <stddef.h>

enum {
	MOST_TRIED = 12, /* of the stacks, where no register is free */
	SP_AT = offsetof(struct rt_stack, rsp),
	TAKEN_AT = offsetof(struct rt_stack, is_taken),
};

static enum x86_reg take_register(uint32_t *free)
{
	/* Go's scratch registers first */
	static const uint8_t order[] = { X_R12, X_R13, X_R15, X_R11, X_R10, X_R9,
					 X_R8,  X_RCX, X_RDX, X_RSI, X_RDI, X_RBX };

	for (unsigned i = 0; i < sizeof(order); i++)
		if (*free & 1u << order[i]) {
			*free &= ~(1u << order[i]);
			return (enum x86_reg)order[i];
		}
	return X_N_REGS;
}

struct err *stack_choose(struct stack_switch *w, const struct trampoline_site *s, struct frame *f)
{
	/* a program that looks at a register shall see the place's; one that gives all of them away sees 0 in a free one */
	bool is_all = f->shown == CONTEXT_ALL;
	uint32_t free = is_all ? s->free : s->free & ~frame_shown_registers(f);

	if (!w->env->n_stacks)
		return err_new(0, "there are no stacks of ours");
	w->has_flags = s->kind != TRAMPOLINE_ENTRY || (frame_shows_flags(f) && !is_all);
	w->stack = take_register(&free);
	w->kept = w->has_flags ? take_register(&free) : X_N_REGS;
	w->is_called = w->stack == X_N_REGS;
	if (w->has_flags && w->kept == X_N_REGS)
		return err_new(
			0,
			"no register is free there to change to another stack than the program's");
	f->blank = is_all ? s->free & ~free : 0;
	return NULL;
}

uint32_t stack_sp_at(const struct stack_switch *w)
{
	return SP_AT + (w->is_called ? 8 : 0);
}

void stack_put_begin(struct stack_switch *w)
{
	w->leave = x86_label(w->x);
	w->out = x86_label(w->x);
	if (!w->has_flags)
		return;
	x86_mov(w->x, true, w->kept, X_RAX);
	x86_flags_to_rax(w->x);
}

static void put_flags_back(struct stack_switch *w)
{
	if (!w->has_flags)
		return;
	x86_flags_from_rax(w->x);
	x86_mov(w->x, true, X_RAX, w->kept);
}

static void put_missed(struct stack_switch *w)
{
	w->is_far |= !x86_lock_inc_at(w->x, w->env->area + offsetof(struct rt_area, n_missed_hits));
	x86_jump(w->x, X_ALWAYS, w->leave);
}

static void put_search(struct stack_switch *w)
{
	const uint64_t private = w->env->private;
	uint32_t again = x86_label(w->x), got = x86_label(w->x);
	struct x86 *x = w->x;

	/* the second half is everybody's: for threads that are moved, or wait for a processor, in a probe */
	x86_processor(x, w->stack);
	x86_alu_imm(x, false, X_AND, w->stack, (int32_t)w->env->n_stacks / 2 - 1);
	x86_shift_imm(x, true, X_SHL, w->stack, RT_STACK_SHIFT);
	w->is_far |= !x86_alu_at(x, X_ADD, w->stack, private + offsetof(struct rt_private, stacks));
	x86_place(x, again);
	x86_lock_bts(x, w->stack);
	x86_jump(x, X_AE, got);
	x86_alu_imm(x, true, X_ADD, w->stack, RT_STACK_BYTES);
	w->is_far |= !x86_alu_at(x, X_CMP, w->stack,
				 private + offsetof(struct rt_private, stacks_end));
	x86_jump(x, X_B, again);
	put_missed(w);
	x86_place(x, got);
	x86_store(x, 8, w->stack, SP_AT, X_RSP);
	x86_mov(x, true, X_RSP, w->stack);
	put_flags_back(w);
}

static void put_one(struct stack_switch *w, uint64_t stack)
{
	struct x86 *x = w->x;

	w->is_far |= !x86_store_at(x, stack + SP_AT, X_RSP);
	w->is_far |= !x86_lea_at(x, X_RSP, stack);
	x86_call(x, w->body);
	w->is_far |= !x86_load_at(x, X_RSP, stack + SP_AT);
	w->is_far |= !x86_store_imm_at(x, stack + TAKEN_AT, 0);
	x86_jump(x, X_ALWAYS, w->out);
}

/* places begin at different stacks, so that threads at different ones do not meet */
static void put_tries(struct stack_switch *w)
{
	uint32_t n = w->env->n_stacks, tried = n < MOST_TRIED ? n : MOST_TRIED, got[MOST_TRIED];
	uint64_t stacks[MOST_TRIED];

	for (uint32_t i = 0; i < tried; i++) {
		stacks[i] = w->env->stacks + ((w->site >> 4) + i) % n * RT_STACK_BYTES;
		got[i] = x86_label(w->x);
		w->is_far |= !x86_lock_bts_at(w->x, stacks[i] + TAKEN_AT);
		x86_jump(w->x, X_AE, got[i]);
	}
	put_missed(w);
	w->body = x86_label(w->x);
	for (uint32_t i = 0; i < tried; i++) {
		x86_place(w->x, got[i]);
		put_one(w, stacks[i]);
	}
	x86_place(w->x, w->body);
}

void stack_put_take(struct stack_switch *w)
{
	_Static_assert(TAKEN_AT == 0, "x86_lock_bts has no displacement");
	if (w->is_called)
		put_tries(w);
	else
		put_search(w);
}

void stack_put_back(struct stack_switch *w, int32_t bytes)
{
	struct x86 *x = w->x;

	if (w->is_called) {
		x86_lea(x, X_RSP, X_RSP, bytes);
		x86_ret(x);
		x86_place(x, w->leave);
		x86_place(x, w->out);
		return;
	}
	/* moves only: the flags are the program's. Behind the last one the stack is another thread's */
	x86_lea(x, w->stack, X_RSP, bytes);
	x86_load(x, 8, X_RSP, w->stack, SP_AT);
	x86_store_imm(x, 4, w->stack, TAKEN_AT, 0);
	if (w->has_flags) {
		x86_jump(x, X_ALWAYS, w->out);
		x86_place(x, w->leave);
		put_flags_back(w);
	} else {
		x86_place(x, w->leave);
	}
	x86_place(x, w->out);
}
