/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the reader of symbol tables (symtab.c) and the searches in them (symtab_find.c) share; not for others. */
#ifndef SONDE_OBJFILE_SYMTAB_PRIVATE_H
#define SONDE_OBJFILE_SYMTAB_PRIVATE_H

#include "objfile/elf_private.h"
#include "objfile/symtab.h"

struct symtab_private {
	struct objfile *file; /* whose symbols they are; not a reference: it owns us */
	struct objfile *
		extra[2]; /* references: debug file, MiniDebugInfo, whose string tables the names point into */
	uint32_t cap;
	/* by address, made by the first lookup */
	uint32_t *sorted;  /* indexes into v */
	uint64_t *max_end; /* largest addr + size of sorted[0..i]: where looking back may stop */
	/* by name, made by the first lookup */
	uint32_t *slots;  /* open addressing: index + 1 of the first symbol of a name */
	uint32_t n_slots; /* a power of two */
	uint32_t *next;   /* index + 1 of the next symbol of the same name */
};

#endif
