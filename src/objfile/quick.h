/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Quick looks at a file: can it have a function of this name, or a USDT probe? For targets that are patterns over everything
 * that is mapped, where nearly every file has not: no symbol table is made, no debug information read. "Yes" may be wrong,
 * "no" is not, but for functions that no symbol names (inlined ones, stripped ones).
 */
#ifndef SONDE_OBJFILE_QUICK_H
#define SONDE_OBJFILE_QUICK_H

#include "objfile/elf.h"

/* name as an attach point has it: C, C++, Rust, Go, with wildcards */
bool quick_may_have_function(struct objfile *f, struct str name);
/* the same of many, ret[i] for names[i]: tables of names are gone through once */
void quick_may_have_functions(struct objfile *f, const struct str *names, uint32_t n, bool *ret);
/* provider and name may have wildcards */
bool quick_has_usdt(struct objfile *f, struct str provider, struct str name);

/* ---- for tests ---- */

/* the longest run of letters, digits and underscores: it stands in every symbol that the name can mean */
struct str quick_word(struct str name);

#endif
