/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Aggregations: @m[k] = count(), sum(x), avg, min, max, stats, hist, lhist, tseries. Every one updates this CPU's value in
 * place, with atomic operations, because a uprobe program can be preempted or interrupted by another on its CPU. Reading
 * one as a number adds up all CPUs.
 */
#include "ir/build_private.h"

#include <linux/bpf.h>

enum { MINMAX_TRIES = 4 };

/* pointer to this CPU's value, made when absent; jumps to fail when the map is full */
static uint32_t find_or_make(struct builder *b, const struct map_info *m, uint32_t key,
			     uint32_t fail)
{
	uint32_t map = map_number(b, m), size = b->im->maps[map]->value_size;
	uint32_t elem = new_vreg(b), found = new_label(b);
	bool is_array = b->im->maps[map]->bpf_type == BPF_MAP_TYPE_PERCPU_ARRAY;

	put_mov_to(b, elem, map_lookup(b, map, key));
	put_br_imm(b, CC_NE, elem, 0, found);
	if (!is_array) {
		struct value zero = mem_new_bytes(b, size);
		uint32_t ret;

		mem_zero(b, zero, round_up8(size));
		ret = put_helper(b, BPF_FUNC_map_update_elem, put_map(b, map), key,
				 value_address(b, zero), put_imm(b, BPF_NOEXIST));
		put_mov_to(b, elem, map_lookup(b, map, key));
		put_br_imm(b, CC_NE, elem, 0, found);
		fault_count(b,
			    (struct image_fault){ .kind = FAULT_MAP_FULL,
						  .map = map,
						  .helper = STR("map_update_elem") },
			    ret);
	}
	put_jmp(b, fail);
	put_label(b, found);
	return elem;
}

/* value = the better of value and v; several tries, because another program may get in between */
static void update_minmax(struct builder *b, uint32_t elem, uint32_t v, const struct type *t)
{
	bool is_min = t->kind == TYPE_MIN;
	enum ir_cc keep = is_min ? (t->is_signed ? CC_SLE : CC_LE)
				 : (t->is_signed ? CC_SGE : CC_GE);
	uint32_t old = new_vreg(b), done = new_label(b), compare = new_label(b);

	put_mov_to(b, old, put_load(b, elem, 0, 8, false));
	put_br_imm(b, CC_NE, put_load(b, elem, 8, 8, false), 0, compare);
	put_mov_to(b, old, put_cmpxchg(b, elem, 0, put_imm(b, 0), v));
	put_store_imm(b, elem, 8, 1, 8);
	put_br_imm(b, CC_EQ, old, 0, done);
	put_label(b, compare);
	for (int i = 0; i < MINMAX_TRIES; i++) {
		uint32_t seen;

		put_br(b, keep, old, v, done);
		seen = put_cmpxchg(b, elem, 0, old, v);
		put_br(b, CC_EQ, seen, old, done);
		put_mov_to(b, old, seen);
	}
	put_label(b, done);
}

/* a value that stands for several hits */
static uint32_t weighted(struct builder *b, uint32_t v, uint32_t weight)
{
	return b->budget_weight ? put_op(b, IR_MUL, v, weight) : v;
}

static void update_simple(struct builder *b, struct node *target, struct node *call)
{
	const struct map_info *m = target->map.ref;
	const struct type *t = m->value_type;
	uint32_t v = call->call.args ? build_reg(b, call->call.args) : 0;
	uint32_t done = new_label(b);
	uint32_t elem = find_or_make(b, m, map_key_address(b, m, target->map.key), done);
	uint32_t weight = build_budget_weight(b);

	switch (t->kind) {
	case TYPE_COUNT: put_atomic_add(b, elem, 0, weight); break;
	case TYPE_SUM: put_atomic_add(b, elem, 0, weighted(b, v, weight)); break;
	case TYPE_MIN:
	case TYPE_MAX: update_minmax(b, elem, v, t); break;
	default: /* avg, stats */
		put_atomic_add(b, elem, 0, weighted(b, v, weight));
		put_atomic_add(b, elem, 8, weight);
		break;
	}
	put_label(b, done);
}

/*
 * floor(log2(n)) for n > 0: six halvings, without branches, which would double the verifier's paths, and whose ways a processor
 * cannot guess. 0 - x is negative where x is not 0.
 */
