/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unwinding user stacks in the program, by tables of call frame information (objfile/cfi.h) that the session keeps in
 * maps. One callback of bpf_loop does one frame: which file is the address in, which rule holds there, where is the caller.
 * Its state stands in scratch. The same steps in C, which the consumer takes: objfile/unwind.c; the two must
 * agree, frame by frame. See docs/internals/unwinding.md.
 */
#include "ir/build_unwind_private.h"

#include "arch/x86_64/regs.h"

static bool kernel_can(struct builder *b)
{
	bool in_process = b->prog->is_in_process;

	if ((!b->has_unwind_opts || b->unwind.is_in_process != in_process) &&
	    b->opts->find_unwind) {
		b->unwind = (struct ir_unwind_opts){ 0 };
		b->opts->find_unwind(b->opts->unwind_arg, in_process, &b->unwind);
	}
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

	if (im->unwind_stats_map != IMAGE_NONE)
		return;
	im->unwind_stats_map =
		image_add_map(im, (struct image_map){ .name = STR("unwind_stats"),
						      .role = MAP_UNWIND_STATS,
						      .bpf_type = BPF_MAP_TYPE_PERCPU_ARRAY,
						      .key_size = 4,
						      .value_size = UNWIND_N_STATS * 8,
						      .max_entries = 1,
						      .is_per_cpu = true });
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
}

/* ---- state ---- */

uint32_t unwind_get(struct builder *b, int what)
{
	return put_load(b, scratch_base(b), b->unwind_at + what, 8, false);
}

void unwind_set(struct builder *b, int what, uint32_t v)
{
	put_store(b, scratch_base(b), b->unwind_at + what, v, 8);
}

void unwind_set_imm(struct builder *b, int what, int64_t v)
{
	put_store_imm(b, scratch_base(b), b->unwind_at + what, v, 8);
}

/* 8 bytes of the kernel; 0 when they cannot be read */
uint32_t unwind_read_kernel(struct builder *b, uint32_t addr)
{
	struct value to = mem_new_bytes(b, 8);

	put_store_imm(b, to.reg, to.off, 0, 8);
	mem_read_bytes(b, value_address(b, to), put_imm(b, 8), addr, SPACE_KERNEL);
	return put_load(b, to.reg, to.off, 8, false);
}

bool unwind_knows_instances(const struct builder *b)
{
	const struct ir_unwind_opts *u = &b->unwind;

	return u->mm_xol_area >= 0 && u->xol_vaddr >= 0 && u->task_utask >= 0 &&
	       u->utask_instances >= 0 && u->instance_stack >= 0 && u->instance_address >= 0 &&
	       u->instance_next >= 0;
}

/* frames[n++] = frame, and into the hash */
void unwind_add_frame(struct builder *b, struct value buf_off, uint32_t limit, uint32_t frame)
{
	uint32_t n = unwind_get(b, U_N), at, h, base = scratch_base(b);

	at = put_op_imm(b, IR_MUL, put_bound(b, n, limit - 1), 8);
	put_store(b, put_op(b, IR_ADD, base, at), buf_off.off, frame, 8);
	unwind_set(b, U_N, put_op_imm(b, IR_ADD, n, 1));
	h = put_op(b, IR_XOR, unwind_get(b, U_HASH), frame);
	h = put_op(b, IR_MUL, h, put_imm(b, 0x100000001b3LL));
	unwind_set(b, U_HASH, put_op(b, IR_XOR, h, put_op_imm(b, IR_SHR, h, 29)));
}

/* ---- where the walk begins ---- */

static void take_context(struct builder *b, uint32_t ctx)
{
	unwind_set(b, U_IP, put_load(b, ctx, arch_ip_offset(), 8, false));
	unwind_set(b, U_SP, put_load(b, ctx, arch_sp_offset(), 8, false));
	unwind_set(b, U_BP, put_load(b, ctx, arch_fp_offset(), 8, false));
}

/* USER_CS: 64-bit user code; not the kernel, nor the 32-bit programs that it runs, too */
static uint32_t segment_of(struct builder *b, uint32_t regs)
{
	const struct arch_reg *cs = arch_reg_find_script(STR("cs"));

	return put_op_imm(b, IR_AND, put_load(b, regs, cs->offset, 8, false), 0xff);
}

