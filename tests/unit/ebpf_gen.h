/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random IR programs that are well formed and end: scalars, slots, branches, loops, calls. One 64-bit seed makes one
 * program. Used by test_ebpf_random.c and by tests/fuzz.
 */
#ifndef SONDE_TESTS_UNIT_EBPF_GEN_H
#define SONDE_TESTS_UNIT_EBPF_GEN_H

#include "ebpf_help.h"

enum { N_WORDS = 16 }; /* of the context: all are inputs, all are outputs */

static uint64_t rng_state;
/* choices of a fuzzer instead of random ones: two bytes each, 0 when there are no more */
static const uint8_t *rng_bytes;
static size_t rng_left;

static inline uint64_t rng(void)
{
	uint64_t v;

	if (rng_bytes) {
		if (rng_left < 2)
			return 0;
		v = rng_bytes[0] | (uint64_t)rng_bytes[1] << 8;
		rng_bytes += 2;
		rng_left -= 2;
		return v << 33 | v;
	}
	/* xorshift64*, Vigna 2014 */
	rng_state ^= rng_state >> 12;
	rng_state ^= rng_state << 25;
	rng_state ^= rng_state >> 27;
	return rng_state * 2685821657736338717ull;
}

static inline uint32_t pick(uint32_t n)
{
	return (uint32_t)(rng() >> 33) % n;
}

static inline int64_t interesting(void)
{
	static const int64_t values[] = { 0,
					  1,
					  -1,
					  2,
					  7,
					  8,
					  63,
					  64,
					  255,
					  256,
					  0x7fffffff,
					  -0x80000000ll,
					  0x80000000ll,
					  0xffffffffll,
					  INT64_MAX,
					  INT64_MIN };

	return pick(3) ? values[pick(sizeof(values) / sizeof(values[0]))] : (int64_t)rng();
}

/*
 * No result of an atomic operation is read. Linux's verifier does not follow such a result back to the stack that it comes from (seen in 6.18: 12
 * instructions do; r1 = atomic64_fetch_add((u64 *)(r10 -8), r1) and a branch on r1, with two stores before it): it takes branches out
 * that are needed
 */
static bool gen_no_fetch;

/* ---- generator ---- */

struct gen {
	struct mk *k;
	struct ir_func *f;
	uint32_t var[32], n_var; /* scalars, all written at the start */
	uint32_t slot[3];        /* 32 bytes each, cleared at the start */
	uint32_t n_subs;         /* functions 1 .. n_subs may be called */
	unsigned depth;
};

static inline uint32_t any(struct gen *g)
{
	return g->var[pick(g->n_var)];
}

static inline void gen_block(struct gen *g, unsigned n);

static inline void gen_arith(struct gen *g)
{
	uint8_t op = (uint8_t)(IR_ADD + pick(IR_SAR - IR_ADD + 1));

	if (pick(3) == 0)
		MK(g->f, .op = op, .dst = any(g), .a = any(g), .flags = IRF_IMM,
		   .imm = (int32_t)interesting());
	else
		MK(g->f, .op = op, .dst = any(g), .a = any(g), .b = any(g));
}

static inline void gen_unary(struct gen *g)
{
	static const uint8_t ops[] = { IR_NEG, IR_BSWAP, IR_ZEXT, IR_SEXT, IR_MOV, IR_BOUND };
	uint8_t op = ops[pick(sizeof(ops))];
	uint8_t size = (uint8_t)(op == IR_BSWAP ? 2u << pick(3) : 1u << pick(4));

	MK(g->f, .op = op, .size = size, .dst = any(g), .a = any(g),
	   .imm = op == IR_BOUND ? interesting() & INT64_MAX : 0);
}

static inline uint32_t gen_slot(struct gen *g)
{
	uint32_t v = mk_vreg(g->f);

	MK(g->f, .op = IR_SLOT, .dst = v, .imm = g->slot[pick(3)]);
	return v;
}

