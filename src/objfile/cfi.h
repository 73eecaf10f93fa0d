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

/*
 * A row holds from its address up to the next row's. The upper half of its word:
 *
 *   bits 0-2   enum cfi_kind: where the frame begins (CFA: the value of rsp before the call)
 *   bits 3-7   enum cfi_bp, or in units of 8 bytes how far below the CFA rbp was saved
 *   bits 8-31  signed offset, in bytes
 *
 * The return address stands at CFA - 8 unless the kind says otherwise.
 */
enum cfi_kind {
	CFI_NONE, /* not covered: frame pointers are the only way */
	CFI_STOP, /* enum cfi_stop in the offset */
	CFI_SP,   /* CFA = rsp + offset */
	CFI_BP,   /* CFA = rbp + offset */
	CFI_PLT, /* CFA = rsp + 8, + 8 more when (ip & 15) >= offset: a lazy PLT entry that has pushed its number */
	CFI_SIGNAL, /* rsp + offset is where a signal frame holds rsp; rip is behind it, rbp 40 bytes before */
	CFI_BP_DEREF, /* CFA = *(rbp + offset): a realigned frame */
	CFI_SP_DEREF, /* CFA = *(rsp + offset) + 8: hand-written code that keeps the old rsp on its stack */
};
enum cfi_stop {
	CFI_STOP_END, /* the outermost frame: nobody called it */
	CFI_STOP_ODD, /* a rule that no row can hold: the unwinding fails here */
};
enum cfi_bp {
	CFI_BP_SAME = 0,   /* still the caller's; 1 .. 29: saved at CFA - 8 * that */
	CFI_BP_AT_BP = 30, /* saved at *(rbp) */
	CFI_BP_LOST = 31,  /* elsewhere */
};
enum { CFI_SIGNAL_BP = -40, CFI_SIGNAL_IP = 8, CFI_PAGE_SHIFT = 8, CFI_PAGE_ROWS_MAX = 257 };

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

static inline uint32_t cfi_rule(enum cfi_kind kind, uint32_t bp, int32_t offset)
{
	return (uint32_t)kind | bp << 3 | (uint32_t)offset << 8;
}
static inline enum cfi_kind cfi_rule_kind(uint32_t rule)
{
	return (enum cfi_kind)(rule & 7);
}
static inline uint32_t cfi_rule_bp(uint32_t rule)
{
	return rule >> 3 & 31;
}
static inline int32_t cfi_rule_offset(uint32_t rule)
{
	return (int32_t)rule >> 8;
}

/* *ret NULL without an error: the file has neither section */
struct err *cfi_table_of(struct objfile *f, struct cfi_table **ret) ERR_MUST;
/* from the bytes of one section that lies at addr; is_debug: .debug_frame. n_bad: entries that could not be read */
struct err *cfi_table_parse(struct bytes b, uint64_t addr, bool is_debug, uint32_t *n_bad,
			    struct cfi_table **ret) ERR_MUST;
void cfi_table_free(struct cfi_table *t);
/* the rule at a file address; CFI_NONE (0) where nothing is known */
uint32_t cfi_table_find(const struct cfi_table *t, uint64_t vaddr);

#endif
