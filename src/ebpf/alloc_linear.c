/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linear scan. Each vreg has one interval, from its first to its last live position in instruction order, and one place
 * for all of it: a register, or 8 bytes of stack. (Poletto, Sarkar: Linear Scan Register Allocation, 1999, without
 * splitting; programs of a tracer are short and what matters is that many vregs die young.)
 *
 * Positions: the entry is 1; instruction i reads at 2i + 2 and writes at 2i + 3. So a vreg that is read for the last
 * time by the instruction that writes another can share its register.
 *
 * Intervals come from block liveness (ir/flow), so they are right for vregs with many definitions and for loops: a value
 * that is needed in the next round of a loop is live at the end of the block with the backward jump.
 *
 * Constants and addresses with one definition get no place, they are made where they are used. Stack slots of the script
 * and spilled vregs share stack whose other uses are over: see find_slot_ranges for how long a slot lives.
 *
 * Time is linear but for one sort: a thousand map assignments in one script must not be felt.
 */
#include "ebpf/alloc.h"
#include "ebpf/insn.h"
#include "ir/flow.h"
#include "ir/ops.h"

#define NO_POS UINT32_MAX
#define NO_VREG UINT32_MAX
/* units of 8 bytes that first fit searches; behind them a frame is far too large anyway */
#define MAX_SEARCH 1024

struct interval {
	uint32_t start, end; /* start NO_POS: never live */
	uint32_t from;       /* vreg whose register would save a move, or 0 */
	uint8_t hint;        /* register that would save a move, or 0 */
};

/* something that wants stack: a spilled vreg or a slot */
struct stack_want {
	uint32_t start, end, units;
	uint32_t vreg, slot; /* one of them NO_VREG */
};

struct scan {
	const struct ir_func *f;
	struct arena *arena;
	struct ir_flow flow;
	struct ebpf_alloc *out;
	uint32_t n;              /* vregs with the entry values, + 1 */
	struct interval *iv;     /* by vreg */
	uint32_t *alias;         /* by vreg: the entry value that it always equals, or itself */
	uint32_t *n_defs;        /* by vreg */
	uint32_t *def;           /* by vreg: an instruction that writes it */
	uint32_t *calls, *heavy; /* by instruction: how many before it */
	uint32_t active[EBPF_N_REGS]; /* vreg in each register, or 0 */
};

static uint32_t use_pos(uint32_t i)
{
	return 2 * i + 2;
}

static uint32_t def_pos(uint32_t i)
{
	return 2 * i + 3;
}

static void extend(struct interval *iv, uint32_t from, uint32_t to)
{
	if (iv->start == NO_POS) {
		iv->start = from;
		iv->end = to;
		return;
	}
	if (from < iv->start)
		iv->start = from;
	if (to > iv->end)
		iv->end = to;
}

/* the entry value that CTX and PARAM read, or 0 */
static uint32_t entry_of(const struct ir_func *f, const struct ir_insn *in)
{
	if (in->op == IR_CTX)
		return ebpf_entry_vreg(f, 0);
	if (in->op == IR_PARAM && in->imm >= 0 && in->imm < EBPF_N_ENTRY)
		return ebpf_entry_vreg(f, (unsigned)in->imm);
	return 0;
}

/* definitions, aliases of entry values, and how many calls and heavy instructions stand before each instruction */
static void scan_defs(struct scan *s)
{
	const struct ir_func *f = s->f;

	for (uint32_t v = 0; v < s->n; v++) {
		s->alias[v] = v;
		s->iv[v].start = NO_POS;
	}
	for (uint32_t i = 0; i < f->n; i++) {
		const struct ir_insn *in = &f->insn[i];
		uint32_t def = ir_def(in), entry = entry_of(f, in);

		s->calls[i + 1] = s->calls[i] + ir_is_call(in);
		s->heavy[i + 1] = s->heavy[i] + ebpf_is_heavy(in);
		if (!def)
			continue;
		if (entry && (s->n_defs[def] == 0 || s->alias[def] == entry))
			s->alias[def] = entry;
		else
			s->alias[def] = def;
		s->n_defs[def]++;
		s->def[def] = i;
	}
}