static inline void gen_memory(struct gen *g)
{
	uint32_t p = gen_slot(g), q, size = 1u << pick(4), n;
	int32_t off = (int32_t)(pick(32 / size) * size);

	switch (pick(6)) {
	case 0:
		MK(g->f, .op = IR_LOAD, .size = (uint8_t)size, .dst = any(g), .a = p, .off = off,
		   .flags = pick(2) ? IRF_SIGNED : 0);
		break;
	case 1:
		MK(g->f, .op = IR_STORE, .size = (uint8_t)size, .a = p, .off = off, .b = any(g));
		break;
	case 2:
		MK(g->f, .op = IR_STORE, .size = (uint8_t)size, .a = p, .off = off,
		   .flags = IRF_IMM, .imm = (int32_t)rng());
		break;
	case 3:
		off = (int32_t)pick(32);
		MK(g->f, .op = IR_ZERO, .a = p, .off = off, .imm = 1 + pick(32 - (uint32_t)off));
		break;
	case 4:
		/* two halves of one slot, so that nothing overlaps whichever slots they are; through a moved base at times */
		q = gen_slot(g);
		n = 1 + pick(12);
		off = (int32_t)pick(16 - n + 1);
		if (pick(2)) {
			uint32_t moved = mk_vreg(g->f);

			MK(g->f, .op = IR_ADD, .dst = moved, .a = q, .flags = IRF_IMM, .imm = 16);
			MK(g->f, .op = IR_COPY, .a = p, .off = off, .b = moved,
			   .off2 = (int32_t)pick(16 - n + 1), .imm = n);
		} else {
			MK(g->f, .op = IR_COPY, .a = p, .off = off, .b = q,
			   .off2 = 16 + (int32_t)pick(16 - n + 1), .imm = n);
		}
		break;
	default:
		size = 4u << pick(2);
		off = (int32_t)(pick(32 / size) * size);
		MK(g->f, .op = IR_ATOMIC, .size = (uint8_t)size, .cc = (uint8_t)pick(6),
		   .dst = pick(3) && !gen_no_fetch ? any(g) : 0, .a = p, .off = off, .b = any(g),
		   .c = any(g));
	}
}

/* if (a cc b) { ... } else { ... } */
static inline void gen_if(struct gen *g)
{
	uint32_t other = mk_label(g->f), end = mk_label(g->f);

	if (pick(2))
		MK(g->f, .op = IR_BR, .cc = (uint8_t)pick(CC_TEST + 1), .a = any(g), .b = any(g),
		   .target = other);
	else
		MK(g->f, .op = IR_BR, .cc = (uint8_t)pick(CC_TEST + 1), .a = any(g),
		   .flags = IRF_IMM, .imm = (int32_t)interesting(), .target = other);
	gen_block(g, 1 + pick(4));
	MK(g->f, .op = IR_JMP, .target = end);
	MK(g->f, .op = IR_LABEL, .target = other);
	if (pick(2))
		gen_block(g, 1 + pick(4));
	MK(g->f, .op = IR_LABEL, .target = end);
}

/* a loop that turns 1 to 3 times */
static inline void gen_loop(struct gen *g)
{
	uint32_t count = mk_vreg(g->f), top = mk_label(g->f);

	MK(g->f, .op = IR_IMM, .dst = count, .imm = 1 + pick(3));
	MK(g->f, .op = IR_LABEL, .target = top);
	gen_block(g, 1 + pick(4));
	MK(g->f, .op = IR_SUB, .dst = count, .a = count, .flags = IRF_IMM, .imm = 1);
	MK(g->f, .op = IR_BR, .cc = CC_NE, .a = count, .flags = IRF_IMM, .imm = 0, .target = top);
}

/*
 * A slot that is written, kept over other code and read: those that are not in use at the same time share stack. At times
 * its address goes through another slot.
 */
