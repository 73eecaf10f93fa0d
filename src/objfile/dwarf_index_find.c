/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions to the index of functions; see dwarf_index.h. Its numbers may come from disk: each is checked where it is used. */
#include "objfile/dwarf_index.h"

#include "objfile/dwarf_walk.h"

/* ---- names ---- */

struct str index_stem(struct str name)
{
	/* "operator<", "operator()" and the like stay together under one name */
	if (str_starts(name, STR("operator")) && name.n > 8 && name.p[8] != '_' &&
	    !(name.p[8] >= '0' && name.p[8] <= '9') &&
	    !((name.p[8] | 32) >= 'a' && (name.p[8] | 32) <= 'z'))
		return str_make(name.p, 8);
	for (size_t i = 1; i < name.n; i++) {
		char c = name.p[i];

		/* {closure#0} and {closure} are one */
		if (c == '<' || c == '[' || (name.p[0] == '{' && (c == '#' || c == '}')))
			return str_make(name.p, i);
	}
	return name;
}

uint32_t index_hash(struct str stem)
{
	uint64_t h = str_hash(stem);

	return (uint32_t)(h ^ h >> 32);
}

struct str index_string(struct dwarf_file *f, uint64_t place)
{
	static const char *const section[] = { NULL, "str", "line_str", "info", "str" };
	unsigned kind = WALK_KIND(place), file = place >> 40 & 0xffff;
	struct bytes b;

	if (!kind || kind > WALK_ALT_STR || file >= f->files.n)
		return STR_NULL;
	b = dwfile_section(f, kind == WALK_ALT_STR ? 1 : file, section[kind]);
	bytes_seek(&b, place & ((1ULL << 40) - 1));
	return bytes_cstr(&b);
}

uint32_t index_find_root(const struct index_root *v, size_t n, uint64_t die)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (v[mid].die < die)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n && v[lo].die == die ? (uint32_t)lo : INDEX_NONE;
}

uint64_t index_find(const struct dwarf_index *x, uint32_t hash, uint64_t *n)
{
	uint64_t lo = 0, hi = x->n_names, first;

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (x->names[mid].hash < hash)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (first = lo; lo < x->n_names && x->names[lo].hash == hash; lo++)
		;
	*n = lo - first;
	return first;
}

const struct index_root *index_root_of(const struct dwarf_index *x, uint64_t die)
{
	uint32_t i = index_find_root(x->roots, x->n_roots, die);

	return i == INDEX_NONE ? NULL : &x->roots[i];
}

const struct index_scope *index_scope_of(const struct dwarf_index *x, uint64_t die)
{
	uint64_t lo = 0, hi = x->n_scopes;

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (x->scopes[mid].die < die)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < x->n_scopes && x->scopes[lo].die == die ? &x->scopes[lo] : NULL;
}
