/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unwinding user stacks in the program, by tables of call frame information (objfile/cfi.h) that the session keeps in
 * maps. One callback of bpf_loop does one frame: which file is the address in, which rule holds there, where is the caller.
 * Its state stands in scratch. The same steps in C, which the consumer takes: objfile/unwind.c; the two must
 * agree, frame by frame. See docs/internals/unwinding.md.
 *
 * Every search has a fixed number of steps with no early way out, so that the verifier sees few states.
 */
#include "ir/build_private.h"

#include "arch/x86_64/regs.h"
#include "types/cfi_rule.h"

#include <linux/bpf.h>
#include <stddef.h>

/* state, in scratch from b->unwind_at: what is read back from there has no value that the verifier would follow */
enum {
	U_IP = 0,
	U_SP = 8,
	U_BP = 16,
	U_N = 24,    /* frames so far */
	U_HASH = 32, /* of them */
	U_STATUS = 40,
	U_BACK = 48, /* what to take off ip before it is looked up: 1 for return addresses, which may be the next function's */
	U_KEY = 56,  /* struct image_unwind_key */
	U_FP = 64,   /* frames by frame pointers */
	U_TRAMPOLINE =
		72,      /* the address that uretprobes put in place of return addresses; 0: none */
	U_INSTANCE = 80, /* the uretprobe to compare next (kernel address) */
	U_SHIFT = 88,    /* the first frame is shown as ip - this */
	/* the registers that the walk began with: what the consumer unwinds begins there, too */
	U_FIRST_IP = 96,
	U_FIRST_SP = 104,
	U_FIRST_BP = 112,
	U_FIRST_INSTANCE = 120,
	U_SHIFT_NOW = 128, /* U_SHIFT for the next frame to be added: 0 behind the first */
	U_BYTES = 136,
	/* U_STATUS */
	GOES_ON = 0,
	ENDED = 1,
	FAILED = 2,
	UNKNOWN = 3, /* tables are missing */
	INSTANCES_MAX = 8,
	PAGE_BYTES = 4096,
	LONGEST_INSN = 15,
	SNAPSHOT_CHUNK = 1024,
};

static bool kernel_can(struct builder *b)
{
	if (!b->has_unwind_opts && b->opts->find_unwind)
		b->opts->find_unwind(b->opts->unwind_arg, &b->unwind);
	b->has_unwind_opts = true;
	return b->unwind.is_on;
}

bool unwind_is_on(struct builder *b)
{
	switch (b->shape->kind) {
	case PROBE_BEGIN:
	case PROBE_END:
	case PROBE_SELF:
	case PROBE_TEST:
	case PROBE_BENCH:
	case PROBE_ITER: return false;
	default: return kernel_can(b);
	}
}

static void make_maps(struct builder *b)
{
	struct image *im = b->im;

	if (im->unwind_tables_map != IMAGE_NONE)
		return;
	im->unwind_tables_map =
		image_add_map(im, (struct image_map){ .name = STR("unwind_tables"),
						      .role = MAP_UNWIND_TABLES,
						      .bpf_type = BPF_MAP_TYPE_ARRAY_OF_MAPS,
						      .key_size = 4,
						      .value_size = 4,
						      .max_entries = IMAGE_UNWIND_FILES });
	im->unwind_procs_map = image_add_map(
		im, (struct image_map){ .name = STR("unwind_procs"),
					.role = MAP_UNWIND_PROCS,
					.bpf_type = BPF_MAP_TYPE_HASH,
					.key_size = sizeof(struct image_unwind_key),
					.value_size = sizeof(struct image_unwind_part),
					.max_entries = IMAGE_UNWIND_PROCESSES,
					.flags = BPF_F_NO_PREALLOC });
	im->unwind_stats_map =
		image_add_map(im, (struct image_map){ .name = STR("unwind_stats"),
						      .role = MAP_UNWIND_STATS,
						      .bpf_type = BPF_MAP_TYPE_PERCPU_ARRAY,
						      .key_size = 4,
						      .value_size = UNWIND_N_STATS * 8,
						      .max_entries = 1,
						      .is_per_cpu = true });
}

/* ---- state ---- */

static uint32_t get(struct builder *b, int what)
{
	return put_load(b, scratch_base(b), b->unwind_at + what, 8, false);
}