static uint32_t log2_floor(struct builder *b, uint32_t n)
{
	uint32_t v = new_vreg(b), sum = put_imm(b, 0), zero = put_imm(b, 0);

	put_mov_to(b, v, n);
	for (int shift = 32; shift >= 1; shift /= 2) {
		uint32_t upper = put_op_imm(b, IR_SHR, v, shift);
		uint32_t is_big = put_op_imm(b, IR_SHR, put_op(b, IR_SUB, zero, upper), 63);
		uint32_t by = put_op_imm(b, IR_MUL, is_big, shift);

		v = put_op(b, IR_SHR, v, by);
		sum = put_op(b, IR_ADD, sum, by);
	}
	return sum;
}

/* see types/type.h for the numbering */
static uint32_t hist_bucket(struct builder *b, uint32_t n, int64_t bits, bool is_signed)
{
	uint32_t bucket = new_vreg(b), done = new_label(b), l, shift, top;

	put_imm_to(b, bucket, 0);
	if (is_signed)
		put_br_imm(b, CC_SLT, n, 0, done);
	put_mov_to(b, bucket, put_op_imm(b, IR_ADD, n, 1));
	put_br_imm(b, CC_LT, n, (int64_t)1 << bits, done);
	l = log2_floor(b, n);
	shift = put_op_imm(b, IR_SUB, l, bits);
	top = put_op_imm(b, IR_SHL, put_op_imm(b, IR_ADD, shift, 1), bits);
	n = put_op_imm(b, IR_SUB, put_op(b, IR_SHR, n, shift), ((int64_t)1 << bits) - 1);
	put_mov_to(b, bucket, put_op(b, IR_ADD, top, n));
	put_label(b, done);
	return bucket;
}

static uint32_t lhist_bucket(struct builder *b, uint32_t n, const int64_t param[3])
{
	uint32_t bucket = new_vreg(b), done = new_label(b);

	put_imm_to(b, bucket, 0);
	put_br_imm(b, CC_SLT, n, param[0], done);
	put_imm_to(b, bucket, 1 + (param[1] - param[0]) / param[2]);
	put_br_imm(b, CC_SGE, n, param[1], done);
	n = put_op_imm(b, IR_DIV, put_op_imm(b, IR_SUB, n, param[0]), param[2]);
	put_mov_to(b, bucket, put_op_imm(b, IR_ADD, n, 1));
	put_label(b, done);
	return bucket;
}

static void update_hist(struct builder *b, struct node *target, struct node *call)
{
	const struct map_info *m = target->map.ref;
	const struct type *t = m->value_type;
	struct node *arg = call->call.args;
	uint32_t n = build_reg(b, arg), bucket, done = new_label(b);
	bool is_signed = arg->type->kind == TYPE_INT && arg->type->is_signed;

	bucket = t->kind == TYPE_HIST ? hist_bucket(b, n, t->param[0], is_signed)
				      : lhist_bucket(b, n, t->param);
	put_atomic_add(b, find_or_make(b, m, map_bucket_key(b, m, target->map.key, bucket), done),
		       0, build_budget_weight(b));
	put_label(b, done);
}

/* the clock of time series: the wall clock (TAI), or in tests a map of the script that holds it */
static uint32_t tseries_now(struct builder *b)
{
	const struct map_info *m = NULL;
	uint32_t now, elem, absent;

	for (uint32_t i = 0; b->opts->dummy_ts_map && i < b->unit->n_maps; i++)
		if (str_is(b->unit->maps[i]->name, b->opts->dummy_ts_map))
			m = b->unit->maps[i];
	if (!m || m->key_type || m->value_type->size != 8)
		return put_call(b, BPF_FUNC_ktime_get_tai_ns, 0, NULL);
	now = new_vreg(b);
	absent = new_label(b);
	put_imm_to(b, now, 0);
	elem = map_lookup(b, map_image_index(b, m), map_key_address(b, m, NULL));
	put_br_imm(b, CC_EQ, elem, 0, absent);
	put_mov_to(b, now, put_load(b, elem, 0, 8, false));
	put_label(b, absent);
	return now;
}

/*
 * A slot whose interval is over is begun anew. The second word counts the values, or, where the last value is what
 * matters, holds the time of the write, by which the consumer picks one of the CPUs'.
 */
