/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Returns by probes on ret instructions (probe/returns.h): what such a program tests before its body, and the programs of our
 * own beside it.
 *
 * A function that ends in a jump to another one returns when that one does. Its tail jumps carry a program that makes a
 * note: this call, known by its thread and its frame (CFA, the stack pointer behind the return address), has gone
 * on elsewhere. At the RETs of the function it went on in, the body runs if there is a note, which is then taken away. The
 * return address stands in the note: a frame that was thrown away leaves its note behind, and a later call in the same place
 * must not be taken for it.
 *
 * What registers held at the entry (LOC_OP_ENTRY_REG: the hidden pointer to a result, most of all) is kept by a program at the
 * entry under the same key, and taken at the return.
 */
#include "ir/build_private.h"

#include "arch/x86_64/regs.h"

#include <linux/bpf.h>
#include <stddef.h>

enum { FLAGS_OFFSET = 144 }; /* of struct pt_regs */

/* one call */
struct call_key {
	uint64_t frame;    /* Go: its distance from the top of the stack */
	uint32_t tid;      /* Go: what tells goroutines apart */
	uint32_t function; /* of the shape */
};

/* what stands in the table of a shape's points, by cookie */
struct exit_row {
	uint32_t function;
	uint16_t mask; /* of the flags that decide whether a conditional jump is taken */
	uint8_t is_negated;
	uint8_t kind; /* enum exit_kind */
};

/* ---- rows ---- */

/* bit 15 stands for "sign unlike overflow" (see flags_of) */
static struct exit_row row_of(const struct probe_point *p)
{
	enum { CF = 1, PF = 4, ZF = 0x40, SF = 0x80, OF = 0x800, LESS = 0x8000 };
	static const uint16_t masks[8] = { OF, CF, ZF, CF | ZF, SF, PF, LESS, LESS | ZF };
	struct exit_row r = { .function = p->function, .is_negated = 1, .kind = p->exit };

	if (p->exit_condition) {
		r.mask = masks[(p->exit_condition - 1) >> 1 & 7];
		r.is_negated = (p->exit_condition - 1) & 1;
	}
	return r;
}

/* the row of the point that was hit, as one number */
static uint32_t exit_row(struct builder *b)
{
	const struct probe_shape *s = b->shape;
	uint64_t *rows = arena_array(b->arena, uint64_t, s->n_points);
	bool is_one = true;
	struct value table;
	uint32_t cookie;

	for (uint32_t i = 0; i < s->n_points; i++) {
		struct exit_row r = row_of(&s->points[i]);

		if (s->points[i].cookie >= s->n_points)
			continue;
		memcpy(&rows[s->points[i].cookie], &r, sizeof(r));
	}
	for (uint32_t i = 1; i < s->n_points; i++)
		is_one &= rows[i] == rows[0];
	if (is_one)
		return put_imm(b, (int64_t)rows[0]);
	table = const_bytes(b, rows, s->n_points * 8, type_int(8, false));
	cookie = put_helper(b, BPF_FUNC_get_attach_cookie, context_reg(b));
	cookie = put_op_imm(b, IR_MUL, put_bound(b, cookie, s->n_points - 1), 8);
	return put_load(b, put_op(b, IR_ADD, value_address(b, table), cookie), 0, 8, false);
}

static uint32_t load_context(struct builder *b, int offset)
{
	return put_load(b, context_reg(b), offset, 8, false);
}

/* leaves the program when a conditional jump stands there that is not taken */
static void test_condition(struct builder *b, uint32_t row)
{
	uint32_t flags = load_context(b, FLAGS_OFFSET), go = new_label(b), less, hit;
	uint32_t mask = put_op_imm(b, IR_AND, put_op_imm(b, IR_SHR, row, 32), 0xffff);
	uint32_t negated = put_op_imm(b, IR_AND, put_op_imm(b, IR_SHR, row, 48), 0xff);

	/* overflow is bit 11, sign bit 7 */
	less = put_op(b, IR_XOR, flags, put_op_imm(b, IR_SHR, flags, 4));
	less = put_op_imm(b, IR_SHL, put_op_imm(b, IR_AND, less, 0x80), 8);
	hit = put_op(b, IR_OR, put_op_imm(b, IR_AND, flags, 0x7fff), less);
	hit = put_set_imm(b, CC_NE, put_op(b, IR_AND, hit, mask), 0);
	put_br(b, CC_NE, hit, negated, go);
	put_ret(b, put_imm(b, 0));
	put_label(b, go);
}

