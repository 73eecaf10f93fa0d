/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a program may do with its stacks, as far as names tell: functions that throw, that switch stacks, that let handlers
 * run on another one, called by it or by a library that it is linked to. libc itself has them all and is not asked: what
 * counts is who calls them. A library cannot know who calls it.
 *
 * Reads dynamic tables, which are foreign bytes; what cannot be read counts as danger. Decides nothing (returns.c).
 */
#include "probe/returns.h"

#include "objfile/resolve.h"
#include "objfile/symtab.h"

#include <elf.h>

enum { MAX_LIBRARIES = 128 };

struct sign {
	const char *name, *why;
};

static const char throws[] = "exceptions unwind through its functions";
static const char switches[] = "it switches stacks";
static const char handlers[] = "its signal handlers run on a stack of their own";

static const struct sign signs[] = {
	{ "_Unwind_RaiseException", throws },
	{ "_Unwind_Resume", throws },
	{ "__cxa_throw", throws },
	{ "__cxa_rethrow", throws },
	{ "swapcontext", switches },
	{ "setcontext", switches },
	{ "makecontext", switches },
	{ "jump_fcontext", switches },
	{ "make_fcontext", switches },
	{ "ontop_fcontext", switches },
	{ "co_switch", switches },
	{ "co_swap", switches },
	{ "aco_resume", switches },
	{ "mco_resume", switches },
	{ "coro_transfer", switches },
	{ "qemu_coroutine_switch", switches },
	{ "PyGreenlet_Switch", switches },
	{ "sigaltstack", handlers },
	{ "__sigaltstack", handlers },
};

struct search {
	VEC(char *) seen; /* names of libraries */
	enum return_danger danger;
	bool has_other; /* than throws */
	const char *why;
};

static void found(struct search *s, enum return_danger danger, const char *why)
{
	s->has_other |= why != throws;
	if (danger > s->danger) {
		s->danger = danger;
		s->why = why;
	}
}

static void look_at_name(struct search *s, struct str name)
{
	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
		if (str_is(name, signs[i].name))
			found(s, DANGER_YES, signs[i].why);
	if (str_is(name, "dlopen") || str_is(name, "dlmopen"))
		found(s, DANGER_MAYBE, "it loads libraries as it runs");
}

/* names that the file wants from others; false: the tables are broken */
static bool look_at_imports(struct search *s, struct objfile *f)
{
	const struct objfile_section *dynsym = objfile_find_section(f, STR(".dynsym"));
	struct bytes symbols, names;
	struct err *e;

	if (!dynsym)
		return true;
	if (dynsym->link >= f->n_sections)
		return false;
	e = objfile_section_bytes(f, dynsym, &symbols);
	if (!e)
		e = objfile_section_bytes(f, &f->sections[dynsym->link], &names);
	if (e) {
		err_free(e);
		return false;
	}
	while (bytes_left(&symbols) >= sizeof(Elf64_Sym)) {
		Elf64_Sym sym;

		memcpy(&sym, bytes_take(&symbols, sizeof(sym)), sizeof(sym));
		names.bad = false;
		bytes_seek(&names, sym.st_name);
		if (sym.st_shndx == SHN_UNDEF && !names.bad)
			look_at_name(s, bytes_cstr(&names));
	}
	return true;
}

/* functions of its own, or of a libc that is part of it */
static void look_at_definitions(struct search *s, struct objfile *f)
{
	struct symtab *t = objfile_symtab(f);

	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
		if (symtab_find(t, str_from(signs[i].name)))
			found(s, DANGER_YES, signs[i].why);
	if (t->n == 0)
		found(s, DANGER_MAYBE, "it has no symbols that would tell");
}

/* the C library and its parts: they have all of it for others, and call none of it themselves */
static bool is_libc(struct str name)
{
	static const char *const parts[] = { "libc.so",     "libm.so",   "libpthread.so",
					     "libdl.so",    "librt.so",  "libutil.so",
					     "ld-linux",    "libc.musl", "ld-musl",
					     "libresolv.so" };

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (str_starts(name, str_from(parts[i])))
			return true;
	return false;
}

static bool is_new(struct search *s, struct str name)
{
	char *copy;

	vec_each(n, &s->seen)
		if (str_is(name, *n))
			return false;
	copy = base_alloc(name.n + 1);
	memcpy(copy, name.p, name.n);
	copy[name.n] = '\0';
	vec_push(&s->seen, copy);
	return true;
}

static void look_at_file(struct search *s, struct objfile *f);

static void look_at_library(struct search *s, struct str name)
{
	struct resolved where = { 0 };
	struct err *e;

	if (is_libc(name) || !is_new(s, name))
		return;
	if (str_starts(name, STR("libstdc++.so")) || str_starts(name, STR("libc++"))) {
		found(s, DANGER_YES, throws);
		return;
	}
	e = resolve_object(name, NULL, 0, &where);
	if (!e) {
		struct objfile *lib = NULL;

		e = objfile_open(where.v[0].open_path, &lib);
		if (!e)
			look_at_file(s, lib);
		objfile_unref(lib);
	}
	resolved_free(&where);
	if (e || s->seen.n > MAX_LIBRARIES)
		found(s, DANGER_MAYBE, "not all of its libraries can be read");
	err_free(e);
}

static void look_at_needed(struct search *s, struct objfile *f)
{
	const struct objfile_section *dynamic = objfile_find_section(f, STR(".dynamic"));
	struct bytes entries, names;
	struct err *e;

	if (!dynamic || dynamic->link >= f->n_sections)
		return;
	e = objfile_section_bytes(f, dynamic, &entries);
	if (!e)
		e = objfile_section_bytes(f, &f->sections[dynamic->link], &names);
	if (e) {
		err_free(e);
		found(s, DANGER_MAYBE, "its list of libraries cannot be read");
		return;
	}
	while (bytes_left(&entries) >= 16 && s->seen.n <= MAX_LIBRARIES) {
		uint64_t tag = bytes_u64(&entries), value = bytes_u64(&entries);

		if (tag == DT_NULL)
			return;
		names.bad = false;
		bytes_seek(&names, value);
		if (tag == DT_NEEDED && !names.bad)
			look_at_library(s, bytes_cstr(&names));
	}
}

static void look_at_file(struct search *s, struct objfile *f)
{
	if (!look_at_imports(s, f))
		found(s, DANGER_MAYBE, "its imports cannot be read");
	look_at_needed(s, f);
}

void evidence_find(struct objfile *f, struct return_evidence *ret)
{
	struct search s = { 0 };

	if (objfile_langs(f) & OBJFILE_LANG_GO)
		found(&s, DANGER_YES, "Go moves its stacks");
	if (objfile_langs(f) & OBJFILE_LANG_CXX)
		found(&s, DANGER_YES, throws);
	look_at_file(&s, f);
	/* a static-pie program looks like a library but has no libraries itself: it counts as one, which is safe */
	if (!layout_is_library(f))
		look_at_definitions(&s, f);
	else
		found(&s, DANGER_MAYBE, "it is a library, whose callers are not known");
	vec_each(n, &s.seen)
		free(*n);
	vec_free(&s.seen);
	*ret = (struct return_evidence){ .is_known = true,
					 .danger = (uint8_t)s.danger,
					 .only_throws = !s.has_other,
					 .why = s.why };
}
