/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Searching in a symbol table by address and by name; see symtab.h. Each index is made at its first use.
 *
 * By address: a radix sort (tables of 10^5 symbols sort in about a millisecond), then the runs of equal addresses are
 * put in the order of preference, so that the first of a run is the name to show. Looking back from an address stops
 * where no earlier symbol reaches that far (max_end), so nested symbols (a label inside a function) resolve to the
 * function.
 */
#include "objfile/symtab.h"

#include "base/vec.h"
#include "objfile/symtab_private.h"

/* --- by address ------------------------------------------------------------------------------------------------- */

struct sort_item {
	uint64_t addr;
	uint32_t index;
};

/* least significant digit first, 11 bits a pass; stable. Passes over digits that are all zero are left out. */
static struct sort_item *radix_sort(struct sort_item *a, struct sort_item *b, uint32_t n,
				    uint64_t all_bits)
{
	for (unsigned shift = 0; shift < 64; shift += 11) {
		uint32_t start[2048] = { 0 };
		uint32_t sum = 0;
		struct sort_item *swap;

		if (!(all_bits >> shift & 2047))
			continue;
		for (uint32_t i = 0; i < n; i++)
			start[a[i].addr >> shift & 2047]++;
		for (unsigned d = 0; d < 2048; d++) {
			uint32_t count = start[d];

			start[d] = sum;
			sum += count;
		}
		for (uint32_t i = 0; i < n; i++)
			b[start[a[i].addr >> shift & 2047]++] = a[i];
		swap = a;
		a = b;
		b = swap;
	}
	return a;
}

static unsigned underscores(const struct symbol *s)
{
	unsigned n = 0;

	while (n < s->name_len && s->name[n] == '_')
		n++;
	return n;
}

/* which of two symbols at one address names it better: <0 the first. A total order, so results are stable. */
static int compare_rank(const struct symbol *a, const struct symbol *b)
{
	static const uint8_t type_rank[] = {
		[SYMBOL_FUNC] = 0, [SYMBOL_IFUNC] = 1, [SYMBOL_OBJECT] = 2, [SYMBOL_NOTYPE] = 3
	};
	static const uint8_t bind_rank[] = {
		[SYMBOL_GLOBAL] = 0, [SYMBOL_WEAK] = 1, [SYMBOL_LOCAL] = 2
	};

	if (type_rank[a->type] != type_rank[b->type])
		return type_rank[a->type] - type_rank[b->type];
	if (!a->size != !b->size)
		return !a->size - !b->size;
	if (bind_rank[a->bind] != bind_rank[b->bind])
		return bind_rank[a->bind] - bind_rank[b->bind];
	if (underscores(a) != underscores(b))
		return underscores(a) < underscores(b) ? -1 : 1;
	return a < b ? -1 : a > b; /* order of the table */
}

static int compare_rank_index(const void *a, const void *b, void *arg)
{
	const struct symtab *t = arg;

	return compare_rank(&t->v[*(const uint32_t *)a], &t->v[*(const uint32_t *)b]);
}

static void make_sorted(struct symtab *t)
{
	struct symtab_private *p = t->priv;
	struct sort_item *a, *b, *done;
	uint64_t bits = 0, max_end = 0;

	if (p->sorted)
		return;
	a = base_alloc((size_t)t->n * sizeof(*a) + 1);
	b = base_alloc((size_t)t->n * sizeof(*b) + 1);
	for (uint32_t i = 0; i < t->n; i++) {
		a[i] = (struct sort_item){ t->v[i].addr, i };
		bits |= t->v[i].addr;
	}
	done = radix_sort(a, b, t->n, bits);
	p->sorted = base_alloc((size_t)t->n * sizeof(*p->sorted) + 1);
	p->max_end = base_alloc((size_t)t->n * sizeof(*p->max_end) + 1);
	for (uint32_t i = 0; i < t->n; i++)
		p->sorted[i] = done[i].index;
	for (uint32_t i = 0, end; i < t->n; i = end) {
		for (end = i + 1; end < t->n && done[end].addr == done[i].addr; end++)
			;
		if (end - i > 1)
			qsort_r(p->sorted + i, end - i, sizeof(*p->sorted), compare_rank_index, t);
	}
	for (uint32_t i = 0; i < t->n; i++) {
		const struct symbol *s = &t->v[p->sorted[i]];
		uint64_t end;

		if (__builtin_add_overflow(s->addr, s->size, &end))
			end = UINT64_MAX;
		if (end > max_end)
			max_end = end;
		p->max_end[i] = max_end;
	}
	free(a);
	free(b);
}

uint32_t symtab_sorted(struct symtab *t, uint32_t i)
{
	make_sorted(t);
	return t->priv->sorted[i];
}

