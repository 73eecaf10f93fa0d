/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Call frame information of one file as a table that is searched by address: how to find the caller of a function that keeps
 * no frame pointer. Made from .eh_frame, or from .debug_frame where that is absent (Go); read by the unwinder
 * (unwind.h) and, word by word the same, by the programs in the kernel (ir/build_unwind.c).
 *
 * The format of the sections: LSB core specification 5.0, "Exception Frames"; DWARF 5, 6.4. Only what leads to the return
 * address, the stack pointer and rbp is kept: rows of 8 bytes. See docs/internals/unwinding.md for the coverage measured.
 *
 * A table belongs to whoever made it: cfi_table_free.
 */
#ifndef SONDE_OBJFILE_CFI_H
#define SONDE_OBJFILE_CFI_H

#include "objfile/elf.h"
#include "types/cfi_rule.h"

/*
 * Words: first the page index, then the rows. Index word i tells of the addresses base + i * 256 and on: its lower half is
 * the word of the row that holds at the first of them, its upper half how many rows from there on begin in this page or hold
 * at its start (1 .. 257). A row's lower half is its address - base.
 */
struct cfi_table {
	uint64_t base; /* the file's own address (vaddr) */
	uint64_t *words;
	uint32_t n_words, n_pages, n_rows;
	uint32_t n_odd;   /* rows that are CFI_STOP_ODD */
	bool is_go;       /* rbp rules are Go's, not the section's */
	bool is_built_in; /* made from functions' starts, without CFI */
};

/* *ret NULL without an error: the file has neither section */
struct err *cfi_table_of(struct objfile *f, struct cfi_table **ret) ERR_MUST;
/* from the bytes of one section that lies at addr; is_debug: .debug_frame. n_bad: entries that could not be read */
struct err *cfi_table_parse(struct bytes b, uint64_t addr, bool is_debug, uint32_t *n_bad,
			    struct cfi_table **ret) ERR_MUST;
void cfi_table_free(struct cfi_table *t);

/* what the section says of functions without symbols: where each piece of code begins and ends, by start */
struct cfi_extent {
	uint64_t start, end;
};
struct cfi_extents {
	struct cfi_extent *v;
	size_t n;
};
/* by .eh_frame alone, read once for each file and kept with it; what cannot be read is none */
const struct cfi_extents *cfi_extents_of(struct objfile *f);
/* the piece that begins there, or NULL */
const struct cfi_extent *cfi_extent_at(const struct cfi_extents *e, uint64_t start);
/* how many begin at this address or before it */
size_t cfi_extents_until(const struct cfi_extents *e, uint64_t address);
/* the rule at a file address; CFI_NONE (0) where nothing is known */
uint32_t cfi_table_find(const struct cfi_table *t, uint64_t vaddr);

#endif
