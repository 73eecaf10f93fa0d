/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One frame of a walk, as a callback of bpf_loop: which file is the address in, which rule holds there, where is the caller. Part
 * of build_unwind.c. Every search has a fixed number of steps and computes where it can instead of branching, so that the verifier
 * sees few states.
 */
#include "ir/build_unwind_private.h"

/* end the walk */
static void stop(struct builder *b, int status)
{
	unwind_set_imm(b, U_STATUS, status);
	put_ret(b, put_imm(b, 1));
}

/* unless the two compare so */
static void go_on_if(struct builder *b, enum ir_cc cc, uint32_t a, int64_t imm, int status)
{
	uint32_t go = new_label(b);

	put_br_imm(b, cc, a, imm, go);
	stop(b, status);
	put_label(b, go);
}

static void go_on_if_reg(struct builder *b, enum ir_cc cc, uint32_t a, uint32_t c, int status)
{
	uint32_t go = new_label(b);

	put_br(b, cc, a, c, go);
	stop(b, status);
	put_label(b, go);
}

static uint32_t read_user_word(struct builder *b, uint32_t addr)
{
	struct value to = mem_new_bytes(b, 8);
	uint32_t ret;

	put_store_imm(b, to.reg, to.off, 0, 8);
	ret = mem_read_bytes(b, value_address(b, to), put_imm(b, 8), addr, SPACE_USER);
	go_on_if(b, CC_EQ, ret, 0, FAILED);
	return put_load(b, to.reg, to.off, 8, false);
}

/* ---- which file ---- */

/* last of n (a power of two) sorted words at base + off + i * stride that is <= pc, as an index; 0 when none is */
static uint32_t search_words(struct builder *b, uint32_t base, int32_t off, uint32_t stride,
			     uint32_t n, uint32_t pc)
{
	uint32_t at = put_imm(b, 0);

	for (uint32_t half = n / 2; half; half /= 2) {
		uint32_t try = put_bound(b, put_op_imm(b, IR_ADD, at, half), n - 1);
		uint32_t p = put_op(b, IR_ADD, base, put_op_imm(b, IR_MUL, try, stride));
		/* without a branch: the verifier would follow each way to the end. Both are below 2^63 */
		uint32_t behind = put_op(b, IR_SUB, pc, put_load(b, p, off, 8, false));
		uint32_t fits = put_op_imm(b, IR_XOR, put_op_imm(b, IR_SHR, behind, 63), 1);

		at = put_op(b, IR_ADD, at, put_op_imm(b, IR_MUL, fits, half));
	}
	return put_bound(b, at, n - 1);
}

static uint32_t find_mapping(struct builder *b, uint32_t pc)
{
	const int32_t key = b->unwind_at + U_KEY;
	const int32_t starts = offsetof(struct image_unwind_part, mappings) +
			       offsetof(struct image_unwind_mapping, start);
	const uint32_t stride = sizeof(struct image_unwind_mapping);
	uint32_t part = new_vreg(b), first, number, mapping, have = new_label(b);

	put_store_imm(b, scratch_base(b), key + 4, 0, 4);
	first = map_lookup(b, b->im->unwind_procs_map, put_op_imm(b, IR_ADD, scratch_base(b), key));
	go_on_if(b, CC_NE, first, 0, UNKNOWN);
	number = search_words(b, first, offsetof(struct image_unwind_part, part_start), 8,
			      IMAGE_UNWIND_PARTS, pc);
	put_mov_to(b, part, first);
	put_br_imm(b, CC_EQ, number, 0, have);
	put_store(b, scratch_base(b), key + 4, number, 4);
	put_mov_to(b, part,
		   map_lookup(b, b->im->unwind_procs_map,
			      put_op_imm(b, IR_ADD, scratch_base(b), key)));
	go_on_if(b, CC_NE, part, 0, UNKNOWN);
	put_label(b, have);
	mapping = search_words(b, part, starts, stride, IMAGE_UNWIND_MAPPINGS, pc);
	return put_op(b, IR_ADD, part, put_op_imm(b, IR_MUL, mapping, stride));
}

/* ---- which rule ---- */

