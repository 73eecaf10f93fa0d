/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making x86-64 instructions, as many forms as the JIT and the trampolines need: register to register, register and memory at
 * base + displacement, register and immediate, jumps and calls by label. Encodings: Intel SDM volume 2. Code is appended to a
 * buffer that its owner frees; addresses are known from the start, because a target's memory is mapped before code is made.
 */
#ifndef SONDE_ENGINE_USER_X86_H
#define SONDE_ENGINE_USER_X86_H

#include "base/strbuf.h"
#include "base/vec.h"

#include <stdint.h>

enum x86_reg {
	X_RAX,
	X_RCX,
	X_RDX,
	X_RBX,
	X_RSP,
	X_RBP,
	X_RSI,
	X_RDI,
	X_R8,
	X_R9,
	X_R10,
	X_R11,
	X_R12,
	X_R13,
	X_R14,
	X_R15,
	X_N_REGS
};

/* the arithmetic group: number in opcode and in modrm.reg alike */
enum x86_alu { X_ADD = 0, X_OR = 1, X_AND = 4, X_SUB = 5, X_XOR = 6, X_CMP = 7 };
/* shifts: modrm.reg of c1 and d3 */
enum x86_shift { X_SHL = 4, X_SHR = 5, X_SAR = 7 };
/* group f7: modrm.reg */
enum x86_unary { X_NOT = 2, X_NEG = 3, X_MUL = 4, X_DIV = 6, X_IDIV = 7 };
/* condition codes */
enum x86_cc {
	X_B = 2,
	X_AE = 3,
	X_E = 4,
	X_NE = 5,
	X_BE = 6,
	X_A = 7,
	X_L = 12,
	X_GE = 13,
	X_LE = 14,
	X_G = 15,
	X_ALWAYS = 16
};

struct x86_fixup {
	uint32_t at; /* offset of a rel32 */
	uint32_t label;
};

struct x86 {
	struct strbuf code;
	uint64_t base;        /* address of the first byte, where the code will run */
	uint32_t written;     /* registers that were written so far, as bits */
	VEC(uint32_t) labels; /* offsets; UINT32_MAX: not placed yet */
	VEC(struct x86_fixup) fixups;
};

void x86_free(struct x86 *x);
static inline uint32_t x86_here(const struct x86 *x)
{
	return (uint32_t)x->code.n;
}

/* ---- labels ---- */
uint32_t x86_label(struct x86 *x);
void x86_place(struct x86 *x, uint32_t label);
void x86_jump(struct x86 *x, enum x86_cc cc, uint32_t label);
void x86_call(struct x86 *x, uint32_t label);
/* lea reg, [rip + label] */
void x86_lea_label(struct x86 *x, enum x86_reg reg, uint32_t label);
/* all labels are placed: offsets are filled in, and labels begin anew */
void x86_link(struct x86 *x);
/* to an address outside; false when it is out of reach of 32 bits */
bool x86_jump_to(struct x86 *x, uint64_t address);
bool x86_call_to(struct x86 *x, uint64_t address);

/* ---- instructions; is_wide: 64 bits, else 32 (the upper half becomes 0) ---- */
void x86_bytes(struct x86 *x, const void *bytes, uint32_t n);
void x86_mov(struct x86 *x, bool is_wide, enum x86_reg dst, enum x86_reg src);
void x86_mov_imm(struct x86 *x, enum x86_reg dst, uint64_t imm); /* the shortest form */
void x86_alu(struct x86 *x, bool is_wide, enum x86_alu op, enum x86_reg dst, enum x86_reg src);
void x86_alu_imm(struct x86 *x, bool is_wide, enum x86_alu op, enum x86_reg dst, int32_t imm);
void x86_test(struct x86 *x, bool is_wide, enum x86_reg a, enum x86_reg b);
void x86_test_imm(struct x86 *x, bool is_wide, enum x86_reg a, int32_t imm);
void x86_shift_imm(struct x86 *x, bool is_wide, enum x86_shift op, enum x86_reg dst, unsigned n);
void x86_shift_cl(struct x86 *x, bool is_wide, enum x86_shift op, enum x86_reg dst);
void x86_unary(struct x86 *x, bool is_wide, enum x86_unary op, enum x86_reg reg);
void x86_imul(struct x86 *x, bool is_wide, enum x86_reg dst, enum x86_reg src);
void x86_imul_imm(struct x86 *x, bool is_wide, enum x86_reg dst, enum x86_reg src, int32_t imm);
/* with 4 or 8 bytes at base + disp */
void x86_alu_mem(struct x86 *x, bool is_wide, enum x86_alu op, enum x86_reg dst, enum x86_reg base,
		 int32_t disp);