static inline void gen_short_slot(struct gen *g)
{
	uint32_t size = 8 + 8 * pick(3), slot = mk_slot(g->f, size, 8), p = mk_vreg(g->f),
		 v = any(g);
	uint32_t hidden = mk_vreg(g->f), q = mk_vreg(g->f), keep = mk_slot(g->f, 8, 8);
	bool is_hidden = pick(4) == 0;

	MK(g->f, .op = IR_SLOT, .dst = p, .imm = slot);
	for (uint32_t off = 0; off < size; off += 8)
		MK(g->f, .op = IR_STORE, .size = 8, .a = p, .off = (int32_t)off, .b = any(g));
	if (is_hidden) {
		MK(g->f, .op = IR_SLOT, .dst = q, .imm = keep);
		MK(g->f, .op = IR_STORE, .size = 8, .a = q, .b = p);
	}
	gen_block(g, 1 + pick(4));
	if (is_hidden) {
		MK(g->f, .op = IR_SLOT, .dst = q, .imm = keep);
		MK(g->f, .op = IR_LOAD, .size = 8, .dst = hidden, .a = q);
	} else {
		MK(g->f, .op = IR_SLOT, .dst = hidden, .imm = slot);
	}
	MK(g->f, .op = IR_LOAD, .size = 8, .dst = v, .a = hidden,
	   .off = (int32_t)(8 * pick(size / 8)));
}

/* a loop whose sum is in a slot: written in one round, read in the next, with other code between */
static inline void gen_sum_loop(struct gen *g)
{
	uint32_t count = mk_vreg(g->f), top = mk_label(g->f), sum = mk_slot(g->f, 8, 8);
	uint32_t p = mk_vreg(g->f), q = mk_vreg(g->f), r = mk_vreg(g->f), v = mk_vreg(g->f);

	MK(g->f, .op = IR_SLOT, .dst = p, .imm = sum);
	MK(g->f, .op = IR_STORE, .size = 8, .a = p, .b = any(g));
	MK(g->f, .op = IR_IMM, .dst = count, .imm = 1 + pick(3));
	MK(g->f, .op = IR_LABEL, .target = top);
	MK(g->f, .op = IR_SLOT, .dst = q, .imm = sum);
	MK(g->f, .op = IR_LOAD, .size = 8, .dst = v, .a = q);
	MK(g->f, .op = IR_ADD, .dst = v, .a = v, .b = any(g));
	MK(g->f, .op = IR_STORE, .size = 8, .a = q, .b = v);
	gen_block(g, 1 + pick(4));
	MK(g->f, .op = IR_SUB, .dst = count, .a = count, .flags = IRF_IMM, .imm = 1);
	MK(g->f, .op = IR_BR, .cc = CC_NE, .a = count, .flags = IRF_IMM, .imm = 0, .target = top);
	if (pick(2)) {
		MK(g->f, .op = IR_SLOT, .dst = r, .imm = sum);
		MK(g->f, .op = IR_LOAD, .size = 8, .dst = any(g), .a = r);
	} else {
		MK(g->f, .op = IR_MOV, .dst = any(g), .a = v);
	}
}

static inline void gen_call(struct gen *g)
{
	uint32_t f;

	if (!g->n_subs || pick(3) == 0) {
		/* what it gives differs from run to run: only what it clobbers is of interest */
		MK(g->f, .op = IR_CALL, .imm = BPF_FUNC_ktime_get_ns);
		return;
	}
	f = 1 + pick(g->n_subs);
	struct ir_insn *in = MK(g->f, .op = IR_CALL_FN, .dst = pick(4) ? any(g) : 0, .imm = f,
				.n_args = (uint8_t)g->k->m.funcs[f]->n_params);
	for (unsigned a = 0; a < in->n_args; a++)
		in->src[a] = any(g);
}

