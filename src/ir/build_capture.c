/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Capturing a value with what it points to, by a plan (types/capture.h). The plan stands in the pool of constants as two
 * tables; a callback of bpf_loop looks at one (element, edge) pair each time it is called, so that the verifier walks it
 * once, whatever the type. capture_run in types/capture.c is the same in C, and what this is tested against.
 *
 * Work area, in claimed scratch: struct stored_capture, then the segments in a room of twice its size (a power of two): an
 * offset into it is cut to its bits, and what is read behind that offset still lies inside, which is all that the verifier
 * has to know. Behind it stand the words of struct work. Only the first part is kept when the value is there.
 */
#include "ir/build_private.h"

#include "types/capture.h"

#include <linux/bpf.h>
#include <stddef.h>

enum { HEAD = sizeof(struct stored_capture), SEGMENT = sizeof(struct stored_segment) };
/* segments without edges take a round, too */
enum { MAX_ROUNDS = CAPTURE_MAX_STEPS + CAPTURE_MAX_BYTES / SEGMENT + 1 };

/* where the callback is */
struct work {
	uint64_t segment; /* offset of the one whose elements are looked at */
	uint64_t element, edge;
	uint64_t used; /* bytes of all segments */
	uint64_t steps, flags;
};

/* what an edge leads to; row 0: the value itself, row e + 1: of edge e */
struct node_row {
	uint64_t size, first_edge, n_edges;
};

/* struct capture_edge, every number a word, with neutral values where something is absent */
struct edge_row {
	uint64_t size, ptr_offset, ptr_mask, ptr_add, before, kind;
	uint64_t count_offset, count_mask, count_shift, count_add, max;
	struct {
		uint64_t offset, mask, lo, span, invert;
	} cond[CAPTURE_N_CONDS];
};

struct capturing {
	struct builder *b;
	const struct capture *c;
	uint32_t room;                /* power of two, >= c->max_bytes */
	uint32_t scratch;             /* offset of the work area */
	const struct node_row *nodes; /* the tables */
	const struct edge_row *edges;
	/* inside of the callback */
	uint32_t segments; /* vreg: address of the first segment */
	uint32_t work;     /* vreg: address of struct work */
	uint32_t element;  /* vreg: offset of the element */
	uint32_t row;      /* vreg: address of the edge's row */
};

/* ---- tables ---- */

static uint64_t low_bytes(uint32_t size)
{
	return size >= 8 ? UINT64_MAX : (1ull << size * 8) - 1;
}

static struct node_row node_row(const struct capture *c, uint32_t node)
{
	const struct capture_node *n = &c->nodes[node];

	return (struct node_row){ n->size, n->first_edge, n->n_edges };
}

static struct edge_row edge_row(const struct capture *c, const struct capture_edge *e)
{
	struct edge_row r = {
		.size = c->nodes[e->node].size,
		.ptr_offset = e->ptr_offset,
		.ptr_mask = e->ptr_mask ? e->ptr_mask : UINT64_MAX,
		.ptr_add = (uint64_t)e->ptr_add,
		.before = e->before,
		.kind = e->count_kind,
		.count_offset = e->count_offset,
		.count_mask = (e->count_mask ? e->count_mask : UINT64_MAX) &
			      low_bytes(e->count_size),
		.count_shift = e->count_shift,
		.count_add = (uint64_t)e->count_add,
		.max = e->max,
	};

	for (unsigned i = 0; i < CAPTURE_N_CONDS; i++) {
		const struct capture_cond *k = &e->cond[i];

		if (!k->size)
			continue; /* (0 & 0) - 0 <= 0: met */
		r.cond[i].offset = k->offset;
		r.cond[i].mask = k->mask & low_bytes(k->size);
		r.cond[i].lo = k->lo;
		r.cond[i].span = k->span;
		r.cond[i].invert = k->invert;
	}
	return r;
}

