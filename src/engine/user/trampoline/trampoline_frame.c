/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frame of a trampoline: a piece of struct pt_regs. A register that the programs look at and one that is written by them stand in
 * the same place, so that keeping and showing is one store. Words that nobody needs are not stored, and what lies in front of the first
 * one and behind the last one has no room on the stack. Above it, where there are such: the flags, the red zone, the slot of the return address.
 */
#include "engine/user/trampoline/trampoline_private.h"

#include "engine/user/code/context_use.h"

#include <stddef.h>
#include <sys/user.h>

enum {
	RED_ZONE = 128,
	FLAGS_BYTES =
		16, /* all of them as pushfq has them, then those of arithmetic as lahf and seto have them */
	DIRECTION = 1 << 10,
	USER_CS = 0x33,
	USER_SS = 0x2b,
	/* words of struct pt_regs that are no general register */
	WORD_ORIG_AX = offsetof(struct user_regs_struct, orig_rax) / 8,
	WORD_IP = offsetof(struct user_regs_struct, rip) / 8,
	WORD_CS = offsetof(struct user_regs_struct, cs) / 8,
	WORD_FLAGS = offsetof(struct user_regs_struct, eflags) / 8,
	WORD_SP = offsetof(struct user_regs_struct, rsp) / 8,
	WORD_SS = offsetof(struct user_regs_struct, ss) / 8,
};

/* of a general register: its word in struct pt_regs */
static const uint8_t words[X_N_REGS] = {
	[X_RAX] = 10, [X_RCX] = 11, [X_RDX] = 12, [X_RBX] = 5, [X_RSP] = WORD_SP, [X_RBP] = 4,
	[X_RSI] = 13, [X_RDI] = 14, [X_R8] = 9,   [X_R9] = 8,  [X_R10] = 7,       [X_R11] = 6,
	[X_R12] = 3,  [X_R13] = 2,  [X_R14] = 1,  [X_R15] = 0,
};
_Static_assert(offsetof(struct user_regs_struct, rax) == 80 &&
		       offsetof(struct user_regs_struct, r15) == 0 && WORD_SS == CONTEXT_WORDS - 1,
	       "words of struct pt_regs");

static int32_t word_at(const struct frame *f, unsigned word)
{
	return 8 * (int32_t)word - f->low;
}

/* right at the end of a stack of ours */
static bool is_aligned(const struct frame *f)
{
	return f->sp_at == offsetof(struct rt_stack, rsp);
}

void frame_lay_out(struct frame *f)
{
	uint32_t kept = f->shown;
	int32_t n_words, above;

	if (f->shown & 1u << WORD_FLAGS)
		f->has_flags = f->has_direction = true;
	if (f->shown & 1u << WORD_SP || f->has_flags)
		f->saved |= 1u << X_RAX;
	f->saved &= ~(1u << X_RSP);
	for (unsigned r = 0; r < X_N_REGS; r++)
		if (f->saved & 1u << r)
			kept |= 1u << words[r];
	if (!kept)
		return;
	f->low = 8 * __builtin_ctz(kept);
	n_words = 32 - __builtin_clz(kept) - f->low / 8;
	f->has_tid = f->n_tids > 1;
	above = f->has_flags * FLAGS_BYTES + f->has_tid * 8 + f->has_red_zone * RED_ZONE +
		f->is_return * 8;
	f->flags_at = 8 * n_words;
	f->tid_at = f->flags_at + f->has_flags * FLAGS_BYTES;
	f->bytes = 8 * n_words + above;
	/*
	 * A multiple of 16 below, if the traced program keeps to the convention: at entries rsp is 8 less than one. Nothing here
	 * depends on it, because no vector register is ever stored
	 */
	f->bytes += -(f->bytes + (f->is_return || f->has_red_zone || is_aligned(f) ? 0 : 8)) & 15;
}

static void save_register(struct x86 *x, const struct frame *f, enum x86_reg r)
{
	x86_store(x, 8, X_RSP, word_at(f, words[r]), r);
}

