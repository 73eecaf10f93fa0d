/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ways out of a function, from its code: RETs, and jumps into other functions at a moment when nothing of its own is
 * left on the stack (return_depth.c). What the compiler moved away (.cold) is read with it (return_body.c).
 *
 * Says what it cannot decide and never guesses: a missed exit would be a return that nobody sees. Does not choose
 * (returns.c).
 */
#include "probe/return_private.h"

#include "objfile/symtab.h"

enum {
	MAX_FOLLOWED = 16, /* functions read because of tail jumps */
	MAX_TAIL_RETS = 128,
};

struct walk {
	const struct return_func *fn;
	struct exits *e;
	bool follow, is_too_much, is_library;
	VEC(uint64_t)
	targets; /* starts of functions that tail jumps go to; grows while it is worked off */
};

static void undecided(struct walk *w, const char *why)
{
	if (!w->e->undecided)
		w->e->undecided = why;
}

static void add_exit(struct walk *w, uint64_t addr, enum exit_kind kind, uint8_t condition)
{
	vec_push(&w->e->found, ((struct return_exit){ addr, (uint8_t)kind, condition }));
}

/* 1 + the condition code of a conditional jump; 0 for one that is always taken; -1: loop, jrcxz */
static int condition_of(const struct piece *p, const struct code_insn *i)
{
	const uint8_t *at = p->bytes + (i->addr - p->start), *end = at + i->len;

	if (i->kind != CODE_JCC)
		return 0;
	while (at < end && (*at == 0xf2 || *at == 0x2e || *at == 0x3e || *at == 0x66))
		at++;
	if (at < end && *at >= 0x70 && *at <= 0x7f)
		return 1 + (*at & 15);
	if (at + 1 < end && at[0] == 0x0f && at[1] >= 0x80 && at[1] <= 0x8f)
		return 1 + (at[1] & 15);
	return -1;
}

static void lose_tail(struct walk *w, const struct code_insn *i, int condition, bool is_own,
		      struct str to)
{
	w->e->n_lost++;
	if (!w->e->lost_to.n)
		w->e->lost_to = to;
	/* the stand-in for the return; with the result, nothing can stand in */
	if (!w->fn->reads_result)
		add_exit(w, i->addr, is_own ? EXIT_JUMP : EXIT_TAIL_RET, (uint8_t)condition);
}

/* go on in the function there, too; once for each */
static void follow_to(struct walk *w, uint64_t start)
{
	vec_each(t, &w->targets)
		if (*t == start)
			return;
	w->is_too_much |= w->targets.n == MAX_FOLLOWED;
	if (!w->is_too_much)
		vec_push(&w->targets, start);
}

/*
 * Every process of the machine calls the functions that a library offers, and would pay for probes on their RETs. Only
 * the result is worth that.
 */
static bool is_too_dear(struct walk *w, const struct symbol *s)
{
	return s && s->bind != SYMBOL_LOCAL && !w->fn->reads_result && w->is_library;
}

static void tail_jump(struct walk *w, const struct piece *p, const struct code_insn *i,
		      uint64_t target, bool is_own)
{
	const struct symbol *s = NULL;
	struct return_range r;
	bool is_known = target && layout_range_at(w->fn->f, target, &r, &s);
	int condition = condition_of(p, i);

	if (condition < 0) {
		undecided(w, "it leaves by a loop instruction");
		return;
	}
	if (!w->follow || !is_known || is_too_dear(w, s)) {
		lose_tail(w, i, condition, is_own, s ? symbol_name(s) : STR_NULL);
		return;
	}
	if (is_own) {
		w->e->n_followed++;
		add_exit(w, i->addr, EXIT_TAIL, (uint8_t)condition);
	} else if (target != w->fn->ranges[0].start && target >= w->fn->ranges[0].start &&
		   target < w->fn->ranges[0].end) {
		undecided(w, "another function jumps into it");
	}
	follow_to(w, r.start);
}

static void indirect_jump(struct walk *w, const struct piece *p, const struct code_insn *i,
			  int32_t depth, bool is_own)
{
	enum code_indirect kind = code_indirect_kind(&p->code, i);

	if (kind == CODE_INDIRECT_TABLE)
		return;
	if (kind == CODE_INDIRECT_UNKNOWN) {
		/* a computed goto happens with the frame standing */
		if (depth != DEPTH_UNKNOWN && depth != 0)
			return;
		if (depth == DEPTH_UNKNOWN) {
			undecided(w, "it jumps to where its code does not tell");
			return;
		}
	}
	tail_jump(w, p, i, kind == CODE_INDIRECT_TAIL ? layout_slot_target(w->fn->f, i->target) : 0,
		  is_own);
}

