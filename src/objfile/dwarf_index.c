/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making the index of functions; see dwarf_index.h.
 *
 * How entries of one function hang together (DWARF 5, 3.3): the *root* is the abstract entry, or the definition where there is
 * no abstract one. Inlined copies and out-of-line copies point at it by DW_AT_abstract_origin; it may point at a declaration in
 * a class by DW_AT_specification, which then has the name. Within a unit this is resolved at once; references into
 * other units (LTO, dwz) wait until all are read. Declarations that nothing with code refers to are dropped: they are
 * most of what C++ headers leave behind.
 */
#include "objfile/dwarf_index.h"

#include "objfile/dwarf_walk.h"

#include <dwarf.h>
#include <stdlib.h>

/* a reference into another unit: code (or the name of a root) waits for it */
struct pending {
	uint64_t target;
	uint32_t code; /* index_code that wants its root, or */
	uint32_t root; /* root that wants its name */
};

/* a subprogram without code that itself only points on */
struct alias {
	uint64_t die, target;
};

struct build {
	struct dwarf_file *f;
	uint64_t file; /* number << 40, added to each id */
	VEC(struct index_root) roots;
	VEC(struct index_code) codes;
	VEC(struct index_scope) scopes;
	VEC(struct index_name) names;
	VEC(struct pending) pending;
	VEC(struct alias) aliases;
	/* of the unit being read */
	VEC(struct walk_func) funcs;
	VEC(uint32_t) root_of; /* per func: its index in roots, or INDEX_NONE */
	uint32_t *slots;       /* index + 1 in funcs, by offset */
	size_t n_slots;        /* a power of two */
};

/* ---- one unit ---- */

static void add_func(void *arg, const struct walk_unit *u, const struct walk_func *func)
{
	struct build *b = arg;

	vec_push(&b->funcs, *func);
}

static void add_scope(void *arg, uint64_t die, uint64_t parent)
{
	struct build *b = arg;

	vec_push(&b->scopes,
		 ((struct index_scope){ die | b->file, parent ? parent | b->file : 0 }));
}

static size_t slot_of(const struct build *b, uint64_t die)
{
	return (die * 0x9e3779b97f4a7c15ULL >> 32) & (b->n_slots - 1);
}

static void hash_funcs(struct build *b)
{
	size_t need = 64;

	while (need < b->funcs.n * 2)
		need *= 2;
	if (need > b->n_slots) {
		free(b->slots);
		b->slots = base_alloc(need * sizeof(*b->slots));
	} else {
		memset(b->slots, 0, need * sizeof(*b->slots));
	}
	b->n_slots = need;
	for (size_t i = 0; i < b->funcs.n; i++) {
		size_t at = slot_of(b, b->funcs.v[i].die);

		while (b->slots[at])
			at = (at + 1) & (b->n_slots - 1);
		b->slots[at] = (uint32_t)i + 1;
	}
}

/* of the unit's functions the one at this offset, or NULL */
static struct walk_func *local_func(struct build *b, uint64_t die)
{
	for (size_t at = slot_of(b, die); b->slots[at]; at = (at + 1) & (b->n_slots - 1))
		if (b->funcs.v[b->slots[at] - 1].die == die)
			return &b->funcs.v[b->slots[at] - 1];
	return NULL;
}

static uint64_t to_id(const struct build *b, uint64_t reference)
{
	return reference & WALK_IN_ALT ? (reference & ~WALK_IN_ALT) | 1ULL << 40
				       : reference | b->file;
}

static uint64_t to_place(const struct build *b, uint64_t string)
{
	return string ? string | b->file : 0;
}

/* the root entry of the i-th function of the unit, with its name, which may stand at a declaration */
static void make_root(struct build *b, uint32_t i)
{
	const struct walk_func *func = &b->funcs.v[i], *named = func, *next;
	struct index_root r = { .die = func->die | b->file, .code = INDEX_NONE };

	b->root_of.v[i] = (uint32_t)b->roots.n;
	r.name = to_place(b, func->name);
	r.linkage = to_place(b, func->linkage);
	for (int k = 0; k < 4 && named->specification; k++) {
		next = local_func(b, named->specification);
		if (!next) {
			vec_push(&b->pending, ((struct pending){ to_id(b, named->specification),
								 INDEX_NONE, b->root_of.v[i] }));
			break;
		}
		named = next;
		if (!r.name)
			r.name = to_place(b, named->name);
		if (!r.linkage)
			r.linkage = to_place(b, named->linkage);
	}
	r.scope = named->scope | b->file;
	vec_push(&b->roots, r);
}

/* where the chain of abstract origins ends: a function of this unit, or NULL and *foreign */
static struct walk_func *follow(struct build *b, struct walk_func *func, uint64_t *foreign)
{
	for (int i = 0; i < 8 && func->origin; i++) {
		struct walk_func *next = func->origin & WALK_IN_ALT ? NULL
								    : local_func(b, func->origin);

		if (!next) {
			*foreign = to_id(b, func->origin);
			return NULL;
		}
		func = next;
	}
	return func;
}