/*
 * A sample in the kernel's own work on a breakpoint: ip is behind the one-byte breakpoint, and whether the instruction that
 * stands there has been carried out already (pushes are, by the kernel) cannot be told. The stack is cut after that instruction.
 */
static void stop_at_breakpoint(struct builder *b, struct value buf, uint32_t limit, uint32_t out)
{
	enum { BREAKPOINT = 0xcc };
	struct value byte = mem_new_bytes(b, 8);
	uint32_t fine = new_label(b), at = put_op_imm(b, IR_SUB, unwind_get(b, U_IP), 1);

	put_store_imm(b, byte.reg, byte.off, 0, 8);
	mem_read_bytes(b, value_address(b, byte), put_imm(b, 1), at, SPACE_USER);
	put_br_imm(b, CC_NE, put_load(b, byte.reg, byte.off, 8, false), BREAKPOINT, fine);
	unwind_add_frame(b, buf, limit, at);
	unwind_set_imm(b, U_STATUS, FAILED);
	put_jmp(b, out);
	put_label(b, fine);
}

static void take_registers(struct builder *b, uint32_t task, struct value buf, uint32_t limit,
			   uint32_t none, uint32_t out)
{
	uint32_t have = new_label(b), regs;

	switch (b->shape->kind) {
	case PROBE_UPROBE:
	case PROBE_URETPROBE:
	case PROBE_USDT:
		take_context(b, context_reg(b));
		unwind_set(b, U_SHIFT,
			   put_op(b, IR_SUB, unwind_get(b, U_IP),
				  build_load_reg(b, arch_ip_offset())));
		return;
	case PROBE_PROFILE:
	case PROBE_INTERVAL:
	case PROBE_SOFTWARE:
	case PROBE_HARDWARE:
	case PROBE_WATCHPOINT: {
		uint32_t in_kernel = new_label(b);

		put_br_imm(b, CC_NE, segment_of(b, context_reg(b)), USER_CS, in_kernel);
		take_context(b, context_reg(b));
		put_jmp(b, have);
		put_label(b, in_kernel);
		break;
	}
	default: break;
	}
	/* as they were when the process entered the kernel */
	regs = put_helper(b, BPF_FUNC_task_pt_regs, task);
	put_br_imm(b, CC_NE, segment_of(b, regs), USER_CS, none);
	take_context(b, regs);
	stop_at_breakpoint(b, buf, limit, out);
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
	uint32_t out = new_label(b), ip = unwind_get(b, U_IP), off;

	if (u->utask_vaddr < 0 || u->utask_xol_vaddr < 0)
		return;
	put_br_imm(b, CC_EQ, area, 0, out);
	put_br_imm(b, CC_GE, put_op(b, IR_SUB, ip, area), PAGE_BYTES, out);
	off = put_op(b, IR_SUB, ip,
		     unwind_read_kernel(b, put_op_imm(b, IR_ADD, utask, u->utask_xol_vaddr)));
	put_br_imm(b, CC_GT, off, LONGEST_INSN, out);
	unwind_set(b, U_IP,
		   put_op(b, IR_ADD,
			  unwind_read_kernel(b, put_op_imm(b, IR_ADD, utask, u->utask_vaddr)), off));
	put_label(b, out);
}

static void take_uretprobes(struct builder *b, uint32_t task, uint32_t mm)
{
	const struct ir_unwind_opts *u = &b->unwind;
	uint32_t area, utask;

	if (!unwind_knows_instances(b))
		return;
	area = put_load(b, mm, u->mm_xol_area, 8, false);
	unwind_set(b, U_TRAMPOLINE, put_load(b, area, u->xol_vaddr, 8, false));
	utask = unwind_read_kernel(b, put_op_imm(b, IR_ADD, task, u->task_utask));
	unwind_set(b, U_INSTANCE,
		   unwind_read_kernel(b, put_op_imm(b, IR_ADD, utask, u->utask_instances)));
	leave_copy(b, unwind_get(b, U_TRAMPOLINE), utask);
}

static void keep_first(struct builder *b)
{
	unwind_set(b, U_FIRST_IP, unwind_get(b, U_IP));
	unwind_set(b, U_FIRST_SP, unwind_get(b, U_SP));
	unwind_set(b, U_FIRST_BP, unwind_get(b, U_BP));
}

