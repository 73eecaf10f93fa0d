/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The walk from a function's entry to the first instruction that the kernel emulates; see placement.h. It stops
 * at the first instruction behind which one of the obligations of docs/internals/placement.md would not hold. Pure: reads
 * decoded code, touches no file.
 */
#include "probe/placement.h"

/* entry blocks are short; what comes later is not worth a look */
enum { WALK_MAX = 48 };

struct walk {
	const struct code *c;
	const struct placement_edges *edges;
	const struct placement_needs *needs;
	uint64_t from;
	int32_t sp; /* rsp minus rsp at the entry */
	bool sp_moved;
	const char *reason;
};

/* can control come here by anything else than falling through? */
static bool is_entered(const struct walk *w, const struct code_insn *i)
{
	bool is_first = i->addr == w->from; /* there, a probe at the entry would count that, too */

	if (i->flags & CODE_ENTERED || (!is_first && i->flags & (CODE_TARGET | CODE_AFTER_GAP)))
		return true;
	vec_each(t, &w->edges->targets)
		if (*t >= i->addr + is_first && *t < i->addr + i->len)
			return true;
	return false;
}

/*
 * The first push of a function is executed once for each entry even where not all ways in are known: a way in that led to it
 * or before it would have to come with the stack as it was at the entry and then push again; prologues are not
 * put into loops by any compiler. For everything else all edges have to be known.
 */
static bool may_stand_on(struct walk *w, const struct code_insn *i)
{
	if (!(i->flags & CODE_EMULATED) || i->flags & CODE_NOP5)
		return false;
	if (i->addr == w->from || (i->kind == CODE_PUSH && !w->sp_moved && w->from == w->c->start))
		return true;
	if (w->edges->is_complete && w->c->n_bad == 0 && !w->c->is_doubtful)
		return true;
	w->reason = "not all ways into the function are known";
	return false;
}

/*
 * Its memory operand: own frame, fixed places of the file and the thread. Where the last call before a crash need not
 * be seen, loads through pointers, too, and stores that nobody looks at.
 */
static bool memory_is_harmless(struct walk *w, const struct code_insn *i)
{
	bool is_stack = i->mem_base == CODE_RSP && i->mem_index == CODE_NO_REG, is_unknown = false;

	if (i->kind == CODE_PUSH) /* below the return address */
		return true;
	if (!is_stack && !(i->flags & (CODE_RIP_RELATIVE | CODE_TLS))) {
		is_unknown = true;
		if (w->needs->exact) {
			w->reason = "it could fault";
			return false;
		}
	}
	if (!(i->flags & CODE_MEM_WRITE))
		return true;
	/* no operand is larger than 64 bytes */
	if (is_stack && w->sp + i->mem_disp <= -64)
		return true;
	if (is_stack && w->sp + i->mem_disp < 0 && w->sp + i->mem_disp + i->mem_size <= 0)
		return true;
	if (is_stack || w->needs->memory || (is_unknown && w->needs->stack)) {
		w->reason = "it writes memory that may be read";
		return false;
	}
	return true;
}

/* may a place behind this instruction be chosen? */
static bool may_pass(struct walk *w, const struct code_insn *i)
{
	uint16_t written = i->writes & (uint16_t) ~(1u << CODE_RSP);

	if (i->kind == CODE_RET || !code_falls_through(i) || i->kind == CODE_JCC ||
	    i->kind == CODE_CALL || i->kind == CODE_CALL_INDIRECT || i->kind == CODE_SYSCALL)
		w->reason = "the entry block ends";
	else if (!(i->flags & CODE_SIMPLE) && !(i->flags & CODE_ARITHMETIC && !w->needs->exact))
		w->reason = "it could trap";
	else if (i->flags & CODE_REPEATED && i->flags & (CODE_MEM_READ | CODE_MEM_WRITE))
		w->reason = "it is interruptible";
	else if (i->flags & (CODE_MEM_READ | CODE_MEM_WRITE) && !memory_is_harmless(w, i))
		return false;
	else if (i->flags & CODE_SP_UNKNOWN)
		w->reason = "rsp changes by an unknown amount";
	else if (i->sp_delta && w->needs->fixed_sp)
		w->reason = "rsp changes";
	else if (written & w->needs->regs)
		w->reason = "a register that is read changes";
	else
		return true;
	return false;
}

/* the function's own 5-byte nop, where the kernel calls instead of trapping: nothing lives below rsp there */
static bool may_be_called_from(const struct walk *w, const struct code_insn *first,
			       const struct code_insn *i)
{
	return w->needs->takes_nop5 && i->flags & CODE_NOP5 && w->from == w->c->start &&
	       (i == first || (i == first + 1 && first->kind == CODE_ENDBR));
}

void placement_choose(const struct code *c, uint64_t from, const struct placement_edges *e,
		      const struct placement_needs *needs, struct placement *ret)
{
	struct walk w = { .c = c, .edges = e, .needs = needs, .from = from };
	const struct code_insn *first = code_at(c, from), *end = c->n ? c->insn + c->n : NULL;

	*ret = (struct placement){ .address = from, .insn = first };
	for (const struct code_insn *i = first; i && i < end && i - first < WALK_MAX; i++) {
		ret->blocker = i;
		if (is_entered(&w, i)) {
			w.reason = "other code jumps to it";
			break;
		}
		if (may_stand_on(&w, i) || may_be_called_from(&w, first, i)) {
			*ret = (struct placement){
				.address = i->addr,
				.sp_delta = w.sp,
				.is_cheap = true,
				.first = first,
				.insn = i,
			};
			return;
		}
		if (needs->nothing_moves) {
			w.reason = "the program may read anything";
			break;
		}
		if (w.reason || !may_pass(&w, i))
			break;
		w.sp += i->sp_delta;
		w.sp_moved |= i->sp_delta != 0;
	}
	ret->reason = w.reason ? w.reason : "nothing that is emulated is near";
}
