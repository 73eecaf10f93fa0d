/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which processes a program is for: -p, --follow, --cgroup, put in front of the body of each clause, where the engine cannot
 * attach to these processes alone. A clause that asks by is_traced() sees all processes and decides itself: at a switch of
 * threads, for instance, the current one is not the one that begins to run.
 */
#include "ir/build_private.h"

#include <linux/bpf.h>

static bool look_for_question(void *arg, struct node *n)
{
	bool *found = arg;

	if (n->kind == NODE_CALL && n->call.builtin)
		*found |= n->call.builtin->id == BUILTIN_IS_TRACED;
	return !*found;
}

bool build_decides_itself(const struct clause_inst *inst)
{
	bool found = false;

	node_walk(inst->predicate, look_for_question, &found);
	node_walk(inst->body, look_for_question, &found);
	return found;
}

static void test_pids(struct builder *b, uint32_t tgid, uint32_t yes)
{
	for (uint32_t i = 0; i < b->opts->n_pids; i++)
		put_br_imm(b, CC_EQ, tgid, b->opts->pids[i], yes);
}

/* the cgroup itself or any below it: one of the ancestors at some level is it */
static void test_cgroup(struct builder *b, uint32_t yes)
{
	enum { MAX_LEVELS = 16 };

	for (int level = 0; level < MAX_LEVELS; level++) {
		uint32_t id = put_helper(b, BPF_FUNC_get_current_ancestor_cgroup_id,
					 put_imm(b, level));

		put_br(b, CC_EQ, id, put_imm(b, (int64_t)b->opts->cgroup_id), yes);
	}
}

void build_pid_filter(struct builder *b)
{
	uint32_t go = new_label(b);

	test_pids(b, put_current_tgid(b), go);
	put_ret(b, put_imm(b, 0));
	put_label(b, go);
}

void build_cgroup_filter(struct builder *b)
{
	uint32_t go = new_label(b);

	test_cgroup(b, go);
	put_ret(b, put_imm(b, 0));
	put_label(b, go);
}

/* is_traced, is_traced(pid) */
struct value build_is_traced(struct builder *b, struct node *call)
{
	bool has_arg = call->call.n_args > 0;
	uint32_t result = new_vreg(b), no = new_label(b), in_cgroup = new_label(b);
	uint32_t tgid;

	if (!b->opts->fork_shape && !b->opts->n_pids && !b->opts->cgroup_id)
		return value_reg(put_imm(b, 1), call->type);
	tgid = has_arg ? put_ext(b, build_reg(b, call->call.args), 4, false) : put_current_tgid(b);
	put_imm_to(b, result, 0);
	if (b->opts->fork_shape) {
		put_br_imm(b, CC_EQ, build_is_followed(b, tgid), 0, no);
	} else if (b->opts->n_pids) {
		uint32_t yes = new_label(b);

		test_pids(b, tgid, yes);
		put_jmp(b, no);
		put_label(b, yes);
	}
	if (b->opts->cgroup_id && has_arg) {
		build_limit(b, D_LIMIT_CODE, call->at,
			    "--cgroup and --container: the kernel does not tell the cgroup of "
			    "another process than the current one");
	} else if (b->opts->cgroup_id) {
		test_cgroup(b, in_cgroup);
		put_jmp(b, no);
	}
	put_label(b, in_cgroup);
	put_imm_to(b, result, 1);
	put_label(b, no);
	return value_reg(result, call->type);
}
