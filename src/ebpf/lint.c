/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walks the call graph of one program, callbacks included, and adds up along each chain what the kernel adds up: stack
 * (each frame rounded up to 32 bytes, an empty one counts 32), frames, and branches on the longest path, for which
 * callees count at every call as the verifier walks static functions anew each time.
 */
#include "ebpf/lint.h"

struct sums {
	uint32_t stack, frames, branches;
	bool is_done, is_open; /* open: on the chain being walked */
};

struct linter {
	const struct ir_module *m;
	const struct ebpf_func *funcs;
	struct sums *sums; /* by IR function */
	struct arena arena;
};

static uint32_t add_capped(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static bool is_branch(const struct bpf_insn *in)
{
	uint8_t op = in->code & 0xf0;

	return (ebpf_class(in) == BPF_JMP || ebpf_class(in) == BPF_JMP32) && op != BPF_JA &&
	       op != BPF_CALL && op != BPF_EXIT;
}

/*
 * Most branches on any way from each instruction to the exit, from the last instruction up. Jumps backwards count as if
 * they left: how often a loop turns is not known here.
 */
static uint32_t count_branches(struct linter *l, const struct ebpf_func *fn)
{
	uint32_t *most = arena_array(&l->arena, uint32_t, fn->n_insns + 1);
	uint32_t x = fn->n_fixups;

	for (uint32_t i = fn->n_insns; i-- > 0;) {
		const struct bpf_insn *in = &fn->insns[i];
		bool is_jump = ebpf_class(in) == BPF_JMP || ebpf_class(in) == BPF_JMP32;
		uint8_t op = in->code & 0xf0;
		uint32_t next = most[i + 1], jump = 0;

		if (is_jump && op == BPF_EXIT) {
			next = 0;
		} else if (is_jump && op != BPF_CALL) {
			if (in->off >= 0)
				jump = most[i + 1 + (uint32_t)in->off];
			if (op == BPF_JA)
				next = 0;
		}
		while (x && fn->fixups[x - 1].insn > i)
			x--;
		if (x && fn->fixups[x - 1].insn == i &&
		    (fn->fixups[x - 1].kind == ITEM_FUNC || fn->fixups[x - 1].kind == ITEM_CALL_FN))
			next = add_capped(next, l->sums[fn->fixups[x - 1].index].branches);
		most[i] = add_capped(next > jump ? next : jump, is_branch(in));
	}
	return most[0];
}

static ERR_MUST struct err *walk(struct linter *l, uint32_t f)
{
	const struct ebpf_func *fn = &l->funcs[f];
	struct sums *s = &l->sums[f];

	if (s->is_open)
		return err_new(0, "'%.*s' calls itself, which eBPF cannot",
			       STR_ARG(l->m->funcs[f]->name));
	if (s->is_done)
		return NULL;
	s->is_open = true;
	for (uint32_t x = 0; x < fn->n_fixups; x++) {
		const struct ebpf_fixup *fix = &fn->fixups[x];
		const struct sums *callee;

		if (fix->kind != ITEM_FUNC && fix->kind != ITEM_CALL_FN)
			continue;
		TRY(walk(l, fix->index));
		callee = &l->sums[fix->index];
		s->stack = callee->stack > s->stack ? callee->stack : s->stack;
		s->frames = callee->frames > s->frames ? callee->frames : s->frames;
	}
	s->stack = add_capped(s->stack, fn->frame_bytes ? (fn->frame_bytes + 31) & ~31u : 32);
	s->frames++;
	s->branches = count_branches(l, fn);
	s->is_open = false;
	s->is_done = true;
	return NULL;
}

/* the functions on the deepest chain, with what each takes: where to save */
static void describe_chain(const struct linter *l, uint32_t f, struct strbuf *out)
{
	for (;;) {
		const struct ebpf_func *fn = &l->funcs[f];
		uint32_t next = UINT32_MAX, most = 0;

		strbuf_printf(out, "%s%.*s %u", out->n ? " + " : "", STR_ARG(l->m->funcs[f]->name),
			      fn->frame_bytes);
		for (uint32_t x = 0; x < fn->n_fixups; x++) {
			const struct ebpf_fixup *fix = &fn->fixups[x];

			if ((fix->kind == ITEM_FUNC || fix->kind == ITEM_CALL_FN) &&
			    l->sums[fix->index].stack > most) {
				most = l->sums[fix->index].stack;
				next = fix->index;
			}
		}
		if (next == UINT32_MAX)
			return;
		f = next;
	}
}

static ERR_MUST struct err *check_limits(const struct linter *l, uint32_t entry,
					 uint32_t stack_limit, const struct image_prog *p)
{
	const struct sums *s = &l->sums[entry];
	STRBUF_AUTO chain = { 0 };

	if (!stack_limit)
		stack_limit = EBPF_STACK_LIMIT;
	if (s->stack > stack_limit) {
		describe_chain(l, entry, &chain);
		return err_new(0, "the program needs %u bytes of stack, eBPF has %u (%s)", s->stack,
			       stack_limit, strbuf_cstr(&chain));
	}
	if (s->frames > EBPF_MAX_CALL_FRAMES)
		return err_new(0, "the program nests %u functions, eBPF allows %u", s->frames,
			       EBPF_MAX_CALL_FRAMES);
	if (p->n_insns > EBPF_MAX_INSNS)
		return err_new(0, "the program has %u instructions, eBPF allows %u", p->n_insns,
			       EBPF_MAX_INSNS);
	if (s->branches > EBPF_MAX_BRANCHES)
		return err_new(
			0,
			"a path through the program takes %u branches, the verifier follows at most %u",
			s->branches, EBPF_MAX_BRANCHES);
	return NULL;
}

struct err *ebpf_lint(const struct ir_module *m, const struct ebpf_func *funcs, uint32_t entry,
		      uint32_t stack_limit, struct image_prog *p)
{
	struct linter l = { .m = m, .funcs = funcs };
	struct err *e;

	arena_init(&l.arena);
	l.sums = arena_array(&l.arena, struct sums, m->n_funcs + 1);
	e = walk(&l, entry);
	if (!e) {
		p->stack_bytes = l.sums[entry].stack;
		e = check_limits(&l, entry, stack_limit, p);
	}
	arena_free(&l.arena);
	return e;
}
