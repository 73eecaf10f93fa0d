/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of functions: one spelling for what compilers, demanglers and debug information write differently, and whether
 * a name is the one that somebody asked for. Text only; nothing is looked up. The text is foreign: any bytes are taken.
 *
 * The spelling, as names are shown:
 *   Rust  path without hash; <T as Trait>::m also for <impl Trait for T>; ge::show<u8>, not show::<u8>; {closure}
 *   C++   std::string for basic_string<char, ...>, no default allocators and the like, no [abi:...], no inline
 *         namespaces of the library (std::__1, std::__cxx11)
 *   Go    main.add[int] for main.add[go.shape.int], gopkg.in/yaml.v3 for yaml%2ev3
 *
 * What fits: the pattern may leave out parameters, return types, and the type arguments of any part; '*' stands for
 * anything; [...] for any type arguments of Go; {closure} for {closure#0}, {closure#1}, ...; const may stand on either side.
 */
#ifndef SONDE_OBJFILE_NAMES_H
#define SONDE_OBJFILE_NAMES_H

#include "base/arena.h"
#include "base/str.h"
#include "base/strbuf.h"

/* adds the one spelling of a demangled name, or one from DWARF or Go's tables */
void names_spell(struct str name, struct strbuf *out);

struct name_pattern {
	struct str key;  /* compact spelling: without blanks that mean nothing */
	struct str path; /* key without parameters */
	bool is_wild;    /* has a '*' that is no pointer */
	bool has_params;
	bool skips_inline; /* set by the caller: namespaces that look inline (v2, __v1, lts_2023) may be left out */
	struct str word; /* an identifier that every mangled name that fits holds; empty: none is sure */
};

void name_pattern_init(struct name_pattern *p, struct str written, struct arena *a);
/* name as demanglers give it (with or without a return type), DWARF, or Go's tables */
bool name_pattern_fits(const struct name_pattern *p, struct str name);
/* has the text a '*' that stands for anything? Not those of main.(*P).Set and f(char const*) */
bool name_is_wild(struct str written);
/* "box" of app::box<int>, without parameters and type arguments: what a nearest-name hint compares */
struct str name_last_part(struct str name);

#endif