static void set(struct builder *b, int what, uint32_t v)
{
	put_store(b, scratch_base(b), b->unwind_at + what, v, 8);
}

static void set_imm(struct builder *b, int what, int64_t v)
{
	put_store_imm(b, scratch_base(b), b->unwind_at + what, v, 8);
}

/* end the walk */
static void stop(struct builder *b, int status)
{
	set_imm(b, U_STATUS, status);
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

/* 8 bytes of the process or the kernel; walk ends when they cannot be read */
static uint32_t read_word(struct builder *b, uint32_t addr, enum space space)
{
	struct value to = mem_new_bytes(b, 8);

	put_store_imm(b, to.reg, to.off, 0, 8);
	mem_read_bytes(b, value_address(b, to), put_imm(b, 8), addr, space);
	return put_load(b, to.reg, to.off, 8, false);
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
	go_on_if(b, CC_NE, get(b, U_BP), 0, ENDED);
	put_imm_to(b, rule, cfi_rule(CFI_BP, 2, 16));
	set(b, U_FP, put_op_imm(b, IR_ADD, get(b, U_FP), 1));
	put_label(b, fine);
}

/* the kernel has put all registers where the rule says; the interrupted instruction is no call's return address */
static void leave_signal_frame(struct builder *b, uint32_t offset)
{
	uint32_t at = put_op(b, IR_ADD, get(b, U_SP), offset);
	uint32_t ip = read_user_word(b, put_op_imm(b, IR_ADD, at, CFI_SIGNAL_IP));
	uint32_t bp = read_user_word(b, put_op_imm(b, IR_ADD, at, CFI_SIGNAL_BP));

	set(b, U_SP, read_user_word(b, at));
	set(b, U_BP, bp);
	set(b, U_IP, ip);
	set_imm(b, U_BACK, 0);
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
	put_mov_to(b, cfa, put_op(b, IR_ADD, get(b, U_SP), offset));
	put_jmp(b, done);
	put_label(b, by_bp);
	put_mov_to(b, cfa, put_op(b, IR_ADD, get(b, U_BP), offset));
	put_jmp(b, done);
	put_label(b, plt);
	low = put_op_imm(b, IR_AND, get(b, U_IP), 15);
	more = put_op_imm(b, IR_SHL, put_set(b, CC_GE, low, offset), 3);
	put_mov_to(b, cfa, put_op(b, IR_ADD, put_op_imm(b, IR_ADD, get(b, U_SP), 8), more));
	put_jmp(b, done);
	put_label(b, deref_bp);
	put_mov_to(b, cfa, read_user_word(b, put_op(b, IR_ADD, get(b, U_BP), offset)));
	put_jmp(b, done);
	put_label(b, deref_sp);
	put_mov_to(b, cfa,
		   put_op_imm(b, IR_ADD, read_user_word(b, put_op(b, IR_ADD, get(b, U_SP), offset)),
			      8));
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
	put_mov_to(b, at, get(b, U_BP));
	put_label(b, read);
	set(b, U_BP, read_user_word(b, at));
	put_jmp(b, done);
	put_label(b, usual);
	set(b, U_BP, near);
	put_jmp(b, done);
	put_label(b, lost);
	set_imm(b, U_BP, 0);
	put_label(b, done);
}

static bool knows_instances(const struct builder *b)
{
	const struct ir_unwind_opts *u = &b->unwind;

	return u->mm_xol_area >= 0 && u->xol_vaddr >= 0 && u->task_utask >= 0 &&
	       u->utask_instances >= 0 && u->instance_stack >= 0 && u->instance_address >= 0 &&
	       u->instance_next >= 0;
}

/*
 * A pending uretprobe has put its trampoline in place of the return address; the kernel's list, innermost first, has what
 * was there, with the address of the stack slot.
 */
static void undo_trampoline(struct builder *b, uint32_t ra, uint32_t slot)
{
	const struct ir_unwind_opts *u = &b->unwind;
	uint32_t done = new_label(b), found = new_label(b), instance = new_vreg(b);

	if (!knows_instances(b))
		return;
	put_br(b, CC_NE, ra, get(b, U_TRAMPOLINE), done);
	put_mov_to(b, instance, get(b, U_INSTANCE));
	for (int i = 0; i < INSTANCES_MAX; i++) {
		struct mem_mark mark = mem_mark(b);
		uint32_t at = read_word(b, put_op_imm(b, IR_ADD, instance, u->instance_stack),
					SPACE_KERNEL);

		put_br(b, CC_EQ, at, slot, found);
		put_mov_to(b, instance,
			   read_word(b, put_op_imm(b, IR_ADD, instance, u->instance_next),
				     SPACE_KERNEL));
		mem_release(b, mark);
	}
	stop(b, FAILED);
	put_label(b, found);
	set(b, U_INSTANCE, instance);
	put_mov_to(b, ra,
		   read_word(b, put_op_imm(b, IR_ADD, instance, u->instance_address), SPACE_KERNEL));
	put_label(b, done);
}

static void step_to_caller(struct builder *b, uint32_t rule)
{
	struct value pair = mem_new_bytes(b, 16);
	uint32_t kind = put_op_imm(b, IR_AND, rule, CFI_KIND_MASK), offset, cfa = new_vreg(b);
	uint32_t other = new_label(b), sp = get(b, U_SP), ra = new_vreg(b), ret,
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
	set(b, U_IP, ra);
	set(b, U_SP, cfa);
	set_imm(b, U_BACK, 1);
}

/* frames[n++] = frame, and into the hash */
static void add_frame(struct builder *b, struct value buf_off, uint32_t limit, uint32_t frame)
{
	uint32_t n = get(b, U_N), at, h, base = scratch_base(b);

	at = put_op_imm(b, IR_MUL, put_bound(b, n, limit - 1), 8);
	put_store(b, put_op(b, IR_ADD, base, at), buf_off.off, frame, 8);
	set(b, U_N, put_op_imm(b, IR_ADD, n, 1));
	h = put_op(b, IR_XOR, get(b, U_HASH), frame);
	h = put_op(b, IR_MUL, h, put_imm(b, 0x100000001b3LL));
	set(b, U_HASH, put_op(b, IR_XOR, h, put_op_imm(b, IR_SHR, h, 29)));
}

static struct fn_state *build_step(struct builder *b, struct value buf, uint32_t limit)
{
	struct fn_state *cb = callback_begin(b, IR_FUNC_LOOP);
	uint32_t ip = get(b, U_IP), pc = put_op(b, IR_SUB, ip, get(b, U_BACK)), rule = new_vreg(b);

	pc = put_op_imm(b, IR_AND, pc, INT64_MAX);
	add_frame(b, buf, limit, put_op(b, IR_SUB, ip, get(b, U_SHIFT_NOW)));
	set_imm(b, U_SHIFT_NOW, 0);
	find_rule(b, find_mapping(b, pc), pc, rule);
	use_frame_pointer(b, rule);
	step_to_caller(b, rule);
	callback_end(b, cb);
	return cb;
}

/* ---- where the walk begins ---- */

static void take_context(struct builder *b, uint32_t ctx)
{
	set(b, U_IP, put_load(b, ctx, arch_ip_offset(), 8, false));
	set(b, U_SP, put_load(b, ctx, arch_sp_offset(), 8, false));
	set(b, U_BP, put_load(b, ctx, arch_fp_offset(), 8, false));
}

/* 3: user mode */
static uint32_t ring_of(struct builder *b, uint32_t regs)
{
	const struct arch_reg *cs = arch_reg_find_script(STR("cs"));

	return put_op_imm(b, IR_AND, put_load(b, regs, cs->offset, 8, false), 3);
}

static void take_registers(struct builder *b, uint32_t task, uint32_t none)
{
	uint32_t have = new_label(b), regs;

	switch (b->shape->kind) {
	case PROBE_UPROBE:
	case PROBE_URETPROBE:
	case PROBE_USDT:
		take_context(b, context_reg(b));
		set(b, U_SHIFT,
		    put_op(b, IR_SUB, get(b, U_IP), build_load_reg(b, arch_ip_offset())));
		return;
	case PROBE_PROFILE:
	case PROBE_INTERVAL:
	case PROBE_SOFTWARE:
	case PROBE_HARDWARE:
	case PROBE_WATCHPOINT: {
		uint32_t in_kernel = new_label(b);

		put_br_imm(b, CC_NE, ring_of(b, context_reg(b)), 3, in_kernel);
		take_context(b, context_reg(b));
		put_jmp(b, have);
		put_label(b, in_kernel);
		break;
	}
	default: break;
	}
	/* as they were when the process entered the kernel */
	regs = put_helper(b, BPF_FUNC_task_pt_regs, task);
	put_br_imm(b, CC_NE, ring_of(b, regs), 3, none);
	take_context(b, regs);
	put_label(b, have);
}

/* is what the session wrote about this process number about the program that it runs now? */
static void check_program(struct builder *b, uint32_t part, uint32_t mm, uint32_t unknown)
{
	const struct ir_unwind_opts *u = &b->unwind;
	uint32_t stack = put_load(b, mm, u->mm_start_stack, 8, false),
		 code = put_load(b, mm, u->mm_start_code, 8, false);

	put_br(b, CC_NE, stack,
	       put_load(b, part, offsetof(struct image_unwind_part, start_stack), 8, false),
	       unknown);
	put_br(b, CC_NE, code,
	       put_load(b, part, offsetof(struct image_unwind_part, start_code), 8, false),
	       unknown);
}

/*
 * The kernel steps over a probed instruction in a copy elsewhere; a sample taken there is of the instruction. Both have the
 * same length, so that what is behind the copy is behind the instruction.
 */
static void leave_copy(struct builder *b, uint32_t area, uint32_t utask)
{
	const struct ir_unwind_opts *u = &b->unwind;
	uint32_t out = new_label(b), ip = get(b, U_IP), off;

	if (u->utask_vaddr < 0 || u->utask_xol_vaddr < 0)
		return;
	put_br_imm(b, CC_EQ, area, 0, out);
	put_br_imm(b, CC_GE, put_op(b, IR_SUB, ip, area), PAGE_BYTES, out);
	off = put_op(b, IR_SUB, ip,
		     read_word(b, put_op_imm(b, IR_ADD, utask, u->utask_xol_vaddr), SPACE_KERNEL));
	put_br_imm(b, CC_GT, off, LONGEST_INSN, out);
	set(b, U_IP,
	    put_op(b, IR_ADD,
		   read_word(b, put_op_imm(b, IR_ADD, utask, u->utask_vaddr), SPACE_KERNEL), off));
	put_label(b, out);
}

static void take_uretprobes(struct builder *b, uint32_t task, uint32_t mm)
{
	const struct ir_unwind_opts *u = &b->unwind;
	uint32_t area, utask;

	if (!knows_instances(b))
		return;
	area = put_load(b, mm, u->mm_xol_area, 8, false);
	set(b, U_TRAMPOLINE, put_load(b, area, u->xol_vaddr, 8, false));
	utask = read_word(b, put_op_imm(b, IR_ADD, task, u->task_utask), SPACE_KERNEL);
	set(b, U_INSTANCE,
	    read_word(b, put_op_imm(b, IR_ADD, utask, u->utask_instances), SPACE_KERNEL));
	leave_copy(b, get(b, U_TRAMPOLINE), utask);
}

static void begin(struct builder *b, uint32_t pid, uint32_t none, uint32_t unknown)
{
	uint32_t task = put_call(b, BPF_FUNC_get_current_task_btf, 0, NULL), mm, part;
	int32_t key = b->unwind_at + U_KEY;

	for (int i = 0; i < U_BYTES; i += 8)
		set_imm(b, i, 0);
	set(b, U_HASH, put_imm(b, (int64_t)IMAGE_STACK_HASH_START));
	take_registers(b, task, none);
	mm = put_load(b, task, b->unwind.task_mm, 8, false);
	take_uretprobes(b, task, mm);
	set(b, U_FIRST_IP, get(b, U_IP));
	set(b, U_FIRST_SP, get(b, U_SP));
	set(b, U_FIRST_BP, get(b, U_BP));
	set(b, U_FIRST_INSTANCE, get(b, U_INSTANCE));
	set(b, U_SHIFT_NOW, get(b, U_SHIFT));
	put_store(b, scratch_base(b), key, pid, 4);
	set_imm(b, U_STATUS, UNKNOWN);
	part = map_lookup(b, b->im->unwind_procs_map, put_op_imm(b, IR_ADD, scratch_base(b), key));
	put_br_imm(b, CC_EQ, part, 0, unknown);
	check_program(b, part, mm, unknown);
	set_imm(b, U_STATUS, GOES_ON);
}

/* ---- what the consumer unwinds ---- */

/* of struct image_stack_snapshot */
static void put_snapshot_field(struct builder *b, struct value rec, size_t field, uint32_t v,
			       uint32_t size)
{
	put_store(b, rec.reg, rec.off + (int32_t)(sizeof(struct event_head) + field), v, size);
}

/* pieces of stack from base on, until one cannot be read; gives the record's length */
static uint32_t copy_stack(struct builder *b, struct value rec, uint32_t base)
{
	const uint32_t head = sizeof(struct event_head) + sizeof(struct image_stack_snapshot);
	uint32_t size = new_vreg(b), full = new_label(b);

	put_imm_to(b, size, head);
	for (uint32_t at = 0; at < IMAGE_SNAPSHOT_BYTES; at += SNAPSHOT_CHUNK) {
		uint32_t to = put_op_imm(b, IR_ADD, rec.reg, rec.off + (int32_t)(head + at));
		uint32_t ret = mem_read_bytes(b, to, put_imm(b, SNAPSHOT_CHUNK),
					      put_op_imm(b, IR_ADD, base, at), SPACE_USER);

		put_br_imm(b, CC_NE, ret, 0, full);
		put_imm_to(b, size, head + at + SNAPSHOT_CHUNK);
	}
	put_label(b, full);
	return put_bound(b, size, head + IMAGE_SNAPSHOT_BYTES);
}

/* as undo_trampoline does, for the consumer, who cannot see the kernel's list */
static void undo_trampolines(struct builder *b, struct value rec, uint32_t base)
{
	const struct ir_unwind_opts *u = &b->unwind;
	const int32_t head = sizeof(struct event_head) + sizeof(struct image_stack_snapshot);
	uint32_t done = new_label(b), instance = new_vreg(b);

	if (!knows_instances(b))
		return;
	put_mov_to(b, instance, get(b, U_FIRST_INSTANCE));
	for (int i = 0; i < INSTANCES_MAX; i++) {
		struct mem_mark mark = mem_mark(b);
		uint32_t next = new_label(b), at, off;

		put_br_imm(b, CC_EQ, instance, 0, done);
		at = read_word(b, put_op_imm(b, IR_ADD, instance, u->instance_stack), SPACE_KERNEL);
		off = put_op(b, IR_SUB, at, base);
		put_br_imm(b, CC_GT, off, IMAGE_SNAPSHOT_BYTES - 8, next);
		off = put_op_imm(b, IR_AND, off, IMAGE_SNAPSHOT_BYTES - 8);
		put_store(b, put_op(b, IR_ADD, rec.reg, off), rec.off + head,
			  read_word(b, put_op_imm(b, IR_ADD, instance, u->instance_address),
				    SPACE_KERNEL),
			  8);
		put_label(b, next);
		put_mov_to(b, instance,
			   read_word(b, put_op_imm(b, IR_ADD, instance, u->instance_next),
				     SPACE_KERNEL));
		mem_release(b, mark);
	}
	put_label(b, done);
}

static void count(struct builder *b, uint32_t stats, enum image_unwind_stat what, uint32_t n)
{
	put_atomic_add(b, stats, (int32_t)what * 8, n);
}

static uint32_t stats_row(struct builder *b, uint32_t absent)
{
	struct value key = mem_new_bytes(b, 8);
	uint32_t stats;

	put_store_imm(b, key.reg, key.off, 0, 8);
	stats = map_lookup(b, b->im->unwind_stats_map, value_address(b, key));
	put_br_imm(b, CC_EQ, stats, 0, absent);
	return stats;
}

/*
 * Registers and stack go out in a record, and a number of its own stands for the stack until the consumer knows the frames.
 * Where the ring has no room the stack is its first frame, and a mark that the rest is missing.
 */
static void send_snapshot(struct builder *b, struct value to, struct value buf, uint32_t pid,
			  uint32_t limit, uint32_t stats, uint32_t sent)
{
	const uint32_t bytes = sizeof(struct event_head) + sizeof(struct image_stack_snapshot) +
			       IMAGE_SNAPSHOT_BYTES;
	struct event_layout layout = { .kind = EVENT_STACK, .map = IMAGE_NONE };
	struct mem_mark mark = mem_mark(b);
	struct value rec = mem_new_bytes(b, bytes);
	uint32_t full = new_label(b), flags = event_wake_flags(b, b->opts->ring_bytes / 2, full);
	uint32_t id, base, size;

#define PUT(f, v, n) put_snapshot_field(b, rec, offsetof(struct image_stack_snapshot, f), v, n)
	put_store_imm(b, rec.reg, rec.off, image_add_event(b->im, layout), 4);
	put_store_imm(b, rec.reg, rec.off + 4, b->prog_index, 4);
	id = put_op(b, IR_XOR, put_call(b, BPF_FUNC_ktime_get_ns, 0, NULL),
		    put_op(b, IR_MUL, put_call(b, BPF_FUNC_get_current_pid_tgid, 0, NULL),
			   put_imm(b, (int64_t)0x9e3779b97f4a7c15ULL)));
	PUT(id, id, 8);
	PUT(ip, get(b, U_FIRST_IP), 8);
	PUT(sp, get(b, U_FIRST_SP), 8);
	PUT(bp, get(b, U_FIRST_BP), 8);
	PUT(shift, get(b, U_SHIFT), 8);
	base = put_op_imm(b, IR_AND, get(b, U_FIRST_SP), -SNAPSHOT_CHUNK);
	PUT(base, base, 8);
	PUT(pid, pid, 4);
	PUT(limit, put_imm(b, limit), 4);
#undef PUT
	size = copy_stack(b, rec, base);
	undo_trampolines(b, rec, base);
	put_br_imm(b, CC_NE,
		   put_helper(b, BPF_FUNC_ringbuf_output, put_map(b, b->im->ring_map),
			      value_address(b, rec), size, flags),
		   0, full);
	count(b, stats, UNWIND_SENT, put_imm(b, 1));
	put_store(b, to.reg, to.off, id, 8);
	put_store_imm(b, to.reg, to.off + (int32_t)offsetof(struct stored_stack, n_frames), limit,
		      4);
	put_jmp(b, sent);
	put_label(b, full);
	count(b, stats, UNWIND_NOT_SENT, put_imm(b, 1));
	set_imm(b, U_STATUS, FAILED);
	set_imm(b, U_N, 0);
	set(b, U_HASH, put_imm(b, (int64_t)IMAGE_STACK_HASH_START));
	mem_zero(b, buf, limit * 8);
	add_frame(b, buf, limit, put_op(b, IR_SUB, get(b, U_FIRST_IP), get(b, U_SHIFT)));
	mem_release(b, mark);
}

/* ---- the whole ---- */

static void finish(struct builder *b, struct value to, struct value buf, uint32_t limit,
		   uint32_t stats)
{
	uint32_t whole = new_label(b);

	count(b, stats, UNWIND_IN_KERNEL, put_imm(b, 1));
	count(b, stats, UNWIND_FRAMES, get(b, U_N));
	count(b, stats, UNWIND_FRAME_POINTER, get(b, U_FP));
	put_br_imm(b, CC_NE, get(b, U_STATUS), FAILED, whole);
	count(b, stats, UNWIND_CUT, put_imm(b, 1));
	put_br_imm(b, CC_GE, get(b, U_N), limit, whole);
	add_frame(b, buf, limit, put_imm(b, -1));
	put_label(b, whole);
	put_store(b, to.reg, to.off, get(b, U_HASH), 8);
	put_store(b, to.reg, to.off + (int32_t)offsetof(struct stored_stack, n_frames), get(b, U_N),
		  4);
}

void unwind_user_stack(struct builder *b, struct value to, struct value buf, uint32_t limit,
		       uint32_t pid, uint32_t none, uint32_t sent)
{
	uint32_t unknown = new_label(b), known = new_label(b), stats;
	struct fn_state *cb;

	make_maps(b);
	b->unwind_at = mem_new_bytes(b, U_BYTES).off;
	begin(b, pid, none, unknown);
	cb = build_step(b, buf, limit);
	put_helper(b, BPF_FUNC_loop, put_imm(b, limit), put_func(b, cb->index), frame_base(b),
		   put_imm(b, 0));
	put_label(b, unknown);
	stats = stats_row(b, none);
	put_br_imm(b, CC_NE, get(b, U_STATUS), UNKNOWN, known);
	send_snapshot(b, to, buf, pid, limit, stats, sent);
	put_label(b, known);
	finish(b, to, buf, limit, stats);
}
