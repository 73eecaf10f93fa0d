/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What build_unwind*.c share: the state of a walk, and the small words that it is written in. */
#ifndef SONDE_IR_BUILD_UNWIND_PRIVATE_H
#define SONDE_IR_BUILD_UNWIND_PRIVATE_H

#include "ir/build_private.h"

#include "types/cfi_rule.h"

#include <linux/bpf.h>
#include <stddef.h>

/* state, in scratch from b->unwind_at: what is read back from there has no value that the verifier would follow */
enum {
	U_IP = 0,
	U_SP = 8,
	U_BP = 16,
	U_N = 24,    /* frames so far */
	U_HASH = 32, /* of them */
	U_STATUS = 40,
	U_BACK = 48, /* what to take off ip before it is looked up: 1 for return addresses, which may be the next function's */
	U_KEY = 56,  /* struct image_unwind_key */
	U_FP = 64,   /* frames by frame pointers */
	U_TRAMPOLINE =
		72,      /* the address that uretprobes put in place of return addresses; 0: none */
	U_INSTANCE = 80, /* the uretprobe to compare next (kernel address) */
	U_SHIFT = 88,    /* the first frame is shown as ip - this */
	/* the registers that the walk began with: what the consumer unwinds begins there, too */
	U_FIRST_IP = 96,
	U_FIRST_SP = 104,
	U_FIRST_BP = 112,
	U_FIRST_INSTANCE = 120,
	U_SHIFT_NOW = 128, /* U_SHIFT for the next frame to be added: 0 behind the first */
	U_BYTES = 136,
	/* U_STATUS */
	GOES_ON = 0,
	ENDED = 1,
	FAILED = 2,
	UNKNOWN = 3, /* tables are missing */
	INSTANCES_MAX = 8,
	PENDING_MAX = 64, /* uretprobes of a thread, as the kernel has it */
	PAGE_BYTES = 4096,
	LONGEST_INSN = 15,
	USER_CS = 0x33,
	SNAPSHOT_CHUNK = 1024,
};

/* a word of the state: U_IP, ... */
uint32_t unwind_get(struct builder *b, int what);
void unwind_set(struct builder *b, int what, uint32_t v);
void unwind_set_imm(struct builder *b, int what, int64_t v);
/* 8 bytes of the kernel; 0 when they cannot be read */
uint32_t unwind_read_kernel(struct builder *b, uint32_t addr);
/* are the kernel's structures for pending uretprobes known? */
bool unwind_knows_instances(const struct builder *b);
/* frames[n++] = frame, and into the hash */
void unwind_add_frame(struct builder *b, struct value buf_off, uint32_t limit, uint32_t frame);
void unwind_count(struct builder *b, uint32_t stats, enum image_unwind_stat what, uint32_t n);

/* build_unwind_step.c: the callback that does one frame */
struct fn_state *unwind_build_step(struct builder *b, struct value buf, uint32_t limit);

/*
 * build_unwind_send.c: registers and stack go out in a record, and a number of its own stands for the stack until the consumer knows
 * the frames. Where the ring has no room the stack is its first frame, and a mark that the rest is missing.
 */
void unwind_send_snapshot(struct builder *b, struct value to, struct value buf, uint32_t pid,
			  uint32_t limit, uint32_t stats, uint32_t sent);

#endif
