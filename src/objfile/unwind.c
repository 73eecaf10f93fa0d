/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One frame after another by the rules of cfi_rule.h; see unwind.h. Mirrors ir/build_unwind.c: change both. */
#include "objfile/unwind.h"

enum step {
	STEP_ON,
	STEP_END,
	STEP_FAIL,
	STEP_NOWHERE /* no code can be at the frame's address */
};

struct walk {
	const struct unwind_world *w;
	struct unwind_regs r;
	uint64_t back; /* 1: ip is a return address */
	uint32_t n_by_pointer;
};

static bool read_at(const struct walk *k, uint64_t addr, uint64_t *word)
{
	return k->w->read(k->w->arg, addr, word);
}

static enum step find_rule(struct walk *k, uint32_t *rule)
{
	const struct cfi_table *t;
	uint64_t vaddr;

	*rule = 0;
	switch (k->w->find(k->w->arg, k->r.ip - k->back, &t, &vaddr)) {
	case UNWIND_PLACE_NONE: return STEP_NOWHERE;
	case UNWIND_PLACE_TABLE: *rule = cfi_table_find(t, vaddr); break;
	default: break;
	}
	if (cfi_rule_kind(*rule) != CFI_NONE)
		return STEP_ON;
	if (!k->r.bp)
		return STEP_END;
	*rule = cfi_rule(CFI_BP, 2, 16);
	k->n_by_pointer++;
	return STEP_ON;
}

static enum step leave_signal_frame(struct walk *k, int32_t offset)
{
	uint64_t at = k->r.sp + (uint64_t)(int64_t)offset;
	struct unwind_regs r;

	if (!read_at(k, at + CFI_SIGNAL_IP, &r.ip) ||
	    !read_at(k, at + (uint64_t)(int64_t)CFI_SIGNAL_BP, &r.bp) || !read_at(k, at, &r.sp))
		return STEP_FAIL;
	k->r = r;
	k->back = 0;
	return STEP_ON;
}

static bool find_cfa(const struct walk *k, uint32_t rule, uint64_t *cfa)
{
	uint64_t offset = (uint64_t)(int64_t)cfi_rule_offset(rule);

	switch (cfi_rule_kind(rule)) {
	case CFI_BP: *cfa = k->r.bp + offset; return true;
	case CFI_PLT: *cfa = k->r.sp + 8 + ((k->r.ip & 15) >= offset ? 8 : 0); return true;
	case CFI_BP_DEREF: return read_at(k, k->r.bp + offset, cfa);
	case CFI_SP_DEREF:
		if (!read_at(k, k->r.sp + offset, cfa))
			return false;
		*cfa += 8;
		return true;
	default: *cfa = k->r.sp + offset; return true;
	}
}

static bool find_bp(const struct walk *k, uint32_t rule, uint64_t cfa, uint64_t *bp)
{
	uint32_t saved = cfi_rule_bp(rule);

	switch (saved) {
	case CFI_BP_SAME: *bp = k->r.bp; return true;
	case CFI_BP_LOST: *bp = 0; return true;
	case CFI_BP_AT_BP: return read_at(k, k->r.bp, bp);
	default: return read_at(k, cfa - 8 * (uint64_t)saved, bp);
	}
}

static enum step step(struct walk *k)
{
	uint64_t cfa, ra, bp;
	uint32_t rule;
	enum step s = find_rule(k, &rule);

	if (s != STEP_ON)
		return s;
	if (cfi_rule_kind(rule) == CFI_STOP)
		return cfi_rule_offset(rule) == CFI_STOP_END ? STEP_END : STEP_FAIL;
	if (cfi_rule_kind(rule) == CFI_SIGNAL)
		return leave_signal_frame(k, cfi_rule_offset(rule));
	if (!find_cfa(k, rule, &cfa) || cfa <= k->r.sp || !read_at(k, cfa - 8, &ra) ||
	    !find_bp(k, rule, cfa, &bp))
		return STEP_FAIL;
	if (!ra)
		return STEP_END;
	k->r = (struct unwind_regs){ ra, cfa, bp };
	k->back = 1;
	return STEP_ON;
}

enum unwind_end unwind_stack(const struct unwind_world *w, const struct unwind_regs *regs,
			     uint64_t *frames, uint32_t max, uint32_t *n, uint32_t *n_by_pointer)
{
	struct walk k = { .w = w, .r = *regs };
	enum step s = STEP_ON;

	for (*n = 0; *n < max && s == STEP_ON; s = step(&k))
		frames[(*n)++] = k.r.ip;
	/* what was taken for a return address was none */
	if (s == STEP_NOWHERE && *n > 1)
		--*n;
	if (n_by_pointer)
		*n_by_pointer = k.n_by_pointer;
	return s == STEP_END ? UNWIND_WHOLE : s == STEP_ON ? UNWIND_LIMIT : UNWIND_FAILED;
}