static void make_tables(struct capturing *k)
{
	const struct capture *c = k->c;
	struct arena *a = k->b->arena;
	struct node_row *nodes = arena_array(a, struct node_row, c->n_edges + 1);
	struct edge_row *edges = arena_array(a, struct edge_row, c->n_edges + 1);

	k->nodes = nodes;
	k->edges = edges;
	nodes[0] = node_row(c, 0);
	for (uint32_t i = 0; i < c->n_edges; i++) {
		nodes[i + 1] = node_row(c, c->edges[i].node);
		edges[i] = edge_row(c, &c->edges[i]);
	}
}

/* row number index (a vreg) of a table of n rows; asked for again, the pool of constants gives the same place */
static uint32_t row_address(struct builder *b, const void *rows, uint32_t n, uint32_t size,
			    uint32_t index)
{
	struct value table = const_bytes(b, rows, n * size, type_none());
	uint32_t off = put_op_imm(b, IR_MUL, put_bound(b, index, n - 1), size);

	return put_op(b, IR_ADD, value_address(b, table), off);
}

/* ---- the callback ---- */

static uint32_t get(struct capturing *k, size_t off)
{
	return put_load(k->b, k->work, (int32_t)off, 8, false);
}

static void set(struct capturing *k, size_t off, uint32_t v)
{
	put_store(k->b, k->work, (int32_t)off, v, 8);
}

#define WORK(field) offsetof(struct work, field)
#define ROW(field) put_load(b, k->row, (int32_t)offsetof(struct edge_row, field), 8, false)

/* address of a place among the segments, whatever the offset */
static uint32_t place(struct capturing *k, uint32_t offset)
{
	return put_op(k->b, IR_ADD, k->segments, put_op_imm(k->b, IR_AND, offset, k->room - 1));
}

/* 8 bytes of the element */
static uint32_t element_word(struct capturing *k, uint32_t offset)
{
	return put_load(k->b, place(k, put_op(k->b, IR_ADD, k->element, offset)), 0, 8, false);
}

static void set_flag(struct capturing *k, uint32_t flag)
{
	set(k, WORK(flags), put_op_imm(k->b, IR_OR, get(k, WORK(flags)), flag));
}

static uint32_t minimum(struct builder *b, uint32_t x, uint32_t y)
{
	uint32_t dst = new_vreg(b), done = new_label(b);

	put_mov_to(b, dst, x);
	put_br(b, CC_LE, x, y, done);
	put_mov_to(b, dst, y);
	put_label(b, done);
	return dst;
}

/* on to the next pair; the one that is looked at now has been read */
static void advance(struct capturing *k, uint32_t element, uint32_t edge, uint32_t n_edges)
{
	struct builder *b = k->b;
	uint32_t next = put_op_imm(b, IR_ADD, edge, 1), same = new_label(b), done = new_label(b);

	put_br(b, CC_LT, next, n_edges, same);
	set(k, WORK(edge), put_imm(b, 0));
	set(k, WORK(element), put_op_imm(b, IR_ADD, element, 1));
	put_jmp(b, done);
	put_label(b, same);
	set(k, WORK(edge), next);
	put_label(b, done);
}

static void next_segment(struct capturing *k, uint32_t segment, uint32_t n_bytes)
{
	struct builder *b = k->b;
	uint32_t size = put_op_imm(b, IR_AND, put_op_imm(b, IR_ADD, n_bytes, 7), ~7);

	set(k, WORK(segment), put_op_imm(b, IR_ADD, put_op(b, IR_ADD, segment, size), SEGMENT));
	set(k, WORK(element), put_imm(b, 0));
	set(k, WORK(edge), put_imm(b, 0));
}

static void check_cond(struct capturing *k, unsigned i, uint32_t not_met)
{
	struct builder *b = k->b;
	uint32_t v = put_op(b, IR_AND, element_word(k, ROW(cond[i].offset)), ROW(cond[i].mask));
	uint32_t is_in = put_set(b, CC_LE, put_op(b, IR_SUB, v, ROW(cond[i].lo)),
				 ROW(cond[i].span));

	put_br(b, CC_EQ, is_in, ROW(cond[i].invert), not_met);
}

