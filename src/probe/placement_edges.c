/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What placement.c wants to know of the file around a function: all ways into it other than its entry and its own direct
 * branches. Everything here errs on the side of too many ways in: a way that does not exist costs a cheap place,
 * one that is overlooked would cost the truth.
 */
#include "probe/placement.h"

#include "objfile/elf.h"
#include "objfile/symtab.h"

#include <elf.h>

enum {
	FUNCTION_MAX = 1 << 20, /* larger functions are not looked at */
	WALK_MAX = 4096,        /* instructions of pieces that one function may have */
	TABLE_MAX = 4096,       /* entries of one jump table */
	ENTRIES_MAX = 65536,    /* of all that could be tables of one function */
	CHUNK = 256,
};

struct finder {
	struct objfile *f;
	struct symtab *t;
	const struct code *c;
	struct placement_edges *e;
	VEC(uint64_t) todo; /* pieces: where they are entered; grows while it is walked */
	uint32_t n_walked, n_entries;
};

static void add_target(struct finder *x, uint64_t addr)
{
	if (addr > x->c->start && addr < x->c->end)
		vec_push(&x->e->targets, addr);
}

bool placement_decode(struct objfile *f, uint64_t addr, uint64_t size, struct code *ret)
{
	uint8_t *bytes;

	*ret = (struct code){ 0 };
	if (size == 0 || size > FUNCTION_MAX)
		return false;
	bytes = base_alloc(size);
	if (objfile_read_vaddr(f, addr, bytes, size))
		code_decode(bytes, size, addr, ret);
	free(bytes);
	return ret->n > 0;
}

/* ---- symbols inside of the function: other entries of hand-written code ---- */

static void add_symbols(struct finder *x)
{
	uint32_t lo = 0, hi = x->t->n;

	while (lo < hi) { /* the first symbol behind the entry */
		uint32_t mid = lo + (hi - lo) / 2;

		if (x->t->v[symtab_sorted(x->t, mid)].addr <= x->c->start)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < x->t->n; lo++) {
		const struct symbol *s = &x->t->v[symtab_sorted(x->t, lo)];

		if (s->addr >= x->c->end)
			return;
		if (s->type != SYMBOL_OBJECT)
			add_target(x, s->addr);
	}
}

/* ---- pieces: f.cold and f.part, which jump back ---- */

static bool is_linkage(const struct finder *x, uint64_t addr)
{
	const struct objfile_section *s = objfile_section_at(x->f, addr);

	return s && str_starts(s->name, STR(".plt"));
}

static void visit(struct finder *x, uint64_t addr)
{
	vec_each(v, &x->todo)
		if (*v == addr)
			return;
	vec_push(&x->todo, addr);
}

/* where a jump goes that leaves the function, or a piece of it */
static void follow(struct finder *x, uint64_t to)
{
	const struct symbol *s;

	if (to >= x->c->start && to < x->c->end) {
		add_target(x, to);
		return;
	}
	s = symtab_at(x->t, to);
	if (is_linkage(x, to) || (s && s->addr == to && !(s->flags & SYMBOL_NOT_ENTRY)))
		return; /* to another function, by its entry */
	visit(x, to);
}

/* straight on from an address, whatever it belongs to, to where control does not fall through */
static bool walk(struct finder *x, uint64_t addr)
{
	uint8_t bytes[CHUNK];

	for (;;) {
		CODE_AUTO c = { 0 };
		size_t n = sizeof(bytes);

		while (n && !objfile_read_vaddr(x->f, addr, bytes, n))
			n /= 2;
		code_decode(bytes, n, addr, &c);
		if (!c.n)
			return false;
		for (uint32_t k = 0; k < c.n; k++) {
			const struct code_insn *i = &c.insn[k];

			if (i->flags & CODE_AFTER_GAP || ++x->n_walked > WALK_MAX)
				return false;
			if (i->kind == CODE_JMP || i->kind == CODE_JCC)
				follow(x, i->target);
			if (i->kind == CODE_JMP_INDIRECT)
				return code_indirect_kind(&c, i) == CODE_INDIRECT_TAIL;
			if (!code_falls_through(i))
				return true;
			addr = i->addr + i->len;
			/* a call that does not return may be the last thing of a piece */
			if (addr >= x->c->start && addr < x->c->end) {
				add_target(x, addr);
				return true;
			}
		}
	}
}

/*
 * Jumps out of the function lead to other functions or to pieces of this one, which may jump back to anywhere. Pieces need
 * not have symbols, so what is reached is followed as control would, into other functions at worst.
 */
static void add_pieces(struct finder *x)
{
	for (uint32_t k = 0; k < x->c->n; k++)
		if (code_is_jump_out(x->c, &x->c->insn[k]))
			follow(x, x->c->insn[k].target);
	for (size_t k = 0; k < x->todo.n && x->e->is_complete; k++)
		x->e->is_complete = walk(x, x->todo.v[k]);
}

