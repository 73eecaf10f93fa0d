/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Joins the steps of src/ebpf: each IR function is allocated, emitted, cleaned and laid out once; each program is its
 * entry function followed by every function that it can reach, joined by relative calls. Maps stay relocations, for the
 * engine that knows their descriptors.
 */
#include "ebpf/codegen.h"
#include "ebpf/btf_out.h"
#include "ebpf/emit.h"
#include "ebpf/islands.h"
#include "ebpf/layout.h"
#include "ebpf/lint.h"
#include "ebpf/peephole.h"

struct compiler {
	const struct ir_module *m;
	struct image *im;
	struct ebpf_opts *opts;
	struct arena scratch;    /* gone when the compilation is over */
	struct ebpf_func *funcs; /* by IR function, n_insns 0: not made yet */
	/* functions of the program being joined: order of appearance, and 1 + start by IR function (0: not in it) */
	uint32_t *order, n_order;
	uint32_t *start;
};

static ERR_MUST struct err *check_frame(struct compiler *c, const struct ir_func *f,
					const struct ebpf_alloc *al)
{
	uint32_t limit = c->opts->stack_limit ? c->opts->stack_limit : EBPF_STACK_LIMIT;

	if (al->frame_bytes <= limit)
		return NULL;
	c->opts->at = f->n ? f->insn[0].at : SPAN_NONE;
	return err_new(0, "'%.*s' needs %u bytes of stack (%u values and %u slots), eBPF has %u",
		       STR_ARG(f->name), al->frame_bytes, al->n_spilled, f->n_slots, limit);
}

static ERR_MUST struct err *make_func(struct compiler *c, uint32_t index)
{
	const struct ir_func *f = c->m->funcs[index];
	struct ebpf_func *out = &c->funcs[index];
	struct ebpf_code code = { 0 };
	struct ebpf_alloc al;
	struct err *e;

	if (c->opts->allocator == EBPF_ALLOC_SLOTS)
		ebpf_alloc_slots(f, &c->scratch, &al);
	else
		ebpf_alloc_linear(f, &c->scratch, &al);
	TRY(check_frame(c, f, &al));
	e = ebpf_emit(f, &al, &code, &c->opts->at);
	if (!e) {
		if (c->opts->no_peephole)
			ebpf_remove_unreachable(&code, &c->scratch);
		else
			ebpf_peephole(&code, &c->scratch);
		ebpf_add_islands(&code, c->opts->jump_reach ? c->opts->jump_reach : EBPF_JUMP_REACH,
				 &c->scratch);
		e = ebpf_layout(f, &code, &c->scratch, out, &c->opts->at);
	}
	out->frame_bytes = al.frame_bytes;
	ebpf_code_free(&code);
	return e;
}

/* add the function and, breadth first, all that it calls or hands to helpers */
static ERR_MUST struct err *collect(struct compiler *c, uint32_t entry)
{
	c->n_order = 0;
	c->order[c->n_order++] = entry;
	memset(c->start, 0, c->m->n_funcs * sizeof(*c->start));
	c->start[entry] = 1;
	for (uint32_t k = 0; k < c->n_order; k++) {
		struct ebpf_func *fn = &c->funcs[c->order[k]];

		if (!fn->n_insns)
			TRY(make_func(c, c->order[k]));
		for (uint32_t x = 0; x < fn->n_fixups; x++) {
			const struct ebpf_fixup *fix = &fn->fixups[x];

			if ((fix->kind == ITEM_FUNC || fix->kind == ITEM_CALL_FN) &&
			    !c->start[fix->index]) {
				c->start[fix->index] = 1;
				c->order[c->n_order++] = fix->index;
			}
		}
	}
	return NULL;
}

static void count_parts(const struct compiler *c, struct image_prog *p)
{
	p->n_insns = p->n_relocs = p->n_lines = 0;
	for (uint32_t k = 0; k < c->n_order; k++) {
		const struct ebpf_func *fn = &c->funcs[c->order[k]];

		p->n_insns += fn->n_insns;
		p->n_lines += fn->n_lines;
		for (uint32_t x = 0; x < fn->n_fixups; x++)
			p->n_relocs += fn->fixups[x].kind == ITEM_MAP ||
				       fn->fixups[x].kind == ITEM_MAP_VALUE;
	}
}

