/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the trampolines' files share: trampoline.c (bodies, sites), trampoline_frame.c (what is kept and shown), trampoline_stack.c (stacks of
 * ours). Nobody else includes this.
 */
#ifndef SONDE_ENGINE_USER_TRAMPOLINE_PRIVATE_H
#define SONDE_ENGINE_USER_TRAMPOLINE_PRIVATE_H

#include "engine/user/trampoline/trampoline.h"

struct frame {
	uint32_t shown;      /* words that the programs read, as bits */
	uint32_t saved;      /* registers that are written, as bits */
	uint32_t prog_stack; /* bytes that the programs use at most */
	int32_t low;         /* where the frame begins in struct pt_regs */
	int32_t bytes;       /* from its beginning to the place's rsp */
	int32_t flags_at;    /* from its beginning; has_flags */
	bool has_flags;      /* the traced program needs them */
	bool has_direction; /* and the direction flag may be anything */
	bool has_red_zone;
	bool has_tid;        /* a word in which programs keep which thread it is */
	int32_t tid_at;      /* from its beginning; has_tid */
	uint32_t n_tids;     /* how often they ask */
	bool is_return; /* the highest word is the slot of the return address */
	uint32_t blank; /* registers that are shown as 0 */
	uint32_t sp_at; /* not 0: the program's rsp is kept so far above the frame, which is on a stack of ours */
};

/* sizes and places, when what is shown and written is known */
void frame_lay_out(struct frame *f);
/* takes the room, and the flags before anything changes them; rax is kept then */
void frame_put_room(struct x86 *x, const struct frame *f);
void frame_put_words(struct x86 *x, const struct frame *f);
/* moves only: the flags are those of what was before */
void frame_put_registers_back(struct x86 *x, const struct frame *f);
void frame_put_flags_back(struct x86 *x, const struct frame *f);
void frame_store_ip(struct x86 *x, const struct frame *f, uint64_t ip);
bool frame_shows_ip(const struct frame *f);
bool frame_shows_flags(const struct frame *f);
/* general registers that the programs look at, as a mask of registers */
uint32_t frame_shown_registers(const struct frame *f);
int32_t frame_ip_at(const struct frame *f);
/* from the programs' R1: where the words begin and end that are there */
void frame_words(const struct frame *f, int32_t *from, int32_t *end);

/* changing to a stack of ours and back */
struct stack_switch {
	struct x86 *x;
	const struct trampoline_env *env;
	uint64_t site;
	bool has_flags;            /* the program needs them */
	enum x86_reg stack, kept;  /* free ones: for the stack's address; what rax was, has_flags */
	bool is_called;            /* no register is free: what runs on the stack is called there */
	uint32_t leave, body, out; /* labels */
	bool is_far;
};
/* by what the programs look at and the place has free; an error when there is no way */
struct err *stack_choose(struct stack_switch *w, const struct trampoline_site *s,
			 struct frame *f) ERR_MUST;
/* in front of the guard, which jumps to w->leave */
void stack_put_begin(struct stack_switch *w);
/* takes one; all registers but the free ones are the program's again */
void stack_put_take(struct stack_switch *w);
/* gives it back; bytes: so much lies on it */
void stack_put_back(struct stack_switch *w, int32_t bytes);
/* from the lower end of what lies on it to where the program's rsp is kept */
uint32_t stack_sp_at(const struct stack_switch *w);

#endif
