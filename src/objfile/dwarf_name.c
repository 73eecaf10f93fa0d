/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One spelling for each function; see dwarf_name.h.
 *
 *   C, Go      DW_AT_name is the name
 *   C++        the linkage name, demangled; without one (C linkage, lambdas of old compilers) the names of the scopes
 *   Rust       the linkage name, demangled, knows the traits (<T as Trait>::m) but in the legacy scheme neither type arguments nor
 *              numbers of closures; those come from DW_AT_name and the scopes
 */
#include "objfile/dwarf_name.h"

#include <dwarf.h>

enum { MAX_PARTS = 32 };

/* the parts of a path, split at "::" outside of brackets; the number of parts or 0 when there are too many */
static unsigned split_path(struct str s, struct str parts[MAX_PARTS])
{
	unsigned n = 0;
	int depth = 0;
	size_t from = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '<' || c == '(' || c == '{' || c == '[')
			depth++;
		else if ((c == '>' && i && s.p[i - 1] != '-') || c == ')' || c == '}' || c == ']')
			depth--;
		if (c != ':' || i + 1 >= s.n || s.p[i + 1] != ':' || depth > 0)
			continue;
		if (n == MAX_PARTS - 1)
			return 0;
		parts[n++] = str_sub(s, from, i);
		from = ++i + 1;
	}
	parts[n++] = str_sub(s, from, s.n);
	return n;
}

static struct str join_path(struct arena *a, const struct str *parts, unsigned n)
{
	STRBUF_AUTO b = { 0 };

	for (unsigned i = 0; i < n; i++) {
		if (i)
			strbuf_puts(&b, "::");
		strbuf_add_str(&b, parts[i]);
	}
	return arena_str(a, strbuf_str(&b));
}

/* "operator" and what is not part of an identifier behind it: brackets there are no arguments */
static bool is_operator(struct str s)
{
	return index_stem(s).n == 8 && s.n > 8 && str_starts(s, STR("operator"));
}

/* without the brackets that end it */
static struct str strip_arguments(struct str s)
{
	char open = 0, close = s.n ? s.p[s.n - 1] : 0;
	int depth = 0;

	if (close == '>')
		open = '<';
	else if (close == ']')
		open = '[';
	if (!open || is_operator(s))
		return s;
	for (size_t i = s.n; i > 1; i--) {
		if (s.p[i - 1] == close && !(close == '>' && i > 1 && s.p[i - 2] == '-'))
			depth++;
		else if (s.p[i - 1] == open && --depth == 0)
			return str_sub(s, 0, i - 1);
	}
	return s;
}

/* path without the arguments of its last part */
static struct str plain_of(struct arena *a, struct str path)
{
	struct str parts[MAX_PARTS];
	unsigned n = split_path(path, parts);

	if (!n)
		return path;
	/* a Rust path may end in the arguments of a whole type: <T as Trait> is a part, not arguments */
	if (parts[n - 1].n && parts[n - 1].p[0] == '<')
		return path;
	parts[n - 1] = strip_arguments(parts[n - 1]);
	return str_sub(path, 0, (size_t)(parts[n - 1].p + parts[n - 1].n - path.p));
}

/* names of the scopes, the outermost first, and the function's own; the number of parts */
static unsigned scope_path(struct dwarf_file *f, struct str name, uint64_t scope,
			   struct str parts[MAX_PARTS])
{
	unsigned n = 0, first = MAX_PARTS - 1;

	parts[first] = name;
	for (int i = 0; i < MAX_PARTS - 1 && scope; i++) {
		const struct index_scope *s = f->index ? index_scope_of(f->index, scope) : NULL;
		Dwarf_Die die;
		const char *part;

		if (!dwfile_die(f, scope, &die) || dwarf_tag(&die) == DW_TAG_compile_unit ||
		    dwarf_tag(&die) == DW_TAG_partial_unit)
			break;
		part = dwarf_diename(&die);
		if (part)
			parts[--first] = str_from(part);
		else if (dwarf_tag(&die) == DW_TAG_namespace)
			parts[--first] = STR("(anonymous namespace)");
		scope = s ? s->parent : 0;
	}
	for (; first < MAX_PARTS; first++)
		parts[n++] = parts[first];
	return n;
}

/*
 * Rust's demangled path with what only DWARF knows put in: both are compared from their ends as long as they run in
 * parallel.
 */
static struct str merge_rust(struct arena *a, struct str demangled, const struct str *dwarf,
			     unsigned n_dwarf)
{
	struct str parts[MAX_PARTS];
	unsigned n = split_path(demangled, parts);

	for (unsigned i = 1; n && i <= n && i <= n_dwarf; i++) {
		struct str *p = &parts[n - i], d = dwarf[n_dwarf - i];

		if (str_is(*p, "{{closure}}") || str_is(*p, "{closure}")) {
			if (!d.n || d.p[0] != '{')
				break;
			*p = d;
		} else if (!str_eq(index_stem(d), index_stem(*p)) || p->p[0] == '<') {
			break; /* an impl block: the traits' spelling from here on */
		} else {
			*p = d;
		}
	}
	return n ? join_path(a, parts, n) : demangled;
}

static struct str spell(struct arena *a, struct str name)
{
	STRBUF_AUTO b = { 0 };

	names_spell(name, &b);
	return arena_str(a, strbuf_str(&b));
}