static void update_tseries(struct builder *b, struct node *target, struct node *call)
{
	const struct map_info *m = target->map.ref;
	const struct type *t = m->value_type;
	uint32_t v = build_reg(b, call->call.args), done = new_label(b), current = new_label(b),
		 merge = new_label(b);
	uint32_t now = tseries_now(b);
	uint32_t interval = put_op_imm(b, IR_DIV, now, t->param[0]);
	uint32_t slot = put_op_imm(b, IR_MOD, interval, t->param[1]);
	uint32_t elem = find_or_make(b, m, map_bucket_key(b, m, target->map.key, slot), done);
	bool is_last = t->param[2] == TSERIES_LAST;
	uint32_t old;

	put_br(b, CC_EQ, put_load(b, elem, 16, 8, false), interval, current);
	put_store(b, elem, 16, interval, 8);
	put_store_imm(b, elem, 8, 0, 8);
	put_label(b, current);
	old = put_load(b, elem, 0, 8, false);
	put_br_imm(b, CC_NE, put_load(b, elem, 8, 8, false), 0, merge);
	put_store(b, elem, 0, v, 8);
	if (is_last)
		put_store(b, elem, 8, now, 8);
	else
		put_store_imm(b, elem, 8, 1, 8);
	put_jmp(b, done);
	put_label(b, merge);
	if (!is_last)
		put_atomic_add(b, elem, 8, put_imm(b, 1));
	switch ((enum tseries_agg)t->param[2]) {
	case TSERIES_AVG:
	case TSERIES_SUM: put_atomic_add(b, elem, 0, v); break;
	case TSERIES_MAX:
		put_br(b, t->is_signed ? CC_SGE : CC_GE, old, v, done);
		put_store(b, elem, 0, v, 8);
		break;
	case TSERIES_MIN:
		put_br(b, t->is_signed ? CC_SLE : CC_LE, old, v, done);
		put_store(b, elem, 0, v, 8);
		break;
	default:
		put_store(b, elem, 0, v, 8);
		put_store(b, elem, 8, now, 8);
		break;
	}
	put_label(b, done);
}

void map_aggregate(struct builder *b, struct node *target, struct node *call)
{
	switch (target->map.ref->value_type->kind) {
	case TYPE_HIST:
	case TYPE_LHIST: update_hist(b, target, call); break;
	case TYPE_TSERIES: update_tseries(b, target, call); break;
	default: update_simple(b, target, call); break;
	}
}

/* ---- reading ---- */

/* fold one CPU's value into total (and n) */
static void fold(struct builder *b, const struct type *t, uint32_t elem, uint32_t total, uint32_t n,
		 uint32_t next)
{
	uint32_t v = put_load(b, elem, 0, 8, false);
	enum ir_cc keep;

	switch (t->kind) {
	case TYPE_MIN:
	case TYPE_MAX:
		keep = t->kind == TYPE_MIN ? (t->is_signed ? CC_SLE : CC_LE)
					   : (t->is_signed ? CC_SGE : CC_GE);
		put_br_imm(b, CC_EQ, put_load(b, elem, 8, 8, false), 0, next);
		uint32_t first = new_label(b);

		put_br_imm(b, CC_EQ, n, 0, first);
		put_br(b, keep, total, v, next);
		put_label(b, first);
		put_mov_to(b, total, v);
		put_imm_to(b, n, 1);
		break;
	case TYPE_AVG:
	case TYPE_STATS:
		put_mov_to(b, total, put_op(b, IR_ADD, total, v));
		put_mov_to(b, n, put_op(b, IR_ADD, n, put_load(b, elem, 8, 8, false)));
		break;
	default: put_mov_to(b, total, put_op(b, IR_ADD, total, v)); break;
	}
}

uint32_t map_read_number(struct builder *b, const struct map_info *m, uint32_t key)
{
	const struct type *t = m->value_type;
	uint32_t map = map_image_index(b, m);
	uint32_t total = put_imm(b, 0), n = put_imm(b, 0), cpu = put_imm(b, 0);
	uint32_t again = new_label(b), next = new_label(b), done = new_label(b), elem;

	put_label(b, again);
	elem = put_helper(b, BPF_FUNC_map_lookup_percpu_elem, put_map(b, map), key, cpu);
	put_br_imm(b, CC_EQ, elem, 0, done);
	fold(b, t, elem, total, n, next);
	put_label(b, next);
	put_mov_to(b, cpu, put_op_imm(b, IR_ADD, cpu, 1));
	put_br_imm(b, CC_LT, cpu, b->opts->n_cpus, again);
	put_label(b, done);
	if (t->kind == TYPE_AVG || t->kind == TYPE_STATS)
		return put_op(b, t->is_signed ? IR_SDIV : IR_DIV, total, n);
	return total;
}