static uint32_t look_up_word(struct builder *b, uint32_t table, uint32_t index, uint32_t absent)
{
	struct value key = mem_new_bytes(b, 8);
	uint32_t p, word = new_vreg(b);

	put_store(b, key.reg, key.off, index, 4);
	p = put_helper(b, BPF_FUNC_map_lookup_elem, table, value_address(b, key));
	put_br_imm(b, CC_EQ, p, 0, absent);
	put_mov_to(b, word, put_load(b, p, 0, 8, false));
	return word;
}

/* the rows of one page of 256 bytes: see objfile/cfi.h */
static void search_rows(struct builder *b, uint32_t table, uint32_t page_word, uint32_t pc,
			uint32_t rule, uint32_t absent)
{
	uint32_t at = new_vreg(b), first = put_ext(b, page_word, 4, false), end;

	put_mov_to(b, at, first);
	end = put_op(b, IR_ADD, first, put_op_imm(b, IR_SHR, page_word, 32));
	put_mov_to(b, rule, put_op_imm(b, IR_SHR, look_up_word(b, table, at, absent), 32));
	for (uint32_t half = CFI_PAGE_ROWS_MAX - 1; half; half /= 2) {
		struct mem_mark mark = mem_mark(b);
		uint32_t next = new_label(b), try = put_op_imm(b, IR_ADD, at, half), word;

		put_br(b, CC_GE, try, end, next);
		word = look_up_word(b, table, try, next);
		put_br(b, CC_GT, put_ext(b, word, 4, false), pc, next);
		put_mov_to(b, at, try);
		put_mov_to(b, rule, put_op_imm(b, IR_SHR, word, 32));
		put_label(b, next);
		mem_release(b, mark);
	}
}

/* the rule for pc into rule: 0 where there is none */
static void find_rule(struct builder *b, uint32_t mapping, uint32_t pc, uint32_t rule)
{
	const int32_t off = offsetof(struct image_unwind_part, mappings);
	uint32_t none = new_label(b), table, rel, page, n_pages, index;
	struct value key = mem_new_bytes(b, 8);

#define FIELD(f, size) \
	put_load(b, mapping, off + (int32_t)offsetof(struct image_unwind_mapping, f), size, false)
	put_imm_to(b, rule, 0);
	go_on_if_reg(b, CC_LE, FIELD(start, 8), pc, UNKNOWN);
	go_on_if_reg(b, CC_GT, FIELD(end, 8), pc, UNKNOWN);
	index = FIELD(table, 4);
	go_on_if(b, CC_NE, index, (uint32_t)IMAGE_UNWIND_IN_USER, UNKNOWN);
	rel = put_op(b, IR_SUB, pc, FIELD(bias, 8));
	n_pages = FIELD(n_pages, 4);
#undef FIELD
	put_br_imm(b, CC_EQ, index, (uint32_t)IMAGE_UNWIND_NO_CFI, none);
	put_store(b, key.reg, key.off, index, 4);
	table = map_lookup(b, b->im->unwind_tables_map, value_address(b, key));
	go_on_if(b, CC_NE, table, 0, UNKNOWN);
	page = put_op_imm(b, IR_SHR, rel, CFI_PAGE_SHIFT);
	put_br(b, CC_GE, page, n_pages, none);
	search_rows(b, table, look_up_word(b, table, page, none), rel, rule, none);
	put_label(b, none);
}

/* ---- one frame ---- */

/* no rule: a frame pointer, if rbp holds one. The rule then is CFA = rbp + 16, rbp saved at CFA - 16 */
static void use_frame_pointer(struct builder *b, uint32_t rule)
{
	uint32_t fine = new_label(b);

	put_br_imm(b, CC_NE, put_op_imm(b, IR_AND, rule, CFI_KIND_MASK), CFI_NONE, fine);
	go_on_if(b, CC_NE, unwind_get(b, U_BP), 0, ENDED);
	put_imm_to(b, rule, cfi_rule(CFI_BP, 2, 16));
	unwind_set(b, U_FP, put_op_imm(b, IR_ADD, unwind_get(b, U_FP), 1));
	put_label(b, fine);
}