void x86_cmp_mem_imm(struct x86 *x, bool is_wide, enum x86_reg base, int32_t disp, int32_t imm);
/* the number of the highest bit that is set; src must not be 0 */
void x86_bsr(struct x86 *x, bool is_wide, enum x86_reg dst, enum x86_reg src);
void x86_bswap(struct x86 *x, bool is_wide, enum x86_reg reg);
void x86_sign_extend(struct x86 *x, bool is_wide, enum x86_reg dst, enum x86_reg src,
		     unsigned from_bytes);
void x86_zero_extend16(struct x86 *x, enum x86_reg dst, enum x86_reg src);
void x86_rol16_8(struct x86 *x, enum x86_reg reg); /* swaps the two low bytes */
void x86_lea(struct x86 *x, enum x86_reg dst, enum x86_reg base, int32_t disp);
void x86_push(struct x86 *x, enum x86_reg reg);
void x86_pop(struct x86 *x, enum x86_reg reg);
void x86_ret(struct x86 *x);

/* size bytes at base + disp; loads extend with zeroes, or with the sign */
void x86_load(struct x86 *x, unsigned size, enum x86_reg dst, enum x86_reg base, int32_t disp);
void x86_load_signed(struct x86 *x, unsigned size, enum x86_reg dst, enum x86_reg base,
		     int32_t disp);
void x86_store(struct x86 *x, unsigned size, enum x86_reg base, int32_t disp, enum x86_reg src);
void x86_store_imm(struct x86 *x, unsigned size, enum x86_reg base, int32_t disp, int32_t imm);
/* locked: op 4 or 8 bytes at base + disp */
void x86_lock_alu(struct x86 *x, bool is_wide, enum x86_alu op, enum x86_reg base, int32_t disp,
		  enum x86_reg src);
void x86_lock_xadd(struct x86 *x, bool is_wide, enum x86_reg base, int32_t disp, enum x86_reg reg);
/* the same without the lock: whole to whatever else this processor does, not to others */
void x86_xadd(struct x86 *x, bool is_wide, enum x86_reg base, int32_t disp, enum x86_reg reg);
void x86_xchg_mem(struct x86 *x, bool is_wide, enum x86_reg base, int32_t disp, enum x86_reg reg);
/* lock inc of 8 bytes at an address; false when it is out of reach */
bool x86_lock_inc_at(struct x86 *x, uint64_t address);
/* compares rax */
void x86_lock_cmpxchg(struct x86 *x, bool is_wide, enum x86_reg base, int32_t disp,
		      enum x86_reg src);

/* ---- what trampolines need besides (x86_special.c) ---- */
/* compares 4 bytes at an address with 0; false when it is out of reach */
bool x86_cmp_zero_at(struct x86 *x, uint64_t address);
/* flags of arithmetic to and from rax, whose other bits are lost: two instructions each, and pushfq is slow */
void x86_flags_to_rax(struct x86 *x);
void x86_flags_from_rax(struct x86 *x);
void x86_pushf(struct x86 *x);
void x86_clear_direction(struct x86 *x);
void x86_set_direction(struct x86 *x);
void x86_pop_mem(struct x86 *x, enum x86_reg base,
		 int32_t disp); /* base rsp: as it is afterwards */
void x86_trap(struct x86 *x);
void x86_nops(struct x86 *x, uint32_t n);
/* the processor's number, perhaps with its node above bit 12; rdpid where this machine has it */
void x86_processor(struct x86 *x, enum x86_reg dst);
bool x86_has_rdpid(void);
/* rax = the time stamp counter; rdx is written */
void x86_time_stamp(struct x86 *x);
/* rdx, rax = the 128 bits of rax * by, signed */
void x86_imul_both(struct x86 *x, enum x86_reg by);
/* where fs points: only if the kernel lets programs ask */
void x86_fs_base(struct x86 *x, enum x86_reg dst);
bool x86_has_fs_base(void);
/* lea dst, [address]; false: out of reach, as with all of these */
bool x86_lea_at(struct x86 *x, enum x86_reg dst, uint64_t address);
bool x86_load_at(struct x86 *x, enum x86_reg dst, uint64_t address);
bool x86_store_at(struct x86 *x, uint64_t address, enum x86_reg src);
bool x86_store_imm_at(struct x86 *x, uint64_t address, int32_t imm); /* 4 bytes */
bool x86_alu_at(struct x86 *x, enum x86_alu op, enum x86_reg dst, uint64_t address);
/* sets bit 0 of the 4 bytes there, locked; the carry is what it was */
bool x86_lock_bts_at(struct x86 *x, uint64_t address);
void x86_lock_bts(struct x86 *x, enum x86_reg base);

#endif
