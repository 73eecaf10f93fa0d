/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzer of location expressions: any operators (as libdw would give them, without operands that are DIEs) become a
 * location whose code never takes from an empty stack, that survives the way to the tracer and is the same behind it; and any
 * bytes from a reader process that was taken over are refused or are such a location, too.
 */
#include "objfile/dwarf_loc.h"
#include "objfile/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_OPERATORS = 300 };

static void check(const struct location *l)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < l->n_pieces; i++) {
		const struct loc_piece *p = &l->pieces[i];

		if (p->offset < end || !p->size || p->n_ops > LOC_MAX_OPS)
			__builtin_trap();
		if ((p->kind == LOC_MEM || p->kind == LOC_VALUE) && !p->n_ops)
			__builtin_trap();
		end = (uint64_t)p->offset + p->size;
	}
}

static void from_operators(struct bytes b, struct arena *a)
{
	struct dwarf_loc_ctx ctx = { .arena = a };
	struct dwarf_loc made = { 0 };
	static Dwarf_Op ops[MAX_OPERATORS];
	WIRE_OUT_AUTO out = { 0 };
	struct location back;
	struct wire_in in;
	uint32_t value_size = 1 + bytes_u8(&b) % 64;
	size_t n = 0;

	ctx.pc = bytes_u8(&b) & 1;
	while (n < MAX_OPERATORS && bytes_left(&b)) {
		ops[n].atom = bytes_u8(&b);
		ops[n].number = bytes_u8(&b) & 1 ? bytes_uint(&b, 8) : bytes_u8(&b);
		ops[n].number2 = ops[n].number & 3 ? 0 : bytes_u8(&b);
		ops[n].offset = n;
		n++;
	}
	dwarf_loc_of_expr(&ctx, NULL, ops, n, value_size, &made);
	check(&made.loc);
	dwarf_loc_put(&out, &made.loc);
	in = wire_in_make(out.b.p, out.b.n);
	dwarf_loc_get(&in, a, &back);
	if (in.b.bad || bytes_left(&in.b) || !location_equal(&made.loc, &back))
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = bytes_make(data, size);
	struct arena a = { 0 };

	if (bytes_u8(&b) & 1) {
		struct wire_in in = wire_in_make(b.p + b.pos, bytes_left(&b));
		struct location l;

		dwarf_loc_get(&in, &a, &l);
		check(&l);
	} else {
		from_operators(b, &a);
	}
	arena_free(&a);
	return 0;
}