static bool is_remat(const struct scan *s, uint32_t v)
{
	return v <= s->f->n_vregs && s->n_defs[v] == 1 && ir_is_remat(&s->f->insn[s->def[v]]);
}

static void note_hints(struct scan *s, const struct ir_insn *in)
{
	if (ir_is_call(in))
		for (unsigned a = 1; a < in->n_args; a++)
			s->iv[s->alias[in->src[a]]].hint = (uint8_t)(R1 + a);
	else if (in->dst && ir_is_pure(in) && ir_arity(in) >= 1 && in->op != IR_LOAD)
		s->iv[in->dst].from = s->alias[in->a];
}

static void build_intervals(struct scan *s)
{
	const struct ir_flow *flow = &s->flow;
	uint32_t use[IR_MAX_USES];

	for (uint32_t b = 0; b < flow->n_blocks; b++) {
		const struct ir_block *bl = &flow->blocks[b];

		if (!bl->is_reachable)
			continue;
		for (uint32_t w = 0; w < flow->n_words; w++) {
			uint64_t in = flow->live_in[(size_t)b * flow->n_words + w];
			uint64_t out = flow->live_out[(size_t)b * flow->n_words + w];

			for (; in; in &= in - 1) {
				uint32_t v =
					flow->crossing_vreg[w * 64 + (uint32_t)__builtin_ctzll(in)];

				extend(&s->iv[s->alias[v]], use_pos(bl->first), use_pos(bl->first));
			}
			for (; out; out &= out - 1) {
				uint32_t v =
					flow->crossing_vreg[w * 64 + (uint32_t)__builtin_ctzll(out)];

				extend(&s->iv[s->alias[v]], def_pos(bl->end - 1),
				       def_pos(bl->end - 1));
			}
		}
		for (uint32_t i = bl->first; i < bl->end; i++) {
			const struct ir_insn *in = &s->f->insn[i];
			unsigned n = ir_uses(in, use);
			uint32_t entry = entry_of(s->f, in);

			for (unsigned u = 0; u < n; u++)
				extend(&s->iv[s->alias[use[u]]], use_pos(i), use_pos(i));
			if (ir_def(in))
				extend(&s->iv[s->alias[ir_def(in)]], def_pos(i), def_pos(i));
			if (entry)
				extend(&s->iv[entry], use_pos(i), use_pos(i));
			note_hints(s, in);
		}
	}
}

/* entry values are there from the start, and stay through every loop that reads them */
static void finish_entries(struct scan *s)
{
	for (unsigned k = 0; k < EBPF_N_ENTRY; k++) {
		struct interval *iv = &s->iv[ebpf_entry_vreg(s->f, k)];
		const struct ir_loop *loop;

		if (iv->start == NO_POS)
			continue;
		loop = ir_flow_loop(&s->flow, (iv->end - 2) / 2);
		extend(iv, 1, loop ? def_pos(loop->last) : iv->end);
		iv->hint = k ? (uint8_t)(R1 + k) : 0;
	}
}

/* instructions i with start <= use_pos(i) < end */
static uint32_t count_inside(const uint32_t *before, const struct interval *iv)
{
	uint32_t lo = iv->start < 2 ? 0 : (iv->start - 1) / 2,
		 hi = iv->end < 2 ? 0 : (iv->end - 1) / 2;

	return hi > lo ? before[hi] - before[lo] : 0;
}

/* the same with instructions that only read its last value or write its first one */
static uint32_t count_touching(const uint32_t *before, const struct interval *iv, uint32_t n)
{
	uint32_t lo = iv->start < 2 ? 0 : (iv->start - 2) / 2, hi = iv->end < 2 ? 0 : iv->end / 2;

	return hi > lo ? before[hi > n ? n : hi] - before[lo] : 0;
}