/* the kernel has put all registers where the rule says; the interrupted instruction is no call's return address */
static void leave_signal_frame(struct builder *b, uint32_t offset)
{
	uint32_t at = put_op(b, IR_ADD, unwind_get(b, U_SP), offset);
	uint32_t ip = read_user_word(b, put_op_imm(b, IR_ADD, at, CFI_SIGNAL_IP));
	uint32_t bp = read_user_word(b, put_op_imm(b, IR_ADD, at, CFI_SIGNAL_BP));

	unwind_set(b, U_SP, read_user_word(b, at));
	unwind_set(b, U_BP, bp);
	unwind_set(b, U_IP, ip);
	unwind_set_imm(b, U_BACK, 0);
	put_ret(b, put_imm(b, 0));
}

/* cfa = where the frame begins, by the kinds that are left */
static void find_cfa(struct builder *b, uint32_t kind, uint32_t offset, uint32_t cfa)
{
	uint32_t by_bp = new_label(b), deref_bp = new_label(b), deref_sp = new_label(b),
		 plt = new_label(b), done = new_label(b);
	uint32_t low, more;

	put_br_imm(b, CC_EQ, kind, CFI_BP, by_bp);
	put_br_imm(b, CC_EQ, kind, CFI_PLT, plt);
	put_br_imm(b, CC_EQ, kind, CFI_BP_DEREF, deref_bp);
	put_br_imm(b, CC_EQ, kind, CFI_SP_DEREF, deref_sp);
	put_mov_to(b, cfa, put_op(b, IR_ADD, unwind_get(b, U_SP), offset));
	put_jmp(b, done);
	put_label(b, by_bp);
	put_mov_to(b, cfa, put_op(b, IR_ADD, unwind_get(b, U_BP), offset));
	put_jmp(b, done);
	put_label(b, plt);
	low = put_op_imm(b, IR_AND, unwind_get(b, U_IP), 15);
	more = put_op_imm(b, IR_SHL, put_set(b, CC_GE, low, offset), 3);
	put_mov_to(b, cfa, put_op(b, IR_ADD, put_op_imm(b, IR_ADD, unwind_get(b, U_SP), 8), more));
	put_jmp(b, done);
	put_label(b, deref_bp);
	put_mov_to(b, cfa, read_user_word(b, put_op(b, IR_ADD, unwind_get(b, U_BP), offset)));
	put_jmp(b, done);
	put_label(b, deref_sp);
	put_mov_to(b, cfa,
		   put_op_imm(b, IR_ADD,
			      read_user_word(b, put_op(b, IR_ADD, unwind_get(b, U_SP), offset)), 8));
	put_label(b, done);
}

/* the caller's rbp; near: the word at CFA - 16, which was read with the return address */
static void find_bp(struct builder *b, uint32_t rule, uint32_t cfa, uint32_t near)
{
	uint32_t saved = put_op_imm(b, IR_AND, put_op_imm(b, IR_SHR, rule, 3), 31);
	uint32_t done = new_label(b), usual = new_label(b), lost = new_label(b),
		 at_bp = new_label(b), at = new_vreg(b), read = new_label(b);

	put_br_imm(b, CC_EQ, saved, CFI_BP_SAME, done);
	put_br_imm(b, CC_EQ, saved, 2, usual);
	put_br_imm(b, CC_EQ, saved, CFI_BP_LOST, lost);
	put_br_imm(b, CC_EQ, saved, CFI_BP_AT_BP, at_bp);
	put_mov_to(b, at, put_op(b, IR_SUB, cfa, put_op_imm(b, IR_SHL, saved, 3)));
	put_jmp(b, read);
	put_label(b, at_bp);
	put_mov_to(b, at, unwind_get(b, U_BP));
	put_label(b, read);
	unwind_set(b, U_BP, read_user_word(b, at));
	put_jmp(b, done);
	put_label(b, usual);
	unwind_set(b, U_BP, near);
	put_jmp(b, done);
	put_label(b, lost);
	unwind_set_imm(b, U_BP, 0);
	put_label(b, done);
}

/*
 * A pending uretprobe has put its trampoline in place of the return address; the kernel's list, innermost first, has what
 * was there, with the address of the stack slot.
 */
