/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Demangling through libiberty; see demangle.h.
 *
 * A hostile name of 200 bytes can stand for a text of 2^50: substitutions may double what they repeat. libiberty
 * limits its recursion, not its output, and its printing callback has no way to say stop. So the callback leaves by
 * siglongjmp once a limit is passed. The callback variants keep everything on the stack (a v0 identifier in punycode
 * aside), so nothing is lost by that; it is the only longjmp in the project, and it never leaves this file.
 */
#include "objfile/demangle.h"

#include "base/arena.h"
#include "base/hashmap.h"
#include "base/strbuf.h"
#include "objfile/names.h"

#include <ctype.h>
#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdlib.h>

enum {
	NAME_LIMIT = 16384,   /* longest mangled name that is looked at */
	OUTPUT_LIMIT = 65536, /* longest demangled name */
};

struct output {
	struct strbuf text;
	size_t calls; /* empty pieces count too */
	sigjmp_buf stop;
};

static void collect(const char *piece, size_t n, void *arg)
{
	struct output *out = arg;

	if (++out->calls > OUTPUT_LIMIT || out->text.n + n > OUTPUT_LIMIT)
		siglongjmp(out->stop, 1);
	strbuf_add(&out->text, piece, n);
}

/* "17h" + 16 hex digits + "E", at the end or before a suffix that begins with a dot */
static bool has_rust_hash(struct str name)
{
	ptrdiff_t dot = str_find_char(name, '.', 0);
	const char *p;

	/* legacy names hold dots of their own ("..") only inside identifiers, before the hash */
	while (dot >= 0 && (dot == 0 || name.p[dot - 1] != 'E'))
		dot = str_find_char(name, '.', (size_t)dot + 1);
	if (dot >= 0)
		name = str_sub(name, 0, (size_t)dot);
	if (name.n < 3 + 20 || name.p[name.n - 1] != 'E')
		return false;
	p = name.p + name.n - 20;
	if (memcmp(p, "17h", 3) != 0)
		return false;
	for (int i = 3; i < 19; i++)
		if (!isdigit((unsigned char)p[i]) && !(p[i] >= 'a' && p[i] <= 'f'))
			return false;
	return true;
}

enum mangling demangle_kind(struct str name)
{
	if (name.n < 3 || name.p[0] != '_')
		return MANGLING_NONE;
	if (name.p[1] == 'R' &&
	    (isupper((unsigned char)name.p[2]) || isdigit((unsigned char)name.p[2])))
		return MANGLING_RUST;
	if (name.p[1] != 'Z')
		return MANGLING_NONE;
	return name.p[2] == 'N' && has_rust_hash(name) ? MANGLING_RUST : MANGLING_CXX;
}

static int options_of(enum demangle_form form, enum mangling kind)
{
	switch (form) {
	case DEMANGLE_TOOL:
		/* verbose: std::string in full; of Rust it would add hashes */
		return DMGL_PARAMS | DMGL_ANSI | (kind == MANGLING_CXX ? DMGL_VERBOSE : 0);
	case DEMANGLE_PLAIN: return DMGL_ANSI;
	case DEMANGLE_NO_RETURN: return DMGL_PARAMS | DMGL_ANSI | DMGL_RET_DROP;
	default: return DMGL_PARAMS | DMGL_ANSI;
	}
}

/* the names' one spelling; takes the text */
static char *respell(char *text)
{
	STRBUF_AUTO b = { 0 };

	names_spell(str_from(text), &b);
	free(text);
	return base_strdup(strbuf_cstr(&b));
}

char *demangle_name(struct str name, enum demangle_form form)
{
	enum mangling kind = demangle_kind(name);
	struct output *out;
	char *mangled, *ret = NULL;
	ptrdiff_t dot;

	if (kind == MANGLING_NONE || name.n > NAME_LIMIT)
		return NULL;
	if (kind == MANGLING_CXX && form == DEMANGLE_PLAIN) {
		dot = str_find_char(name, '.', 0);
		if (dot > 0)
			name = str_sub(name, 0, (size_t)dot);
	}
	mangled = base_strndup(name);
	out = base_alloc(sizeof(*out));
	if (sigsetjmp(out->stop, 0) == 0) {
		int ok = kind == MANGLING_RUST
				 ? rust_demangle_callback(mangled, options_of(form, kind), collect,
							  out)
				 : cplus_demangle_v3_callback(mangled, options_of(form, kind),
							      collect, out);

		if (ok && out->text.n)
			ret = base_strdup(strbuf_cstr(&out->text));
	}
	if (ret && form != DEMANGLE_TOOL)
		ret = respell(ret);
	strbuf_free(&out->text);
	free(out);
	free(mangled);
	return ret;
}

/* --- cache ------------------------------------------------------------------------------------------------------ */

struct demangler {
	struct arena strings;
	struct hashmap names[DEMANGLE_N_FORMS]; /* mangled name -> struct str in the arena */
};

struct demangler *demangler_new(void)
{
	struct demangler *d = base_alloc(sizeof(*d));

	arena_init(&d->strings);
	return d;
}

void demangler_free(struct demangler *d)
{
	if (!d)
		return;
	for (int i = 0; i < DEMANGLE_N_FORMS; i++)
		hashmap_free(&d->names[i]);
	arena_free(&d->strings);
	free(d);
}

struct str demangler_get(struct demangler *d, struct str name, enum demangle_form form)
{
	struct str *known, key;
	char *text;

	if (demangle_kind(name) == MANGLING_NONE)
		return name;
	known = hashmap_get(&d->names[form], name);
	if (known)
		return *known;
	text = demangle_name(name, form);
	key = arena_str(&d->strings, name);
	known = arena_new(&d->strings, struct str);
	*known = text ? arena_str(&d->strings, str_from(text)) : key;
	free(text);
	hashmap_put(&d->names[form], key, known);
	return *known;
}