static unsigned allowed_regs(const struct scan *s, uint32_t v)
{
	const struct interval *iv = &s->iv[v];
	unsigned mask = 0x3fc; /* R2 to R9 */

	if (count_inside(s->calls, iv))
		mask &= ~0x3fu;
	else if (count_touching(s->heavy, iv, s->f->n))
		mask &= ~0xcu;
	return mask;
}

/* a free register of mask: what saves a move first, then R5 down to R2, then R6 up to R9; 0: none */
static unsigned pick_free(const struct scan *s, uint32_t v, unsigned mask)
{
	static const uint8_t order[] = { R5, R4, R3, R2, R6, R7, R8, R9 };
	const struct interval *iv = &s->iv[v];
	unsigned hint = iv->hint;

	if (!hint && iv->from && s->out->places[iv->from].kind == PLACE_REG)
		hint = s->out->places[iv->from].reg;
	if (hint && (mask >> hint & 1) && !s->active[hint])
		return hint;
	for (unsigned i = 0; i < sizeof(order); i++)
		if ((mask >> order[i] & 1) && !s->active[order[i]])
			return order[i];
	return 0;
}

static void place_vreg(struct scan *s, uint32_t v)
{
	unsigned mask = allowed_regs(s, v), reg, victim = 0;

	for (unsigned r = R2; r <= R9; r++)
		if (s->active[r] && s->iv[s->active[r]].end < s->iv[v].start)
			s->active[r] = 0;
	reg = pick_free(s, v, mask);
	if (!reg) {
		/* the one whose end is furthest goes to the stack: the register is free again soonest */
		uint32_t far = s->iv[v].end;

		for (unsigned r = R2; r <= R9; r++)
			if ((mask >> r & 1) && s->iv[s->active[r]].end > far) {
				far = s->iv[s->active[r]].end;
				victim = r;
			}
		if (!victim) {
			s->out->places[v].kind = PLACE_STACK;
			return;
		}
		s->out->places[s->active[victim]].kind = PLACE_STACK;
		reg = victim;
	}
	s->active[reg] = v;
	s->out->places[v] = (struct ebpf_place){ .kind = PLACE_REG, .reg = (uint8_t)reg };
}

/*
 * vregs by the start of their interval: a counting sort over positions. Vregs that are made anew, aliases and those that
 * are never live are left out.
 */
static uint32_t *order_vregs(struct scan *s, uint32_t *n_out)
{
	uint32_t n_pos = 2 * s->f->n + 4, n = 0;
	uint32_t *head = arena_array(s->arena, uint32_t, n_pos + 1);
	uint32_t *next = arena_array(s->arena, uint32_t, s->n);
	uint32_t *order = arena_array(s->arena, uint32_t, s->n);

	for (uint32_t v = s->n; v-- > 1;) {
		if (s->iv[v].start == NO_POS || is_remat(s, v))
			continue;
		next[v] = head[s->iv[v].start];
		head[s->iv[v].start] = v;
	}
	for (uint32_t p = 0; p < n_pos; p++)
		for (uint32_t v = head[p]; v; v = next[v])
			order[n++] = v;
	*n_out = n;
	return order;
}

/* ---- slots ---- */

/* does the result of in point into what a points into? */
static bool passes_address(const struct ir_insn *in)
{
	return in->op == IR_MOV || in->op == IR_ADD || in->op == IR_SUB || in->op == IR_AND;
}

/* the operands through which an address gets out of sight: values stored, arguments of our own functions */
static bool leaks_operand(const struct ir_insn *in, unsigned operand)
{
	switch (in->op) {
	case IR_STORE: return operand == 1;
	case IR_ATOMIC: return operand >= 1;
	case IR_CALL_FN:
	case IR_RET: return true;
	default: return false;
	}
}