/* number of symbols that start at or below addr */
static uint32_t count_until(struct symtab *t, uint64_t addr)
{
	uint32_t lo = 0, hi = t->n;

	make_sorted(t);
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (t->v[t->priv->sorted[mid]].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

uint32_t symtab_starting_at(struct symtab *t, uint64_t addr, uint32_t *first)
{
	uint32_t end = count_until(t, addr);
	uint32_t from = addr ? count_until(t, addr - 1) : 0;

	*first = from;
	return end - from;
}

/* a symbol without a size reaches to the end of its section at most */
static bool same_section(const struct objfile *f, uint64_t a, uint64_t b)
{
	const struct objfile_section *s = objfile_section_at(f, a);

	if (!f->n_sections)
		return true;
	return s && b - s->addr < s->size;
}

/* the first symbol of sorted[from, end), a run of one address, that covers addr */
static const struct symbol *covering(struct symtab *t, uint32_t from, uint32_t end, uint64_t addr)
{
	for (uint32_t i = from; i < end; i++) {
		const struct symbol *s = &t->v[t->priv->sorted[i]];

		if (s->size && addr - s->addr < s->size && !(s->flags & SYMBOL_ABSOLUTE))
			return s;
	}
	return NULL;
}

const struct symbol *symtab_at(struct symtab *t, uint64_t addr)
{
	const struct symbol *data = NULL, *unsized = NULL, *s;
	uint32_t end = count_until(t, addr), from;
	bool nearest = true;

	/* run by run backwards: the innermost function that covers addr, else the innermost object or label */
	for (; end; end = from) {
		s = &t->v[t->priv->sorted[end - 1]];
		symtab_starting_at(t, s->addr, &from);
		if (nearest) {
			const struct symbol *first = &t->v[t->priv->sorted[from]];

			if (first->size == 0 && !(first->flags & SYMBOL_ABSOLUTE) &&
			    same_section(t->priv->file, first->addr, addr))
				unsized = first;
			nearest = false;
		}
		s = covering(t, from, end, addr);
		if (s && symbol_is_func(s))
			return s;
		if (!data)
			data = s;
		if (from == 0 || t->priv->max_end[from - 1] <= addr)
			break;
	}
	return data ? data : unsized;
}

/* --- by name ---------------------------------------------------------------------------------------------------- */

static void make_names(struct symtab *t)
{
	struct symtab_private *p = t->priv;
	uint32_t *last; /* of each slot: end of its chain, so that equal names stay in the table's order */

	if (p->slots)
		return;
	p->n_slots = 16;
	while (p->n_slots < (uint64_t)t->n * 2 && p->n_slots < 1u << 31)
		p->n_slots *= 2;
	p->slots = base_alloc((size_t)p->n_slots * sizeof(*p->slots));
	p->next = base_alloc((size_t)t->n * sizeof(*p->next) + 1);
	last = base_alloc((size_t)p->n_slots * sizeof(*last));
	for (uint32_t i = 0; i < t->n; i++) {
		struct str name = symbol_name(&t->v[i]);
		uint32_t h = (uint32_t)str_hash(name) & (p->n_slots - 1);

		while (p->slots[h] && !str_eq(symbol_name(&t->v[p->slots[h] - 1]), name))
			h = (h + 1) & (p->n_slots - 1);
		if (p->slots[h])
			p->next[last[h]] = i + 1;
		else
			p->slots[h] = i + 1;
		last[h] = i;
	}
	free(last);
}

/* index + 1 of the first symbol of that name, 0: none */
static uint32_t chain_of(struct symtab *t, struct str name)
{
	struct symtab_private *p = t->priv;
	uint32_t h;

	make_names(t);
	h = (uint32_t)str_hash(name) & (p->n_slots - 1);
	while (p->slots[h] && !str_eq(symbol_name(&t->v[p->slots[h] - 1]), name))
		h = (h + 1) & (p->n_slots - 1);
	return p->slots[h];
}

/* the first of the chain from `at` on that is (not) a function */
static const struct symbol *first_of(struct symtab *t, uint32_t at, bool func)
{
	for (; at; at = t->priv->next[at - 1])
		if (symbol_is_func(&t->v[at - 1]) == func)
			return &t->v[at - 1];
	return NULL;
}

const struct symbol *symtab_find(struct symtab *t, struct str name)
{
	uint32_t chain = chain_of(t, name);
	const struct symbol *s = first_of(t, chain, true);

	return s ? s : first_of(t, chain, false);
}

const struct symbol *symtab_find_next(struct symtab *t, const struct symbol *prev)
{
	uint32_t after;
	const struct symbol *s;

	make_names(t);
	after = t->priv->next[prev - t->v];
	if (!symbol_is_func(prev))
		return first_of(t, after, false);
	s = first_of(t, after, true);
	return s ? s : first_of(t, chain_of(t, symbol_name(prev)), false);
}

/* --- suggestions ------------------------------------------------------------------------------------------------ */

struct candidate {
	struct str name;
	unsigned distance;
};

/* a name one would reach by another spelling of capitals is nearer than any typing error */
static unsigned name_distance(struct str a, struct str b, unsigned max)
{
	if (str_eq_nocase(a, b))
		return 0;
	if ((a.n > b.n ? a.n - b.n : b.n - a.n) > max)
		return max + 1;
	return str_distance(a, b, max);
}

uint32_t symtab_suggest(struct symtab *t, struct str name, struct str *out, uint32_t max)
{
	struct candidate best[16];
	unsigned limit = name.n < 4 ? 1 : name.n < 9 ? 2 : 3;
	uint32_t n = 0;

	if (max > 16)
		max = 16;
	for (uint32_t i = 0; i < t->n && max; i++) {
		struct candidate c = { symbol_name(&t->v[i]), 0 };
		uint32_t at;
		bool known = false;

		if (!symbol_is_func(&t->v[i]) || (t->v[i].flags & SYMBOL_NOT_ENTRY))
			continue;
		c.distance = name_distance(name, c.name, limit);
		if (c.distance > limit || (n == max && c.distance >= best[n - 1].distance))
			continue;
		for (uint32_t k = 0; k < n; k++)
			known |= str_eq(best[k].name, c.name);
		if (known)
			continue;
		if (n < max)
			n++;
		for (at = n - 1; at > 0 && best[at - 1].distance > c.distance; at--)
			best[at] = best[at - 1];
		best[at] = c;
	}
	for (uint32_t i = 0; i < n; i++)
		out[i] = best[i].name;
	return n;
}
