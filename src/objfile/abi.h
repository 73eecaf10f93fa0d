/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a function's parameters are at its entry and its result is at RET, by the calling convention: System V x86-64 for C
 * and C++ (abi_sysv.c), Rust's own on top of it (abi_rust.c). Go's is in go_abi.h. Only types decide; whether a compiler kept to the
 * convention for a function is for the caller to know. What cannot be told from the types is left absent, with a reason.
 */
#ifndef SONDE_OBJFILE_ABI_H
#define SONDE_OBJFILE_ABI_H

#include "base/arena.h"
#include "types/location.h"
#include "types/type.h"

struct abi_value {
	const struct type *type;
	struct location loc; /* set */
};

/* registers and stack that are still free, while parameters are placed */
struct abi_state {
	struct arena *arena;
	unsigned n_int, n_float; /* taken */
	uint64_t stack;          /* bytes taken, behind the return address */
	const char *unknown;     /* why nothing behind this parameter can be placed */
};

enum { ABI_N_INT_ARGS = 6, ABI_N_FLOAT_ARGS = 8 };

/*
 * All parameters in order; result: void when there is none (its type may claim the first register). The result's place at
 * RET goes to *ret. False when a type is not known well enough: that value and all behind it are absent.
 */
bool abi_assign(enum type_lang lang, struct abi_value *params, uint32_t n, struct abi_value *ret,
		struct arena *a);

/* ---- shared by the two ---- */

void abi_sysv_param(struct abi_state *s, struct abi_value *v);
void abi_sysv_result(struct abi_state *s, struct abi_value *v);
void abi_rust_param(struct abi_state *s, struct abi_value *v);
void abi_rust_result(struct abi_state *s, struct abi_value *v);

struct loc_piece abi_piece_reg(unsigned index, uint32_t offset,
			       uint32_t size); /* of the argument registers */
struct loc_piece abi_piece_float(unsigned index, uint32_t offset, uint32_t size);
/* n_results: how many integer registers of the result are before it */
struct loc_piece abi_piece_result(unsigned index, uint32_t offset, uint32_t size);
/* memory at a register (+ add); at_entry: what the register held when the function was entered */
struct loc_piece abi_piece_memory(struct arena *a, int reg, bool at_entry, int64_t add,
				  uint32_t size);
/* the next place on the stack */
struct loc_piece abi_piece_stack(struct abi_state *s, uint32_t offset, uint32_t size,
				 uint32_t align);
void abi_set(struct abi_state *s, struct abi_value *v, const struct loc_piece *pieces, uint32_t n);
void abi_give_up(struct abi_state *s, struct abi_value *v, const char *why);

#endif