/* inside of a process: it is the one that is asked for, its exec ends all probes in it */
static void begin_in_process(struct builder *b)
{
	take_context(b, context_reg(b));
	unwind_set(b, U_SHIFT,
		   put_op(b, IR_SUB, unwind_get(b, U_IP), build_load_reg(b, arch_ip_offset())));
}

static void begin(struct builder *b, struct value buf, uint32_t limit, uint32_t pid, uint32_t none,
		  uint32_t unknown)
{
	uint32_t task = 0, mm = 0, part;
	int32_t key = b->unwind_at + U_KEY;

	if (!b->unwind.is_in_process)
		task = put_call(b, BPF_FUNC_get_current_task_btf, 0, NULL);
	for (int i = 0; i < U_BYTES; i += 8)
		unwind_set_imm(b, i, 0);
	unwind_set(b, U_HASH, put_imm(b, (int64_t)IMAGE_STACK_HASH_START));
	if (b->unwind.is_in_process) {
		begin_in_process(b);
	} else {
		take_registers(b, task, buf, limit, none, unknown);
		mm = put_load(b, task, b->unwind.task_mm, 8, false);
		take_uretprobes(b, task, mm);
	}
	keep_first(b);
	unwind_set(b, U_FIRST_INSTANCE, unwind_get(b, U_INSTANCE));
	unwind_set(b, U_SHIFT_NOW, unwind_get(b, U_SHIFT));
	put_store(b, scratch_base(b), key, pid, 4);
	unwind_set_imm(b, U_STATUS, UNKNOWN);
	part = map_lookup(b, b->im->unwind_procs_map, put_op_imm(b, IR_ADD, scratch_base(b), key));
	put_br_imm(b, CC_EQ, part, 0, unknown);
	if (!b->unwind.is_in_process)
		check_program(b, part, mm, unknown);
	unwind_set_imm(b, U_STATUS, GOES_ON);
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

void unwind_count(struct builder *b, uint32_t stats, enum image_unwind_stat what, uint32_t n)
{
	put_atomic_add(b, stats, (int32_t)what * 8, n);
}

/* ---- the whole ---- */

static void finish(struct builder *b, struct value to, struct value buf, uint32_t limit,
		   uint32_t stats)
{
	uint32_t whole = new_label(b);

	unwind_count(b, stats, UNWIND_IN_KERNEL, put_imm(b, 1));
	unwind_count(b, stats, UNWIND_FRAMES, unwind_get(b, U_N));
	unwind_count(b, stats, UNWIND_FRAME_POINTER, unwind_get(b, U_FP));
	put_br_imm(b, CC_NE, unwind_get(b, U_STATUS), FAILED, whole);
	unwind_count(b, stats, UNWIND_CUT, put_imm(b, 1));
	put_br_imm(b, CC_GE, unwind_get(b, U_N), limit, whole);
	unwind_add_frame(b, buf, limit, put_imm(b, -1));
	put_label(b, whole);
	put_store(b, to.reg, to.off, unwind_get(b, U_HASH), 8);
	put_store(b, to.reg, to.off + (int32_t)offsetof(struct stored_stack, n_frames),
		  unwind_get(b, U_N), 4);
}

void unwind_user_stack(struct builder *b, struct value to, struct value buf, uint32_t limit,
		       uint32_t pid, uint32_t none, uint32_t sent)
{
	uint32_t unknown = new_label(b), known = new_label(b), stats;
	struct fn_state *cb;

	make_maps(b);
	b->unwind_at = mem_new_bytes(b, U_BYTES).off;
	begin(b, buf, limit, pid, none, unknown);
	cb = unwind_build_step(b, buf, limit);
	put_helper(b, BPF_FUNC_loop, put_imm(b, limit), put_func(b, cb->index), frame_base(b),
		   put_imm(b, 0));
	put_label(b, unknown);
	stats = stats_row(b, none);
	put_br_imm(b, CC_NE, unwind_get(b, U_STATUS), UNKNOWN, known);
	unwind_send_snapshot(b, to, buf, pid, limit, stats, sent);
	put_label(b, known);
	finish(b, to, buf, limit, stats);
}
