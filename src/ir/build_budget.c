/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --budget: what a program of user probes does in front of everything else, and on its way out. It counts the hit, reads what the
 * session says of its clause (all hits, none, one in n) and leaves, or goes on with a weight: what count(), sum(), avg(),
 * stats() and histograms add is multiplied by it, so that a map is right in expectation whatever the rate was and when it changed.
 * One hit in 64 is timed. Without --budget nothing of this is in any program.
 */
#include "ir/build_private.h"

#include <linux/bpf.h>
#include <stddef.h>

enum {
	TIMED_MASK = 63,
	/* longer, and the thread was interrupted: that is not the program's cost */
	TIMED_MOST_NS = 100000,
};

void build_budget_maps(struct builder *b)
{
	struct image_map hits = { .name = STR("budget_hits"),
				  .role = MAP_PRIVATE,
				  .bpf_type = BPF_MAP_TYPE_PERCPU_ARRAY,
				  .key_size = 4,
				  .value_size = sizeof(struct image_budget_hits),
				  .max_entries = IMAGE_BUDGET_CLAUSES,
				  .is_per_cpu = true };
	struct image_map rates = { .name = STR("budget_rates"),
				   .role = MAP_PRIVATE,
				   .bpf_type = BPF_MAP_TYPE_ARRAY,
				   .key_size = 4,
				   .value_size = IMAGE_BUDGET_CLAUSES * 8,
				   .max_entries = 1 };

	if (b->im->budget_hits_map != IMAGE_NONE)
		return; /* of an earlier generation */
	b->im->budget_hits_map = image_add_map(b->im, hits);
	b->im->budget_rates_map = image_add_map(b->im, rates);
}

static uint32_t load_rate(struct builder *b)
{
	return put_load(b, put_map_value(b, b->im->budget_rates_map, 0),
			(int32_t)(b->prog->budget * 8), 8, false);
}

/*
 * One in rate, by a hash of the hit's number: every rate-th hit would be the same one of a program's round again and again. Two
 * multiplications are less than a random number.
 */
static void choose(struct builder *b, uint32_t number, uint32_t rate)
{
	uint32_t go = new_label(b), x, mask = put_op_imm(b, IR_SUB, rate, 1);

	x = put_op(b, IR_MUL, number, put_imm(b, (int64_t)0x9e3779b97f4a7c15ull));
	x = put_op(b, IR_XOR, x, put_op_imm(b, IR_SHR, x, 32));
	x = put_op(b, IR_MUL, x, put_imm(b, (int64_t)0xd6e8feb86659fd93ull));
	x = put_op_imm(b, IR_SHR, x, 32);
	put_br_imm(b, CC_EQ, put_op(b, IR_AND, x, mask), 0, go);
	put_ret(b, put_imm(b, 0));
	put_label(b, go);
}

/*
 * 0, or when the program began. Half of what reading the clock takes is taken off: the processor works at the program while it reads,
 * and with all of it taken off a short program would seem to cost nothing
 */
static void start_clock(struct builder *b, uint32_t number)
{
	uint32_t skip = new_label(b), first, second;

	b->budget_start = new_vreg(b);
	put_imm_to(b, b->budget_start, 0);
	put_br_imm(b, CC_NE, put_op_imm(b, IR_AND, number, TIMED_MASK), 0, skip);
	first = put_call(b, BPF_FUNC_ktime_get_ns, 0, NULL);
	second = put_call(b, BPF_FUNC_ktime_get_ns, 0, NULL);
	put_mov_to(b, b->budget_start,
		   put_op(b, IR_ADD, second,
			  put_op_imm(b, IR_SHR, put_op(b, IR_SUB, second, first), 1)));
	put_atomic_add(b, b->budget_elem, (int32_t)offsetof(struct image_budget_hits, timed),
		       put_imm(b, 1));
	put_label(b, skip);
}

void build_budget_gate(struct builder *b)
{
	uint32_t there = new_label(b), on = new_label(b), all = new_label(b), number, rate;
	struct mem_mark mark = mem_mark(b);
	struct value key;

	if (!b->opts->has_budget || !b->shape->is_user || b->budget_first >= IMAGE_BUDGET_CLAUSES)
		return;
	b->prog->budget = b->budget_first;
	key = mem_new_bytes(b, 8);
	put_store_imm(b, key.reg, key.off, b->prog->budget, 4);
	b->budget_elem = map_lookup(b, b->im->budget_hits_map, value_address(b, key));
	mem_release(b, mark);
	put_br_imm(b, CC_NE, b->budget_elem, 0, there);
	put_ret(b, put_imm(b, 0)); /* for the verifier: arrays have all elements */
	put_label(b, there);
	number = put_fetch_add(b, b->budget_elem, 0, put_imm(b, 1));
	rate = load_rate(b);
	b->budget_weight = new_vreg(b);
	put_imm_to(b, b->budget_weight, 1);
	put_br_imm(b, CC_EQ, rate, 0, all);
	/* off, and on trial: odd numbers both */
	put_br_imm(b, CC_EQ, put_op_imm(b, IR_AND, rate, 1), 0, on);
	put_ret(b, put_imm(b, 0));
	put_label(b, on);
	choose(b, number, rate);
	put_mov_to(b, b->budget_weight, rate);
	put_label(b, all);
	start_clock(b, number);
}

void build_budget_end(struct builder *b)
{
	uint32_t done, ns;

	if (!b->budget_start)
		return;
	done = new_label(b);
	put_br_imm(b, CC_EQ, b->budget_start, 0, done);
	ns = put_call(b, BPF_FUNC_ktime_get_ns, 0, NULL);
	ns = put_op(b, IR_SUB, ns, b->budget_start);
	put_br_imm(b, CC_SGT, ns, TIMED_MOST_NS, done);
	put_atomic_add(b, b->budget_elem, (int32_t)offsetof(struct image_budget_hits, ns), ns);
	put_label(b, done);
}

uint32_t build_budget_weight(struct builder *b)
{
	uint32_t rate, weight, plain;

	if (!b->budget_weight)
		return put_imm(b, 1);
	if (b->fn == b->main)
		return b->budget_weight;
	/* a callback has registers of its own: the rate may have changed meanwhile, which is nothing beside chance */
	rate = load_rate(b);
	weight = new_vreg(b);
	plain = new_label(b);
	put_imm_to(b, weight, 1);
	put_br_imm(b, CC_EQ, rate, 0, plain);
	put_br_imm(b, CC_NE, put_op_imm(b, IR_AND, rate, 1), 0, plain);
	put_mov_to(b, weight, rate);
	put_label(b, plain);
	return weight;
}
