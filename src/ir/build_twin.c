/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs of one clause that came out the same: a clause on ten functions is built for each of them, since only the building
 * tells whether what it reads lies elsewhere. When a program is complete it is compared with those of its clause; if one is
 * equal, that one's functions stand for both, so they are simplified, turned into eBPF and loaded once. Places in the script
 * are not compared: they can only differ in the macros that a text came through.
 */
#include "ir/build_private.h"

/* functions of a program stand one behind the other; how many do its own from `first` on take? */
static uint32_t n_functions(const struct ir_module *m, uint32_t first, uint32_t end)
{
	uint32_t n = 1;

	while (first + n < end && m->funcs[first + n]->kind != IR_FUNC_PROGRAM)
		n++;
	return n;
}

/* functions of the program's own are told by their place in it, those that were there before by their number */
static int64_t operand(const struct ir_insn *in, uint32_t first)
{
	if (in->op != IR_FUNC && in->op != IR_CALL_FN)
		return in->imm;
	return in->imm >= first ? in->imm - (int64_t)first : -1 - in->imm;
}

static bool is_same_insn(const struct ir_insn *a, const struct ir_insn *b, uint32_t first_a,
			 uint32_t first_b)
{
	return a->op == b->op && a->size == b->size && a->cc == b->cc && a->flags == b->flags &&
	       a->n_args == b->n_args && a->dst == b->dst && a->off == b->off &&
	       a->off2 == b->off2 && a->target == b->target &&
	       operand(a, first_a) == operand(b, first_b) &&
	       !memcmp(a->src, b->src, sizeof(a->src));
}

static bool is_same_func(const struct ir_func *a, const struct ir_func *b, uint32_t first_a,
			 uint32_t first_b)
{
	if (a->kind != b->kind || a->n != b->n || a->n_params != b->n_params ||
	    a->n_vregs != b->n_vregs || a->n_labels != b->n_labels || a->n_slots != b->n_slots)
		return false;
	for (uint32_t i = 0; i < a->n_slots; i++)
		if (a->slots[i].size != b->slots[i].size || a->slots[i].align != b->slots[i].align)
			return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (!is_same_insn(&a->insn[i], &b->insn[i], first_a, first_b))
			return false;
	return true;
}

static bool is_same_prog(const struct ir_module *m, const struct ir_prog *a,
			 const struct ir_prog *b, uint32_t n)
{
	if (a->image->first != b->image->first || a->image->prog_type != b->image->prog_type ||
	    a->image->flags != b->image->flags || n_functions(m, a->func, b->func) != n)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (!is_same_func(m->funcs[a->func + i], m->funcs[b->func + i], a->func, b->func))
			return false;
	return true;
}

void program_share(struct builder *b)
{
	struct ir_module *m = b->m;
	struct ir_prog *last = &m->progs[m->n_progs - 1];
	uint32_t n = m->n_funcs - last->func;

	for (uint32_t i = 0; i + 1 < m->n_progs; i++) {
		if (!is_same_prog(m, &m->progs[i], last, n))
			continue;
		m->n_funcs = last->func;
		last->func = m->progs[i].func;
		return;
	}
}
