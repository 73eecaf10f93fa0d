/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What Go's table of functions knows by address: file and line, frame size, inlined functions; see go_pclntab.h.
 *
 * A pc table is a run of pairs of varints: how much the value changes (zigzag) and for how many instruction units it
 * then holds, from the function's entry on, value -1 at first; a change of 0 that is not the first ends it. Every pair
 * takes at least two bytes of the file, so a walk ends; it also ends at the function's end.
 */
#include "objfile/go_pclntab.h"

#include "base/vec.h"
#include "objfile/go_pclntab_private.h"
#include "objfile/names.h"

#include <stdlib.h>

enum {
	PCDATA_INLINE = 2,
	FUNCDATA_INLINE = 3,
	MAX_DEPTH = 64,     /* of inlining */
	MAX_INLINED = 4096, /* copies in one function */
};

/* --- pc tables ---------------------------------------------------------------------------------------------------- */

struct pc_walk {
	struct bytes b;
	uint64_t pc, limit; /* the row is [start, pc) */
	uint64_t start;
	int32_t value;
	uint64_t *left; /* rows that may still be read; NULL: no limit but the table's end */
	uint8_t min_lc;
	bool is_first;
};

/* false: there is no such table */
static bool walk_start(const struct go_pclntab *t, const struct go_record *r, uint32_t table,
		       struct pc_walk *w)
{
	*w = (struct pc_walk){ .b = t->pcs,
			       .pc = r->entry,
			       .limit = r->end,
			       .value = -1,
			       .min_lc = t->min_lc,
			       .is_first = true };
	bytes_seek(&w->b, table);
	return table != 0 && !w->b.bad;
}

static uint32_t read_varint(struct bytes *b)
{
	uint64_t v = bytes_uleb(b);

	if (v > UINT32_MAX)
		b->bad = true;
	return (uint32_t)v;
}

static bool walk_next(struct pc_walk *w)
{
	uint32_t change = read_varint(&w->b), run;

	if (w->b.bad || (change == 0 && !w->is_first) || w->pc >= w->limit)
		return false;
	if (w->left && (*w->left)-- == 0) {
		*w->left = 0;
		return false;
	}
	w->is_first = false;
	run = read_varint(&w->b);
	if (w->b.bad || run == 0)
		return false;
	change = change & 1 ? ~(change >> 1) : change >> 1;
	w->value = (int32_t)((uint32_t)w->value + change);
	w->start = w->pc;
	w->pc += (uint64_t)run * w->min_lc;
	return true;
}

static bool value_within(const struct go_pclntab *t, const struct go_record *r, uint32_t table,
			 uint64_t pc, uint64_t *left, int32_t *ret)
{
	struct pc_walk w;

	if (!walk_start(t, r, table, &w))
		return false;
	w.left = left;
	while (walk_next(&w))
		if (pc < w.pc) {
			*ret = w.value;
			return true;
		}
	return false;
}

static bool value_at(const struct go_pclntab *t, const struct go_record *r, uint32_t table,
		     uint64_t pc, int32_t *ret)
{
	return value_within(t, r, table, pc, NULL, ret);
}

uint64_t go_pcvalue_end(const struct go_pclntab *t, const struct go_record *r, uint32_t table)
{
	struct pc_walk w;

	if (!walk_start(t, r, table, &w))
		return 0;
	w.left = t->rows_left;
	while (walk_next(&w))
		;
	return w.pc;
}

bool go_pcsp_at(const struct go_pclntab *t, uint64_t pc, int32_t *delta)
{
	struct go_record r;
	uint32_t i;

	return go_tab_find(t, pc, &i) && go_tab_record(t, i, &r) &&
	       value_at(t, &r, r.pcsp, pc, delta);
}

bool go_pcsp_each(const struct go_pclntab *t, const struct go_func *fn,
		  void (*visit)(void *arg, uint64_t start, uint64_t end, int32_t delta), void *arg)
{
	struct go_record r;
	struct pc_walk w;

	if (!go_tab_record(t, fn->index, &r) || !walk_start(t, &r, r.pcsp, &w))
		return false;
	while (walk_next(&w))
		visit(arg, w.start, w.pc < r.end ? w.pc : r.end, w.value);
	return true;
}

/* --- lines -------------------------------------------------------------------------------------------------------- */

static bool line_in(const struct go_pclntab *t, const struct go_record *r, uint64_t pc,
		    uint64_t *left, struct str *file, uint32_t *line)
{
	struct bytes b = t->cus;
	int32_t number, at_line;
	uint32_t offset;

	if (!value_within(t, r, r->pcfile, pc, left, &number) ||
	    !value_within(t, r, r->pcln, pc, left, &at_line) || number < 0 || at_line < 0)
		return false;
	bytes_seek(&b, ((uint64_t)r->cu + (uint32_t)number) * 4);
	offset = bytes_u32(&b);
	if (b.bad || offset == UINT32_MAX)
		return false;
	b = t->files;
	bytes_seek(&b, offset);
	*file = bytes_cstr(&b);
	*line = (uint32_t)at_line;
	return !b.bad && file->n;
}