void frame_put_room(struct x86 *x, const struct frame *f)
{
	x86_lea(x, X_RSP, X_RSP, -f->bytes);
	if (f->has_flags)
		save_register(x, f, X_RAX);
	if (!f->has_flags)
		return;
	if (f->has_direction) {
		x86_pushf(x);
		x86_pop_mem(x, X_RSP, f->flags_at);
	}
	x86_flags_to_rax(x);
	x86_store(x, 8, X_RSP, f->flags_at + 8, X_RAX);
	/* helpers copy upwards: the convention has it so where functions begin and end, but nobody promises it elsewhere */
	if (f->has_direction)
		x86_clear_direction(x);
}

void frame_put_words(struct x86 *x, const struct frame *f)
{
	static const struct {
		uint8_t word;
		int32_t value;
	} constants[] = { { WORD_ORIG_AX, -1 }, { WORD_CS, USER_CS }, { WORD_SS, USER_SS } };

	for (unsigned r = 0; r < X_N_REGS; r++)
		if ((f->saved & 1u << r || f->shown & 1u << words[r]) && r != X_RSP &&
		    !(r == X_RAX && f->has_flags))
			save_register(x, f, (enum x86_reg)r);
	for (unsigned r = 0; r < X_N_REGS; r++)
		if (f->blank & 1u << r)
			x86_store_imm(x, 8, X_RSP, word_at(f, words[r]), 0);
	for (unsigned i = 0; i < sizeof(constants) / sizeof(*constants); i++)
		if (f->shown & 1u << constants[i].word)
			x86_store_imm(x, 8, X_RSP, word_at(f, constants[i].word),
				      constants[i].value);
	if (f->shown & 1u << WORD_SP) {
		if (f->sp_at)
			x86_load(x, 8, X_RAX, X_RSP, f->bytes + (int32_t)f->sp_at);
		else
			x86_lea(x, X_RAX, X_RSP, f->bytes);
		x86_store(x, 8, X_RSP, word_at(f, WORD_SP), X_RAX);
	}
	if (f->shown & 1u << WORD_FLAGS) {
		x86_load(x, 8, X_RAX, X_RSP, f->flags_at);
		x86_store(x, 8, X_RSP, word_at(f, WORD_FLAGS), X_RAX);
	}
}

void frame_put_registers_back(struct x86 *x, const struct frame *f)
{
	for (unsigned r = 0; r < X_N_REGS; r++)
		if (f->saved & 1u << r)
			x86_load(x, 8, (enum x86_reg)r, X_RSP, word_at(f, words[r]));
}

/* popfq would do, and is slow: it can change much more than this */
void frame_put_flags_back(struct x86 *x, const struct frame *f)
{
	uint32_t is_upwards;

	if (!f->has_flags)
		return;
	if (f->has_direction) {
		is_upwards = x86_label(x);
		x86_load(x, 8, X_RAX, X_RSP, f->flags_at);
		x86_test_imm(x, false, X_RAX, DIRECTION);
		x86_jump(x, X_E, is_upwards);
		x86_set_direction(x);
		x86_place(x, is_upwards);
	}
	x86_load(x, 8, X_RAX, X_RSP, f->flags_at + 8);
	x86_flags_from_rax(x);
	x86_load(x, 8, X_RAX, X_RSP, word_at(f, words[X_RAX]));
}

uint32_t frame_shown_registers(const struct frame *f)
{
	uint32_t ret = 0;

	for (unsigned r = 0; r < X_N_REGS; r++)
		if (f->shown & 1u << words[r])
			ret |= 1u << r;
	return ret;
}

int32_t frame_ip_at(const struct frame *f)
{
	return word_at(f, WORD_IP);
}

void frame_words(const struct frame *f, int32_t *from, int32_t *end)
{
	*from = f->low;
	*end = f->low + f->flags_at;
}

bool frame_shows_ip(const struct frame *f)
{
	return f->shown & 1u << WORD_IP;
}

bool frame_shows_flags(const struct frame *f)
{
	return f->shown & 1u << WORD_FLAGS;
}

void frame_store_ip(struct x86 *x, const struct frame *f, uint64_t ip)
{
	x86_store_imm(x, 4, X_RSP, frame_ip_at(f), (int32_t)ip);
	x86_store_imm(x, 4, X_RSP, frame_ip_at(f) + 4, (int32_t)(ip >> 32));
}
