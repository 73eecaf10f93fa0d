/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The symbols of one object file, merged from everything that has some: .symtab, .dynsym, a separate debug file
 * (.gnu_debuglink, build-id), MiniDebugInfo (.gnu_debugdata) and Go's own table of functions (.gopclntab). Addresses are the file's own (vaddr).
 * objfile_symtab reads them at the first call; the table belongs to the objfile and lives as long as it does.
 * Undefined symbols, sections, files and PLT stubs are not in it. Not thread-safe (indexes are built when needed).
 */
#ifndef SONDE_OBJFILE_SYMTAB_H
#define SONDE_OBJFILE_SYMTAB_H

#include "objfile/elf.h"

enum symbol_type { SYMBOL_FUNC, SYMBOL_IFUNC, SYMBOL_OBJECT, SYMBOL_NOTYPE /* a label in code */ };
enum symbol_bind { SYMBOL_LOCAL, SYMBOL_GLOBAL, SYMBOL_WEAK };

enum symbol_flags {
	SYMBOL_CLONE_PART = 1, /* .part.N: a piece that gcc cut off, not an entry of the function */
	SYMBOL_CLONE_COLD = 2, /* .cold: second range of the function, not an entry */
	SYMBOL_CLONE_CONST = 4, /* .constprop.N: an entry, some arguments are gone */
	SYMBOL_CLONE_ISRA = 8,  /* .isra.N: an entry, arguments are split */
	SYMBOL_VERSIONED = 16,  /* the table's name had @VERSION behind it, cut off here */
	SYMBOL_ABSOLUTE = 32,   /* SHN_ABS */
	SYMBOL_GO_TWIN = 64, /* Go: a wrapper for the other calling convention, of the function of the same name */
	SYMBOL_RENAMED = 128, /* .lto_priv.N, .llvm.N, .__uniq.N: made unique, else unchanged */
	/* entries of a function under other names than its own */
	SYMBOL_CLONE_ENTRY = SYMBOL_CLONE_CONST | SYMBOL_CLONE_ISRA | SYMBOL_RENAMED,
	SYMBOL_GO_NAME = 128, /* named by Go's table of functions, not by a table of symbols */
	SYMBOL_NOT_ENTRY = SYMBOL_CLONE_PART | SYMBOL_CLONE_COLD | SYMBOL_GO_TWIN,
};

struct symbol {
	const char *name; /* no NUL is promised: use symbol_name() */
	uint64_t addr, size;
	uint32_t name_len;
	uint8_t type; /* enum symbol_type */
	uint8_t bind; /* enum symbol_bind */
	uint16_t flags;
};

static inline struct str symbol_name(const struct symbol *s)
{
	return str_make(s->name, s->name_len);
}

/* the name without a clone's suffix: "big" for "big.constprop.0" */
struct str symbol_base_name(const struct symbol *s);
static inline bool symbol_is_func(const struct symbol *s)
{
	return s->type == SYMBOL_FUNC || s->type == SYMBOL_IFUNC;
}

struct symtab {
	struct symbol *
		v; /* in the order of the tables; a name may occur several times, at one address or at several */
	uint32_t n;
	/* where they came from, for -v and for the message about a stripped file */
	bool has_symtab, has_dynsym, has_debug_file, has_minidebug, has_gopclntab;
	char *debug_path; /* separate debug file that was used, or NULL */
	struct strbuf
		notes; /* what was tried and failed (malformed table, CRC mismatch), one line each */
	struct symtab_private *priv;
};

/* Never fails: a file without (readable) symbols gives n == 0, and notes says why. */
struct symtab *objfile_symtab(struct objfile *f);

/*
 * The best symbol that covers addr: functions first, then by size and binding. A symbol of size 0 covers everything up
 * to the next symbol of its section. NULL when nothing covers it.
 */
const struct symbol *symtab_at(struct symtab *t, uint64_t addr);
/* index into v of the i-th symbol in address order (i < n) */
uint32_t symtab_sorted(struct symtab *t, uint32_t i);
/* indexes into v of all symbols that start at addr (aliases); returns their number, *first into symtab_sorted's order */
uint32_t symtab_starting_at(struct symtab *t, uint64_t addr, uint32_t *first);
/* number i of the symbols with a flag of SYMBOL_CLONE_ENTRY, in the order of the table; NULL: there are no more */
const struct symbol *symtab_clone(const struct symtab *t, uint32_t i);
/* first symbol of this exact name (raw spelling); functions before objects; NULL when absent */
const struct symbol *symtab_find(struct symtab *t, struct str name);
/* source file of a local symbol as the compiler named it, empty when not known (then debug information may know) */
struct str symtab_source_file(struct symtab *t, const struct symbol *s);
/* the next one of the same name (local functions of several files), or NULL */
const struct symbol *symtab_find_next(struct symtab *t, const struct symbol *prev);
/* up to max names of functions that are close to name, nearest first ("did you mean"); returns their number */
uint32_t symtab_suggest(struct symtab *t, struct str name, struct str *out, uint32_t max);

#endif
