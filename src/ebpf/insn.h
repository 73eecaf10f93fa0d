/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * eBPF instructions while a function is being made: bpf_insn plus what is still symbolic (labels, called functions,
 * maps, 64-bit constants). The emitter appends, the peephole marks and rewrites, the layout turns the list into plain
 * instructions. The list is on the heap: its owner calls ebpf_code_free.
 */
#ifndef SONDE_EBPF_INSN_H
#define SONDE_EBPF_INSN_H

#include "base/vec.h"

#include <linux/bpf.h>

enum ebpf_reg { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10, EBPF_N_REGS };

#define EBPF_NO_LABEL UINT32_MAX
#define EBPF_STACK_LIMIT 512 /* MAX_BPF_STACK of the kernel: all frames of a call chain together */

enum ebpf_item_kind {
	ITEM_DEAD,      /* removed */
	ITEM_LABEL,     /* number in target */
	ITEM_INSN,      /* as it stands */
	ITEM_JUMP,      /* to label target */
	ITEM_IMM64,     /* ld_imm64 of imm */
	ITEM_MAP,       /* ld_imm64 of the map with index imm */
	ITEM_MAP_VALUE, /* ld_imm64 of an address in map imm, byte offset in map_off */
	ITEM_FUNC,      /* ld_imm64 of IR function imm */
	ITEM_CALL_FN,   /* call of IR function imm */
};

struct ebpf_item {
	struct bpf_insn in;
	uint8_t kind; /* enum ebpf_item_kind */
	uint32_t target;
	uint32_t ir; /* IR instruction that it comes from */
	union {
		int32_t map_off; /* ITEM_MAP_VALUE */
		int32_t n_args;  /* calls */
	};
	int64_t imm;
};

struct ebpf_code {
	VEC(struct ebpf_item) items;
	uint32_t n_labels;
};

static inline void ebpf_code_free(struct ebpf_code *c)
{
	vec_free(&c->items);
}

/* how many instructions of the program it becomes */
static inline uint32_t ebpf_item_insns(const struct ebpf_item *it)
{
	switch (it->kind) {
	case ITEM_DEAD:
	case ITEM_LABEL: return 0;
	case ITEM_IMM64:
	case ITEM_MAP:
	case ITEM_MAP_VALUE:
	case ITEM_FUNC: return 2;
	default: return 1;
	}
}

/* the size bits of a memory access of 1, 2, 4 or 8 bytes */
static inline uint8_t ebpf_size_bits(unsigned size)
{
	return size == 1 ? BPF_B : size == 2 ? BPF_H : size == 4 ? BPF_W : BPF_DW;
}

static inline unsigned ebpf_size_bytes(uint8_t code)
{
	switch (code & 0x18) {
	case BPF_B: return 1;
	case BPF_H: return 2;
	case BPF_W: return 4;
	default: return 8;
	}
}

static inline struct bpf_insn ebpf_insn(uint8_t code, unsigned dst, unsigned src, int off,
					int32_t imm)
{
	return (struct bpf_insn){ .code = code,
				  .dst_reg = dst & 15,
				  .src_reg = src & 15,
				  .off = (int16_t)off,
				  .imm = imm };
}

static inline struct bpf_insn ebpf_alu_reg(uint8_t op, unsigned dst, unsigned src)
{
	return ebpf_insn(BPF_ALU64 | op | BPF_X, dst, src, 0, 0);
}

static inline struct bpf_insn ebpf_alu_imm(uint8_t op, unsigned dst, int32_t imm)
{
	return ebpf_insn(BPF_ALU64 | op | BPF_K, dst, 0, 0, imm);
}

static inline struct bpf_insn ebpf_load(unsigned size, unsigned dst, unsigned base, int off)
{
	return ebpf_insn(BPF_LDX | BPF_MEM | ebpf_size_bits(size), dst, base, off, 0);
}

static inline struct bpf_insn ebpf_store(unsigned size, unsigned base, int off, unsigned src)
{
	return ebpf_insn(BPF_STX | BPF_MEM | ebpf_size_bits(size), base, src, off, 0);
}

static inline struct bpf_insn ebpf_store_imm(unsigned size, unsigned base, int off, int32_t imm)
{
	return ebpf_insn(BPF_ST | BPF_MEM | ebpf_size_bits(size), base, 0, off, imm);
}

static inline uint8_t ebpf_class(const struct bpf_insn *in)
{
	return in->code & 7;
}

static inline bool ebpf_is_wide(const struct bpf_insn *in)
{
	return in->code == (BPF_LD | BPF_IMM | BPF_DW);
}

static inline bool ebpf_fits_s32(int64_t v)
{
	return v == (int32_t)v;
}

static inline bool ebpf_fits_s16(int64_t v)
{
	return v == (int16_t)v;
}

/* whether a conditional jump with these operands jumps; an operation that compares nothing does */
static inline bool ebpf_jumps(uint8_t code, uint64_t a, uint64_t b)
{
	int64_t sa = (int64_t)a, sb = (int64_t)b;

	if (BPF_CLASS(code) == BPF_JMP32) {
		a = (uint32_t)a;
		b = (uint32_t)b;
		sa = (int32_t)a;
		sb = (int32_t)b;
	}
	switch (BPF_OP(code)) {
	case BPF_JEQ: return a == b;
	case BPF_JNE: return a != b;
	case BPF_JGT: return a > b;
	case BPF_JGE: return a >= b;
	case BPF_JLT: return a < b;
	case BPF_JLE: return a <= b;
	case BPF_JSGT: return sa > sb;
	case BPF_JSGE: return sa >= sb;
	case BPF_JSLT: return sa < sb;
	case BPF_JSLE: return sa <= sb;
	case BPF_JSET: return a & b;
	default: return true; /* BPF_JA */
	}
}

#endif
