/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An ELF file of the traced machine, opened for reading. Everything above (symbols, notes, debug information) reads
 * its bytes through here, and those bytes are hostile: each offset and size is checked before use, the file is never
 * mapped (a file that shrinks would be a SIGBUS), sections are copied out when first asked for.
 *
 * A struct objfile is counted: objfile_open gives a reference, objfile_unref takes one back. Its
 * strings and section bytes live as long as it does. An objfile_cache keeps one reference to each file it opened.
 */
#ifndef SONDE_OBJFILE_ELF_H
#define SONDE_OBJFILE_ELF_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/str.h"

#include <sys/types.h>
#include <time.h>

enum objfile_kind { OBJFILE_EXEC, OBJFILE_DYN, OBJFILE_REL, OBJFILE_CORE, OBJFILE_OTHER };
enum objfile_lang { /* bits: an object may hold several */
		    OBJFILE_LANG_GO = 1,
		    OBJFILE_LANG_RUST = 2,
		    OBJFILE_LANG_CXX = 4,
};

struct objfile_section {
	struct str name;
	uint32_t type;  /* SHT_* */
	uint64_t flags; /* SHF_* */
	uint64_t addr, offset, size, entsize, align;
	uint32_t link, info;
};

/* a program header; only those of type PT_LOAD translate addresses */
struct objfile_segment {
	uint32_t type, flags; /* PT_*, PF_* */
	uint64_t vaddr, offset, filesz, memsz;
};

struct symtab;
struct usdt_table;

struct objfile {
	char *path; /* as it was opened, for messages */
	dev_t dev;
	ino_t ino;
	uint64_t size;
	struct timespec mtime;
	enum objfile_kind kind;
	uint64_t entry;
	struct objfile_section *sections; /* index = section header index; [0] is the null section */
	uint32_t n_sections;
	struct objfile_segment *segments;
	uint32_t n_segments;
	struct str interp;   /* program interpreter, or empty: static or a library */
	struct str build_id; /* raw bytes, or empty */
	struct objfile_private *priv;
};

/*
 * Opens a regular file. Errors name the path and the reason: no such file, a directory, not a regular file, not an ELF
 * file, truncated, 32-bit, for another architecture ("arm64"), unreadable.
 */
struct err *objfile_open(const char *path, struct objfile **ret) ERR_MUST;
/* name is for messages; path is opened (/proc/PID/root/...); both may be equal */
struct err *objfile_open_as(const char *path, const char *name, struct objfile **ret) ERR_MUST;
/* the same from an open descriptor (a copy of it is kept) */
struct err *objfile_open_fd(int fd, const char *name, struct objfile **ret) ERR_MUST;
void objfile_unref(struct objfile *f);
static inline void objfile_cleanup(struct objfile **f)
{
	objfile_unref(*f);
}
#define OBJFILE_AUTO __attribute__((cleanup(objfile_cleanup))) struct objfile *

const struct objfile_section *objfile_find_section(const struct objfile *f, struct str name);
const struct objfile_section *objfile_section_at(const struct objfile *f,
						 uint64_t addr); /* SHF_ALLOC only */
/* the section's bytes as they lie in the file; empty for SHT_NOBITS; an error when they lie outside the file */
struct err *objfile_section_bytes(struct objfile *f, const struct objfile_section *s,
				  struct bytes *ret) ERR_MUST;
/* n bytes at a file address (vaddr), from one segment; false when they are not in the file */
bool objfile_read_vaddr(struct objfile *f, uint64_t vaddr, void *buf, size_t n);
/* n bytes at a file offset; false when the file is shorter */
bool objfile_read_at(struct objfile *f, uint64_t offset, void *buf, size_t n);

/* uprobes want file offsets. False when no PT_LOAD segment holds the address (.bss included) or the offset. */
bool objfile_vaddr_to_offset(const struct objfile *f, uint64_t vaddr, uint64_t *offset);
bool objfile_offset_to_vaddr(const struct objfile *f, uint64_t offset, uint64_t *vaddr);
bool objfile_is_exec_vaddr(const struct objfile *f, uint64_t vaddr); /* in an executable segment */
/* lowest PT_LOAD address, page aligned: load bias = mapping start of the first segment - this */
uint64_t objfile_base_vaddr(const struct objfile *f);
/* which languages left marks in the file's sections (symbols are not read): OBJFILE_LANG_* */
unsigned objfile_langs(struct objfile *f);

/*
 * Do both stand for one file, to the kernel's probes? An overlay (of containers) shows the file of a layer below under a device of
 * its own for each mount, while probes are on the file below.
 */
bool objfile_is_same(const struct objfile *a, const struct objfile *b);

/* One struct objfile per (device, inode, size, mtime). Not thread-safe. */
struct objfile_cache;
struct objfile_cache *objfile_cache_new(void);
void objfile_cache_free(struct objfile_cache *c);
/* folders (':' between) where separate debug files are looked for before the usual ones; of files opened from now on */
void objfile_cache_add_debug_path(struct objfile_cache *c, struct str dirs);
/* *ret is borrowed from the cache and lives as long as the cache does. */
struct err *objfile_cache_get(struct objfile_cache *c, const char *path,
			      struct objfile **ret) ERR_MUST;
struct err *objfile_cache_get_as(struct objfile_cache *c, const char *path, const char *name,
				 struct objfile **ret) ERR_MUST;
/* a file that was opened elsewhere: the cache takes a reference of its own, until it is dropped again */
void objfile_cache_adopt(struct objfile_cache *c, struct objfile *f);
void objfile_cache_drop(struct objfile_cache *c, struct objfile *f);

#endif