/* landing pads of exceptions lie in f.cold, too, and no jump leads to them */
static void add_cold(struct finder *x)
{
	const struct symbol *self = symtab_at(x->t, x->c->start), *s;
	STRBUF_AUTO name = { 0 };

	if (!objfile_find_section(x->f, STR(".gcc_except_table")))
		return;
	if (!self || (!x->t->has_symtab && !x->t->has_debug_file && !x->t->has_minidebug)) {
		x->e->is_complete = false; /* pieces have no names then */
		return;
	}
	strbuf_printf(&name, "%.*s.cold", STR_ARG(symbol_name(self)));
	for (s = symtab_find(x->t, strbuf_str(&name)); s; s = symtab_find_next(x->t, s)) {
		CODE_AUTO c = { 0 };

		if (!placement_decode(x->f, s->addr, s->size, &c) || c.n_bad) {
			x->e->is_complete = false;
			return;
		}
		for (uint32_t k = 0; k < c.n; k++)
			if (c.insn[k].kind == CODE_JMP || c.insn[k].kind == CODE_JCC)
				follow(x, c.insn[k].target);
	}
}

/* ---- jump tables ---- */

/* 4-byte distances from the table, as position-independent code has them, or 8-byte addresses */
static uint32_t read_table(struct finder *x, uint64_t base, unsigned size)
{
	uint32_t n;

	for (n = 0; n < TABLE_MAX && x->n_entries < ENTRIES_MAX; n++, x->n_entries++) {
		int32_t distance;
		uint64_t to;

		if (size == 4 && objfile_read_vaddr(x->f, base + n * 4ULL, &distance, 4))
			to = base + (uint64_t)(int64_t)distance;
		else if (size != 8 || !objfile_read_vaddr(x->f, base + n * 8ULL, &to, 8))
			break;
		if (to < x->c->start || to >= x->c->end)
			break;
		add_target(x, to);
	}
	return n;
}

/*
 * Addresses inside of the function that are stored somewhere in the file: tables of labels. In a file that can be loaded
 * anywhere each stored address has a relocation; in others it cannot be told.
 */
static void add_stored_labels(struct finder *x)
{
	const struct objfile_section *s = objfile_find_section(x->f, STR(".rela.dyn"));
	struct bytes b = { 0 };
	struct err *e = s ? objfile_section_bytes(x->f, s, &b) : NULL;

	if (e || x->f->kind != OBJFILE_DYN || objfile_find_section(x->f, STR(".relr.dyn")))
		x->e->is_complete = false;
	err_free(e);
	while (!e && bytes_left(&b) >= sizeof(Elf64_Rela)) {
		Elf64_Rela r;

		memcpy(&r, bytes_take(&b, sizeof(r)), sizeof(r));
		add_target(x, (uint64_t)r.r_addend);
	}
}

/*
 * Whatever the function takes the address of may be a table. A jump that goes nowhere known leaves the function, because
 * no address inside of it is stored or taken anywhere; where one is, the ways in are not all known.
 */
static void add_tables(struct finder *x)
{
	uint32_t n_found = 0, n_jumps = 0, n_tables = 0;

	for (uint32_t k = 0; k < x->c->n; k++) {
		enum code_indirect kind = code_indirect_kind(x->c, &x->c->insn[k]);

		if (x->c->insn[k].kind != CODE_JMP_INDIRECT || kind == CODE_INDIRECT_TAIL)
			continue;
		n_jumps++;
		n_tables += kind == CODE_INDIRECT_TABLE;
	}
	if (!n_jumps)
		return;
	add_stored_labels(x);
	for (uint32_t k = 0; k < x->c->n; k++) {
		const struct code_insn *i = &x->c->insn[k];

		if (i->flags & CODE_RIP_RELATIVE && !(i->flags & (CODE_MEM_READ | CODE_MEM_WRITE))) {
			/* the address of a label: what is made of it cannot be followed */
			if (i->target > x->c->start && i->target < x->c->end)
				x->e->is_complete = false;
			n_found += read_table(x, i->target, 4) > 0;
			n_found += read_table(x, i->target, 8) > 0;
		} else if (i->mem_index != CODE_NO_REG && i->mem_scale == 8 &&
			   i->mem_base == CODE_NO_REG) {
			n_found += read_table(x, (uint64_t)(int64_t)i->mem_disp, 8) > 0;
		}
	}
	/* one table may serve several jumps: equal tables are merged, one jump is copied */
	if ((n_tables && !n_found) || x->n_entries == ENTRIES_MAX)
		x->e->is_complete = false;
}

void placement_edges_find(struct objfile *f, const struct code *c, struct placement_edges *ret)
{
	struct finder x = { .f = f, .t = objfile_symtab(f), .c = c, .e = ret };

	*ret = (struct placement_edges){ .is_complete = true };
	add_symbols(&x);
	add_cold(&x);
	add_pieces(&x);
	add_tables(&x);
	vec_free(&x.todo);
}
