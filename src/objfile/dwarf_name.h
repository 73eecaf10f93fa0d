/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of functions in debug information as the programmer writes them, and does a pattern mean one of them? Runs in the worker; texts
 * live in f->scratch or f->kept.
 */
#ifndef SONDE_OBJFILE_DWARF_NAME_H
#define SONDE_OBJFILE_DWARF_NAME_H

#include "objfile/dwarf_index.h"
#include "objfile/names.h"

/* app::Srv::handle<int>(int): each with all in front of it */
struct func_name {
	struct str full;    /* with parameters, where the language has overloads */
	struct str path;    /* without parameters */
	struct str plain;   /* without the type arguments of the last part, too */
	struct str linkage; /* symbol name, or empty */
};

/* die: the function's root entry; scope: what contains the entry that has its name (0: found out) */
struct func_name dwfile_func_name(struct dwarf_file *f, Dwarf_Die *die, uint64_t scope);

/* what somebody asks for, looked at once */
struct name_wanted {
	struct str text;
	struct name_pattern pattern; /* names.h */
	uint32_t hash;               /* of the stem of its last part */
	uint32_t whole_hash;         /* of all of it: linkage names */
	struct str last;             /* with wildcards: what the last part must fit, or empty */
	struct str piece; /* with wildcards: stands in each mangled name that fits, or empty */
	bool has_path;    /* the text has "::" outside of brackets */
};

void name_wanted_init(struct name_wanted *w, struct str text, struct arena *a);
/* a quick no, before anything is demangled */
bool name_wanted_may_fit(const struct name_wanted *w, struct str name, struct str linkage);
bool name_wanted_fits(const struct name_wanted *w, const struct func_name *n);

/* do the last components of a path fit? "util/hash.c" fits "/src/util/hash.c" */
bool name_file_fits(struct str wanted, struct str path);

#endif