/*
 * Which slot each vreg points into (number + 1). A vreg that may point into two slots, and an address that is stored,
 * make the slots live for the whole function (is_pinned).
 */
static uint32_t *find_addresses(struct scan *s, bool *is_pinned)
{
	const struct ir_func *f = s->f;
	uint32_t *into = arena_array(s->arena, uint32_t, s->n);
	bool changed = f->n_slots > 0;

	/* one more round than the longest chain of copies against the order of instructions; mostly two */
	while (changed) {
		changed = false;
		for (uint32_t i = 0; i < f->n; i++) {
			const struct ir_insn *in = &f->insn[i];
			uint32_t points[2] = { 0, 0 };

			if (in->op == IR_SLOT && in->imm >= 0 && in->imm < f->n_slots) {
				points[0] = (uint32_t)in->imm + 1;
			} else if (passes_address(in)) {
				points[0] = into[in->a];
				points[1] = ir_arity(in) > 1 && !(in->flags & IRF_IMM) ? into[in->b]
										       : 0;
			}
			for (unsigned k = 0; k < 2; k++) {
				if (!points[k] || into[in->dst] == points[k])
					continue;
				if (!into[in->dst]) {
					into[in->dst] = points[k];
					changed = true;
				} else {
					is_pinned[into[in->dst] - 1] = true;
					is_pinned[points[k] - 1] = true;
				}
			}
		}
	}
	for (uint32_t i = 0; i < f->n; i++)
		for (unsigned k = 0, n = ir_arity(&f->insn[i]); k < n; k++)
			if (f->insn[i].src[k] && leaks_operand(&f->insn[i], k) &&
			    into[f->insn[i].src[k]] && !(k == 1 && (f->insn[i].flags & IRF_IMM)))
				is_pinned[into[f->insn[i].src[k]] - 1] = true;
	return into;
}

/*
 * A slot is in use while any vreg points into it, from the first such position to the last: between them its bytes may be
 * waiting to be read. If that touches a loop it is widened to all of the loop, since bytes written in one round may be
 * read in the next.
 */
static struct interval *find_slot_ranges(struct scan *s)
{
	const struct ir_func *f = s->f;
	struct interval *range = arena_array(s->arena, struct interval, f->n_slots + 1);
	bool *is_pinned = arena_array(s->arena, bool, f->n_slots + 1);
	uint32_t *into = find_addresses(s, is_pinned);

	for (uint32_t k = 0; k < f->n_slots; k++)
		range[k].start = NO_POS;
	for (uint32_t v = 1; v <= f->n_vregs; v++)
		if (into[v] && s->iv[v].start != NO_POS)
			extend(&range[into[v] - 1], s->iv[v].start, s->iv[v].end);
	for (uint32_t k = 0; k < f->n_slots; k++) {
		const struct ir_loop *loop;

		if (range[k].start == NO_POS)
			continue;
		if (is_pinned[k]) {
			extend(&range[k], 1, def_pos(f->n));
			continue;
		}
		loop = ir_flow_loop(&s->flow, (range[k].start - 2) / 2);
		if (loop)
			extend(&range[k], use_pos(loop->first), def_pos(loop->last));
		loop = ir_flow_loop(&s->flow, (range[k].end - 2) / 2);
		if (loop)
			extend(&range[k], use_pos(loop->first), def_pos(loop->last));
	}
	return range;
}

/* ---- stack ---- */

