/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What tells calls of goroutines apart. goid: the number of the goroutine that runs. Go code keeps the address of its struct runtime.g in r14; the number is a field
 * of it, whose offset depends on the version (shape.goid_offset). Assembly may use r14 for anything: there g is believed
 * only when the stack pointer lies within the stack that it says it has. Faults are not counted for that question.
 */
#include "ir/build_private.h"

#include "arch/x86_64/regs.h"

#include <linux/bpf.h>

enum { G_STACK_BYTES = 16 /* runtime.g begins with its stack: lowest address, highest */ };

static void leave_unless_g(struct builder *b, uint32_t g, uint32_t done)
{
	struct value stack = mem_new_bytes(b, G_STACK_BYTES);
	uint32_t sp = build_load_reg(b, arch_sp_offset());
	uint32_t failed = mem_read_bytes(b, value_address(b, stack), put_imm(b, G_STACK_BYTES), g,
					 SPACE_USER);

	put_br_imm(b, CC_NE, failed, 0, done);
	put_br(b, CC_LT, sp, put_load(b, stack.reg, stack.off, 8, false), done);
	put_br(b, CC_GT, sp, put_load(b, stack.reg, stack.off + 8, 8, false), done);
}

static uint32_t load_g(struct builder *b)
{
	return build_load_reg(b, arch_reg_find_script(STR("r14"))->offset);
}

/* structs g are at least 32 bytes apart, so this is their address in up to 128 GB of heap */
uint32_t build_goroutine(struct builder *b)
{
	return put_op_imm(b, IR_SHR, load_g(b), 5);
}

uint32_t build_go_depth(struct builder *b, uint32_t addr)
{
	struct value top = mem_new_bytes(b, 8);

	mem_read(b, top, put_op_imm(b, IR_ADD, load_g(b), 8), SPACE_USER, 8);
	return put_op(b, IR_SUB, put_load(b, top.reg, top.off, 8, false), addr);
}

struct value build_goid(struct builder *b, struct node *call)
{
	uint32_t result = new_vreg(b), done = new_label(b);
	struct value id = mem_new_bytes(b, 8);
	uint32_t g = call->call.n_args ? build_reg(b, call->call.args) : load_g(b);

	put_imm_to(b, result, 0);
	if (!b->shape->is_g_sure && !call->call.n_args)
		leave_unless_g(b, g, done);
	mem_read(b, id, put_op_imm(b, IR_ADD, g, b->shape->goid_offset), SPACE_USER, 8);
	put_mov_to(b, result, put_load(b, id.reg, id.off, 8, false));
	put_label(b, done);
	return value_reg(result, call->type);
}

/* what runs: the goroutine where there is one and its number is known, else the thread */
struct value build_gtid(struct builder *b, struct node *call)
{
	uint32_t result = new_vreg(b), done = new_label(b);
	uint32_t both = put_call(b, BPF_FUNC_get_current_pid_tgid, 0, NULL);

	if (b->shape->is_go && b->shape->goid_offset >= 0) {
		struct node goid = { .kind = NODE_CALL, .at = call->at, .type = call->type };

		put_mov_to(b, result, build_goid(b, &goid).reg);
		put_br_imm(b, CC_NE, result, 0, done);
	}
	put_mov_to(b, result, put_ext(b, both, 4, false));
	put_label(b, done);
	return value_reg(result, call->type);
}