static bool any_point(const struct probe_shape *s, bool (*is)(const struct probe_point *p))
{
	for (uint32_t i = 0; i < s->n_points; i++)
		if (is(&s->points[i]))
			return true;
	return false;
}

static bool is_conditional(const struct probe_point *p)
{
	return p->exit_condition != 0;
}

static bool is_tail_ret(const struct probe_point *p)
{
	return p->exit == EXIT_TAIL_RET;
}

static bool is_not_first(const struct probe_point *p)
{
	return p->function != 0;
}

/* ---- keys ---- */

/* where the frame of the call begins, by what each point says of it */
static uint32_t frame_of(struct builder *b)
{
	const struct probe_shape *s = b->shape;
	int64_t *offsets = arena_array(b->arena, int64_t, s->n_points),
		*by_bp = arena_array(b->arena, int64_t, s->n_points);
	uint32_t sp = load_context(b, arch_sp_offset()), bp;
	bool is_any = false;

	for (uint32_t i = 0; i < s->n_points; i++) {
		offsets[i] = s->points[i].frame_offset;
		by_bp[i] = s->points[i].frame_by_bp;
		is_any |= s->points[i].frame_by_bp;
	}
	if (is_any) {
		bp = put_op(b, IR_SUB, load_context(b, arch_fp_offset()), sp);
		sp = put_op(b, IR_ADD, sp, put_op(b, IR_MUL, bp, build_site_number(b, by_bp)));
	}
	return put_op(b, IR_ADD, sp, build_site_number(b, offsets));
}

static uint32_t key_of(struct builder *b, uint32_t row)
{
	struct value key = mem_new_bytes(b, sizeof(struct call_key));
	uint32_t frame = frame_of(b), owner;

	/* a goroutine goes from thread to thread, and its stack from place to place */
	if (b->shape->is_go) {
		owner = build_goroutine(b);
		frame = build_go_depth(b, frame);
	} else {
		owner = put_call(b, BPF_FUNC_get_current_pid_tgid, 0, NULL);
	}
	put_store(b, key.reg, key.off + (int32_t)offsetof(struct call_key, frame), frame, 8);
	put_store(b, key.reg, key.off + (int32_t)offsetof(struct call_key, tid), owner, 4);
	put_store(b, key.reg, key.off + (int32_t)offsetof(struct call_key, function), row, 4);
	return value_address(b, key);
}

/* call_frame: distance of the frame from the end of the address space, or in Go of its stack, so that callees have more */
struct value build_call_frame(struct builder *b, struct node *call)
{
	uint32_t frame = frame_of(b);

	frame = b->shape->is_go ? build_go_depth(b, frame)
				: put_op(b, IR_SUB, put_imm(b, 0), frame);
	return value_reg(frame, call->type);
}

static uint32_t add_call_map(struct builder *b, const char *what, uint32_t value_size,
			     uint32_t flags)
{
	return image_add_map(
		b->im, (struct image_map){ .name = arena_printf(b->arena, "%s%s_%u",
								b->shape->is_go ? IMAGE_CALLS_OF_GO
										: IMAGE_CALLS_OF,
								what, b->inst->index),
					   .role = MAP_PRIVATE,
					   .bpf_type = BPF_MAP_TYPE_HASH,
					   .key_size = sizeof(struct call_key),
					   .value_size = value_size,
					   .max_entries = (uint32_t)b->unit->config.max_pending,
					   .flags = flags,
					   .is_of_threads = !b->shape->is_go });
}

/* ---- what happened to the calls, for -v ---- */

static void count(struct builder *b, enum image_call_stat what)
{
	if (b->calls_map == IMAGE_NONE)
		b->calls_map = image_add_map(b->im,
					     (struct image_map){ .name = STR(IMAGE_CALLS),
								 .role = MAP_PRIVATE,
								 .bpf_type = BPF_MAP_TYPE_ARRAY,
								 .key_size = 4,
								 .value_size = CALL_N_STATS * 8,
								 .max_entries = 1 });
	b->im->has_no_books = b->opts->has_no_books;
	if (!b->opts->has_no_books)
		put_atomic_add(b, put_map_value(b, b->calls_map, 0), (int32_t)(what * 8),
			       put_imm(b, 1));
}