static void apply_fixup(const struct compiler *c, struct image_prog *p, uint32_t base,
			const struct ebpf_fixup *fix)
{
	uint32_t at = base + fix->insn;

	switch (fix->kind) {
	case ITEM_FUNC:
	case ITEM_CALL_FN:
		/* relative to the instruction behind, as calls are */
		p->insns[at].imm = (int32_t)(c->start[fix->index] - 1) - (int32_t)at - 1;
		break;
	case ITEM_MAP:
		p->relocs[p->n_relocs++] = (struct image_reloc){ at, RELOC_MAP, fix->index };
		break;
	case ITEM_MAP_VALUE:
		p->relocs[p->n_relocs++] = (struct image_reloc){ at, RELOC_MAP_VALUE, fix->index };
		break;
	}
}

static void join(struct compiler *c, struct image_prog *p)
{
	struct arena *arena = c->im->arena;
	uint32_t base = 0, n_lines = 0;

	count_parts(c, p);
	p->insns = arena_array(arena, struct bpf_insn, p->n_insns);
	p->relocs = arena_array(arena, struct image_reloc, p->n_relocs + 1);
	p->lines = arena_array(arena, struct image_line, p->n_lines);
	p->funcs = arena_array(arena, struct image_func_info, c->n_order);
	p->n_funcs = c->n_order;
	for (uint32_t k = 0; k < c->n_order; k++) {
		c->start[c->order[k]] = base + 1;
		p->funcs[k] = (struct image_func_info){ base, ebpf_btf_func_id(c->order[k]) };
		base += c->funcs[c->order[k]].n_insns;
	}
	p->n_relocs = 0;
	for (uint32_t k = 0; k < c->n_order; k++) {
		const struct ebpf_func *fn = &c->funcs[c->order[k]];

		base = c->start[c->order[k]] - 1;
		memcpy(p->insns + base, fn->insns, fn->n_insns * sizeof(*fn->insns));
		for (uint32_t x = 0; x < fn->n_fixups; x++)
			apply_fixup(c, p, base, &fn->fixups[x]);
		for (uint32_t l = 0; l < fn->n_lines; l++, n_lines++) {
			p->lines[n_lines] = fn->lines[l];
			p->lines[n_lines].insn += base;
		}
	}
}

static ERR_MUST struct err *compile_all(struct compiler *c)
{
	const struct ir_module *m = c->m;

	for (uint32_t i = 0; i < m->n_progs; i++) {
		struct image_prog *p = m->progs[i].image;

		c->opts->at = p->at;
		TRY(collect(c, m->progs[i].func));
		join(c, p);
		c->opts->at = p->at;
		TRY(ebpf_lint(m, c->funcs, m->progs[i].func, c->opts->stack_limit, p));
		c->im->progs[c->im->n_base_progs + i] = p;
		c->im->n_progs = c->im->n_base_progs + i + 1;
	}
	c->im->btf = ebpf_btf_make(m, c->im->arena, &c->im->btf_size);
	return NULL;
}

struct err *ebpf_compile(const struct ir_module *m, struct image *im, struct ebpf_opts *opts)
{
	struct ebpf_opts defaults = { 0 };
	struct compiler c = { .m = m, .im = im, .opts = opts ? opts : &defaults };
	struct image_prog **old;
	struct err *e;

	arena_init(&c.scratch);
	c.funcs = arena_array(&c.scratch, struct ebpf_func, m->n_funcs + 1);
	c.order = arena_array(&c.scratch, uint32_t, m->n_funcs + 1);
	c.start = arena_array(&c.scratch, uint32_t, m->n_funcs + 1);
	/* behind those of earlier generations */
	old = im->progs;
	im->progs = arena_array(im->arena, struct image_prog *, im->n_base_progs + m->n_progs + 1);
	if (im->n_base_progs)
		memcpy(im->progs, old, im->n_base_progs * sizeof(*old));
	im->n_progs = im->n_base_progs;
	e = compile_all(&c);
	arena_free(&c.scratch);
	return e;
}
