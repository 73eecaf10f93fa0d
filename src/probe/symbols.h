/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Functions of an object file by the name that a user gives: the symbol as it stands in the table, a demangled C++ or Rust
 * name with or without its parameters, or a wildcard over either. A query is the caller's, its file borrowed for the
 * call; names given to visit live as long as the file and the context.
 */
#ifndef SONDE_PROBE_SYMBOLS_H
#define SONDE_PROBE_SYMBOLS_H

#include "objfile/elf.h"
#include "objfile/symtab.h"
#include "probe/match.h"

struct symbol_query {
	struct probe_ctx *c;
	struct objfile *f;
	struct str name;
	struct str file; /* of its source, "f@file.c", by the last components of the path; empty: any */
	bool only_demangled; /* "cpp": raw names do not count */
	bool skips_inline;   /* names of inline namespaces may be left out (names.h) */
	bool with_aliases;   /* all names of an address, for listings */
	/* shown: the name that fits, raw or as the programmer wrote it; return false to stop */
	bool (*visit)(void *arg, const struct symbol *s, struct str shown);
	void *arg;
};

/*
 * Visits every function that fits, one symbol for each address (aliases once: a probe would count twice). Pieces of
 * functions (.cold, .part) only when named exactly.
 */
void symbols_each(struct symbol_query *q);
/* the symbol's name as the programmer wrote it (names.h); the raw name when that is it */
struct str symbol_spelled(struct probe_ctx *c, const struct symbol *s);
/* a function's name as an attach point takes it: in quotes when it needs them; also: other names of the same code */
void symbol_print_quoted(struct str name, struct str also, struct strbuf *out);

#endif
