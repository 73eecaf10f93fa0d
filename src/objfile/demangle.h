/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mangled names of C++ (Itanium ABI) and Rust (legacy and v0) as the programmer wrote them. Go and C names are what
 * they are. libiberty does the work; this adds limits for hostile names, one spelling (names.h), and a cache.
 */
#ifndef SONDE_OBJFILE_DEMANGLE_H
#define SONDE_OBJFILE_DEMANGLE_H

#include "base/str.h"

enum demangle_form {
	DEMANGLE_FULL, /* app::Srv::handle(int, std::string const&); "int twice<int>(int)"; the spelling of names.h */
	DEMANGLE_NO_RETURN, /* without a template's return type: "twice<int>(int)" */
	DEMANGLE_TOOL, /* full, letter for letter as c++filt and rustfilt write it */
	DEMANGLE_PLAIN, /* app::Srv::handle, twice<int>: no parameters, no return type, no clone suffix */
	DEMANGLE_N_FORMS,
};

enum mangling { MANGLING_NONE, MANGLING_CXX, MANGLING_RUST };

/*
 * A cheap look at the bytes: _Z... and _R..., MANGLING_NONE for everything else. Legacy Rust (_ZN...17h, 16 hex
 * digits, E) counts as Rust.
 */
enum mangling demangle_kind(struct str name);

/* A malloc'ed C string, or NULL when the name is not mangled or cannot be read. The Rust hash is left out. */
char *demangle_name(struct str name, enum demangle_form form);

/* Names that were asked for before come from the cache; result and its cache live until demangler_free. */
struct demangler;
struct demangler *demangler_new(void);
void demangler_free(struct demangler *d);
/* the same view back when it is not mangled */
struct str demangler_get(struct demangler *d, struct str name, enum demangle_form form);

#endif
