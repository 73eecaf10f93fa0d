/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values and memory: where temporaries stand (stack slots, claimed scratch), loads and stores in stored form, reads from
 * the traced process and the kernel.
 */
#include "ir/build_private.h"

#include <linux/bpf.h>

uint32_t round_up8(uint32_t n)
{
	return (n + 7) & ~7u;
}

struct value value_retype(struct value v, const struct type *t)
{
	v.type = t;
	return v;
}

struct value value_at(struct value mem, int32_t off, const struct type *t)
{
	mem.off += off;
	mem.type = t;
	return mem;
}

uint32_t value_address(struct builder *b, struct value v)
{
	return v.off ? put_op_imm(b, IR_ADD, v.reg, v.off) : v.reg;
}

bool is_signed_type(const struct type *t)
{
	return (t->kind == TYPE_INT || t->kind == TYPE_ENUM) && t->is_signed;
}

uint32_t value_to_reg(struct builder *b, struct value v)
{
	uint32_t size = v.type->size;
	struct value tmp;

	if (v.form == VAL_REG)
		return v.reg;
	if (v.form != VAL_MEM || (size != 1 && size != 2 && size != 4 && size != 8))
		return put_imm(b,
			       0); /* ir_check's tests show that sema lets none of these through */
	if (v.space == SPACE_BPF)
		return put_load(b, v.reg, v.off, size, is_signed_type(v.type));
	tmp = mem_new_bytes(b, 8);
	mem_read(b, tmp, value_address(b, v), v.space, size);
	return put_load(b, tmp.reg, tmp.off, size, is_signed_type(v.type));
}

/* ---- temporaries ---- */

static uint32_t add_slot(struct builder *b, uint32_t size)
{
	struct ir_func *f = b->fn->f;

	if (f->n_slots == f->cap_slots) {
		uint32_t cap = f->cap_slots ? f->cap_slots * 2 : 8;
		struct ir_slot *grown = arena_array(b->arena, struct ir_slot, cap);

		if (f->n_slots)
			memcpy(grown, f->slots, f->n_slots * sizeof(*grown));
		f->slots = grown;
		f->cap_slots = cap;
	}
	f->slots[f->n_slots] = (struct ir_slot){ size, 8 };
	return f->n_slots++;
}

/* a free slot of just this size, or a new one; UINT32_MAX when the stack is used up */
static uint32_t take_slot(struct builder *b, uint32_t size)
{
	struct fn_state *fn = b->fn;
	uint32_t slot;

	for (size_t i = 0; i < fn->free_slots.n; i++) {
		slot = fn->free_slots.v[i];
		if (fn->f->slots[slot].size != size)
			continue;
		fn->free_slots.v[i] = vec_last(&fn->free_slots);
		fn->free_slots.n--;
		vec_push(&fn->live_slots, slot);
		return slot;
	}
	if (fn->slot_bytes + size > MAX_SLOT_BYTES)
		return UINT32_MAX;
	fn->slot_bytes += size;
	slot = add_slot(b, size);
	vec_push(&fn->live_slots, slot);
	return slot;
}

uint32_t scratch_alloc(struct builder *b, uint32_t size)
{
	uint32_t off = SCRATCH_HEAD + b->scratch_used;

	b->uses_scratch = true;
	b->scratch_used += round_up8(size);
	if (b->scratch_used > b->scratch_peak)
		b->scratch_peak = b->scratch_used;
	return off;
}

struct value mem_new_bytes(struct builder *b, uint32_t size)
{
	uint32_t rounded = round_up8(size ? size : 1);
	uint32_t slot = rounded <= MAX_SLOT_OBJECT ? take_slot(b, rounded) : UINT32_MAX;

	if (slot != UINT32_MAX)
		return value_mem(put_slot(b, slot), 0, SPACE_BPF, type_none());
	return value_mem(scratch_base(b), (int32_t)scratch_alloc(b, rounded), SPACE_BPF,
			 type_none());
}

struct value mem_new(struct builder *b, const struct type *t)
{
	return value_retype(mem_new_bytes(b, t->size), t);
}

struct mem_mark mem_mark(struct builder *b)
{
	return (struct mem_mark){ b->fn->live_slots.n, b->scratch_used };
}

void mem_release(struct builder *b, struct mem_mark mark)
{
	struct fn_state *fn = b->fn;

	while (fn->live_slots.n > mark.live_slots)
		vec_push(&fn->free_slots, fn->live_slots.v[--fn->live_slots.n]);
	b->scratch_used = mark.scratch > b->scratch_floor ? mark.scratch : b->scratch_floor;
}

void mem_zero(struct builder *b, struct value mem, uint32_t size)
{
	put_zero(b, mem.reg, mem.off, size);
}

uint32_t frame_base(struct builder *b)
{
	b->has_frame = true;
	if (b->fn->is_callback)
		return b->fn->frame;
	return put_slot(b, b->frame_slot);
}

uint32_t scratch_base(struct builder *b)
{
	b->uses_scratch = true;
	if (!b->fn->is_callback)
		return b->main->scratch;
	b->fn->uses_frame_scratch = true;
	return b->fn->scratch;
}