static int by_start(const void *a, const void *b)
{
	const struct stack_want *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	/* any fixed order does, so that equal scripts give equal programs */
	if (x->vreg != y->vreg)
		return x->vreg < y->vreg ? -1 : 1;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

/* first unit of a run of units that are all over before start; busy[u] is the last position at which unit u is in use */
static uint32_t find_units(const uint32_t *busy, uint32_t n_busy, const struct stack_want *w)
{
	uint32_t run = 0, from = n_busy > MAX_SEARCH ? n_busy : 0;

	for (uint32_t u = from; u < n_busy; u++) {
		run = busy[u] < w->start ? run + 1 : 0;
		if (run == w->units)
			return u + 1 - run;
	}
	return n_busy - run;
}

static void assign_stack(struct scan *s, struct stack_want *wants, uint32_t n)
{
	uint32_t total = 0, n_busy = 0;
	uint32_t *busy;

	for (uint32_t i = 0; i < n; i++)
		total += wants[i].units;
	busy = arena_array(s->arena, uint32_t, total + 1);
	qsort(wants, n, sizeof(*wants), by_start);
	for (uint32_t i = 0; i < n; i++) {
		const struct stack_want *w = &wants[i];
		uint32_t u = find_units(busy, n_busy, w);
		int32_t off = -(int32_t)((u + w->units) * 8);

		for (uint32_t k = u; k < u + w->units; k++)
			busy[k] = w->end;
		if (u + w->units > n_busy)
			n_busy = u + w->units;
		if (w->vreg != NO_VREG)
			s->out->places[w->vreg].off = off;
		else
			s->out->slot_off[w->slot] = off;
	}
	s->out->frame_bytes = n_busy * 8;
}

static void place_on_stack(struct scan *s)
{
	const struct ir_func *f = s->f;
	struct interval *range = find_slot_ranges(s);
	struct stack_want *wants = arena_array(s->arena, struct stack_want, s->n + f->n_slots);
	uint32_t n = 0;

	for (uint32_t v = 1; v < s->n; v++)
		if (s->out->places[v].kind == PLACE_STACK)
			wants[n++] = (struct stack_want){ s->iv[v].start, s->iv[v].end, 1, v,
							  NO_VREG };
	for (uint32_t k = 0; k < f->n_slots; k++)
		if (range[k].start != NO_POS)
			wants[n++] = (struct stack_want){ range[k].start, range[k].end,
							  (f->slots[k].size + 7) / 8, NO_VREG, k };
	assign_stack(s, wants, n);
}

static void count_places(struct scan *s)
{
	for (uint32_t v = 1; v < s->n; v++) {
		s->out->n_in_regs += s->out->places[v].kind == PLACE_REG;
		s->out->n_spilled += s->out->places[v].kind == PLACE_STACK;
		s->out->n_remat += s->out->places[v].kind == PLACE_REMAT;
	}
}

void ebpf_alloc_linear(const struct ir_func *f, struct arena *arena, struct ebpf_alloc *out)
{
	struct scan s = { .f = f, .arena = arena, .out = out, .n = f->n_vregs + 1 + EBPF_N_ENTRY };
	uint32_t *order, n;

	memset(out, 0, sizeof(*out));
	out->places = arena_array(arena, struct ebpf_place, s.n);
	out->slot_off = arena_array(arena, int32_t, f->n_slots + 1);
	s.iv = arena_array(arena, struct interval, s.n);
	s.alias = arena_array(arena, uint32_t, s.n);
	s.n_defs = arena_array(arena, uint32_t, s.n);
	s.def = arena_array(arena, uint32_t, s.n);
	s.calls = arena_array(arena, uint32_t, f->n + 1);
	s.heavy = arena_array(arena, uint32_t, f->n + 1);
	ir_flow_build(f, arena, &s.flow);
	scan_defs(&s);
	build_intervals(&s);
	finish_entries(&s);
	order = order_vregs(&s, &n);
	for (uint32_t k = 0; k < n; k++)
		place_vreg(&s, order[k]);
	place_on_stack(&s);
	for (uint32_t v = 1; v <= f->n_vregs; v++) {
		if (is_remat(&s, v))
			out->places[v] = (struct ebpf_place){ .kind = PLACE_REMAT,
							      .def = s.def[v] };
		else if (s.alias[v] != v)
			out->places[v] = out->places[s.alias[v]];
	}
	count_places(&s);
}