/* how many elements there are */
static uint32_t build_count(struct capturing *k, uint32_t addr)
{
	struct builder *b = k->b;
	uint32_t count = new_vreg(b), kind = ROW(kind), done = new_label(b), diff = new_label(b),
		 field = new_label(b), word, v;

	put_mov_to(b, count, ROW(max)); /* text: what is found decides */
	put_br_imm(b, CC_EQ, kind, CAPTURE_COUNT_TEXT, done);
	put_mov_to(b, count, ROW(count_add));
	put_br_imm(b, CC_EQ, kind, CAPTURE_COUNT_CONST, done);
	word = element_word(k, ROW(count_offset));
	put_br_imm(b, CC_NE, kind, CAPTURE_COUNT_DIFF, field);
	v = put_op(b, IR_SUB, word, addr);
	put_br_imm(b, CC_SGE, v, 0, diff);
	put_imm_to(b, count, 0);
	put_jmp(b, done);
	put_label(b, diff);
	v = put_op(b, IR_DIV, v, ROW(size));
	put_mov_to(b, count, put_op(b, IR_ADD, v, ROW(count_add)));
	put_jmp(b, done);
	put_label(b, field);
	v = put_op(b, IR_AND, word, ROW(count_mask));
	v = put_op(b, IR_SHR, v, put_op_imm(b, IR_AND, ROW(count_shift), 63));
	put_mov_to(b, count, put_op(b, IR_ADD, v, ROW(count_add)));
	put_br_imm(b, CC_NE, kind, CAPTURE_COUNT_POWER, done);
	v = put_bound(b, count, 63);
	put_imm_to(b, count, 0);
	put_br_imm(b, CC_GT, v, 31, done);
	put_mov_to(b, count, put_op(b, IR_SHL, put_imm(b, 1), put_op_imm(b, IR_AND, v, 31)));
	put_label(b, done);
	return count;
}

struct segment {
	uint32_t edge, n, n_elems, count, addr, used, to; /* vregs */
};

static void read_elements(struct capturing *k, struct segment *g)
{
	struct builder *b = k->b;
	uint32_t text = new_label(b), done = new_label(b), fault = new_label(b),
		 whole = new_label(b);
	uint32_t to = put_op_imm(b, IR_ADD, g->to, SEGMENT), got;
	uint32_t bytes = put_op(b, IR_MUL, g->n, ROW(size));

	put_br_imm(b, CC_EQ, ROW(kind), CAPTURE_COUNT_TEXT, text);
	got = mem_read_bytes(b, to, put_bound(b, bytes, k->room), g->addr, SPACE_USER);
	put_br_imm(b, CC_NE, got, 0, fault);
	put_mov_to(b, g->n_elems, g->n);
	put_jmp(b, done);
	put_label(b, text);
	got = mem_read_text(b, to, put_bound(b, g->n, k->room), g->addr, SPACE_USER);
	put_imm_to(b, g->count, 1);
	put_br_imm(b, CC_SLE, got, 0, fault);
	put_mov_to(b, g->n_elems, got);
	put_mov_to(b, g->count, got);
	put_br(b, CC_LT, got, g->n, whole);
	put_mov_to(b, g->count, put_op_imm(b, IR_ADD, g->n, 1));
	put_label(b, whole);
	put_jmp(b, done);
	put_label(b, fault);
	put_imm_to(b, g->n_elems, 0);
	set_flag(k, CAPTURED_FAULT);
	put_label(b, done);
}

static void write_segment(struct capturing *k, struct segment *g)
{
	struct builder *b = k->b;
	uint32_t bytes = put_op(b, IR_MUL, g->n_elems, ROW(size)), used;

	put_store(b, g->to, offsetof(struct stored_segment, origin), k->element, 4);
	put_store(b, g->to, offsetof(struct stored_segment, edge), g->edge, 4);
	put_store(b, g->to, offsetof(struct stored_segment, n_elems), g->n_elems, 4);
	put_store(b, g->to, offsetof(struct stored_segment, n_bytes), bytes, 4);
	put_store(b, g->to, offsetof(struct stored_segment, count), g->count, 8);
	used = put_op_imm(b, IR_AND, put_op_imm(b, IR_ADD, bytes, SEGMENT + 7), ~7);
	set(k, WORK(used), put_op(b, IR_ADD, g->used, used));
}