static void visit(struct walk *w, struct body *b, const struct piece *p, uint32_t k, bool is_own)
{
	const struct code_insn *i = &p->code.insn[k];
	int32_t depth = p->depth[k];

	if (i->kind == CODE_RET) {
		if (depth != DEPTH_UNKNOWN && depth != 0)
			undecided(w, "it uses ret as a jump");
		else if (i->flags & CODE_REFUSED)
			undecided(w, "the kernel takes no probe on its ret");
		add_exit(w, i->addr, is_own ? EXIT_RET : EXIT_TAIL_RET, 0);
		w->e->n_rets += is_own;
	} else if (i->kind == CODE_JMP_INDIRECT) {
		indirect_jump(w, p, i, depth, is_own);
	} else if (code_is_jump_out(&p->code, i) && !body_piece_at(b, i->target)) {
		if (depth != DEPTH_UNKNOWN && depth != 0)
			undecided(w, "it goes on in code that belongs to no known function");
		else
			tail_jump(w, p, i, i->target, is_own);
	}
}

/* calls of functions that never return may stand last */
static bool runs_off_its_end(struct body *b, const struct piece *p)
{
	uint32_t n = p->code.n;

	while (n && p->code.insn[n - 1].flags & CODE_PADDING)
		n--;
	if (n == 0 || !code_falls_through(&p->code.insn[n - 1]) || body_piece_at(b, p->end))
		return false;
	return p->code.insn[n - 1].kind != CODE_CALL &&
	       p->code.insn[n - 1].kind != CODE_CALL_INDIRECT &&
	       p->code.insn[n - 1].kind != CODE_NOP;
}

static void look_at_cost(struct walk *w, struct body *b)
{
	const struct code *c = &b->pieces.v[0].code;
	uint32_t first = c->insn[0].kind == CODE_ENDBR && c->n > 1;

	w->e->begins_cheaply = c->insn[first].flags & CODE_EMULATED;
	w->e->is_leaf = true;
	vec_each(p, &b->pieces)
		for (uint32_t k = 0; k < p->code.n; k++) {
			uint8_t kind = p->code.insn[k].kind;

			w->e->is_leaf &= kind != CODE_CALL && kind != CODE_CALL_INDIRECT &&
					 kind != CODE_SYSCALL;
		}
}

static void visit_body(struct walk *w, struct body *b, bool is_own)
{
	if (b->pieces.n)
		body_add_parts(b);
	if (b->undecided) {
		undecided(w, b->undecided);
		return;
	}
	if (is_own)
		look_at_cost(w, b);
	body_find_depths(b);
	vec_each(p, &b->pieces) {
		if (runs_off_its_end(b, p))
			undecided(w, "it runs on into what follows it");
		for (uint32_t k = 0; k < p->code.n; k++)
			visit(w, b, p, k, is_own);
	}
}

static void visit_targets(struct walk *w)
{
	for (size_t i = 0; i < w->targets.n && !w->is_too_much; i++) {
		struct body b = { .f = w->fn->f };
		const struct symbol *s;
		struct return_range r;

		if (!layout_range_at(w->fn->f, w->targets.v[i], &r, &s))
			continue; /* it was known a moment ago */
		body_add_piece(&b, r.start, r.end);
		visit_body(w, &b, false);
		body_free(&b);
		w->is_too_much |= w->e->found.n - w->e->n_rets > MAX_TAIL_RETS;
	}
}

void exits_find(const struct return_func *fn, bool follow, struct exits *ret)
{
	struct walk w = {
		.fn = fn, .e = ret, .follow = follow, .is_library = layout_is_library(fn->f)
	};
	struct body own = { .f = fn->f };

	*ret = (struct exits){ 0 };
	for (uint32_t i = 0; i < fn->n_ranges; i++)
		body_add_piece(&own, fn->ranges[i].start, fn->ranges[i].end);
	visit_body(&w, &own, true);
	ret->has_parts = own.pieces.n > fn->n_ranges;
	body_free(&own);
	if (!ret->undecided)
		visit_targets(&w);
	vec_free(&w.targets);
	/* what is behind a tail jump cannot be followed: then none is */
	if (follow && ((ret->undecided && ret->n_followed) || w.is_too_much)) {
		exits_free(ret);
		exits_find(fn, false, ret);
	}
}

void exits_free(struct exits *e)
{
	vec_free(&e->found);
}
