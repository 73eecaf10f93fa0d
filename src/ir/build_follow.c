/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --follow: which processes are traced is a set that grows by fork. It is a bitmap over all process ids (512 KiB), so that a
 * program's test of it is a shift and a load. Two programs of our own keep it: sched_process_fork adds the child of a traced
 * process, sched_process_exit takes a process out again before its id is used anew.
 */
#include "ir/build_private.h"

#include <linux/bpf.h>

enum { PID_LIMIT = IMAGE_FOLLOWED_PIDS, WORD_BITS = 64 };

static void make_map(struct builder *b)
{
	uint64_t *words = arena_alloc(b->arena, PID_LIMIT / 8);

	for (uint32_t i = 0; i < b->opts->n_pids; i++)
		if (b->opts->pids[i] > 0 && b->opts->pids[i] < PID_LIMIT)
			words[b->opts->pids[i] / WORD_BITS] |= 1ULL << b->opts->pids[i] % WORD_BITS;
	b->follow_map = image_add_map(b->im, (struct image_map){ .name = STR(IMAGE_FOLLOWED),
								 .role = MAP_PRIVATE,
								 .bpf_type = BPF_MAP_TYPE_ARRAY,
								 .key_size = 4,
								 .value_size = PID_LIMIT / 8,
								 .max_entries = 1,
								 .init = words });
}

/* address of the word of a process id, and its bit in *bit */
static uint32_t word_of(struct builder *b, uint32_t pid, uint32_t *bit)
{
	uint32_t base = put_map_value(b, b->follow_map, 0);
	uint32_t word = put_op_imm(b, IR_AND, put_op_imm(b, IR_SHR, pid, 6),
				   PID_LIMIT / WORD_BITS - 1);

	*bit = put_op(b, IR_SHL, put_imm(b, 1), put_op_imm(b, IR_AND, pid, WORD_BITS - 1));
	return put_op(b, IR_ADD, base, put_op_imm(b, IR_SHL, word, 3));
}

uint32_t build_is_followed(struct builder *b, uint32_t pid)
{
	uint32_t bit, word = word_of(b, pid, &bit);

	return put_op(b, IR_AND, put_load(b, word, 0, 8, false), bit);
}

/* 0 unless the current process is followed */
static uint32_t is_followed(struct builder *b)
{
	return build_is_followed(b, put_current_tgid(b));
}

void build_follow_filter(struct builder *b)
{
	uint32_t go = new_label(b);

	put_br_imm(b, CC_NE, is_followed(b), 0, go);
	put_ret(b, put_imm(b, 0));
	put_label(b, go);
}

static void change_bit(struct builder *b, enum ir_atomic how, uint32_t word, uint32_t bits)
{
	put_raw(b, (struct ir_insn){ .op = IR_ATOMIC, .size = 8, .cc = how, .a = word, .b = bits });
}

/* the record says it; without tracefs, what a record would be made from: the parent's task and the child's */
static uint32_t child_pid(struct builder *b)
{
	struct type_field child;
	uint32_t task;

	if (b->shape->kind != PROBE_RAWTRACEPOINT)
		return type_find_field(b->shape->args, STR("child_pid"), &child)
			       ? put_load(b, b->main->ctx, (int32_t)child.offset, 4, false)
			       : put_imm(b, 0);
	task = put_load(b, b->main->ctx, 8, 8, false);
	return put_read_kernel(b, task, b->opts->task_pid, 4);
}

static void build_fork(struct builder *b)
{
	uint32_t out = new_label(b), bit, word;

	put_br_imm(b, CC_EQ, is_followed(b), 0, out);
	word = word_of(b, child_pid(b), &bit);
	change_bit(b, ATOMIC_OR, word, bit);
	put_label(b, out);
}

/*
 * The id of a thread is in the set too, since a new thread looks like a new process above; it goes when the thread does.
 * With a process's first thread goes the process: near enough to its last one, and needs no kernel structures.
 */
static void build_exit(struct builder *b)
{
	uint32_t tid = put_ext(b, put_call(b, BPF_FUNC_get_current_pid_tgid, 0, NULL), 4, false),
		 bit, word;

	word = word_of(b, tid, &bit);
	change_bit(b, ATOMIC_AND, word, put_op_imm(b, IR_XOR, bit, -1));
}

static void build_keeper(struct builder *b, const struct probe_shape *shape,
			 void (*body)(struct builder *b), const char *name)
{
	program_begin(b, shape, str_from(name), shape->at);
	b->prog->is_needed = true;
	body(b);
	put_ret(b, put_imm(b, 0));
	program_end(b);
}

void build_follow(struct builder *b, bool is_first)
{
	make_map(b);
	if (!is_first)
		return; /* the set is kept already */
	build_keeper(b, b->opts->fork_shape, build_fork, "follow_fork");
}

/* behind the script's own clauses about the end of a process, which still want to know that it is one of the traced */
void build_follow_end(struct builder *b)
{
	build_keeper(b, b->opts->exit_shape, build_exit, "follow_exit");
}
