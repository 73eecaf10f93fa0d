/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why there is no such place; see missing.h. The riddle that is met most often: the function is in the source, but the
 * compiler inlined it everywhere, and without debug information nothing says where.
 */
#include "probe/missing.h"

#include "base/cleanup.h"
#include "objfile/names.h"
#include "probe/symbols.h"
#include "probe/targets.h"

struct near_names {
	struct places *p;
	struct str wanted; /* last part of the name */
	bool is_same_part; /* v: names that end in it; else such as look like it */
	struct str v[NEAREST_MAX];
	uint32_t n;
};

static void add_near(struct near_names *near, struct str name)
{
	for (uint32_t i = 0; i < near->n; i++)
		if (str_eq(near->v[i], name))
			return;
	if (near->n < NEAREST_MAX)
		near->v[near->n++] = arena_str(near->p->c->arena, name);
}

/* "hello" is not found, args::hello may be meant */
static void find_same_last_part(struct near_names *near)
{
	struct symtab *t = objfile_symtab(near->p->f);

	for (uint32_t i = 0; i < t->n && near->n < NEAREST_MAX; i++) {
		const struct symbol *s = &t->v[i];
		struct str name;

		if (!symbol_is_func(s) || s->flags & SYMBOL_NOT_ENTRY ||
		    str_find(symbol_name(s), near->wanted) < 0)
			continue;
		name = symbol_spelled(near->p->c, s);
		if (str_eq(name_last_part(name), near->wanted))
			add_near(near, name);
	}
}

static bool add_found(void *arg, const struct di_func *fn)
{
	struct near_names *near = arg;

	if (fn->n_instances)
		add_near(near, fn->plain.n ? fn->plain : fn->name);
	return near->n < NEAREST_MAX;
}

static void find_near(struct match *m, struct places *p, struct near_names *near)
{
	struct symtab *t = objfile_symtab(p->f);
	struct str names[NEAREST_MAX];
	uint32_t n;

	*near = (struct near_names){ .p = p, .wanted = name_last_part(m->spec->func) };
	if (near->wanted.n >= 2) {
		find_same_last_part(near);
		if (near->n == 0 && places_info(p)) {
			struct str pattern = arena_printf(p->c->arena, "*::%.*s",
							  STR_ARG(near->wanted));
			struct err *e = debuginfo_functions(p->info, pattern, STR_NULL, p->c->arena,
							    add_found, near);

			err_free(e);
		}
	}
	near->is_same_part = near->n > 0;
	if (near->n)
		return;
	n = symtab_suggest(t, m->spec->func, names, NEAREST_MAX);
	for (uint32_t i = 0; i < n; i++)
		add_near(near, names[i]);
}

static void print_near(const struct near_names *near, struct strbuf *out)
{
	for (uint32_t i = 0; i < near->n; i++) {
		strbuf_puts(out, i == 0 ? "did you mean " : i + 1 == near->n ? " or " : ", ");
		symbol_print_quoted(near->v[i], STR_NULL, out);
	}
	if (near->n)
		strbuf_putc(out, '?');
}

static bool note_any(void *arg, const struct di_func *fn)
{
	(void)fn;
	*(bool *)arg = true;
	return false;
}

/*
 * Is there debug information about the code that the function would be in? Rust's library has some in every program,
 * so that of the same crate or namespace counts.
 */
static bool is_described(struct places *p, struct str name)
{
	size_t prefix = name.n - name_last_part(name).n;
	bool is_any = prefix == 0 || name_last_part(name).n == 0;
	struct str pattern;
	struct err *e;

	if (!places_info(p))
		return false;
	while (prefix && (name.p[prefix - 1] == ':' || name.p[prefix - 1] == '.'))
		prefix--;
	if (is_any || prefix == 0)
		return true;
	pattern = arena_printf(p->c->arena, "%.*s%s*", STR_ARG(str_sub(name, 0, prefix)),
			       name.p[prefix] == '.' ? "." : "::");
	e = debuginfo_functions(p->info, pattern, STR_NULL, p->c->arena, note_any, &is_any);
	err_free(e);
	return is_any;
}

static void print_reason(struct match *m, struct places *p, struct strbuf *out)
{
	struct symtab *t = objfile_symtab(p->f);
	struct str name = m->spec->func;

	if (t->n == 0)
		strbuf_printf(out,
			      "'%.*s' has no symbols (it is stripped, and no debug file was found)",
			      STR_ARG(p->path));
	else if (p->n_declared)
		strbuf_printf(
			out,
			"'%.*s' has no code in '%.*s': it is declared there, but nothing of it was compiled",
			STR_ARG(name), STR_ARG(p->path));
	else if (!is_described(p, name))
		strbuf_printf(
			out,
			"'%.*s' has no code of its own in '%.*s': it was inlined or removed, or never there, and "
			"there is no debug information that says where. Compile with -g%s",
			STR_ARG(name), STR_ARG(p->path),
			objfile_langs(p->f) & OBJFILE_LANG_RUST
				? " (cargo: debug = true in the profile)"
				: "");
	else if (places_info(p))
		strbuf_printf(
			out,
			"'%.*s' has no code in '%.*s': neither symbols nor debug information name it",
			STR_ARG(name), STR_ARG(p->path));
}

void missing_note(struct match *m, struct places *p)
{
	STRBUF_AUTO b = { 0 }, near_text = { 0 };
	struct near_names near = { 0 };

	if (name_is_wild(m->spec->func) || m->spec->has_address || m->spec->source_file.n)
		return;
	if (objfile_symtab(p->f)->n) {
		find_near(m, p, &near);
		print_near(&near, &near_text);
	}
	/* the same name in another place is reason enough */
	if (!near_text.n || !near.is_same_part)
		print_reason(m, p, &b);
	if (b.n && near_text.n)
		strbuf_puts(&b, "; ");
	strbuf_add_str(&b, strbuf_str(&near_text));
	m->missing_hint = arena_str(m->c->arena, strbuf_str(&b));
	if (m->missing_hint.n && m->missing_hint.p[0] == 'd') { /* "did you mean" alone */
		strbuf_clear(&b);
		strbuf_printf(&b, "D%.*s", STR_ARG(str_sub(m->missing_hint, 1, m->missing_hint.n)));
		m->missing_hint = arena_str(m->c->arena, strbuf_str(&b));
	}
}

void missing_report(struct match *m, struct target_files *files)
{
	STRBUF_AUTO hint = { 0 };

	/* a pattern may fit nothing */
	if (name_is_wild(m->spec->func))
		return;
	if (files->files.n == 1)
		strbuf_add_str(&hint, m->missing_hint);
	match_none(m, strbuf_cstr(&hint));
}

void missing_report_line(struct match *m, struct places *p, uint32_t nearest)
{
	const struct probe_spec *spec = m->spec;
	struct diag *d;

	if (!places_info(p)) {
		d = match_missing(m, D_PROBE_NO_MATCH, "'%.*s' has no debug information.",
				  STR_ARG(p->path));
		if (d)
			diag_hint(m->diags, d,
				  "source lines are only known of files compiled with -g");
		return;
	}
	d = match_missing(m, D_PROBE_NO_MATCH, "No code of %.*s:%llu in '%.*s'.",
			  STR_ARG(spec->source_file), (unsigned long long)spec->line,
			  STR_ARG(p->path));
	if (d && nearest)
		diag_hint(m->diags, d, "the next line with code is %u", nearest);
}
