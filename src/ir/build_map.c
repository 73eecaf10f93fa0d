/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maps of the script: their image maps, keys, reads and writes. Aggregations are in build_aggregate.c.
 */
#include "ir/build_private.h"

#include <linux/bpf.h>

/* ---- the image's maps ---- */

static bool has_buckets(const struct type *t)
{
	return t->kind == TYPE_HIST || t->kind == TYPE_LHIST || t->kind == TYPE_TSERIES;
}

/* rows per key of a map whose values are spread over buckets */
static uint32_t buckets_of(const struct type *t)
{
	int64_t n;

	switch (t->kind) {
	case TYPE_HIST: return (uint32_t)(66u << t->param[0]);
	case TYPE_LHIST:
		n = (t->param[1] - t->param[0]) / (t->param[2] ? t->param[2] : 1) + 2;
		return n > 0 && n < 100000 ? (uint32_t)n : 1002;
	default: return (uint32_t)t->param[1];
	}
}

static uint32_t entries_of(const struct builder *b, const struct map_info *m)
{
	uint64_t max = m->max_entries ? m->max_entries : (uint64_t)b->unit->config.max_map_keys;

	if (!has_buckets(m->value_type))
		return m->key_type ? (uint32_t)max : 1;
	if (!m->key_type)
		return buckets_of(m->value_type);
	max *= buckets_of(m->value_type) < 8 ? buckets_of(m->value_type) : 8;
	return max < (1u << 24) ? (uint32_t)max : 1u << 24;
}

static uint32_t bpf_type_of(const struct map_info *m, bool is_per_cpu)
{
	bool is_lru = m->kind == MAP_KIND_LRUHASH || m->kind == MAP_KIND_PERCPULRUHASH;

	if (is_per_cpu && !m->key_type && !has_buckets(m->value_type))
		return BPF_MAP_TYPE_PERCPU_ARRAY;
	if (is_per_cpu)
		return is_lru ? BPF_MAP_TYPE_LRU_PERCPU_HASH : BPF_MAP_TYPE_PERCPU_HASH;
	return is_lru ? BPF_MAP_TYPE_LRU_HASH : BPF_MAP_TYPE_HASH;
}

static void make_image_map(struct builder *b, const struct map_info *m)
{
	bool is_per_cpu = type_is_aggregation(m->value_type) || m->kind == MAP_KIND_PERCPUHASH ||
			  m->kind == MAP_KIND_PERCPULRUHASH;
	struct image_map im = {
		.name = m->name,
		.role = MAP_SCRIPT,
		.key_type = m->key_type,
		.value_type = m->value_type,
		.is_per_cpu = is_per_cpu,
		.is_scalar = !m->key_type,
		.is_of_threads = m->key_type && !is_per_cpu,
		.print_at_exit = true,
		.at = m->at,
		.value_size = m->value_type->size,
	};

	im.bpf_type = bpf_type_of(m, is_per_cpu);
	im.max_entries = entries_of(b, m);
	im.key_size = m->key_type ? round_up8(m->key_type->size) : 8;
	if (im.bpf_type == BPF_MAP_TYPE_PERCPU_ARRAY)
		im.key_size = 4;
	if (has_buckets(m->value_type)) {
		im.bucket_offset = m->key_type ? im.key_size : 0;
		im.key_size = im.bucket_offset + 8;
		im.value_size = m->value_type->kind == TYPE_TSERIES ? sizeof(struct stored_tseries)
								    : 8;
	}
	if (im.value_size == 0)
		im.value_size = 8;
	b->script_maps[m->index] = image_add_map(b->im, im);
}

/* tid, or a tuple with it: threads have different ones */
static bool is_of_thread(const struct node *key)
{
	if (key->kind == NODE_CALL)
		return key->call.builtin && key->call.builtin->id == BUILTIN_TID;
	if (key->kind != NODE_TUPLE)
		return false;
	for (const struct node *n = key->list.items; n; n = n->next)
		if (is_of_thread(n))
			return true;
	return false;
}

static bool look_for_shared_keys(void *arg, struct node *n)
{
	struct builder *b = arg;

	if (n->kind == NODE_MAP && n->map.ref && n->map.key && !is_of_thread(n->map.key))
		b->im->maps[map_number(b, n->map.ref)]->is_of_threads = false;
	return true;
}

void image_maps_make(struct builder *b)
{
	const struct unit *u = b->unit;

	for (uint32_t i = 0; i < u->n_maps; i++)
		make_image_map(b, u->maps[i]);
	for (uint32_t i = 0; i < u->n_insts; i++) {
		node_walk(u->insts[i]->predicate, look_for_shared_keys, b);
		node_walk(u->insts[i]->body, look_for_shared_keys, b);
	}
	for (uint32_t i = 0; i < u->n_fns; i++)
		node_walk(u->fns[i]->def->body, look_for_shared_keys, b);
}

uint32_t map_number(const struct builder *b, const struct map_info *m)
{
	return b->script_maps[m->index];
}

uint32_t map_image_index(struct builder *b, const struct map_info *m)
{
	uint32_t map = map_number(b, m), *more;

	for (uint32_t i = 0; i < b->prog->n_owns; i++)
		if (b->prog->owns[i] == map)
			return map;
	more = arena_array(b->arena, uint32_t, b->prog->n_owns + 1);
	if (b->prog->n_owns)
		memcpy(more, b->prog->owns, b->prog->n_owns * sizeof(*more));
	more[b->prog->n_owns++] = map;
	b->prog->owns = more;
	return map;
}