static void add_code(struct build *b, const struct walk_func *func, uint32_t root)
{
	struct index_code c = { func->die | b->file, func->inside ? func->inside | b->file : 0,
				func->outer ? func->outer | b->file : 0, INDEX_NONE, root };

	if (root != INDEX_NONE) {
		c.next = b->roots.v[root].code;
		b->roots.v[root].code = (uint32_t)b->codes.n;
	}
	vec_push(&b->codes, c);
}

#define ROOT_WANTED (INDEX_NONE - 1)

/* roots are made in the order of their offsets, so that the whole array is sorted in the end (nearly always) */
static void finish_unit(struct build *b)
{
	hash_funcs(b);
	b->root_of.n = 0;
	for (size_t i = 0; i < b->funcs.n; i++)
		vec_push(&b->root_of, INDEX_NONE);
	vec_each(func, &b->funcs) {
		uint64_t foreign = 0;
		struct walk_func *root = follow(b, func, &foreign);
		bool is_kept = func->has_code || (!func->is_inlined && !func->is_declaration);

		if (root && is_kept)
			b->root_of.v[root - b->funcs.v] = ROOT_WANTED;
		else if (is_kept && !func->has_code)
			vec_push(&b->aliases, ((struct alias){ func->die | b->file, foreign }));
	}
	for (size_t i = 0; i < b->funcs.n; i++)
		if (b->root_of.v[i] == ROOT_WANTED)
			make_root(b, (uint32_t)i);
	vec_each(func, &b->funcs) {
		uint64_t foreign = 0;
		struct walk_func *root = func->has_code ? follow(b, func, &foreign) : NULL;

		if (root) {
			add_code(b, func, b->root_of.v[root - b->funcs.v]);
		} else if (func->has_code) {
			vec_push(&b->pending,
				 ((struct pending){ foreign, (uint32_t)b->codes.n, INDEX_NONE }));
			add_code(b, func, INDEX_NONE);
		}
	}
	b->funcs.n = 0;
}

static void walk_one_file(struct build *b, unsigned number)
{
	struct walk_file w = {
		.info = dwfile_section(b->f, number, "info"),
		.abbrev = dwfile_section(b->f, number, "abbrev"),
		.str_offsets = dwfile_section(b->f, number, "str_offsets"),
	};
	struct walk_visitor v = { b, add_func, add_scope };
	struct walk_unit u;
	uint64_t pos = 0;

	w.is_split = number && b->f->files.v[number] != dwarf_getalt(b->f->dwarf);
	b->file = (uint64_t)number << 40;
	while (walk_next_unit(&w, &pos, &u)) {
		walk_unit(&w, &u, &v);
		finish_unit(b);
	}
	walk_close(&w);
}

/* ---- across units ---- */

static int compare_roots(const void *a, const void *b)
{
	const struct index_root *x = a, *y = b;

	return x->die < y->die ? -1 : x->die > y->die;
}

static int compare_aliases(const void *a, const void *b)
{
	const struct alias *x = a, *y = b;

	return x->die < y->die ? -1 : x->die > y->die;
}

/* Roots come in the order in which they were needed: sort them, and send what refers to them along. */
static void sort_roots(struct build *b)
{
	bool is_sorted = true;
	uint32_t *where;

	for (size_t i = 1; i < b->roots.n && is_sorted; i++)
		is_sorted = b->roots.v[i - 1].die < b->roots.v[i].die;
	if (is_sorted)
		return;
	where = base_alloc(b->roots.n * sizeof(*where) + 1);
	for (size_t i = 0; i < b->roots.n; i++)
		b->roots.v[i].next_alias = (uint32_t)i; /* where it was */
	qsort(b->roots.v, b->roots.n, sizeof(*b->roots.v), compare_roots);
	for (size_t i = 0; i < b->roots.n; i++)
		where[b->roots.v[i].next_alias] = (uint32_t)i;
	vec_each(c, &b->codes)
		if (c->root != INDEX_NONE)
			c->root = where[c->root];
	vec_each(p, &b->pending)
		if (p->root != INDEX_NONE)
			p->root = where[p->root];
	free(where);
}

/* where a string that libdw gave stands */
static uint64_t place_of(struct build *b, Dwarf_Attribute *attr)
{
	static const char *const section[] = { "str", "line_str", "info" };
	const char *s = dwarf_formstring(attr);

	for (unsigned file = 0; s && file < b->f->files.n; file++)
		for (unsigned k = 0; k < 3; k++) {
			struct bytes sec = dwfile_section(b->f, file, section[k]);

			if ((const uint8_t *)s >= sec.p && (const uint8_t *)s < sec.p + sec.n)
				return (uint64_t)(k + 1) << 56 | (uint64_t)file << 40 |
				       (uint64_t)((const uint8_t *)s - sec.p);
		}
	return 0;
}

