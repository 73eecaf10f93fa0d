/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a value of the traced program lies at one place of its code, as plain data: what DWARF's location expressions
 * and the calling conventions come down to. objfile makes them (nothing of DWARF is left in them), probe attaches them to
 * points, ir turns them into code. They live in the arena of whoever asked for them.
 *
 * A value has one piece, or several that cover its bytes in ascending order (a struct of two words in two registers). What
 * no piece covers, or an ABSENT piece covers, cannot be known there: it was optimized out.
 */
#ifndef SONDE_TYPES_LOCATION_H
#define SONDE_TYPES_LOCATION_H

#include "base/str.h"

enum loc_kind {
	LOC_ABSENT, /* optimized out, or nowhere that can be read; location.why says more */
	LOC_REG, /* the bytes are the low bytes of a register (shifted right by reg_shift bits first) */
	LOC_MEM,   /* the bytes are in user memory at the address that ops compute */
	LOC_VALUE, /* the bytes are the low bytes of the number that ops compute */
	LOC_CONST, /* the bytes are known now: data */
	LOC_FLOAT_REG, /* in a vector register, number reg: programs in the kernel cannot read it; prints as <in xmm0> */
};

/* a small stack machine; all numbers are 64 bits wide */
enum loc_op_kind {
	LOC_OP_CONST, /* push value */
	LOC_OP_REG, /* push the register at byte offset reg of struct pt_regs, as it is at the place */
	LOC_OP_ENTRY_REG, /* push what that register held when the function was entered */
	LOC_OP_FILE_ADDR, /* push value, an address of the file, as it is in memory (+ load bias) */
	LOC_OP_DEREF,     /* pop an address, push the size bytes there, zero extended */
	LOC_OP_ADD_CONST, /* top += value */
	/* pop b, pop a, push the result; comparisons are signed and give 0 or 1 */
	LOC_OP_ADD,
	LOC_OP_SUB,
	LOC_OP_MUL,
	LOC_OP_DIV, /* signed; by 0 gives 0 */
	LOC_OP_MOD, /* unsigned; by 0 gives 0 */
	LOC_OP_AND,
	LOC_OP_OR,
	LOC_OP_XOR,
	LOC_OP_SHL,
	LOC_OP_SHR,
	LOC_OP_SAR,
	LOC_OP_EQ,
	LOC_OP_NE,
	LOC_OP_LT,
	LOC_OP_LE,
	LOC_OP_GT,
	LOC_OP_GE,
	LOC_OP_NEG, /* the top */
	LOC_OP_NOT,
	LOC_OP_SEXT, /* sign extend the low size bytes of the top */
	LOC_OP_ZEXT,
	LOC_OP_PICK, /* push the value-th element, 0 is the top */
	LOC_OP_SWAP,
	LOC_OP_ROT, /* the top goes below the next two */
	LOC_OP_DROP,
};

enum { LOC_MAX_OPS = 64, LOC_MAX_DEPTH = 16, LOC_MAX_PIECES = 16 };

struct loc_op {
	uint8_t op;   /* enum loc_op_kind */
	uint8_t size; /* DEREF, SEXT, ZEXT: bytes */
	uint16_t reg; /* REG, ENTRY_REG: byte offset in struct pt_regs */
	int64_t value;
};

struct loc_piece {
	uint32_t offset, size; /* which bytes of the value */
	enum loc_kind kind;
	uint16_t reg; /* REG: byte offset in struct pt_regs; FLOAT_REG: number */
	uint8_t reg_shift;
	const struct loc_op *ops; /* MEM, VALUE */
	uint32_t n_ops;
	const uint8_t *data; /* CONST: size bytes */
};

struct location {
	const struct loc_piece *pieces; /* ascending, disjoint */
	uint32_t n_pieces;              /* 0: absent as a whole */
	struct str why; /* absent: for messages, e.g. "it exists from +0x17 on"; may be empty */
	uint64_t nearest; /* absent: an address of the same function or instance where it can be read; 0: none known */
};

/* some byte of a value of this size cannot be read there */
bool location_is_partial(const struct location *l, uint32_t size);
/* no byte of it can be */
bool location_is_absent(const struct location *l);
/*
 * The same but for numbers and registers: one program serves both, told apart by a row of a table. Constants count as
 * one form when their sizes are equal.
 */
bool location_same_form(const struct location *a, const struct location *b);
bool location_equal(const struct location *a, const struct location *b);

#endif
