/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the two halves of the optimiser share. Private to src/ir/opt*.c; the entry is ir_optimize in
 * ir.h. The arrays of struct optimizer live in an arena of ir_optimize's and end with that call;
 * the function is the caller's.
 */
#ifndef SONDE_IR_OPT_PRIVATE_H
#define SONDE_IR_OPT_PRIVATE_H

#include "ir/ir.h"

enum fact_kind {
	FACT_NONE,
	FACT_CONST,   /* imm */
	FACT_COPY,    /* = a */
	FACT_SUM,     /* = a + imm */
	FACT_COMPARE, /* = a .cc b, or .cc imm when b is IR_NO_VREG */
};

/* what is known of a vreg since its last definition in this block */
struct fact {
	uint32_t epoch; /* of the block in which this was learned; others are void */
	uint8_t kind;
	uint8_t cc;
	uint8_t bits;      /* value < 2^bits, 64: nothing known */
	uint8_t sign_bits; /* value is the sign extension of so many low bits, 64: nothing known */
	uint32_t a, b;
	uint32_t version_a,
		version_b; /* definitions of a and b counted then: a fact ends when its sources change */
	int64_t imm;
};

struct optimizer {
	struct ir_func *f;
	struct fact *facts; /* by vreg */
	uint32_t *version;  /* by vreg: how many definitions were passed */
	uint32_t *n_defs;   /* by vreg, in the whole function */
	int64_t *constant;  /* by vreg with one definition, an IMM: its value everywhere */
	bool *is_constant;
	uint32_t epoch;
	bool changed;
};

/* rewrite f's instructions in place by what is known of their operands */
void opt_fold(struct optimizer *o);

#endif
