/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ways out of a function, from its code: RETs, and jumps into other functions at a moment when nothing of its own is
 * left on the stack. What the compiler moved away (.cold) is read with it. To tell a tail jump from a jump within,
 * the depth of the stack is followed from the entry: bytes between rsp and the return address, 0 at each exit.
 *
 * Says what it cannot decide and never guesses: a missed exit would be a return that nobody sees. Does not choose
 * (returns.c).
 */
#include "probe/returns.h"

#include "objfile/symtab.h"

enum {
	DEPTH_UNKNOWN = INT32_MIN,
	MAX_FUNCTION = 4 << 20, /* bytes read of one piece */
	MAX_PIECES = 64,        /* of one function: ranges and cold parts */
	MAX_FOLLOWED = 16,      /* functions read because of tail jumps */
	MAX_TAIL_RETS = 128,
	MAX_ROUNDS = 24, /* of the depth's propagation; nesting of backward jumps is far below */
};

/* a range of the function's code */
struct piece {
	uint64_t start, end;
	uint8_t *bytes;
	struct code code;
	int32_t *depth; /* before each instruction */
};

struct body {
	struct objfile *f;
	VEC(struct piece) pieces;
	bool trusts_calls; /* that they return; not at first, where something else leads to what follows them */
	int32_t frame_depth; /* where rbp points once the function has set it */
	const char *undecided;
};

struct walk {
	const struct return_func *fn;
	struct exits *e;
	bool follow, is_too_much;
	VEC(uint64_t)
	targets; /* starts of functions that tail jumps go to; grows while it is worked off */
};

/* ---- reading ---- */

static void body_free(struct body *b)
{
	vec_each(p, &b->pieces) {
		free(p->bytes);
		free(p->depth);
		code_free(&p->code);
	}
	vec_free(&b->pieces);
}

static struct piece *piece_at(struct body *b, uint64_t addr)
{
	vec_each(p, &b->pieces)
		if (addr >= p->start && addr < p->end)
			return p;
	return NULL;
}

static void add_piece(struct body *b, uint64_t start, uint64_t end)
{
	struct piece p = { .start = start, .end = end };

	if (b->pieces.n == MAX_PIECES || end - start > MAX_FUNCTION) {
		b->undecided = "it is too large to be read";
		return;
	}
	p.bytes = base_alloc(end - start);
	if (!objfile_read_vaddr(b->f, start, p.bytes, end - start)) {
		free(p.bytes);
		b->undecided = "its code cannot be read";
		return;
	}
	code_decode(p.bytes, end - start, start, &p.code);
	p.depth = base_alloc((p.code.n + 1) * sizeof(*p.depth));
	for (uint32_t i = 0; i < p.code.n; i++)
		p.depth[i] = DEPTH_UNKNOWN;
	if (p.code.n == 0 || p.code.n_bad)
		b->undecided = "it holds bytes that are no instructions";
	else if (p.code.is_doubtful)
		b->undecided = "it jumps into the middle of an instruction";
	vec_push(&b->pieces, p);
}

/*
 * Is the code that a jump goes to a part of this function? A symbol says so, or, where only the unwinding table knows of it:
 * it goes back into the middle of the function, or has no way out at all.
 */
static bool is_part(struct body *b, const struct return_range *r, const struct symbol *s)
{
	bool is_way_out = false, is_back = false;
	struct body part = { .f = b->f };

	if (s)
		return s->flags & SYMBOL_CLONE_COLD;
	add_piece(&part, r->start, r->end);
	for (uint32_t k = 0; part.pieces.n && k < part.pieces.v[0].code.n; k++) {
		const struct code *c = &part.pieces.v[0].code;
		const struct code_insn *i = &c->insn[k];

		if (code_is_jump_out(c, i) && piece_at(b, i->target))
			is_back |= i->target != b->pieces.v[0].start;
		else
			is_way_out |= i->kind == CODE_RET || i->kind == CODE_JMP_INDIRECT ||
				      code_is_jump_out(c, i);
	}
	is_back |= part.undecided != NULL;
	body_free(&part);
	return is_back || !is_way_out;
}

/* jumps to a part that the compiler moved away make it one of the function's pieces */
static void add_parts(struct body *b)
{
	for (size_t i = 0; i < b->pieces.n; i++)
		for (uint32_t k = 0; k < b->pieces.v[i].code.n; k++) {
			const struct code *c = &b->pieces.v[i].code;
			const struct symbol *s;
			struct return_range r;
			uint64_t target = c->insn[k].target;

			if (code_is_jump_out(c, &c->insn[k]) && !piece_at(b, target) &&
			    layout_range_at(b->f, target, &r, &s) && is_part(b, &r, s))
				add_piece(b, r.start, r.end);
		}
}

/* ---- the depth of the stack ---- */

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
	struct piece *p = piece_at(b, addr);
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

static void find_depths(struct body *b)
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

/* ---- exits ---- */

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
	if (!w->follow || !is_known) {
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
	} else if (code_is_jump_out(&p->code, i) && !piece_at(b, i->target)) {
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
	if (n == 0 || !code_falls_through(&p->code.insn[n - 1]) || piece_at(b, p->end))
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
		add_parts(b);
	if (b->undecided) {
		undecided(w, b->undecided);
		return;
	}
	if (is_own)
		look_at_cost(w, b);
	find_depths(b);
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
		add_piece(&b, r.start, r.end);
		visit_body(w, &b, false);
		body_free(&b);
		w->is_too_much |= w->e->found.n - w->e->n_rets > MAX_TAIL_RETS;
	}
}

void exits_find(const struct return_func *fn, bool follow, struct exits *ret)
{
	struct walk w = { .fn = fn, .e = ret, .follow = follow };
	struct body own = { .f = fn->f };

	*ret = (struct exits){ 0 };
	for (uint32_t i = 0; i < fn->n_ranges; i++)
		add_piece(&own, fn->ranges[i].start, fn->ranges[i].end);
	visit_body(&w, &own, true);
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
