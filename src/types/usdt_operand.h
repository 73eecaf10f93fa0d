/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An operand of a USDT probe as plain data: where the compiler left the value. objfile/usdt.h makes them from the
 * note's text, probe/point.h hands them to the compiler. Strings are borrowed from whoever made the operand.
 */
#ifndef SONDE_TYPES_USDT_OPERAND_H
#define SONDE_TYPES_USDT_OPERAND_H

#include "base/str.h"

enum usdt_arg_kind {
	USDT_ARG_CONST, /* value */
	USDT_ARG_REG,
	USDT_ARG_MEM,
	USDT_ARG_FLOAT, /* a floating point value: the kernel's programs cannot read or compute with it */
	USDT_ARG_UNSUPPORTED, /* understood by nobody here: another segment, a vector, bad syntax, unknown symbol */
};

struct usdt_operand {
	enum usdt_arg_kind kind;
	uint8_t size; /* 1, 2, 4, 8 */
	bool is_signed;
	bool is_float; /* REG, MEM: a floating point value by its bits: programs hand it on as it is */
	bool has_base, has_index;
	uint8_t reg_shift;     /* REG: bits to shift right first (%ah: 8) */
	uint16_t reg_offset;   /* REG, MEM base: byte offset in struct pt_regs */
	uint16_t index_offset; /* MEM index register */
	uint8_t scale;         /* MEM: 1, 2, 4, 8 */
	/* CONST: the value; MEM: displacement. is_file_addr: disp is an address of the file (rip-relative, absolute
	 * symbol): at run time disp + (ip - pc of the probe) */
	int64_t value;
	bool is_file_addr;
	const char *refusal; /* FLOAT, UNSUPPORTED: why it cannot be read; a constant */
	struct str text;     /* as in the note, for listings and refusals */
};

#endif