/* names that stand in another unit, asked of libdw */
static void name_by_libdw(struct build *b, struct index_root *r)
{
	Dwarf_Attribute attr;
	Dwarf_Die die;

	if (!dwfile_die(b->f, r->die, &die))
		return;
	if (!r->name && dwarf_attr_integrate(&die, DW_AT_name, &attr))
		r->name = place_of(b, &attr);
	if (!r->linkage && (dwarf_attr_integrate(&die, DW_AT_linkage_name, &attr) ||
			    dwarf_attr_integrate(&die, DW_AT_MIPS_linkage_name, &attr)))
		r->linkage = place_of(b, &attr);
}

static uint64_t final_target(struct build *b, uint64_t die)
{
	for (int i = 0; i < 8; i++) {
		struct alias key = { die, 0 }, *a = NULL;

		if (b->aliases.n)
			a = bsearch(&key, b->aliases.v, b->aliases.n, sizeof(key), compare_aliases);
		if (!a)
			break;
		die = a->target;
	}
	return die;
}

static void resolve_pending(struct build *b)
{
	size_t n_known;

	if (b->aliases.n)
		qsort(b->aliases.v, b->aliases.n, sizeof(*b->aliases.v), compare_aliases);
	sort_roots(b);
	/* roots that were not kept, since nothing of their own unit needed them */
	n_known = b->roots.n;
	vec_each(p, &b->pending) {
		p->target = final_target(b, p->target);
		if (p->code != INDEX_NONE &&
		    index_find_root(b->roots.v, n_known, p->target) == INDEX_NONE &&
		    (b->roots.n == n_known || vec_last(&b->roots).die != p->target))
			vec_push(&b->roots,
				 ((struct index_root){ .die = p->target, .code = INDEX_NONE }));
	}
	sort_roots(b);
	vec_each(p, &b->pending) {
		uint32_t root = p->root;

		if (p->code != INDEX_NONE)
			root = b->codes.v[p->code].root = index_find_root(b->roots.v, b->roots.n,
									  p->target);
		if (root != INDEX_NONE)
			name_by_libdw(b, &b->roots.v[root]);
	}
	/* sorting has moved the roots: the lists anew */
	vec_each(r, &b->roots)
		r->code = INDEX_NONE;
	for (size_t i = b->codes.n; i > 0; i--) {
		struct index_code *c = &b->codes.v[i - 1];

		if (c->root == INDEX_NONE)
			continue;
		c->next = b->roots.v[c->root].code;
		b->roots.v[c->root].code = (uint32_t)(i - 1);
	}
}

/* ---- the table of names ---- */

/* by hash, three passes of 11 bits; stable, so roots stay ascending */
static void sort_names(struct index_name *v, size_t n)
{
	struct index_name *from = v, *to = base_alloc(n * sizeof(*to) + 1), *spare = to;

	for (unsigned shift = 0; shift < 33; shift += 11) {
		uint32_t start[2048] = { 0 }, sum = 0;
		struct index_name *swap = from;

		for (size_t i = 0; i < n; i++)
			start[from[i].hash >> shift & 2047]++;
		for (unsigned d = 0; d < 2048; d++) {
			uint32_t count = start[d];

			start[d] = sum;
			sum += count;
		}
		for (size_t i = 0; i < n; i++)
			to[start[from[i].hash >> shift & 2047]++] = from[i];
		from = to;
		to = swap;
	}
	/* three passes end in the spare array */
	memcpy(v, from, n * sizeof(*v));
	free(spare);
}

static void name_roots(struct build *b)
{
	for (uint32_t i = 0; i < b->roots.n; i++) {
		struct str name = index_string(b->f, b->roots.v[i].name);
		struct str linkage = index_string(b->f, b->roots.v[i].linkage);

		if (name.n)
			vec_push(&b->names,
				 ((struct index_name){ index_hash(index_stem(name)), i }));
		if (linkage.n)
			vec_push(&b->names, ((struct index_name){ index_hash(linkage), i }));
	}
	if (b->names.n)
		sort_names(b->names.v, b->names.n);
}

static void build_index(struct dwarf_file *f, struct dwarf_index *x)
{
	struct build b = { .f = f };

	for (unsigned i = 0; i < f->files.n; i++)
		walk_one_file(&b, i);
	resolve_pending(&b);
	name_roots(&b);
	vec_free(&b.funcs);
	vec_free(&b.root_of);
	free(b.slots);
	vec_free(&b.pending);
	vec_free(&b.aliases);
	*x = (struct dwarf_index){ b.roots.v, b.codes.v, b.scopes.v, b.names.v,
				   b.roots.n, b.codes.n, b.scopes.n, b.names.n,
				   NULL,      0,         true };
}

struct err *index_get(struct dwarf_file *f, const struct dwarf_index **ret)
{
	if (!f->index) {
		f->index = base_alloc(sizeof(*f->index));
		if (!index_load(f, f->index)) {
			build_index(f, f->index);
			index_save(f, f->index);
		}
	}
	*ret = f->index;
	return NULL;
}
