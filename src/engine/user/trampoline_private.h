/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the trampolines' files share: trampoline.c (bodies, sites), trampoline_frame.c (what is kept and shown). Nobody else includes this. */
#ifndef SONDE_ENGINE_USER_TRAMPOLINE_PRIVATE_H
#define SONDE_ENGINE_USER_TRAMPOLINE_PRIVATE_H

#include "engine/user/trampoline.h"

struct frame {
	uint32_t shown;       /* words that the programs read, as bits */
	uint32_t saved;       /* registers that are written, as bits */
	uint32_t prog_stack;  /* bytes that the programs use at most */
	int32_t low;          /* where the frame begins in struct pt_regs */
	int32_t bytes;        /* from its beginning to the place's rsp */
	int32_t flags_at;     /* from its beginning; has_flags */
	bool has_flags;       /* the traced program needs them */
	bool has_red_zone;
	bool is_return; /* the highest word is the slot of the return address */
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
int32_t frame_ip_at(const struct frame *f);

#endif