struct func_name dwfile_func_name(struct dwarf_file *f, Dwarf_Die *die, uint64_t scope)
{
	enum type_lang lang = dwfile_lang(die);
	struct str name = str_from(dwarf_diename(die)), parts[MAX_PARTS];
	struct func_name r = { .path = name };
	Dwarf_Attribute attr;
	enum mangling kind;
	unsigned n;

	if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attr) ||
	    dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attr))
		r.linkage = str_from(dwarf_formstring(&attr));
	kind = demangle_kind(r.linkage);
	if (kind != MANGLING_NONE &&
	    str_eq(demangler_get(f->names, r.linkage, DEMANGLE_PLAIN), r.linkage))
		kind = MANGLING_NONE; /* it cannot be read */
	switch (kind) {
	case MANGLING_CXX:
		r.path = demangler_get(f->names, r.linkage, DEMANGLE_PLAIN);
		r.full = demangler_get(f->names, r.linkage, DEMANGLE_NO_RETURN);
		break;
	case MANGLING_RUST:
		n = scope_path(f, name, scope, parts);
		r.path = spell(&f->scratch, demangler_get(f->names, r.linkage, DEMANGLE_PLAIN));
		r.path = merge_rust(&f->scratch, r.path, parts, n);
		break;
	default:
		if (lang == LANG_CXX || lang == LANG_RUST) {
			n = scope_path(f, name, scope, parts);
			r.path = join_path(&f->scratch, parts, n);
		}
		break;
	}
	r.path = spell(&f->scratch, r.path);
	r.full = r.full.n ? spell(&f->scratch, r.full) : r.path;
	r.plain = lang == LANG_C ? r.path : plain_of(&f->scratch, r.path);
	return r;
}

/* ---- patterns ---- */

/* without "(...)" at the end, and what may stand behind it (const, &) */
static struct str without_parameters(struct str s)
{
	static const char *const behind[] = { " const", " volatile", "&", " " };
	int depth = 0;

	for (bool again = true; again;) {
		again = false;
		for (unsigned i = 0; i < 4; i++)
			if (str_ends(s, str_from(behind[i]))) {
				s.n -= strlen(behind[i]);
				again = true;
			}
	}
	if (!str_ends(s, STR(")")) || str_ends(s, STR("operator()")))
		return s;
	for (size_t i = s.n; i > 0; i--) {
		if (s.p[i - 1] == ')')
			depth++;
		else if (s.p[i - 1] == '(' && --depth == 0)
			return i > 1 ? str_sub(s, 0, i - 1) : s;
	}
	return s;
}

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_';
}

/* what manglings spell otherwise: substitutions of C++, blanks and braces of Rust */
static bool is_abbreviated(struct str s)
{
	static const char *const all[] = { "std",       "allocator", "basic_string", "string",
					   "istream",   "ostream",   "iostream",     "operator",
					   "anonymous", "namespace", "closure" };

	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++)
		/* a beginning or an end of one may stand for all of it */
		if (str_find(str_from(all[i]), s) >= 0)
			return true;
	return false;
}

/* the longest run of letters outside of brackets: identifiers stand as they are in all manglings */
static struct str find_piece(struct str text)
{
	struct str best = STR_NULL;
	int depth = 0;

	if (str_find(text, STR("operator")) >= 0)
		return best; /* operators have codes: nw for new */
	for (size_t i = 0, end; i < text.n; i = end) {
		struct str run;

		end = i + 1;
		if (strchr("<({[", text.p[i]))
			depth++;
		else if (strchr(">)}]", text.p[i]))
			depth--;
		if (!is_word(text.p[i]))
			continue;
		while (end < text.n && is_word(text.p[end]))
			end++;
		run = str_sub(text, i, end);
		if (depth == 0 && run.n > best.n && run.n >= 3 && !is_abbreviated(run))
			best = run;
	}
	return best;
}

bool name_wanted_may_fit(const struct name_wanted *w, struct str name, struct str linkage)
{
	if (w->last.n && !str_glob(w->last, index_stem(name)) && !str_glob(w->last, name) &&
	    !(linkage.n && str_glob(w->text, linkage)))
		return false;
	if (!w->piece.n || str_find(name, w->piece) >= 0)
		return true;
	/* without a linkage name the path is known by the scopes alone */
	return linkage.n ? str_find(linkage, w->piece) >= 0 : w->has_path;
}

void name_wanted_init(struct name_wanted *w, struct str text, struct arena *a)
{
	struct str parts[MAX_PARTS];
	unsigned n = split_path(without_parameters(text), parts);

	*w = (struct name_wanted){ .text = text };
	name_pattern_init(&w->pattern, text, a);
	w->whole_hash = index_hash(text);
	w->has_path = n != 1;
	w->piece = find_piece(text);
	w->hash = n ? index_hash(index_stem(parts[n - 1])) : w->whole_hash;
	/* the last part of "a::*b" must end in b, whatever the star before it stands for */
	if (n > 1 && !str_ends(text, STR("*")) && !str_ends(text, STR(")")))
		w->last = index_stem(parts[n - 1]);
}

bool name_wanted_fits(const struct name_wanted *w, const struct func_name *n)
{
	if (n->linkage.n &&
	    (w->pattern.is_wild ? str_glob(w->text, n->linkage) : str_eq(w->text, n->linkage)))
		return true;
	return name_pattern_fits(&w->pattern, n->full) || str_eq(w->text, n->full);
}

bool name_file_fits(struct str wanted, struct str path)
{
	if (!str_ends(path, wanted) || !wanted.n)
		return false;
	return path.n == wanted.n || wanted.p[0] == '/' || path.p[path.n - wanted.n - 1] == '/';
}
