/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the reader of symbol tables (symtab.c) and the searches in them (symtab_find.c) share; not for others. */
#ifndef SONDE_OBJFILE_SYMTAB_PRIVATE_H
#define SONDE_OBJFILE_SYMTAB_PRIVATE_H

#include "base/vec.h"
#include "objfile/elf_private.h"
#include "objfile/symtab.h"

/* the symbols from v[first] on are of this source file; NULL: of none that is known */
struct symtab_source {
	const char *name;
	uint32_t first;
};

struct symtab_private {
	struct objfile *file; /* whose symbols they are; not a reference: it owns us */
	struct objfile *
		extra[2]; /* references: debug file, MiniDebugInfo, whose string tables the names point into */
	uint32_t cap;
	VEC(struct symtab_source) sources; /* first ascending */
	VEC(uint32_t) clones;              /* indexes of symbols with a flag of SYMBOL_CLONE_ENTRY */
	/* by address, made by the first lookup */
	uint32_t *sorted;  /* indexes into v */
	uint64_t *max_end; /* largest addr + size of sorted[0..i]: where looking back may stop */
	/* by name, made by the first lookup */
	uint32_t *slots;  /* open addressing: index + 1 of the first symbol of a name */
	uint32_t n_slots; /* a power of two */
	uint32_t *next;   /* index + 1 of the next symbol of the same name */
};

/* a set of (address, name) of the symbols that are there already */
struct symtab_seen {
	uint32_t *slots; /* freed by whoever made it */
	uint32_t mask;
};

void symtab_push(struct symtab *t, struct symbol s);
void symtab_seen_init(struct symtab_seen *seen, const struct symtab *t);
bool symtab_seen_has(const struct symtab_seen *seen, const struct symtab *t,
		     const struct symbol *s);
/* go_symtab.c: the functions of Go's table; nothing when the file is not Go's */
void go_symtab_add(struct symtab *t, struct objfile *f);

#endif