bool go_line_at(const struct go_pclntab *t, uint64_t pc, struct str *file, uint32_t *line)
{
	struct go_record r;
	uint32_t i;

	return go_tab_find(t, pc, &i) && go_tab_record(t, i, &r) &&
	       line_in(t, &r, pc, NULL, file, line);
}

/* --- inlining ----------------------------------------------------------------------------------------------------- */

/* one record of the inline tree: runtime.inlinedCall */
struct inlined_call {
	struct str name;
	int32_t name_offset;
	uint64_t parent_pc; /* an address whose line is that of the call */
	uint32_t start_line;
};

struct inline_tree {
	const struct go_pclntab *t;
	const struct go_record *r;
	uint32_t table; /* pc table of indexes into the tree */
	uint64_t addr;  /* of the tree */
};

static bool tree_of(const struct go_pclntab *t, const struct go_record *r, struct inline_tree *tree)
{
	struct bytes pcdata = r->pcdata, funcdata = r->funcdata;
	uint32_t offset;

	bytes_seek(&pcdata, PCDATA_INLINE * 4);
	bytes_seek(&funcdata, FUNCDATA_INLINE * 4);
	*tree = (struct inline_tree){ .t = t, .r = r, .table = bytes_u32(&pcdata) };
	offset = bytes_u32(&funcdata);
	tree->addr = t->gofunc + offset;
	return t->gofunc && !pcdata.bad && !funcdata.bad && tree->table && offset != UINT32_MAX;
}

static bool read_call(const struct inline_tree *tree, int32_t index, struct inlined_call *ret)
{
	bool is_new = tree->t->version >= GO_TAB_1_20;
	size_t size = is_new ? 16 : 20;
	struct bytes b = tree->t->trees;
	int32_t words[5];

	if (index < 0 || tree->addr < tree->t->trees_addr)
		return false;
	bytes_seek(&b, tree->addr - tree->t->trees_addr);
	bytes_seek(&b, b.pos + (size_t)index * size);
	if (b.bad || bytes_left(&b) < size)
		return false;
	memcpy(words, b.p + b.pos, size);
	/* 1.20: id, name, parent pc, start line; before: id, file, line, name, parent pc */
	ret->name_offset = words[is_new ? 1 : 3];
	ret->name = go_tab_name(tree->t, ret->name_offset);
	ret->parent_pc = tree->r->entry + (uint32_t)words[is_new ? 2 : 4];
	ret->start_line = is_new ? (uint32_t)words[3] : 0;
	return ret->name.n && ret->parent_pc < tree->r->end;
}

uint32_t go_frames_at(const struct go_pclntab *t, uint64_t pc, struct go_frame *out, uint32_t max)
{
	struct inline_tree tree;
	struct go_record r;
	uint32_t i, n = 0;
	int32_t index;

	if (!max || !go_tab_find(t, pc, &i) || !go_tab_record(t, i, &r))
		return 0;
	if (tree_of(t, &r, &tree)) {
		struct inlined_call call;

		while (n + 1 < max && n < MAX_DEPTH && value_at(t, &r, tree.table, pc, &index) &&
		       index >= 0 && read_call(&tree, index, &call)) {
			out[n] = (struct go_frame){ .name = call.name };
			line_in(t, &r, pc, NULL, &out[n].file, &out[n].line);
			n++;
			pc = call.parent_pc;
		}
	}
	out[n] = (struct go_frame){ .name = go_tab_name(t, r.name) };
	line_in(t, &r, pc, NULL, &out[n].file, &out[n].line);
	return n + 1;
}

/* a copy, and in which of the others it stands: -1: in none */
struct numbered {
	struct go_inlined in;
	int32_t parent;
};

static int32_t parent_of(const struct inline_tree *tree, int32_t index)
{
	struct inlined_call call;
	int32_t parent;

	if (!read_call(tree, index, &call) ||
	    !value_within(tree->t, tree->r, tree->table, call.parent_pc, tree->t->rows_left,
			  &parent))
		return -1;
	return parent;
}

/* a row belongs to the copy that it names, and to those that this one stands in */
static void widen(const struct pc_walk *w, struct numbered *all, uint32_t n)
{
	int32_t index = w->value;

	for (int depth = 0; depth < MAX_DEPTH && index >= 0 && (uint32_t)index < n; depth++) {
		struct go_inlined *in = &all[index].in;

		if (!in->end)
			in->addr = w->start;
		else if (in->end != w->start && in->end < w->pc)
			in->is_split = true;
		if (w->pc > in->end)
			in->end = w->pc;
		index = all[index].parent;
	}
}

