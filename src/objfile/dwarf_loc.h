/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a DWARF location to struct location (types/location.h). Runs inside of the worker process: everything here is libdw's
 * view of a foreign file. Whatever is not understood, too long or malformed becomes an absent location that says why;
 * nothing is guessed. Results live in the context's arena.
 */
#ifndef SONDE_OBJFILE_DWARF_LOC_H
#define SONDE_OBJFILE_DWARF_LOC_H

#include "base/arena.h"
#include "types/location.h"

#include <elfutils/libdw.h>

/* where, and in which function, a location is asked for */
struct dwarf_loc_ctx {
	struct arena *arena;
	Dwarf_CFI *cfi_eh, *cfi_debug; /* .eh_frame of the program, .debug_frame; may be NULL */
	uint64_t pc;                   /* in the addresses of this DWARF */
	uint64_t entry; /* first address of the function that contains pc: registers there are entry values */
	Dwarf_Attribute *frame_base; /* of that function; NULL: none */
	uint64_t body; /* first address of it at which its frame is set up; 0: not known */
	bool is_llvm; /* whose locations take the frame for granted in prologue and epilogue, too */
};

struct dwarf_loc {
	struct location loc;
	bool has_attr; /* there is a location, somewhere */
	bool is_list;  /* it depends on the address */
	bool is_covered; /* a list has an entry for pc, or it is no list; loc may still not be understood */
	bool uses_frame; /* memory relative to the frame: not valid before the prologue ran, unless uses_cfa */
	bool uses_cfa; /* ... relative to the canonical frame address */
	bool in_caller; /* memory that the caller has set up: an argument on the stack */
	bool is_const;
};

/* what DW_AT_location (or const_value) of a variable of size bytes says at ctx->pc; origin: the attribute's DIE */
void dwarf_loc_of_die(struct dwarf_loc_ctx *ctx, Dwarf_Die *die, uint32_t size,
		      struct dwarf_loc *out);
/* for attributes that hold an expression: what libdw needs to see it as one */
void dwarf_loc_fix_form(Dwarf_Attribute *attr);
/* one expression; attr: whose it is, for operands that are DIEs and blocks */
void dwarf_loc_of_expr(struct dwarf_loc_ctx *ctx, Dwarf_Attribute *attr, const Dwarf_Op *ops,
		       size_t n, uint32_t size, struct dwarf_loc *out);

/* ---- building, shared by dwarf_loc.c, dwarf_expr.c and dwarf_loc_fold.c ---- */

/* the type of an element of DWARF's stack: generic is an unsigned number of 8 bytes with signed division */
struct dwarf_slot {
	uint8_t size;
	enum { SLOT_GENERIC, SLOT_SIGNED, SLOT_UNSIGNED } kind;
};

struct dwarf_expr {
	struct dwarf_loc_ctx *ctx;
	Dwarf_Attribute *attr;
	struct loc_op ops[LOC_MAX_OPS];
	uint32_t n_ops;
	struct dwarf_slot stack[LOC_MAX_DEPTH];
	uint32_t depth;
	unsigned nesting;    /* frame base, CFA, entry values */
	bool in_entry_value; /* registers are those at the entry */
	bool in_cfa;
	bool uses_frame, uses_cfa, reads_memory, in_caller;
	const char *why; /* not NULL: not understood */
};

/* append one operation to the code, constants folded; no types */
void dwarf_expr_emit(struct dwarf_expr *e, enum loc_op_kind op, uint8_t size, uint16_t reg,
		     int64_t value);
/* all of ops, which must be a pure computation (no register locations, no pieces) */
bool dwarf_expr_run(struct dwarf_expr *e, const Dwarf_Op *ops, size_t n);
/* byte offset in struct pt_regs of a DWARF register; -1: none */
int dwarf_reg_offset(uint64_t number);
/* LLVM: does rbp or rsp hold at ctx->pc what it holds in the body of the function? (dwarf_frame.c) */
bool dwarf_frame_is_up(const struct dwarf_loc_ctx *ctx, uint64_t number);
/* the canonical frame address at pc as libdw's operations; the caller frees *frame */
bool dwarf_frame_cfa_ops(const struct dwarf_loc_ctx *ctx, uint64_t pc, Dwarf_Frame **frame,
			 Dwarf_Op **ops, size_t *n);
/* number of the xmm register; -1: it is none */
int dwarf_reg_vector(uint64_t number);

/* ---- on the wire (dwarf_loc_wire.c): the worker puts, the tracer gets ---- */
struct wire_out;
struct wire_in;
void dwarf_loc_put(struct wire_out *w, const struct location *l);
void dwarf_loc_get(struct wire_in *w, struct arena *a, struct location *l);

#endif
