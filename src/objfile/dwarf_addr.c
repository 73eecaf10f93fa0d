/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From an address to its unit and its function. Runs in the worker. See dwarf_code.h.
 *
 * The ranges of all units are read once (.debug_aranges is not: compilers leave it out, or leave units out of it); the
 * functions of a unit when the first address in it is asked for. Where ranges overlap the one that begins last wins.
 */
#include "objfile/dwarf_code.h"

#include <dwarf.h>
#include <stdlib.h>

struct span {
	uint64_t start, end;
	uint64_t max_end; /* of this and all before it */
	uint64_t what;    /* id of the unit; index of the code */
};

struct spans {
	VEC(struct span) v; /* ascending */
};

struct unit_funcs {
	uint64_t unit;
	struct spans funcs;
};

struct dwarf_addrs {
	struct spans units;
	VEC(struct unit_funcs *) funcs;
};

static int compare_spans(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->end > y->end ? -1 : x->end < y->end; /* the smaller one later */
}

static void sort_spans(struct spans *s)
{
	uint64_t max = 0;

	if (s->v.n)
		qsort(s->v.v, s->v.n, sizeof(*s->v.v), compare_spans);
	vec_each(p, &s->v) {
		if (p->end > max)
			max = p->end;
		p->max_end = max;
	}
}

static const struct span *span_at(const struct spans *s, uint64_t addr)
{
	size_t lo = 0, hi = s->v.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->v.v[mid].start <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo > 0 && s->v.v[lo - 1].max_end > addr; lo--)
		if (s->v.v[lo - 1].end > addr)
			return &s->v.v[lo - 1];
	return NULL;
}

static void add_spans(struct dwarf_file *f, struct spans *s, Dwarf_Die *die, uint64_t what)
{
	struct di_range *r;
	uint32_t n = dwfile_ranges(f, die, &r);

	for (uint32_t i = 0; i < n; i++)
		vec_push(&s->v, ((struct span){ r[i].start, r[i].end, 0, what }));
}

static struct dwarf_addrs *addrs_of(struct dwarf_file *f)
{
	Dwarf_CU *cu = NULL;
	uint8_t type;
	Dwarf_Die die, sub;

	if (f->addrs)
		return f->addrs;
	f->addrs = base_alloc(sizeof(*f->addrs));
	while (dwarf_get_units(f->dwarf, cu, &cu, NULL, &type, &die, &sub) == 0) {
		/* Go's units have a low_pc without an end beside their ranges; libdw knows */
		if (type == DW_UT_compile || type == DW_UT_skeleton || type == DW_UT_partial)
			add_spans(f, &f->addrs->units, &die, dwfile_id(f, &die));
	}
	sort_spans(&f->addrs->units);
	return f->addrs;
}

bool dwfile_unit_at(struct dwarf_file *f, uint64_t addr, Dwarf_Die *ret)
{
	const struct span *s = span_at(&addrs_of(f)->units, addr);

	return s && dwfile_die(f, s->what, ret);
}

/* first code of the index at or behind this id (codes of one file stand in the order of their entries) */
static uint64_t first_code(const struct dwarf_index *x, uint64_t die)
{
	uint64_t lo = 0, hi = x->n_codes;

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (x->codes[mid].die < die)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct index_code *index_code_of(const struct dwarf_index *x, uint64_t die)
{
	uint64_t i = first_code(x, die);

	return i < x->n_codes && x->codes[i].die == die ? &x->codes[i] : NULL;
}

static struct spans *funcs_of(struct dwarf_file *f, const struct dwarf_index *x,
			      Dwarf_Die *skeleton)
{
	uint64_t id = dwfile_id(f, skeleton), first, last;
	struct unit_funcs *u;
	Dwarf_Die unit, die;
	Dwarf_Off next;

	vec_each(known, &f->addrs->funcs)
		if ((*known)->unit == id)
			return &(*known)->funcs;
	u = base_alloc(sizeof(*u));
	u->unit = id;
	vec_push(&f->addrs->funcs, u);
	if (!dwfile_unit(f, skeleton, &unit))
		return &u->funcs;
	first = dwfile_id(f, &unit);
	/* the header of the unit lies before its first entry: the next unit's begins where this one ends */
	if (dwarf_next_unit(dwarf_cu_getdwarf(unit.cu),
			    dwarf_dieoffset(&unit) - dwarf_cuoffset(&unit), &next, NULL, NULL, NULL,
			    NULL, NULL, NULL, NULL) != 0)
		return &u->funcs;
	last = first - dwarf_dieoffset(&unit) + next;
	for (uint64_t i = first_code(x, first); i < x->n_codes && x->codes[i].die < last; i++)
		if (dwfile_die(f, x->codes[i].die, &die) && dwarf_tag(&die) == DW_TAG_subprogram)
			add_spans(f, &u->funcs, &die, i);
	sort_spans(&u->funcs);
	return &u->funcs;
}

const struct index_code *dwfile_code_at(struct dwarf_file *f, const struct dwarf_index *x,
					uint64_t addr)
{
	const struct span *s;
	Dwarf_Die unit;

	if (!dwfile_unit_at(f, addr, &unit))
		return NULL;
	s = span_at(funcs_of(f, x, &unit), addr);
	return s ? &x->codes[s->what] : NULL;
}

void addrs_free(struct dwarf_addrs *a)
{
	if (!a)
		return;
	vec_each(u, &a->funcs) {
		vec_free(&(*u)->funcs.v);
		free(*u);
	}
	vec_free(&a->funcs);
	vec_free(&a->units.v);
	free(a);
}
