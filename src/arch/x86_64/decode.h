/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Machine code of one function as an array of instructions: where each begins, where it can go, which registers and
 * memory it touches, and what the kernel does with it under a uprobe. Probe placement, probes on RET instructions,
 * inlined instances and the check of offsets ask here; only this folder knows Zydis.
 *
 * The bytes are foreign: any bytes decode to something bounded (at most one instruction per byte). Decoding is a sweep from
 * the start; where bytes are no instruction it says so and goes on at the next address that a direct branch of
 * the function names. A struct code owns its array: code_free.
 */
#ifndef SONDE_ARCH_X86_64_DECODE_H
#define SONDE_ARCH_X86_64_DECODE_H

#include "base/str.h"

enum code_kind {
	CODE_OTHER,
	CODE_RET,
	CODE_JMP, /* direct, unconditional */
	CODE_JMP_INDIRECT,
	CODE_JCC, /* direct, conditional: jcc, and jrcxz, loop*, xbegin */
	CODE_CALL,
	CODE_CALL_INDIRECT,
	CODE_NOP,
	CODE_PUSH, /* of a register */
	CODE_ENDBR,
	CODE_TRAP, /* int3, ud2, hlt: control does not go on */
	CODE_SYSCALL,
};

/* what is true of an instruction, bits */
enum {
	CODE_EMULATED =
		1, /* under a uprobe: done by the kernel itself, from 6.1 on; no single step */
	CODE_REFUSED =
		2, /* the kernel refuses a uprobe here (prefixes lock, cs, ds, ...; in, out, ...) */
	CODE_NOP5 = 4,     /* 0f 1f 44 00 00, in whose place kernels from 6.18 on put a call */
	CODE_MEM_READ = 8, /* explicit or implied, the stack included */
	CODE_MEM_WRITE = 16,
	CODE_SP_UNKNOWN = 32, /* rsp changes by what sp_delta does not say */
	CODE_AFTER_GAP = 64,  /* the bytes before this one were no instruction */
	CODE_TARGET = 128,    /* a direct branch of this function goes here */
	CODE_REPEATED = 256,  /* rep: executes any number of times, can be interrupted in between */
	CODE_RIP_RELATIVE = 512,
	CODE_LOCKED = 2048,  /* lock prefix: old code jumps behind it */
	CODE_NOTRACK = 4096, /* an indirect jump through a table, as compilers mark them */
	CODE_PADDING = 1024, /* nop or int3 that control cannot fall into */
	/* moves, logic, integer arithmetic but division: nothing but its memory operand can fault */
	CODE_SIMPLE = 8192,
	CODE_ARITHMETIC =
		32768, /* division, floating point: can trap by its operands, but nothing else */
	CODE_ENTERED = 65536, /* a direct branch goes into the middle of it */
	CODE_TLS = 16384,     /* its memory operand is at a fixed place of the thread's own block */
	CODE_READS_FLAGS = 131072,  /* any of those of arithmetic */
	CODE_WRITES_FLAGS = 262144, /* all of those of arithmetic, or leaves them undefined */
};

/* registers are numbered as in machine code: rax rcx rdx rbx rsp rbp rsi rdi r8 ... r15; masks have 1 << number */
enum { CODE_RAX, CODE_RCX, CODE_RDX, CODE_RBX, CODE_RSP, CODE_RBP, CODE_RSI, CODE_RDI, CODE_R8 };
#define CODE_NO_REG 0xff

struct code_insn {
	uint64_t addr;
	const char *name; /* mnemonic, Intel's spelling; static */
	uint64_t target; /* JMP, JCC, CALL: where to; CODE_RIP_RELATIVE: the address meant; else 0 */
	int64_t imm;     /* the last immediate, sign-extended; 0 without */
	int32_t sp_delta; /* rsp after it minus rsp before, unless CODE_SP_UNKNOWN; CALL: -8 */
	int32_t mem_disp; /* of the explicit memory operand (lea's too) */
	uint16_t reads, writes;      /* registers, as masks; rsp of push and the like included */
	uint16_t replaces;           /* of those written: whole, and whatever it does else */
	uint8_t mem_base, mem_index; /* of the explicit memory operand, or CODE_NO_REG */
	uint8_t mem_scale;
	uint8_t mem_size; /* bytes of the explicit memory operand; lea: 0 */
	uint8_t len;
	uint8_t disp_at; /* CODE_RIP_RELATIVE: which of its bytes the 4 of the displacement begin at */
	uint8_t kind;    /* enum code_kind */
	uint32_t flags;
};

struct code {
	uint64_t start, end;
	struct code_insn *insn; /* by address */
	uint32_t n;
	uint64_t bad_at; /* first byte that is no instruction, or 0 */
	uint32_t n_bad;  /* bytes left out as such */
	/* a direct branch goes into the middle of an instruction (other than behind a lock prefix): boundaries are doubtful */
	bool is_doubtful;
};

void code_decode(const uint8_t *bytes, size_t n, uint64_t start, struct code *ret);
void code_free(struct code *c);
static inline void code_cleanup(struct code *c)
{
	code_free(c);
}
#define CODE_AUTO __attribute__((cleanup(code_cleanup))) struct code

/* ---- questions (decode_query.c) ---- */

/* the instruction that begins at addr, or NULL */
const struct code_insn *code_at(const struct code *c, uint64_t addr);
/* the instruction that holds the byte at addr, or NULL */
const struct code_insn *code_holding(const struct code *c, uint64_t addr);

/* UNKNOWN: addr lies at or behind a gap that nothing known leads over, or outside */
enum code_boundary { CODE_BOUNDARY_YES, CODE_BOUNDARY_NO, CODE_BOUNDARY_UNKNOWN };
enum code_boundary code_is_boundary(const struct code *c, uint64_t addr);

/* does control go on to the next address after it (a call returns, a jcc may not be taken)? */
bool code_falls_through(const struct code_insn *i);
/* a direct jmp or jcc out of [start, end): the function is left, for another one (or its own cold part) */
bool code_is_jump_out(const struct code *c, const struct code_insn *i);

/* what an indirect jump is: by how its target is computed in the instructions before it */
enum code_indirect {
	CODE_INDIRECT_TABLE, /* a switch: target loaded with a scaled index, or notrack */
	CODE_INDIRECT_TAIL, /* leaves the function: through memory without index, or a register not from a table */
	CODE_INDIRECT_UNKNOWN,
};
enum code_indirect code_indirect_kind(const struct code *c, const struct code_insn *i);
bool code_has_indirect_jump(const struct code *c); /* any that is not TAIL */

/*
 * The predecessors of addr within the function, one for each call: instructions that fall through to it or branch
 * there directly. *it begins at 0; false at the end. Jump tables are not followed.
 */
bool code_next_pred(const struct code *c, uint64_t addr, uint32_t *it,
		    const struct code_insn **ret);
/* does a direct branch anywhere in the function go to an address in [from, to)? */
bool code_branches_into(const struct code *c, uint64_t from, uint64_t to);

/*
 * Which registers are free at addr: what they hold is written over on every way from there, before anything reads it (dead.c). As a mask of
 * registers, and CODE_FLAGS for those of arithmetic. free_outside: those that are free by convention where the function is left, by a
 * return, a call or a jump.
 */
#define CODE_FLAGS (1u << 16)
uint32_t code_free_at(const struct code *c, uint64_t addr, uint32_t free_outside);

#endif
