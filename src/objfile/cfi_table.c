/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From rows in the order of their section to a table that is searched by address: sorted by function, rows that say the same
 * joined, gaps filled with "not covered", an index by pages of 256 bytes on top, so that a search looks at a handful of
 * rows only, in the kernel too. The input is a file's and may be nonsense: overlaps are cut, distances bounded.
 */
#include "objfile/cfi_private.h"

/* 32 MB of index; no program's code is spread wider. Fuzzers get on faster without clearing that much */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define SPAN_MAX (1ULL << 20)
#else
#define SPAN_MAX (1ULL << 30)
#endif
#define PAGE (1u << CFI_PAGE_SHIFT)

static int by_start(const void *a, const void *b)
{
	const struct cfi_func *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

struct rows {
	uint64_t base;
	VEC(uint64_t) v;
};

static void add_row(struct rows *r, uint64_t pc, uint32_t rule)
{
	uint64_t word = (pc - r->base) | (uint64_t)rule << 32;

	/* of two rows at one address the later one holds */
	if (r->v.n && (uint32_t)vec_last(&r->v) == (uint32_t)word)
		r->v.n--;
	if (r->v.n && vec_last(&r->v) >> 32 == rule)
		return;
	vec_push(&r->v, word);
}

static void join_rows(const struct cfi_raw *raw, struct rows *out, uint64_t *end)
{
	uint64_t at = out->base;

	add_row(out, at, 0);
	vec_each(f, &raw->funcs) {
		if (f->start <
		    at) /* overlaps the one before: which of them is right cannot be told */
			continue;
		for (uint32_t i = 0; i < f->n; i++) {
			const struct cfi_raw_row *row = &raw->rows.v[f->first + i];

			if (row->pc >= f->start && row->pc < f->end)
				add_row(out, row->pc, row->rule);
		}
		add_row(out, f->end, 0);
		at = f->end;
	}
	*end = at;
}

/* the index; rows stand behind it */
static struct cfi_table *index_rows(const struct rows *rows, uint64_t end)
{
	struct cfi_table *t = base_alloc(sizeof(*t));
	uint32_t row = 0;

	t->base = rows->base;
	t->n_rows = (uint32_t)rows->v.n;
	t->n_pages = (uint32_t)((end - rows->base + PAGE - 1) / PAGE);
	t->n_words = t->n_pages + t->n_rows;
	t->words = base_alloc((size_t)t->n_words * sizeof(*t->words));
	memcpy(t->words + t->n_pages, rows->v.v, rows->v.n * sizeof(*t->words));
	for (uint32_t page = 0; page < t->n_pages; page++) {
		uint64_t start = (uint64_t)page * PAGE;
		uint32_t last;

		while (row + 1 < t->n_rows && (uint32_t)rows->v.v[row + 1] <= start)
			row++;
		for (last = row;
		     last + 1 < t->n_rows && (uint32_t)rows->v.v[last + 1] < start + PAGE;)
			last++;
		t->words[page] = (t->n_pages + row) | (uint64_t)(last - row + 1) << 32;
		row = last;
	}
	vec_each(w, &rows->v)
		t->n_odd += (*w >> 32) == cfi_rule(CFI_STOP, 0, CFI_STOP_ODD);
	return t;
}

struct err *cfi_table_make(struct cfi_raw *raw, struct cfi_table **ret)
{
	struct rows rows = { 0 };
	uint64_t last = 0, end;

	*ret = NULL;
	if (!raw->funcs.n)
		return NULL;
	qsort(raw->funcs.v, raw->funcs.n, sizeof(*raw->funcs.v), by_start);
	vec_each(f, &raw->funcs)
		if (f->end > last)
			last = f->end;
	rows.base = raw->funcs.v[0].start & ~(uint64_t)(PAGE - 1);
	if (last - rows.base > SPAN_MAX)
		return err_new(0, "call frame information covers %llu MB",
			       (unsigned long long)((last - rows.base) >> 20));
	join_rows(raw, &rows, &end);
	*ret = index_rows(&rows, end);
	vec_free(&rows.v);
	return NULL;
}

void cfi_table_free(struct cfi_table *t)
{
	if (!t)
		return;
	free(t->words);
	free(t);
}

uint32_t cfi_table_find(const struct cfi_table *t, uint64_t vaddr)
{
	uint64_t pc = vaddr - t->base;
	uint32_t first, lo = 0, hi;

	if (vaddr < t->base || pc >> CFI_PAGE_SHIFT >= t->n_pages)
		return 0;
	first = (uint32_t)t->words[pc >> CFI_PAGE_SHIFT];
	hi = (uint32_t)(t->words[pc >> CFI_PAGE_SHIFT] >> 32);
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if ((uint32_t)t->words[first + mid] <= pc)
			lo = mid;
		else
			hi = mid;
	}
	return (uint32_t)(t->words[first + lo] >> 32);
}