static void fill(const struct inline_tree *tree, uint32_t func, int32_t index, struct numbered *all)
{
	struct go_inlined *in = &all[index].in;
	struct inlined_call call, outer;

	in->func = func;
	if (!read_call(tree, index, &call))
		return;
	in->name = call.name;
	in->start_line = call.start_line;
	in->caller = go_tab_name(tree->t, tree->r->name);
	if (all[index].parent >= 0 && read_call(tree, all[index].parent, &outer))
		in->caller = outer.name;
	line_in(tree->t, tree->r, call.parent_pc, tree->t->rows_left, &in->call_file,
		&in->call_line);
}

/* how many copies the table of function r speaks of */
static uint32_t count_copies(const struct go_pclntab *t, const struct go_record *r,
			     const struct inline_tree *tree)
{
	struct pc_walk w;
	uint32_t n = 0;

	if (!walk_start(t, r, tree->table, &w))
		return 0;
	w.left = t->rows_left;
	while (walk_next(&w))
		if (w.value >= 0 && (uint32_t)w.value >= n)
			n = (uint32_t)w.value + 1;
	return n <= MAX_INLINED ? n : 0;
}

void go_inlined_each(const struct go_pclntab *t, uint32_t i,
		     void (*visit)(void *arg, const struct go_inlined *in), void *arg)
{
	struct inline_tree tree;
	struct numbered *all;
	struct go_record r;
	struct pc_walk w;
	uint32_t n;

	if (!go_tab_record(t, i, &r) || !tree_of(t, &r, &tree))
		return;
	n = count_copies(t, &r, &tree);
	if (!n)
		return;
	all = base_alloc(n * sizeof(*all));
	for (uint32_t k = 0; k < n; k++)
		all[k].parent = parent_of(&tree, (int32_t)k);
	walk_start(t, &r, tree.table, &w);
	w.left = t->rows_left;
	while (walk_next(&w))
		widen(&w, all, n);
	for (uint32_t k = 0; k < n; k++) {
		if (!all[k].in.end)
			continue;
		fill(&tree, i, (int32_t)k, all);
		if (all[k].in.name.n)
			visit(arg, &all[k].in);
	}
	free(all);
}

/* ---- by name ---- */

struct find {
	struct name_pattern pattern;
	VEC(int32_t) offsets; /* of names that fit, ascending */
	void (*visit)(void *arg, const struct go_inlined *in);
	void *arg;
};

static void find_names(const struct go_pclntab *t, struct find *find)
{
	struct bytes b = bytes_make(t->names.p, t->names_size);

	while (bytes_left(&b)) {
		int32_t at = (int32_t)b.pos;
		struct str name = bytes_cstr(&b);

		if (b.bad)
			return;
		if (name.n && name_pattern_fits(&find->pattern, name))
			vec_push(&find->offsets, at);
	}
}

static int compare_i32(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return x < y ? -1 : x > y;
}

static bool is_wanted(const struct find *find, int32_t offset)
{
	return bsearch(&offset, find->offsets.v, find->offsets.n, sizeof(offset), compare_i32);
}

static void visit_fitting(void *arg, const struct go_inlined *in)
{
	struct find *find = arg;

	if (name_pattern_fits(&find->pattern, in->name))
		find->visit(find->arg, in);
}

/* does a copy of something wanted stand in function i? */
static bool holds_wanted(const struct go_pclntab *t, uint32_t i, const struct find *find)
{
	struct inlined_call call;
	struct inline_tree tree;
	struct go_record r;
	uint32_t n;

	if (!go_tab_record(t, i, &r) || !tree_of(t, &r, &tree))
		return false;
	n = count_copies(t, &r, &tree);
	for (uint32_t k = 0; k < n; k++)
		if (read_call(&tree, (int32_t)k, &call) && is_wanted(find, call.name_offset))
			return true;
	return false;
}

void go_inlined_find(struct objfile *f, struct str pattern,
		     void (*visit)(void *arg, const struct go_inlined *in), void *arg)
{
	struct go_pclntab *t = objfile_go_pclntab(f);
	struct find find = { .visit = visit, .arg = arg };
	struct arena a = { 0 };

	if (!t)
		return;
	name_pattern_init(&find.pattern, pattern, &a);
	find_names(t, &find);
	for (uint32_t i = 0; find.offsets.n && i < t->n_funcs; i++)
		if (holds_wanted(t, i, &find))
			go_inlined_each(t, i, visit_fitting, &find);
	vec_free(&find.offsets);
	arena_free(&a);
}