/* a value under the key of this call; what stood there was of a call that never returned */
static void keep(struct builder *b, uint32_t map, uint32_t key, uint32_t value)
{
	uint32_t fresh = new_label(b), full = new_label(b), done = new_label(b), result;
	bool is_counted = b->inst->shape->is_return;

	if (is_counted) {
		put_br_imm(b, CC_EQ, map_lookup(b, map, key), 0, fresh);
		count(b, CALL_UNWOUND);
		put_label(b, fresh);
	}
	result = put_helper(b, BPF_FUNC_map_update_elem, put_map(b, map), key, value,
			    put_imm(b, BPF_ANY));
	put_br_imm(b, CC_SLT, result, 0, full);
	if (is_counted)
		count(b, CALL_KEPT);
	put_jmp(b, done);
	put_label(b, full);
	fault_count(b,
		    (struct image_fault){
			    .kind = FAULT_MAP_FULL, .map = map, .helper = STR("map_update_elem") },
		    result);
	put_label(b, done);
}

static void forget(struct builder *b, uint32_t map, uint32_t key)
{
	put_helper(b, BPF_FUNC_map_delete_elem, put_map(b, map), key);
	count(b, CALL_TAKEN);
}

/* ---- tail jumps ---- */

/* the return address of the call at hand into fresh memory; leaves the program when it cannot be read */
static struct value return_address(struct builder *b)
{
	struct value to = mem_new_bytes(b, 8);
	uint32_t go = new_label(b);
	uint32_t result = put_helper(b, BPF_FUNC_probe_read_user, value_address(b, to),
				     put_imm(b, 8), load_context(b, arch_sp_offset()));

	put_br_imm(b, CC_EQ, result, 0, go);
	put_ret(b, put_imm(b, 0));
	put_label(b, go);
	return to;
}

/* at the RET of a function that others go on in: leaves the program unless this call came by way of one */
static void test_note(struct builder *b, uint32_t row)
{
	uint32_t own = new_label(b), none = new_label(b), go = new_label(b), key, note;
	struct value here;

	put_br_imm(b, CC_NE, put_op_imm(b, IR_SHR, row, 56), EXIT_TAIL_RET, own);
	here = return_address(b);
	key = key_of(b, row);
	note = map_lookup(b, b->tails_map, key);
	put_br_imm(b, CC_EQ, note, 0, none);
	put_br(b, CC_EQ, put_load(b, note, 0, 8, false), put_load(b, here.reg, here.off, 8, false),
	       go);
	put_label(b, none);
	put_ret(b, put_imm(b, 0));
	put_label(b, go);
	forget(b, b->tails_map, key);
	put_label(b, own);
}

static void build_tails(struct builder *b, const struct probe_shape *tails)
{
	uint32_t row;

	program_begin(b, tails, arena_printf(b->arena, "tails_%u", b->inst->index), tails->at);
	build_budget_gate(b);
	row = exit_row(b);
	if (any_point(tails, is_conditional))
		test_condition(b, row);
	keep(b, b->tails_map, key_of(b, row), value_address(b, return_address(b)));
	put_ret(b, put_imm(b, 0));
	program_end(b);
}

/* ---- registers of the entry ---- */

static void want_reg(struct builder *b, uint16_t reg)
{
	for (uint32_t i = 0; i < b->n_entry_regs; i++)
		if (b->entry_regs[i] == reg)
			return;
	if (b->n_entry_regs < MAX_ENTRY_REGS)
		b->entry_regs[b->n_entry_regs++] = reg;
}

static void want_regs_of(struct builder *b, const struct location *l)
{
	for (uint32_t i = 0; i < l->n_pieces; i++)
		for (uint32_t k = 0; k < l->pieces[i].n_ops; k++)
			if (l->pieces[i].ops[k].op == LOC_OP_ENTRY_REG)
				want_reg(b, l->pieces[i].ops[k].reg);
}

