/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stack that the program cannot unwind, because tables are missing, as it lies in memory. Part of build_unwind.c. */
#include "ir/build_unwind_private.h"

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

/*
 * As undo_trampoline does, for the consumer, who cannot see the kernel's list. The walk is over: its state is used for this one,
 * U_SP for the address of the first byte.
 */
static void undo_trampolines(struct builder *b, struct value rec, uint32_t base)
{
	const struct ir_unwind_opts *u = &b->unwind;
	const int32_t head = sizeof(struct event_head) + sizeof(struct image_stack_snapshot);
	uint32_t more, next, instance, off;
	struct fn_state *cb;

	if (!unwind_knows_instances(b))
		return;
	unwind_set(b, U_INSTANCE, unwind_get(b, U_FIRST_INSTANCE));
	unwind_set(b, U_SP, base);
	cb = callback_begin(b, IR_FUNC_LOOP);
	more = new_label(b);
	next = new_label(b);
	instance = unwind_get(b, U_INSTANCE);
	put_br_imm(b, CC_NE, instance, 0, more);
	put_ret(b, put_imm(b, 1));
	put_label(b, more);
	off = put_op(b, IR_SUB,
		     unwind_read_kernel(b, put_op_imm(b, IR_ADD, instance, u->instance_stack)),
		     unwind_get(b, U_SP));
	put_br_imm(b, CC_GT, off, IMAGE_SNAPSHOT_BYTES - 8, next);
	off = put_op_imm(b, IR_AND, off, IMAGE_SNAPSHOT_BYTES - 8);
	put_store(b, put_op(b, IR_ADD, scratch_base(b), off), rec.off + head,
		  unwind_read_kernel(b, put_op_imm(b, IR_ADD, instance, u->instance_address)), 8);
	put_label(b, next);
	unwind_set(b, U_INSTANCE,
		   unwind_read_kernel(b, put_op_imm(b, IR_ADD, instance, u->instance_next)));
	callback_end(b, cb);
	put_helper(b, BPF_FUNC_loop, put_imm(b, PENDING_MAX), put_func(b, cb->index), frame_base(b),
		   put_imm(b, 0));
}

void unwind_send_snapshot(struct builder *b, struct value to, struct value buf, uint32_t pid,
			  uint32_t limit, uint32_t stats, uint32_t sent)
{
	const uint32_t bytes = sizeof(struct event_head) + sizeof(struct image_stack_snapshot) +
			       IMAGE_SNAPSHOT_BYTES;
	struct event_layout layout = { .kind = EVENT_STACK, .map = IMAGE_NONE };
	struct mem_mark mark = mem_mark(b);
	struct value rec = event_memory(b, bytes);
	uint32_t full = new_label(b), flags = event_wake_flags(b, b->opts->ring_bytes / 2, full);
	uint32_t id, base, size;

#define PUT(f, v, n) put_snapshot_field(b, rec, offsetof(struct image_stack_snapshot, f), v, n)
	put_store_imm(b, rec.reg, rec.off, image_add_event(b->im, layout), 4);
	put_store_imm(b, rec.reg, rec.off + 4, b->prog_index, 4);
	id = put_op(b, IR_XOR, put_call(b, BPF_FUNC_ktime_get_ns, 0, NULL),
		    put_op(b, IR_MUL, put_call(b, BPF_FUNC_get_current_pid_tgid, 0, NULL),
			   put_imm(b, (int64_t)0x9e3779b97f4a7c15ULL)));
	PUT(id, id, 8);
	PUT(ip, unwind_get(b, U_FIRST_IP), 8);
	PUT(sp, unwind_get(b, U_FIRST_SP), 8);
	PUT(bp, unwind_get(b, U_FIRST_BP), 8);
	PUT(shift, unwind_get(b, U_SHIFT), 8);
	base = put_op_imm(b, IR_AND, unwind_get(b, U_FIRST_SP), -SNAPSHOT_CHUNK);
	PUT(base, base, 8);
	PUT(pid, pid, 4);
	PUT(limit, put_imm(b, limit), 4);
#undef PUT
	size = copy_stack(b, rec, base);
	undo_trampolines(b, rec, base);
	put_br_imm(b, CC_NE, event_output(b, b->im->ring_map, rec, size, flags), 0, full);
	unwind_count(b, stats, UNWIND_SENT, put_imm(b, 1));
	put_store(b, to.reg, to.off, id, 8);
	put_store_imm(b, to.reg, to.off + (int32_t)offsetof(struct stored_stack, n_frames), limit,
		      4);
	put_jmp(b, sent);
	put_label(b, full);
	unwind_count(b, stats, UNWIND_NOT_SENT, put_imm(b, 1));
	unwind_set_imm(b, U_STATUS, FAILED);
	unwind_set_imm(b, U_N, 0);
	unwind_set(b, U_HASH, put_imm(b, (int64_t)IMAGE_STACK_HASH_START));
	mem_zero(b, buf, limit * 8);
	unwind_add_frame(b, buf, limit,
			 put_op(b, IR_SUB, unwind_get(b, U_FIRST_IP), unwind_get(b, U_SHIFT)));
	mem_release(b, mark);
}
