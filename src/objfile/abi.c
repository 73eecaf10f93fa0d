/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calling conventions: what System V and Rust have in common. See abi.h. Pure functions of types. */
#include "objfile/abi.h"

#include "arch/x86_64/regs.h"

#include <string.h>

struct loc_piece abi_piece_reg(unsigned index, uint32_t offset, uint32_t size)
{
	return (struct loc_piece){ .offset = offset,
				   .size = size,
				   .kind = LOC_REG,
				   .reg = (uint16_t)arch_arg_offset(index) };
}

struct loc_piece abi_piece_float(unsigned index, uint32_t offset, uint32_t size)
{
	return (struct loc_piece){
		.offset = offset, .size = size, .kind = LOC_FLOAT_REG, .reg = (uint16_t)index
	};
}

struct loc_piece abi_piece_result(unsigned index, uint32_t offset, uint32_t size)
{
	const struct arch_reg *rdx = arch_reg_find(STR("rdx"));

	return (struct loc_piece){ .offset = offset,
				   .size = size,
				   .kind = LOC_REG,
				   .reg = index == 0 ? (uint16_t)arch_retval_offset()
						     : rdx->offset };
}

struct loc_piece abi_piece_memory(struct arena *a, int reg, bool at_entry, int64_t add,
				  uint32_t size)
{
	struct loc_op *ops = arena_array(a, struct loc_op, 2);

	ops[0] = (struct loc_op){ .op = at_entry ? LOC_OP_ENTRY_REG : LOC_OP_REG,
				  .reg = (uint16_t)reg };
	ops[1] = (struct loc_op){ .op = LOC_OP_ADD_CONST, .value = add };
	return (struct loc_piece){ .size = size, .kind = LOC_MEM, .ops = ops, .n_ops = add ? 2 : 1 };
}

struct loc_piece abi_piece_stack(struct abi_state *s, uint32_t offset, uint32_t size,
				 uint32_t align)
{
	struct loc_piece p;

	/* arguments are pushed in words; the first one lies behind the return address, on an address divisible by 16 */
	s->stack = align >= 16 ? (s->stack + 15) & ~15ULL : s->stack;
	p = abi_piece_memory(s->arena, arch_sp_offset(), false, (int64_t)s->stack + 8, size);
	p.offset = offset;
	s->stack += (size + 7) & ~7U;
	return p;
}

void abi_set(struct abi_state *s, struct abi_value *v, const struct loc_piece *pieces, uint32_t n)
{
	struct loc_piece *copy = arena_array(s->arena, struct loc_piece, n);

	memcpy(copy, pieces, n * sizeof(*copy));
	v->loc = (struct location){ .pieces = copy, .n_pieces = n };
}

void abi_give_up(struct abi_state *s, struct abi_value *v, const char *why)
{
	s->unknown = why;
	v->loc = (struct location){ .why = str_from(why) };
}

bool abi_assign(enum type_lang lang, struct abi_value *params, uint32_t n, struct abi_value *ret,
		struct arena *a)
{
	struct abi_state s = { .arena = a };
	bool is_rust = lang == LANG_RUST;

	/* a result in memory takes the first register: its address is a parameter of its own */
	if (ret->type->kind != TYPE_VOID) {
		if (is_rust)
			abi_rust_result(&s, ret);
		else
			abi_sysv_result(&s, ret);
	}
	for (uint32_t i = 0; i < n; i++) {
		if (s.unknown)
			params[i].loc = (struct location){ .why = str_from(s.unknown) };
		else if (is_rust)
			abi_rust_param(&s, &params[i]);
		else
			abi_sysv_param(&s, &params[i]);
	}
	return !s.unknown;
}
