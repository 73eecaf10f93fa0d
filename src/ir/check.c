/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is a module well formed? Run behind the builder (and behind the optimiser in tests), before src/ebpf relies on it. A
 * finding is a fault of this compiler, never of the script; what the verifier checks (types of pointers, bounds) is left
 * to it.
 */
#include "base/err.h"
#include "ir/flow.h"
#include "ir/ops.h"

struct checker {
	const struct ir_module *m;
	const struct ir_func *f;
	uint32_t i; /* instruction */
};

static ERR_MUST struct err *fault(const struct checker *c, const char *what)
{
	return err_new(0, "IR of function '%.*s', instruction %u (%s): %s", STR_ARG(c->f->name),
		       c->i, c->i < c->f->n ? ir_op_name(c->f->insn[c->i].op) : "end", what);
}

static bool is_access_size(unsigned size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

static bool fits_s32(int64_t v)
{
	return v == (int32_t)v;
}

static ERR_MUST struct err *check_sizes(const struct checker *c, const struct ir_insn *in)
{
	switch (in->op) {
	case IR_LOAD:
	case IR_STORE:
	case IR_ZEXT:
	case IR_SEXT: return is_access_size(in->size) ? NULL : fault(c, "size is not 1, 2, 4 or 8");
	case IR_BSWAP:
		return in->size != 1 && is_access_size(in->size)
			       ? NULL
			       : fault(c, "size is not 2, 4 or 8");
	case IR_ATOMIC:
		if (in->size != 4 && in->size != 8)
			return fault(c, "size is not 4 or 8");
		return in->cc <= ATOMIC_CMPXCHG ? NULL : fault(c, "unknown atomic operation");
	case IR_ZERO:
	case IR_COPY:
		return in->imm > 0 && in->imm <= (1 << 20) ? NULL
							   : fault(c, "byte count out of range");
	case IR_SET:
	case IR_BR: return in->cc <= CC_TEST ? NULL : fault(c, "unknown condition");
	case IR_BOUND: return in->imm >= 0 ? NULL : fault(c, "negative bound");
	default: return NULL;
	}
}

/* the kernel gives addresses only into arrays of one element (array_map_direct_value_addr) */
static ERR_MUST struct err *check_map_value(const struct checker *c, const struct ir_insn *in)
{
	const struct image *im = c->m->image;
	const struct image_map *map;

	if (!im)
		return NULL;
	if ((uint64_t)in->imm >= im->n_maps)
		return fault(c, "no such map");
	map = im->maps[in->imm];
	if (map->bpf_type != BPF_MAP_TYPE_ARRAY || map->max_entries != 1)
		return fault(c, "map is not an array of one element");
	return in->off >= 0 && (uint32_t)in->off < map->value_size
		       ? NULL
		       : fault(c, "offset outside of the map's value");
}

static ERR_MUST struct err *check_numbers(const struct checker *c, const struct ir_insn *in)
{
	const struct ir_module *m = c->m;
	uint64_t imm = (uint64_t)in->imm;

	switch (in->op) {
	case IR_SLOT: return imm < c->f->n_slots ? NULL : fault(c, "no such slot");
	case IR_CTX:
		return c->f->kind == IR_FUNC_PROGRAM ? NULL
						     : fault(c, "only programs have a context");
	case IR_PARAM:
		return c->f->kind != IR_FUNC_PROGRAM && imm < 5 && imm < c->f->n_params
			       ? NULL
			       : fault(c, "no such parameter");
	case IR_MAP: return !m->image || imm < m->image->n_maps ? NULL : fault(c, "no such map");
	case IR_MAP_VALUE: return check_map_value(c, in);
	case IR_FUNC:
		if (imm >= m->n_funcs)
			return fault(c, "no such function");
		return m->funcs[imm]->kind == IR_FUNC_LOOP ||
				       m->funcs[imm]->kind == IR_FUNC_FOR_EACH
			       ? NULL
			       : fault(c, "function is not a callback");
	case IR_CALL_FN:
		if (imm >= m->n_funcs)
			return fault(c, "no such function");
		if (m->funcs[imm]->kind != IR_FUNC_SUBPROG)
			return fault(c, "called function is not a subprogram");
		return m->funcs[imm]->n_params == in->n_args
			       ? NULL
			       : fault(c, "wrong number of arguments");
	case IR_CALL: return imm > 0 && imm <= INT32_MAX ? NULL : fault(c, "no such helper");
	default: return NULL;
	}
}

static ERR_MUST struct err *check_operands(const struct checker *c, const struct ir_insn *in)
{
	unsigned want = ir_arity(in);

	if (ir_is_call(in) && in->n_args > 5)
		return fault(c, "more than 5 arguments");
	if ((in->flags & IRF_IMM) && !ir_can_use_imm(in))
		return fault(c, "takes no immediate");
	if ((in->flags & IRF_IMM) && !fits_s32(in->imm))
		return fault(c, "immediate does not fit 32 bits");
	for (unsigned i = 0; i < want; i++) {
		if (i == 1 && (in->flags & IRF_IMM))
			continue;
		if (in->src[i] > c->f->n_vregs)
			return fault(c, "operand out of range");
		if (in->src[i] == IR_NO_VREG && in->op != IR_RET)
			return fault(c, "operand missing");
	}
	if (in->dst > c->f->n_vregs)
		return fault(c, "result out of range");
	if (in->dst == IR_NO_VREG && ir_is_pure(in) && in->op != IR_NOP)
		return fault(c, "result missing");
	return NULL;
}

static ERR_MUST struct err *check_insns(struct checker *c, struct arena *arena)
{
	const struct ir_func *f = c->f;
	bool *seen = arena_array(arena, bool, f->n_labels + 1);

	for (c->i = 0; c->i < f->n; c->i++) {
		const struct ir_insn *in = &f->insn[c->i];

		if (in->op >= IR_N_OPS)
			return fault(c, "unknown operation");
		if (in->op == IR_LABEL || in->op == IR_JMP || in->op == IR_BR) {
			if (in->target >= f->n_labels)
				return fault(c, "label out of range");
		}
		if (in->op == IR_LABEL) {
			if (seen[in->target])
				return fault(c, "label stands twice");
			seen[in->target] = true;
		}
		TRY(check_operands(c, in));
		TRY(check_sizes(c, in));
		TRY(check_numbers(c, in));
	}
	for (c->i = 0; c->i < f->n; c->i++) {
		const struct ir_insn *in = &f->insn[c->i];

		if ((in->op == IR_JMP || in->op == IR_BR) && !seen[in->target])
			return fault(c, "jump to a label that stands nowhere");
	}
	return NULL;
}

/*
 * Defined before used on every path: a vreg that is live into the entry block is read somewhere without having been
 * written. Unreachable blocks are not code and do not count.
 */
static ERR_MUST struct err *check_defined(struct checker *c, struct arena *arena)
{
	const struct ir_func *f = c->f;
	struct ir_flow flow;
	uint32_t use[IR_MAX_USES];

	ir_flow_build(f, arena, &flow);
	for (uint32_t b = 0; b < flow.n_blocks; b++) {
		const struct ir_block *bl = &flow.blocks[b];
		const struct ir_insn *last = &f->insn[bl->end - 1];

		c->i = bl->end - 1;
		if (bl->is_reachable && b + 1 == flow.n_blocks && last->op != IR_JMP &&
		    last->op != IR_RET)
			return fault(c, "control runs off the end");
	}
	if (!flow.n_blocks) {
		c->i = 0;
		return fault(c, "empty function");
	}
	for (c->i = 0; c->i < f->n; c->i++) {
		unsigned n = ir_uses(&f->insn[c->i], use);

		for (unsigned u = 0; u < n; u++)
			if (ir_flow_live_in(&flow, 0, use[u]))
				return err_wrap(fault(c, "may be read before it is written"),
						"vreg %%%u", use[u]);
	}
	return NULL;
}

static ERR_MUST struct err *check_slots(struct checker *c)
{
	c->i = c->f->n;
	for (uint32_t s = 0; s < c->f->n_slots; s++) {
		const struct ir_slot *slot = &c->f->slots[s];

		if (!slot->size || slot->size > (1 << 16))
			return fault(c, "size of a slot out of range");
		if (!is_access_size(slot->align))
			return fault(c, "alignment of a slot is not 1, 2, 4 or 8");
	}
	return NULL;
}

struct err *ir_check(const struct ir_module *m)
{
	struct err *e = NULL;

	for (uint32_t i = 0; i < m->n_progs && !e; i++)
		if (m->progs[i].func >= m->n_funcs ||
		    m->funcs[m->progs[i].func]->kind != IR_FUNC_PROGRAM)
			e = err_new(0, "IR: program %u has no entry function", i);
	for (uint32_t i = 0; i < m->n_funcs && !e; i++) {
		struct checker c = { m, m->funcs[i], 0 };
		struct arena arena;

		arena_init(&arena);
		e = check_slots(&c);
		if (!e)
			e = check_insns(&c, &arena);
		if (!e)
			e = check_defined(&c, &arena);
		arena_free(&arena);
	}
	return e;
}
