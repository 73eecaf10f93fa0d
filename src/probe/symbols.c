/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Searching symbol tables. Exact raw names go through the table's hash. Demangled names have no index: every symbol
 * would have to be demangled, which takes seconds for a large C++ library. But identifiers stand in a mangled name as they
 * are, so a symbol that does not hold the wanted name's longest identifier is passed over without demangling it. Which names
 * fit, and how they are spelled, is objfile/names.h's.
 */
#include "probe/symbols.h"

#include "base/cleanup.h"
#include "base/vec.h"
#include "objfile/demangle.h"
#include "objfile/names.h"

#include <stdlib.h>

/* are the last components of path these? "src/a.c" and "a.c" of "/home/x/src/a.c" */
static bool path_ends_with(struct str path, struct str end)
{
	if (!path.n || !end.n || !str_ends(path, end))
		return false;
	return path.n == end.n || end.p[0] == '/' || path.p[path.n - end.n - 1] == '/';
}

static bool is_plain(struct str name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!(c == '_' || c == '.' || c == '$' || (c >= 'a' && c <= 'z') ||
		      (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
			return false;
	}
	return true;
}

void symbol_print_quoted(struct str name, struct str also, struct strbuf *out)
{
	bool needs_quotes = also.n || !is_plain(name);

	/* nothing of the kind is in a name that compilers make; then it cannot be written at all */
	if (str_find_char(name, '"', 0) >= 0)
		needs_quotes = false;
	strbuf_printf(out, "%s%.*s%s%.*s%s", needs_quotes ? "\"" : "", STR_ARG(name),
		      also.n ? ", " : "", STR_ARG(also), needs_quotes ? "\"" : "");
}

/* could this be a name as the programmer wrote it, not a symbol? It has "::", a parenthesis, a blank or '<' */
static bool symbols_looks_demangled(struct str name)
{
	return str_find(name, STR("::")) >= 0 || str_find_char(name, '(', 0) >= 0 ||
	       str_find_char(name, ' ', 0) >= 0 || str_find_char(name, '<', 0) >= 0;
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
	/* wrappers between Go's calling conventions: the function itself is there, too */
	if (s->flags & SYMBOL_GO_TWIN)
		return false;
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

/* of a static of several: was it compiled from this file? Globals have no file in a symbol table. */
static bool is_from_file(struct symbol_query *q, struct symtab *t, const struct symbol *s)
{
	return q->file.n == 0 || path_ends_with(symtab_source_file(t, s), q->file);
}

/* false when the visitor wants no more; *found counts */
static bool each_exact(struct symbol_query *q, struct symtab *t, struct seen *seen, size_t *found)
{
	for (const struct symbol *s = symtab_find(t, q->name); s; s = symtab_find_next(t, s)) {
		if (!is_code(q, s, true) || !is_from_file(q, t, s))
			continue;
		++*found;
		if (!visit_once(q, seen, s, symbol_name(s)))
			return false;
	}
	/* what the compiler made of it under other names: "f.constprop.0" */
	for (uint32_t i = 0; symtab_clone(t, i); i++) {
		const struct symbol *s = symtab_clone(t, i);

		if (!str_starts(symbol_name(s), q->name) || !is_code(q, s, false) ||
		    !str_eq(symbol_base_name(s), q->name) || !is_from_file(q, t, s))
			continue;
		++*found;
		if (!visit_once(q, seen, s, symbol_name(s)))
			return false;
	}
	return true;
}

struct str symbol_spelled(struct probe_ctx *c, const struct symbol *s)
{
	struct str raw = symbol_name(s), full;
	STRBUF_AUTO b = { 0 };

	full = demangler_get(probe_ctx_demangler(c), raw, DEMANGLE_FULL);
	if (!str_eq(full, raw))
		return full;
	/* Go's generics and escapes; other names have neither */
	if (str_find_char(raw, '[', 0) < 0 && str_find_char(raw, '%', 0) < 0)
		return raw;
	names_spell(raw, &b);
	return str_eq(strbuf_str(&b), raw) ? raw : arena_str(c->arena, strbuf_str(&b));
}

/* the name as the programmer wrote it when that fits, or empty */
static struct str fit_written(struct symbol_query *q, const struct name_pattern *p,
			      const struct symbol *s)
{
	struct str raw = symbol_name(s), full;

	/* identifiers stand in a mangled name as they are */
	if (p->word.n && str_find(raw, p->word) < 0)
		return STR_NULL;
	if (demangle_kind(raw) == MANGLING_NONE) {
		/* a C function has no other name */
		if (str_find_char(raw, '.', 0) < 0 && !q->only_demangled)
			return STR_NULL;
		return name_pattern_fits(p, symbol_base_name(s)) ? symbol_spelled(q->c, s)
								 : STR_NULL;
	}
	full = demangler_get(probe_ctx_demangler(q->c), raw, DEMANGLE_FULL);
	return name_pattern_fits(p, full) ? full : STR_NULL;
}

static void each_scanned(struct symbol_query *q, struct symtab *t, struct seen *seen,
			 const struct name_pattern *p, bool demangled)
{
	for (uint32_t i = 0; i < t->n; i++) {
		const struct symbol *s = &t->v[i];
		struct str raw = symbol_name(s), shown = STR_NULL;

		/* most symbols end here: the cheapest question first */
		if (!p->is_wild && p->word.n && str_find(raw, p->word) < 0)
			continue;
		if (!is_code(q, s, false))
			continue;
		if (p->is_wild && !q->only_demangled && str_glob(q->name, raw))
			shown = raw;
		else if (demangled)
			shown = fit_written(q, p, s);
		if (shown.n && is_from_file(q, t, s) && !visit_once(q, seen, s, shown))
			return;
	}
}

/* "net/http.(*Client).do": no other language writes names so, and Go's names are not mangled: where no Go is, there is none of it */
static bool is_foreign_go_name(const struct symbol_query *q)
{
	ptrdiff_t slash = str_find_char(q->name, '/', 0), method = str_find(q->name, STR(".(*"));
	bool is_go = (slash > 0 || method > 0) && str_find(q->name, STR("::")) < 0 &&
		     str_find_char(q->name, ' ', 0) < 0;

	return is_go && !(objfile_langs(q->f) & OBJFILE_LANG_GO);
}

void symbols_each(struct symbol_query *q)
{
	struct symtab *t = objfile_symtab(q->f);
	struct name_pattern p;
	struct seen seen;
	size_t found = 0;
	bool go_on = true;

	name_pattern_init(&p, q->name, q->c->arena);
	p.skips_inline = q->skips_inline;
	seen_init(&seen, 64);
	if (!p.is_wild && !q->only_demangled)
		go_on = each_exact(q, t, &seen, &found);
	/* wildcards over raw names keep to those, unless it is clear that the other is meant */
	if (go_on && found == 0 && !is_foreign_go_name(q))
		each_scanned(q, t, &seen, &p,
			     !p.is_wild || q->only_demangled || symbols_looks_demangled(q->name));
	free(seen.slots);
}