/* ---- keys ---- */

static uint32_t key_bytes(const struct builder *b, const struct map_info *m)
{
	return b->im->maps[b->script_maps[m->index]]->key_size;
}

/* the key in memory of the map's key size; what stands behind the value is zero */
static struct value key_memory(struct builder *b, const struct map_info *m, struct node *key)
{
	uint32_t size = key_bytes(b, m);
	struct value mem = mem_new_bytes(b, size);
	uint32_t used = m->key_type ? m->key_type->size : 0;

	if (!m->key_type) {
		mem_zero(b, mem, round_up8(size));
		return mem;
	}
	if (used < size) {
		uint32_t from = used & ~7u;

		put_zero(b, mem.reg, mem.off + (int32_t)from, size - from);
	}
	build_into(b, key, value_retype(mem, m->key_type));
	return mem;
}

uint32_t map_key_address(struct builder *b, const struct map_info *m, struct node *key)
{
	struct value v;

	/* a key that stands in memory just as the map wants it is used where it is */
	if (m->key_type && !type_is_scalar(m->key_type) && key_bytes(b, m) == m->key_type->size &&
	    key->kind != NODE_TUPLE && key->kind != NODE_RECORD) {
		v = build_expr(b, key);
		if (v.form == VAL_MEM && v.space == SPACE_BPF && !v.is_ctx && v.type == m->key_type)
			return value_address(b, v);
		struct value mem = mem_new_bytes(b, m->key_type->size);

		value_store(b, value_retype(mem, m->key_type), v);
		return value_address(b, mem);
	}
	return value_address(b, key_memory(b, m, key));
}

uint32_t map_bucket_key(struct builder *b, const struct map_info *m, struct node *key,
			uint32_t bucket)
{
	const struct image_map *im = b->im->maps[map_number(b, m)];
	struct value mem = key_memory(b, m, key);

	put_store(b, mem.reg, mem.off + (int32_t)im->bucket_offset, bucket, 8);
	return value_address(b, mem);
}

/* ---- helpers ---- */

uint32_t map_lookup(struct builder *b, uint32_t image_map, uint32_t key_addr)
{
	return put_helper(b, BPF_FUNC_map_lookup_elem, put_map(b, image_map), key_addr);
}

void map_update(struct builder *b, uint32_t image_map, uint32_t key_addr, uint32_t value_addr,
		uint64_t flags)
{
	uint32_t ret = put_helper(b, BPF_FUNC_map_update_elem, put_map(b, image_map), key_addr,
				  value_addr, put_imm(b, (int64_t)flags));

	fault_if_negative(b,
			  (struct image_fault){ .kind = FAULT_MAP_FULL,
						.map = image_map,
						.helper = STR("map_update_elem") },
			  ret);
}

static void count_missing(struct builder *b, uint32_t map)
{
	if (b->opts->warn_helpers)
		fault_count(b,
			    (struct image_fault){ .kind = FAULT_MAP_LOOKUP,
						  .map = map,
						  .is_quiet = true,
						  .helper = STR("map_lookup_elem") },
			    0);
}

/* ---- access ---- */

struct value map_read(struct builder *b, struct node *n)
{
	const struct map_info *m = n->map.ref;
	uint32_t map = map_image_index(b, m), key = map_key_address(b, m, n->map.key), elem;
	uint32_t absent = new_label(b), done = new_label(b);
	struct value to;

	if (type_is_aggregation(m->value_type))
		return value_reg(map_read_number(b, m, key), type_int(8, m->value_type->is_signed));
	elem = map_lookup(b, map, key);
	to = type_is_scalar(m->value_type) ? value_reg(new_vreg(b), m->value_type)
					   : mem_new(b, m->value_type);
	put_br_imm(b, CC_EQ, elem, 0, absent);
	if (to.form == VAL_REG)
		put_mov_to(b, to.reg,
			   value_to_reg(b, value_mem(elem, 0, SPACE_BPF, m->value_type)));
	else
		put_copy(b, to.reg, to.off, elem, 0, m->value_type->size);
	put_jmp(b, done);
	put_label(b, absent);
	if (to.form == VAL_REG)
		put_imm_to(b, to.reg, 0);
	else
		mem_zero(b, to, m->value_type->size);
	count_missing(b, map);
	put_label(b, done);
	return to;
}

void map_write(struct builder *b, struct node *n, struct value v)
{
	const struct map_info *m = n->map.ref;
	struct value mem;
	uint32_t key;

	if (v.form == VAL_MEM && v.space == SPACE_BPF && !v.is_ctx &&
	    v.type->size == m->value_type->size && !type_is_scalar(m->value_type)) {
		mem = v;
	} else {
		mem = mem_new_bytes(b, m->value_type->size);
		if (m->value_type->size % 8 && m->value_type->size < 8)
			put_store_imm(b, mem.reg, mem.off, 0, 8);
		value_store(b, value_retype(mem, m->value_type), v);
	}
	key = map_key_address(b, m, n->map.key);
	map_update(b, map_image_index(b, m), key, value_address(b, mem), BPF_ANY);
}