static inline void gen_one(struct gen *g)
{
	uint32_t v;

	switch (pick(16)) {
	case 0:
	case 1:
	case 2: gen_memory(g); break;
	case 3:
		MK(g->f, .op = IR_SET, .cc = (uint8_t)pick(CC_TEST + 1), .dst = any(g), .a = any(g),
		   .b = any(g));
		break;
	case 4:
	case 5: gen_unary(g); break;
	case 6: MK(g->f, .op = IR_IMM, .dst = any(g), .imm = interesting()); break;
	case 7:
		/* a constant of its own, for what is made at its use */
		v = mk_vreg(g->f);
		MK(g->f, .op = IR_IMM, .dst = v, .imm = interesting());
		MK(g->f, .op = (uint8_t)(IR_ADD + pick(IR_SAR - IR_ADD + 1)), .dst = any(g),
		   .a = any(g), .b = v);
		break;
	case 8:
	case 9: gen_call(g); break;
	case 14:
		/* what came in at the entry must be there everywhere, in loops too */
		if (g->f->kind == IR_FUNC_PROGRAM) {
			v = mk_vreg(g->f);
			MK(g->f, .op = IR_CTX, .dst = v);
			MK(g->f, .op = IR_LOAD, .size = 8, .dst = any(g), .a = v,
			   .off = (int32_t)(8 * pick(N_WORDS)));
		} else {
			MK(g->f, .op = IR_PARAM, .dst = any(g), .imm = pick(g->f->n_params));
		}
		break;
	case 13:
		if (g->depth < 3) {
			g->depth++;
			gen_short_slot(g);
			g->depth--;
			break;
		}
		/* fall through */
	case 10:
	case 11:
		if (g->depth < 3) {
			g->depth++;
			gen_if(g);
			g->depth--;
			break;
		}
		/* fall through */
	case 12:
		if (g->depth < 1) {
			g->depth += 2;
			if (pick(2))
				gen_loop(g);
			else
				gen_sum_loop(g);
			g->depth -= 2;
			break;
		}
		/* fall through */
	default: gen_arith(g);
	}
}

static inline void gen_block(struct gen *g, unsigned n)
{
	while (n--)
		gen_one(g);
}

static inline void gen_slots(struct gen *g)
{
	for (unsigned s = 0; s < 3; s++) {
		uint32_t v = mk_vreg(g->f);

		g->slot[s] = mk_slot(g->f, 32, 8);
		MK(g->f, .op = IR_SLOT, .dst = v, .imm = g->slot[s]);
		MK(g->f, .op = IR_ZERO, .a = v, .imm = 32);
	}
}

static inline void gen_subprog(struct mk *k, unsigned number)
{
	static const char *const names[] = { "sub_a", "sub_b" };
	struct gen g = { .k = k };

	g.f = mk_func(k, IR_FUNC_SUBPROG, names[number], 1 + pick(5));
	g.n_var = g.f->n_params + 3;
	gen_slots(&g);
	for (uint32_t i = 0; i < g.n_var; i++) {
		g.var[i] = mk_vreg(g.f);
		if (i < g.f->n_params)
			MK(g.f, .op = IR_PARAM, .dst = g.var[i], .imm = i);
		else
			MK(g.f, .op = IR_IMM, .dst = g.var[i], .imm = interesting());
	}
	gen_block(&g, 3 + pick(6));
	MK(g.f, .op = IR_RET, .a = any(&g));
}

static inline void gen_program(struct mk *k)
{
	struct gen g = { .k = k, .n_var = 4 + pick(13) };
	uint32_t ctx;

	g.f = mk_func(k, IR_FUNC_PROGRAM, "prog", 0);
	g.n_subs = pick(3);
	for (unsigned s = 0; s < g.n_subs; s++)
		gen_subprog(k, s);
	ctx = mk_vreg(g.f);
	MK(g.f, .op = IR_CTX, .dst = ctx);
	gen_slots(&g);
	for (uint32_t i = 0; i < g.n_var; i++) {
		g.var[i] = mk_vreg(g.f);
		MK(g.f, .op = IR_LOAD, .size = 8, .dst = g.var[i], .a = ctx,
		   .off = (int32_t)(8 * (i % N_WORDS)));
	}
	gen_block(&g, 5 + pick(20));
	for (uint32_t i = 0; i < g.n_var && i < N_WORDS - 4; i++)
		MK(g.f, .op = IR_STORE, .size = 8, .a = ctx, .off = (int32_t)(8 * i),
		   .b = g.var[i]);
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t p = mk_vreg(g.f), v = mk_vreg(g.f);

		MK(g.f, .op = IR_SLOT, .dst = p, .imm = g.slot[i % 3]);
		MK(g.f, .op = IR_LOAD, .size = 8, .dst = v, .a = p, .off = (int32_t)(8 * i));
		MK(g.f, .op = IR_STORE, .size = 8, .a = ctx,
		   .off = (int32_t)(8 * (N_WORDS - 4 + i)), .b = v);
	}
	MK(g.f, .op = IR_RET, .a = any(&g));
}

#endif