static void undo_trampoline(struct builder *b, uint32_t ra, uint32_t slot)
{
	const struct ir_unwind_opts *u = &b->unwind;
	uint32_t done = new_label(b), found = new_label(b), instance = new_vreg(b);

	if (!unwind_knows_instances(b))
		return;
	put_br(b, CC_NE, ra, unwind_get(b, U_TRAMPOLINE), done);
	put_mov_to(b, instance, unwind_get(b, U_INSTANCE));
	for (int i = 0; i < INSTANCES_MAX; i++) {
		struct mem_mark mark = mem_mark(b);
		uint32_t at =
			unwind_read_kernel(b, put_op_imm(b, IR_ADD, instance, u->instance_stack));

		put_br(b, CC_EQ, at, slot, found);
		put_mov_to(b, instance,
			   unwind_read_kernel(b, put_op_imm(b, IR_ADD, instance, u->instance_next)));
		mem_release(b, mark);
	}
	stop(b, FAILED);
	put_label(b, found);
	unwind_set(b, U_INSTANCE, instance);
	put_mov_to(b, ra,
		   unwind_read_kernel(b, put_op_imm(b, IR_ADD, instance, u->instance_address)));
	put_label(b, done);
}

static void step_to_caller(struct builder *b, uint32_t rule)
{
	struct value pair = mem_new_bytes(b, 16);
	uint32_t kind = put_op_imm(b, IR_AND, rule, CFI_KIND_MASK), offset, cfa = new_vreg(b);
	uint32_t other = new_label(b), sp = unwind_get(b, U_SP), ra = new_vreg(b), ret,
		 both = new_label(b);

	offset = put_op_imm(b, IR_SAR, put_ext(b, rule, 4, true), 8);
	put_br_imm(b, CC_NE, kind, CFI_STOP, other);
	go_on_if(b, CC_NE, offset, CFI_STOP_END, ENDED);
	stop(b, FAILED);
	put_label(b, other);
	other = new_label(b);
	put_br_imm(b, CC_NE, kind, CFI_SIGNAL, other);
	leave_signal_frame(b, offset);
	put_label(b, other);
	find_cfa(b, kind, offset, cfa);
	/* stacks grow downwards: anything else is no stack, and might go round in circles */
	go_on_if_reg(b, CC_GT, cfa, sp, FAILED);
	ret = mem_read_bytes(b, value_address(b, pair), put_imm(b, 16),
			     put_op_imm(b, IR_SUB, cfa, 16), SPACE_USER);
	put_br_imm(b, CC_EQ, ret, 0, both);
	/* at a function's entry the lower word is below the stack, perhaps on a page that is not there */
	ret = mem_read_bytes(b, put_op_imm(b, IR_ADD, value_address(b, pair), 8), put_imm(b, 8),
			     put_op_imm(b, IR_SUB, cfa, 8), SPACE_USER);
	go_on_if(b, CC_EQ, ret, 0, FAILED);
	put_label(b, both);
	put_mov_to(b, ra, put_load(b, pair.reg, pair.off + 8, 8, false));
	undo_trampoline(b, ra, put_op_imm(b, IR_SUB, cfa, 8));
	find_bp(b, rule, cfa, put_load(b, pair.reg, pair.off, 8, false));
	go_on_if(b, CC_NE, ra, 0, ENDED);
	unwind_set(b, U_IP, ra);
	unwind_set(b, U_SP, cfa);
	unwind_set_imm(b, U_BACK, 1);
}

struct fn_state *unwind_build_step(struct builder *b, struct value buf, uint32_t limit)
{
	struct fn_state *cb = callback_begin(b, IR_FUNC_LOOP);
	uint32_t ip = unwind_get(b, U_IP), pc = put_op(b, IR_SUB, ip, unwind_get(b, U_BACK)),
		 rule = new_vreg(b);

	pc = put_op_imm(b, IR_AND, pc, INT64_MAX);
	unwind_add_frame(b, buf, limit, put_op(b, IR_SUB, ip, unwind_get(b, U_SHIFT_NOW)));
	unwind_set_imm(b, U_SHIFT_NOW, 0);
	find_rule(b, find_mapping(b, pc), pc, rule);
	use_frame_pointer(b, rule);
	step_to_caller(b, rule);
	callback_end(b, cb);
	return cb;
}