static bool look_for_regs(void *arg, struct node *n)
{
	struct builder *b = arg;
	uint32_t var;

	if (n->kind != NODE_CALL || !n->call.builtin || n->call.builtin->id != BUILTIN_TARGET_VAR)
		return true;
	var = (uint32_t)(uintptr_t)n->call.info;
	for (uint32_t i = 0; i < b->shape->n_points && var < b->shape->n_vars; i++)
		if (b->shape->points[i].locs)
			want_regs_of(b, &b->shape->points[i].locs[var]);
	return true;
}

/* the values for the body; leaves the program when the entry of this call was not seen */
static void take_regs(struct builder *b, uint32_t row)
{
	uint32_t known = new_label(b), key = key_of(b, row), kept;

	b->entries_map = add_call_map(b, "entries", b->n_entry_regs * 8, 0);
	kept = map_lookup(b, b->entries_map, key);
	put_br_imm(b, CC_NE, kept, 0, known);
	fault_count(b, (struct image_fault){ .kind = FAULT_NO_ENTRY, .map = IMAGE_NONE }, 0);
	put_ret(b, put_imm(b, 0));
	put_label(b, known);
	for (uint32_t i = 0; i < b->n_entry_regs; i++) {
		b->entry_values[i] = new_vreg(b);
		put_mov_to(b, b->entry_values[i], put_load(b, kept, (int32_t)(i * 8), 8, false));
	}
	if (b->shape->is_return)
		forget(b, b->entries_map, key);
}

uint32_t build_entry_reg(struct builder *b, uint16_t reg)
{
	if (!b->shape->entries)
		return build_load_reg(b, reg); /* offered at the entry alone */
	for (uint32_t i = 0; i < b->n_entry_regs; i++)
		if (b->entry_regs[i] == reg && b->fn == b->main)
			return b->entry_values[i];
	build_limit(
		b, D_LIMIT_CODE, b->at,
		"what this needs of the function's entry is not at hand in a loop: put the value into a variable first");
	return put_imm(b, 0);
}

static void build_entries(struct builder *b, const struct probe_shape *entries)
{
	struct value values;

	program_begin(b, entries, arena_printf(b->arena, "entries_%u", b->inst->index),
		      entries->at);
	build_budget_gate(b);
	values = mem_new_bytes(b, b->n_entry_regs * 8);
	for (uint32_t i = 0; i < b->n_entry_regs; i++)
		put_store(b, values.reg, values.off + (int32_t)(i * 8),
			  load_context(b, b->entry_regs[i]), 8);
	keep(b, b->entries_map, key_of(b, exit_row(b)), value_address(b, values));
	put_ret(b, put_imm(b, 0));
	program_end(b);
}

/* ---- called by build_prog.c ---- */

void build_return_gate(struct builder *b)
{
	const struct probe_shape *s = b->shape;
	struct mem_mark mark = mem_mark(b);
	bool has_conditions, has_notes;
	uint32_t row;

	b->n_entry_regs = 0;
	b->entries_map = b->tails_map = IMAGE_NONE;
	if (!s->entries)
		return;
	node_walk(b->inst->predicate, look_for_regs, b);
	node_walk(b->inst->body, look_for_regs, b);
	has_conditions = any_point(s, is_conditional);
	has_notes = s->tails && any_point(s, is_tail_ret);
	if (!has_conditions && !has_notes && !b->n_entry_regs)
		return;
	row = exit_row(b);
	if (has_conditions)
		test_condition(b, row);
	if (has_notes) {
		/* few calls end so, and a script can have many such maps: 5 MB each, if all elements were made at once */
		b->tails_map = add_call_map(b, "tails", 8, BPF_F_NO_PREALLOC);
		test_note(b, row);
	}
	if (b->n_entry_regs)
		take_regs(b, any_point(s, is_not_first) ? row : put_imm(b, 0));
	mem_release(b, mark);
}

void build_return_helpers(struct builder *b)
{
	const struct probe_shape *s = b->inst->shape;

	if (b->tails_map != IMAGE_NONE)
		build_tails(b, s->tails);
	if (b->entries_map != IMAGE_NONE)
		build_entries(b, s->entries);
}