/* how many of them fit in what is left */
static void fit(struct capturing *k, struct segment *g, uint32_t out)
{
	struct builder *b = k->b;
	uint32_t left = put_op(b, IR_SUB, put_imm(b, k->c->max_bytes - HEAD), g->used);
	uint32_t room = put_op_imm(b, IR_AND, put_op_imm(b, IR_SUB, left, SEGMENT), ~7);
	uint32_t fits = new_label(b), some = new_label(b);

	put_br_imm(b, CC_SGE, room, 0, some);
	put_mov_to(b, room, put_imm(b, 0));
	put_label(b, some);
	put_br(b, CC_LE, put_op(b, IR_MUL, g->n, ROW(size)), room, fits);
	set_flag(k, CAPTURED_CUT);
	put_mov_to(b, g->n, put_op(b, IR_DIV, room, ROW(size)));
	put_label(b, fits);
	put_br_imm(b, CC_EQ, g->n, 0, out);
}

static void follow_edge(struct capturing *k, uint32_t edge, uint32_t out)
{
	struct builder *b = k->b;
	struct segment g = { .edge = edge };
	uint32_t forward = new_label(b);

	for (unsigned i = 0; i < CAPTURE_N_CONDS; i++)
		check_cond(k, i, out);
	g.addr = put_op(b, IR_AND, element_word(k, ROW(ptr_offset)), ROW(ptr_mask));
	put_br_imm(b, CC_EQ, g.addr, 0, out);
	g.addr = put_op(b, IR_ADD, g.addr, ROW(ptr_add));
	g.count = build_count(k, g.addr);
	put_br_imm(b, CC_EQ, g.count, 0, out);
	g.n = minimum(b, g.count, ROW(max));
	g.used = get(k, WORK(used));
	fit(k, &g, out);
	put_br_imm(b, CC_EQ, ROW(before), 0, forward);
	put_mov_to(b, g.addr, put_op(b, IR_SUB, g.addr, put_op(b, IR_MUL, g.n, ROW(size))));
	put_label(b, forward);
	g.n_elems = new_vreg(b);
	g.to = place(k, g.used);
	read_elements(k, &g);
	write_segment(k, &g);
}

static uint32_t segment_word(struct capturing *k, uint32_t segment, size_t off)
{
	return put_load(k->b, segment, (int32_t)off, 4, false);
}

static void build_round(struct capturing *k)
{
	struct builder *b = k->b;
	uint32_t go_on = new_label(b), next = new_label(b), out = new_label(b),
		 in_time = new_label(b);
	uint32_t at = get(k, WORK(segment)), head, row, n_edges, element, edge, n_bytes, steps;

	put_br(b, CC_LT, at, get(k, WORK(used)), go_on);
	put_jmp(b, b->fn->leave);
	put_label(b, go_on);
	head = place(k, at);
	n_bytes = segment_word(k, head, offsetof(struct stored_segment, n_bytes));
	row = segment_word(k, head, offsetof(struct stored_segment, edge));
	row = put_ext(b, put_op_imm(b, IR_ADD, row, 1), 4, false); /* the root's comes round to 0 */
	row = row_address(b, k->nodes, k->c->n_edges + 1, sizeof(struct node_row), row);
	n_edges = put_load(b, row, offsetof(struct node_row, n_edges), 8, false);
	element = get(k, WORK(element));
	edge = get(k, WORK(edge));
	put_br_imm(b, CC_EQ, n_edges, 0, next);
	put_br(b, CC_GE, element, segment_word(k, head, offsetof(struct stored_segment, n_elems)),
	       next);
	steps = get(k, WORK(steps));
	put_br_imm(b, CC_LT, steps, CAPTURE_MAX_STEPS, in_time);
	set_flag(k, CAPTURED_CUT);
	put_jmp(b, b->fn->leave);
	put_label(b, in_time);
	set(k, WORK(steps), put_op_imm(b, IR_ADD, steps, 1));
	k->element = put_op(b, IR_MUL, element,
			    put_load(b, row, offsetof(struct node_row, size), 8, false));
	k->element = put_op_imm(b, IR_ADD, put_op(b, IR_ADD, k->element, at), SEGMENT);
	advance(k, element, edge, n_edges);
	edge = put_op(b, IR_ADD, edge,
		      put_load(b, row, offsetof(struct node_row, first_edge), 8, false));
	k->row = row_address(b, k->edges, k->c->n_edges, sizeof(struct edge_row), edge);
	follow_edge(k, edge, out);
	put_jmp(b, out);
	put_label(b, next);
	next_segment(k, at, n_bytes);
	put_label(b, out);
}

