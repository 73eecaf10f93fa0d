/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unwinding a user stack from its registers and a copy of its memory, by the tables of cfi.h: what the programs in the
 * kernel do (ir/build_unwind.c), step by step the same, for stacks that they could not do, and for tests.
 * Nothing is owned here.
 */
#ifndef SONDE_OBJFILE_UNWIND_H
#define SONDE_OBJFILE_UNWIND_H

#include "objfile/cfi.h"

struct unwind_regs {
	uint64_t ip, sp, bp;
};

enum unwind_place {
	UNWIND_PLACE_NONE,   /* no code can be at this address */
	UNWIND_PLACE_NO_CFI, /* code without a table: frame pointers */
	UNWIND_PLACE_TABLE,
};

struct unwind_world {
	void *arg;
	/* what is at an address; table and the address in its file for UNWIND_PLACE_TABLE */
	enum unwind_place (*find)(void *arg, uint64_t addr, const struct cfi_table **table,
				  uint64_t *vaddr);
	bool (*read)(void *arg, uint64_t addr, uint64_t *word);
};

enum unwind_end {
	UNWIND_LIMIT,  /* max frames were found, there may be more */
	UNWIND_WHOLE,  /* up to the outermost frame */
	UNWIND_FAILED, /* cut */
};

/* frames (the first is regs->ip, the others return addresses) into frames, at most max; *n of them */
enum unwind_end unwind_stack(const struct unwind_world *w, const struct unwind_regs *regs,
			     uint64_t *frames, uint32_t max, uint32_t *n, uint32_t *n_by_pointer);

#endif
