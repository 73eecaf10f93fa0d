/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One rule of call frame information, as the tables of objfile/cfi.h hold it and the programs in the kernel read it
 * (ir/build_unwind.c). Plain numbers.
 */
#ifndef SONDE_TYPES_CFI_RULE_H
#define SONDE_TYPES_CFI_RULE_H

#include <stdint.h>

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
enum {
	CFI_KIND_MASK = 7,
	CFI_SIGNAL_BP = -40,
	CFI_SIGNAL_IP = 8,
	CFI_PAGE_SHIFT = 8,
	CFI_PAGE_ROWS_MAX = 257
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

#endif