/* ---- around it ---- */

static void set_bases(struct capturing *k)
{
	struct builder *b = k->b;

	k->segments = put_op_imm(b, IR_ADD, scratch_base(b), k->scratch + HEAD);
	k->work = put_op_imm(b, IR_ADD, scratch_base(b), k->scratch + HEAD + 2 * k->room + SEGMENT);
}

static void start_work(struct capturing *k, uint32_t used)
{
	struct builder *b = k->b;

	set_bases(k);
	put_zero(b, k->work, 0, sizeof(struct work));
	put_store_imm(b, k->work, WORK(used), used, 8);
}

static void put_first_segment(struct capturing *k, struct value v, uint32_t n_bytes)
{
	struct builder *b = k->b;
	struct value mem = value_mem(scratch_base(b), (int32_t)k->scratch, SPACE_BPF, type_none());
	uint32_t used = SEGMENT + round_up8(n_bytes);
	int32_t at = mem.off + HEAD;

	put_store_imm(b, mem.reg, mem.off, used, 4);
	put_store_imm(b, mem.reg, mem.off + 4, 0, 4);
	put_store_imm(b, mem.reg, at, -1, 8); /* origin and edge: CAPTURE_ROOT */
	put_store_imm(b, mem.reg, at + 8, k->c->root_elems, 4);
	put_store_imm(b, mem.reg, at + 12, n_bytes, 4);
	put_store_imm(b, mem.reg, at + 16, k->c->root_elems, 8);
	if (n_bytes % 8)
		put_zero(b, mem.reg, at + SEGMENT + (int32_t)(n_bytes & ~7u), 8);
	value_store(b, value_mem(mem.reg, at + SEGMENT, SPACE_BPF, v.type), v);
}

static void run_plan(struct capturing *k, uint32_t used)
{
	struct builder *b = k->b;
	struct fn_state *cb;
	uint32_t head;

	make_tables(k);
	start_work(k, used);
	cb = callback_begin(b, IR_FUNC_LOOP);
	set_bases(k);
	build_round(k);
	callback_end(b, cb);
	put_helper(b, BPF_FUNC_loop, put_imm(b, MAX_ROUNDS), put_func(b, cb->index), frame_base(b),
		   put_imm(b, 0));
	set_bases(k);
	head = scratch_base(b);
	put_store(b, head, (int32_t)k->scratch, get(k, WORK(used)), 4);
	put_store(b, head, (int32_t)k->scratch + 4, get(k, WORK(flags)), 4);
}

struct value build_capture(struct builder *b, struct value v, const struct type *to)
{
	struct capturing k = { .b = b, .c = to->capture, .room = 64 };
	uint32_t n_bytes = k.c->root_elems * k.c->nodes[0].size, keep;

	while (k.room < k.c->max_bytes)
		k.room *= 2;
	k.scratch = scratch_alloc(b, HEAD + k.room);
	keep = b->scratch_used;
	if (k.c->n_edges)
		scratch_alloc(b, k.room + SEGMENT + (uint32_t)sizeof(struct work));
	put_first_segment(&k, v, n_bytes);
	if (k.c->n_edges)
		run_plan(&k, SEGMENT + round_up8(n_bytes));
	b->scratch_used = keep;
	return value_mem(scratch_base(b), (int32_t)k.scratch, SPACE_BPF, to);
}
