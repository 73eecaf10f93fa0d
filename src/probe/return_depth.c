/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How deep the stack is before each instruction of a function: bytes between rsp and the return address, 0 at its entry and at
 * each of its exits. Followed along its own control flow; what is not known is said to be.
 */
#include "probe/return_private.h"

enum { MAX_ROUNDS = 24 /* of propagation; nesting of backward jumps is far below */ };

/* registers as masks */
enum { M_RSP = 1 << CODE_RSP, M_RBP = 1 << CODE_RBP };

static bool touches_memory(const struct code_insn *i)
{
	return i->flags & (CODE_MEM_READ | CODE_MEM_WRITE);
}

/* a depth that no function has, which foreign bytes may well compute, is not known */
static int32_t deeper(int32_t depth, int64_t by)
{
	enum { DEEPEST = 1 << 30 };
	int64_t sum = depth + by;

	return depth != DEPTH_UNKNOWN && sum > -DEEPEST && sum < DEEPEST ? (int32_t)sum
									 : DEPTH_UNKNOWN;
}

/* mov %rsp,%rbp, lea N(%rsp),%rbp: from now on rbp tells the depth, too */
static void learn_frame(struct body *b, const struct code_insn *i, int32_t depth)
{
	if (i->kind != CODE_OTHER || i->writes != M_RBP || i->reads != M_RSP || touches_memory(i))
		return;
	b->frame_depth = deeper(depth, i->mem_base == CODE_RSP ? -(int64_t)i->mem_disp : 0);
}

static int32_t depth_after(const struct body *b, const struct piece *p, const struct code_insn *i,
			   int32_t depth)
{
	bool is_leave = i->len == 1 && p->bytes[i->addr - p->start] == 0xc9;

	if (i->kind == CODE_CALL || i->kind == CODE_CALL_INDIRECT)
		return depth; /* the callee takes its return address off */
	if (!(i->flags & CODE_SP_UNKNOWN))
		return deeper(depth, -(int64_t)i->sp_delta);
	if (is_leave)
		return deeper(b->frame_depth, -8);
	if (i->writes == M_RSP && i->reads == M_RBP && !touches_memory(i))
		return deeper(b->frame_depth, i->mem_base == CODE_RBP ? -(int64_t)i->mem_disp : 0);
	return DEPTH_UNKNOWN;
}

/* true when that was news */
static bool set_depth(struct body *b, uint64_t addr, int32_t depth)
{
	struct piece *p = body_piece_at(b, addr);
	const struct code_insn *i = p ? code_at(&p->code, addr) : NULL;

	if (!i || depth == DEPTH_UNKNOWN || p->depth[i - p->code.insn] != DEPTH_UNKNOWN)
		return false;
	p->depth[i - p->code.insn] = depth;
	return true;
}

/* a call that never returns may stand before code that is as deep as another path has made it */
static bool leads_on(const struct body *b, const struct piece *p, uint32_t k)
{
	const struct code_insn *i = &p->code.insn[k];

	if (!code_falls_through(i) || k + 1 == p->code.n)
		return code_falls_through(i);
	return b->trusts_calls || (i->kind != CODE_CALL && i->kind != CODE_CALL_INDIRECT) ||
	       !(p->code.insn[k + 1].flags & CODE_TARGET);
}

static bool spread_depths(struct body *b, struct piece *p)
{
	bool is_news = false;

	for (uint32_t k = 0; k < p->code.n; k++) {
		const struct code_insn *i = &p->code.insn[k];
		int32_t depth = p->depth[k], after;

		/* depth_after needs no start where rbp tells it */
		if (depth != DEPTH_UNKNOWN)
			learn_frame(b, i, depth);
		else if (!(i->flags & CODE_SP_UNKNOWN))
			continue;
		after = depth_after(b, p, i, depth);
		if (i->kind == CODE_JMP || i->kind == CODE_JCC)
			is_news |= set_depth(b, i->target, after);
		if (leads_on(b, p, k))
			is_news |= set_depth(b, i->addr + i->len, after);
	}
	return is_news;
}

/*
 * What only a jump table or the unwinder leads to was not reached: it begins as deep as the function stands at its jump
 * tables, or else at its calls. What direct jumps go to is reached from there.
 */
static void seed_orphans(struct body *b)
{
	int32_t seed = DEPTH_UNKNOWN;

	vec_each(p, &b->pieces)
		for (uint32_t k = 0; k < p->code.n; k++) {
			uint8_t kind = p->code.insn[k].kind;

			if (p->depth[k] == DEPTH_UNKNOWN)
				continue;
			if (kind == CODE_JMP_INDIRECT ||
			    (seed == DEPTH_UNKNOWN &&
			     (kind == CODE_CALL || kind == CODE_CALL_INDIRECT)))
				seed = p->depth[k];
		}
	vec_each(p, &b->pieces)
		for (uint32_t k = 1; k < p->code.n; k++)
			if (p->depth[k] == DEPTH_UNKNOWN &&
			    !code_falls_through(&p->code.insn[k - 1]) &&
			    !(p->code.insn[k].flags & (CODE_PADDING | CODE_TARGET)))
				p->depth[k] = seed;
}

void body_find_depths(struct body *b)
{
	b->frame_depth = DEPTH_UNKNOWN;
	b->pieces.v[0].depth[0] = 0;
	for (int pass = 0; pass < 3; pass++) {
		bool is_news = true;

		b->trusts_calls = pass == 2;
		for (int round = 0; is_news && round < MAX_ROUNDS; round++) {
			is_news = false;
			vec_each(p, &b->pieces)
				is_news |= spread_depths(b, p);
		}
		if (pass == 0)
			seed_orphans(b);
	}
}
