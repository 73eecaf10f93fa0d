/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the readers inside src/objfile share about an open ELF file; not for other folders. The tables that hang on
 * an objfile (symbols, USDT notes) are made by their own modules and freed through here, so that elf.c need not
 * know them.
 */
#ifndef SONDE_OBJFILE_ELF_PRIVATE_H
#define SONDE_OBJFILE_ELF_PRIVATE_H

#include "base/arena.h"
#include "objfile/elf.h"

#include <libelf.h>

struct debuginfo;

struct go_info;
struct cfi_extents;

struct objfile_private {
	unsigned refs;
	int fd;
	Elf *elf;
	struct arena strings; /* section names, interp, build-id */
	struct symtab *symtab;
	struct usdt_table *usdt;
	struct go_info *go;
	struct cfi_extents *extents;
	char *open_path;       /* where it was opened; NULL when it came from a descriptor */
	struct str debug_path; /* folders with separate debug files, ':' between; may be empty */
	struct debuginfo *debuginfo; /* debuginfo.c */
	unsigned langs; /* objfile_langs, when has_langs */
	bool has_langs;
	bool has_looked_for_debuginfo;
	bool is_debug_file; /* opened as somebody's separate debug file or MiniDebugInfo: look for no further ones */
};

void symtab_free(struct symtab *t);
void usdt_table_free(struct usdt_table *t);
void debuginfo_free(struct debuginfo *d);
void go_info_free(struct go_info *g);
void cfi_extents_free(struct cfi_extents *e);

/* one entry of a note section or segment (elf(5), "Notes") */
struct elf_note {
	uint32_t type;
	struct str name; /* without the NUL */
	struct bytes desc;
};

/*
 * The next note, false at the end. A size that reaches beyond the section sets b->bad and ends the walk.
 * align: 4, or 8 for sections that say so.
 */
bool elf_note_next(struct bytes *b, size_t align, struct elf_note *note);

/* do both descriptors stand for one file, unchanged? (the key of objfile_cache) */
static inline bool objfile_same(const struct objfile *f, dev_t dev, ino_t ino, uint64_t size,
				struct timespec mtime)
{
	return f->dev == dev && f->ino == ino && f->size == size &&
	       f->mtime.tv_sec == mtime.tv_sec && f->mtime.tv_nsec == mtime.tv_nsec;
}

#endif
