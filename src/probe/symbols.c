/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Searching symbol tables. Exact raw names go through the table's hash. Demangled names have no index: every symbol
 * would have to be demangled, which takes seconds for a large C++ library. But identifiers stand in a mangled name as they
 * are, so a symbol that does not hold the wanted name's last identifier is passed over without demangling it.
 */
#include "probe/symbols.h"

#include "base/vec.h"
#include "objfile/demangle.h"

#include <stdlib.h>

bool symbols_looks_demangled(struct str name)
{
	return str_find(name, STR("::")) >= 0 || str_find_char(name, '(', 0) >= 0 ||
	       str_find_char(name, ' ', 0) >= 0 || str_find_char(name, '<', 0) >= 0;
}

static bool is_ident_char(char c)
{
	return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

/* names that manglings abbreviate: std is "St", std::string is "Ss" */
static bool is_abbreviated(struct str s)
{
	static const char *const names[] = { "std",     "string",  "allocator", "basic_string",
					     "istream", "ostream", "iostream",  "operator" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_is(s, names[i]))
			return true;
	return false;
}

/*
 * The longest identifier of the name before its parameters and template arguments, which every mangled spelling must hold;
 * empty when none is sure ("operator+", "<T as Trait>::f").
 */
static struct str sure_part(struct str name)
{
	struct str best = STR_NULL;
	size_t end = name.n, i = 0;

	for (size_t k = 0; k < name.n; k++)
		if (name.p[k] == '(' || name.p[k] == '<') {
			end = k;
			break;
		}
	while (i < end) {
		size_t from = i;

		while (i < end && is_ident_char(name.p[i]))
			i++;
		/* behind "operator" anything may come */
		if (str_is(str_sub(name, from, i), "operator"))
			return STR_NULL;
		if (i - from > best.n && !is_abbreviated(str_sub(name, from, i)))
			best = str_sub(name, from, i);
		if (i == from)
			i++;
	}
	return best;
}

struct seen {
	uint64_t *slots; /* keys (addresses) + 1, 0: empty */
	size_t mask, n;
};

static void seen_init(struct seen *s, size_t n)
{
	size_t size = 64;

	while (size < n)
		size *= 2;
	s->slots = base_alloc(size * sizeof(*s->slots));
	s->mask = size - 1;
	s->n = 0;
}

/* true the first time; a full table forgets nothing: it grows */
static bool seen_add(struct seen *s, uint64_t key)
{
	size_t i = (key * 0x9e3779b97f4a7c15u >> 20) & s->mask;

	if (s->n * 2 > s->mask) {
		struct seen bigger;

		seen_init(&bigger, (s->mask + 1) * 2);
		for (size_t k = 0; k <= s->mask; k++)
			if (s->slots[k])
				seen_add(&bigger, s->slots[k] - 1);
		free(s->slots);
		*s = bigger;
		return seen_add(s, key);
	}
	for (; s->slots[i]; i = (i + 1) & s->mask)
		if (s->slots[i] == key + 1)
			return false;
	s->slots[i] = key + 1;
	s->n++;
	return true;
}

/* code that a probe can go to: functions, and labels in executable segments (assembler) */
static bool is_code(struct symbol_query *q, const struct symbol *s, bool is_exact)
{
	if (s->flags & SYMBOL_ABSOLUTE || (!is_exact && s->flags & SYMBOL_NOT_ENTRY))
		return false;
	if (!symbol_is_func(s) && !(is_exact && s->type == SYMBOL_NOTYPE))
		return false;
	return objfile_is_exec_vaddr(q->f, s->addr);
}

static bool visit_once(struct symbol_query *q, struct seen *seen, const struct symbol *s,
		       struct str shown)
{
	uint64_t key = s->addr;

	if (q->with_aliases)
		key ^= str_hash(symbol_name(s));
	return seen_add(seen, key) ? q->visit(q->arg, s, shown) : true;
}

/* false when the visitor wants no more; *found counts */
static bool each_exact(struct symbol_query *q, struct symtab *t, struct seen *seen, size_t *found)
{
	for (const struct symbol *s = symtab_find(t, q->name); s; s = symtab_find_next(t, s)) {
		if (!is_code(q, s, true))
			continue;
		++*found;
		if (!visit_once(q, seen, s, symbol_name(s)))
			return false;
	}
	return true;
}

static bool fits(struct str pattern, bool has_glob, struct str name)
{
	return has_glob ? str_glob(pattern, name) : str_eq(pattern, name);
}

/* the demangled spelling that fits, or empty */
static struct str fit_demangled(struct symbol_query *q, bool has_glob, struct str raw)
{
	struct demangler *d = probe_ctx_demangler(q->c);
	struct str full = demangler_get(d, raw, DEMANGLE_FULL);

	if (full.p == raw.p)
		/* not mangled: a C function has no other name */
		return q->only_demangled && fits(q->name, has_glob, raw) ? raw : STR_NULL;
	if (fits(q->name, has_glob, full))
		return full;
	if (fits(q->name, has_glob, demangler_get(d, raw, DEMANGLE_PLAIN)))
		return full;
	return STR_NULL;
}

static void each_scanned(struct symbol_query *q, struct symtab *t, struct seen *seen, bool has_glob,
			 bool demangled)
{
	struct str sure = demangled ? sure_part(q->name) : STR_NULL;

	for (uint32_t i = 0; i < t->n; i++) {
		const struct symbol *s = &t->v[i];
		struct str raw = symbol_name(s), shown = STR_NULL;

		if (!is_code(q, s, false))
			continue;
		if (has_glob && !q->only_demangled && str_glob(q->name, raw))
			shown = raw;
		else if (demangled && (sure.n == 0 || str_find(raw, sure) >= 0))
			shown = fit_demangled(q, has_glob, raw);
		if (shown.n && !visit_once(q, seen, s, shown))
			return;
	}
}

void symbols_each(struct symbol_query *q)
{
	struct symtab *t = objfile_symtab(q->f);
	bool has_glob = str_has_glob(q->name),
	     demangled = q->only_demangled || symbols_looks_demangled(q->name);
	struct seen seen;
	size_t found = 0;

	seen_init(&seen, 64);
	if (has_glob) {
		each_scanned(q, t, &seen, true, demangled);
	} else {
		bool go_on = q->only_demangled || each_exact(q, t, &seen, &found);

		if (go_on && found == 0 && demangled)
			each_scanned(q, t, &seen, false, true);
	}
	free(seen.slots);
}