uint32_t context_reg(struct builder *b)
{
	if (!b->fn->is_callback)
		return b->main->ctx;
	return put_load(b, frame_base(b), FRAME_CTX, 8, false);
}

/* ---- reads from elsewhere ---- */

/* programs on user probes may sleep: the thread that hit the probe is between two instructions of its own */
bool may_fault_in(const struct builder *b)
{
	return b->shape->kind == PROBE_UPROBE || b->shape->kind == PROBE_URETPROBE ||
	       b->shape->kind == PROBE_USDT;
}

/* has the kernel bring the page of an address in */
static void fault_in(struct builder *b, uint32_t addr)
{
	struct value byte = mem_new_bytes(b, 8);

	put_helper(b, BPF_FUNC_copy_from_user, value_address(b, byte), put_imm(b, 1), addr);
}

/*
 * Reads of user memory by helper fail on pages that are not in memory yet: constants that the program has not touched before.
 * A read that fails is tried once more when the pages of both its ends (text: where it begins and the next) were brought
 * in; what fails then cannot be read.
 */
static uint32_t read_user(struct builder *b, int helper, uint32_t to, uint32_t size, uint32_t from)
{
	enum { PAGE = 4096 };
	uint32_t got = put_helper(b, helper, to, size, from), ret, fine, end;

	if (!may_fault_in(b))
		return got;
	b->prog->flags |= BPF_F_SLEEPABLE;
	ret = new_vreg(b);
	fine = new_label(b);
	put_mov_to(b, ret, got);
	put_br_imm(b, CC_SGE, ret, 0, fine);
	fault_in(b, from);
	if (helper == BPF_FUNC_probe_read_user)
		end = put_op_imm(b, IR_SUB, put_op(b, IR_ADD, from, size), 1);
	else
		end = put_op_imm(b, IR_ADD, put_op_imm(b, IR_OR, from, PAGE - 1), 1);
	fault_in(b, end);
	put_mov_to(b, ret, put_helper(b, helper, to, size, from));
	put_label(b, fine);
	return ret;
}

/* one helper of the pair, or both behind a test of the address: user addresses are the lower half on x86-64 */
static uint32_t read_by_space(struct builder *b, int user_helper, int kernel_helper, uint32_t to,
			      uint32_t size, uint32_t from, enum space space)
{
	uint32_t ret, kernel, done;

	if (space == SPACE_NONE && b->shape->is_user)
		space = SPACE_USER;
	if (space == SPACE_USER)
		return read_user(b, user_helper, to, size, from);
	b->prog->reads_kernel = b->prog->reads_kernel || space != SPACE_BPF;
	if (space != SPACE_NONE)
		return put_helper(b, kernel_helper, to, size, from);
	ret = new_vreg(b);
	kernel = new_label(b);
	done = new_label(b);
	put_br_imm(b, CC_SLT, from, 0, kernel);
	put_mov_to(b, ret, read_user(b, user_helper, to, size, from));
	put_jmp(b, done);
	put_label(b, kernel);
	put_mov_to(b, ret, put_helper(b, kernel_helper, to, size, from));
	put_label(b, done);
	return ret;
}

/* our own memory is read by the helper for the kernel's */
static bool is_own(enum space space)
{
	return space == SPACE_KERNEL || space == SPACE_BPF;
}

static void count_failed_read(struct builder *b, const char *helper, uint32_t ret)
{
	if (b->opts->warn_helpers)
		fault_if_negative(b,
				  (struct image_fault){ .kind = FAULT_READ,
							.is_quiet = true,
							.map = IMAGE_NONE,
							.helper = str_from(helper) },
				  ret);
}

uint32_t mem_read_bytes(struct builder *b, uint32_t to, uint32_t size, uint32_t from,
			enum space space)
{
	uint32_t ret = read_by_space(b, BPF_FUNC_probe_read_user, BPF_FUNC_probe_read_kernel, to,
				     size, from, space);

	count_failed_read(b, is_own(space) ? "probe_read_kernel" : "probe_read_user", ret);
	return ret;
}

uint32_t mem_read_text(struct builder *b, uint32_t to, uint32_t size, uint32_t from,
		       enum space space)
{
	uint32_t ret = read_by_space(b, BPF_FUNC_probe_read_user_str,
				     BPF_FUNC_probe_read_kernel_str, to, size, from, space);

	count_failed_read(
		b, is_own(space) ? "probe_read_kernel_str" : "probe_read_user_str", ret);
	return ret;
}

void mem_read(struct builder *b, struct value to, uint32_t from_addr, enum space space,
	      uint32_t size)
{
	mem_read_bytes(b, value_address(b, to), put_imm(b, size), from_addr, space);
}

struct value read_string(struct builder *b, uint32_t addr, enum space space, const struct type *to)
{
	struct value mem = mem_new(b, to);

	mem_zero(b, mem, to->size);
	mem_read_text(b, value_address(b, mem), put_imm(b, to->size), addr, space);
	return mem;
}

/* ---- constants ---- */

static void make_const_map(struct builder *b)
{
	b->const_map = image_add_map(b->im, (struct image_map){ .name = STR("const"),
								.role = MAP_CONST,
								.bpf_type = BPF_MAP_TYPE_ARRAY,
								.key_size = 4,
								.max_entries = 1,
								.flags = BPF_F_RDONLY_PROG });
}

struct value const_bytes(struct builder *b, const void *p, uint32_t n, const struct type *t)
{
	struct str key = str_make(p, n);
	uintptr_t at = (uintptr_t)hashmap_get(&b->const_index, key);

	if (b->const_map == IMAGE_NONE)
		make_const_map(b);
	if (!at) {
		at = b->const_data.n + 1;
		strbuf_add(&b->const_data, p, n);
		strbuf_fill(&b->const_data, '\0', round_up8(n) - n);
		hashmap_put(&b->const_index, arena_str(b->arena, key), (void *)at);
	}
	return value_mem(put_map_value(b, b->const_map, (int32_t)(at - 1)), 0, SPACE_BPF, t);
}

/* ---- stores ---- */

/* literal text into memory of a string type, with stores of constants */
static void store_literal(struct builder *b, struct value to, struct str s)
{
	uint32_t size = to.type->size;
	uint32_t n = s.n < size ? (uint32_t)s.n : size - 1;
	bool is_cut = s.n > size - 1;

	if (size > 128) {
		char *bytes = arena_alloc(b->arena, size);
		struct value from;

		memcpy(bytes, s.p, n);
		bytes[size - 1] = is_cut;
		from = const_bytes(b, bytes,
				   round_up8(n + 1) < size && !is_cut ? round_up8(n + 1) : size,
				   to.type);
		n = round_up8(n + 1) < size && !is_cut ? round_up8(n + 1) : size;
		put_copy(b, to.reg, to.off, from.reg, from.off, n);
		put_zero(b, to.reg, to.off + (int32_t)n, size - n);
		return;
	}
	for (uint32_t i = 0; i < size;) {
		uint32_t step = 8;
		uint64_t word = 0;

		while (step > size - i || (to.off + (int32_t)i) % (int32_t)step)
			step /= 2;
		for (uint32_t k = 0; k < step; k++) {
			uint8_t c = i + k < n ? (uint8_t)s.p[i + k] : i + k == size - 1 && is_cut;

			word |= (uint64_t)c << (8 * k);
		}
		put_store_imm(b, to.reg, to.off + (int32_t)i, (int64_t)word, step);
		i += step;
	}
}

/* string of another size: copy what fits, pad with NULs; a cut text keeps its mark only at the very end */
static void store_resized(struct builder *b, struct value to, struct value from)
{
	uint32_t want = to.type->size, have = from.type->size;

	if (have < want) {
		put_copy(b, to.reg, to.off, from.reg, from.off, have);
		put_zero(b, to.reg, to.off + (int32_t)have, want - have);
		if (have) /* the mark of the smaller one would be a character of the larger */
			put_store_imm(b, to.reg, to.off + (int32_t)have - 1, 0, 1);
		return;
	}
	put_copy(b, to.reg, to.off, from.reg, from.off, want - 1);
	if (have == want) {
		put_store(b, to.reg, to.off + (int32_t)want - 1,
			  put_load(b, from.reg, from.off + (int32_t)want - 1, 1, false), 1);
	} else {
		uint32_t next = put_load(b, from.reg, from.off + (int32_t)want - 1, 1, false);

		put_store(b, to.reg, to.off + (int32_t)want - 1, put_set_imm(b, CC_NE, next, 0), 1);
	}
}

static void store_from_elsewhere(struct builder *b, struct value to, struct value v)
{
	if (to.type->kind == TYPE_STRING && v.type->kind == TYPE_STRING &&
	    to.type->size != v.type->size) {
		struct value copy = mem_new(b, v.type);

		mem_read(b, copy, value_address(b, v), v.space, v.type->size);
		store_resized(b, to, copy);
		return;
	}
	mem_read(b, to, value_address(b, v), v.space, v.type->size);
}

void value_store(struct builder *b, struct value to, struct value v)
{
	switch (v.form) {
	case VAL_NONE: mem_zero(b, to, to.type->size); return;
	case VAL_REG: put_store(b, to.reg, to.off, v.reg, to.type->size); return;
	case VAL_STR: store_literal(b, to, v.str); return;
	case VAL_MEM: break;
	}
	if (v.space != SPACE_BPF)
		store_from_elsewhere(b, to, v);
	else if (to.type->kind == TYPE_STRING && v.type->kind == TYPE_STRING &&
		 to.type->size != v.type->size)
		store_resized(b, to, v);
	else if (type_is_scalar(to.type) && !v.is_ctx)
		put_store(b, to.reg, to.off, value_to_reg(b, v), to.type->size);
	else
		put_copy(b, to.reg, to.off, v.reg, v.off, to.type->size);
}

struct value value_to_mem(struct builder *b, struct value v)
{
	struct value to;

	if (v.form == VAL_MEM && v.space == SPACE_BPF && !v.is_ctx)
		return v;
	to = mem_new(b, v.type);
	value_store(b, to, v);
	return to;
}
