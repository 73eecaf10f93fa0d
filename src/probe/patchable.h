/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a jump of five bytes can be written over the first instructions of a function, so that they are executed elsewhere: for the
 * user engine. What has to hold: nothing enters what is overwritten but by its first byte, and every instruction that is displaced does the
 * same in another place. The file is asked, not a process: that its bytes are those in memory is for the engine to see.
 */
#ifndef SONDE_PROBE_PATCHABLE_H
#define SONDE_PROBE_PATCHABLE_H

#include "arch/x86_64/decode.h"

enum { PATCH_BYTES = 5 }; /* jmp rel32 */

struct objfile;
struct placement_edges;

struct patchable {
	uint64_t address; /* where the jump would stand: the place, or behind its endbr64, or some instructions before it */
	uint64_t at; /* the instruction in front of which the probe runs: address, or a later one of those displaced */
	uint8_t len; /* bytes that are displaced, whole instructions; 0: it cannot be patched */
	uint8_t n_insns;
	const struct code_insn *blocker; /* why not, or NULL; of the code that was asked */
	const char *reason;
};

/*
 * from: the entry c->start, or any other place. Where what stands there leaves no room, as a RET does, the jump may stand before it, if
 * control comes to it by falling through only. bytes: those that c was decoded from
 */
void patchable_choose(const struct code *c, const uint8_t *bytes, uint64_t from,
		      const struct placement_edges *e, struct patchable *ret);
/* for one function of a file; false: its code cannot be read */
bool patchable_find(struct objfile *f, uint64_t entry, uint64_t size, struct patchable *ret);

/* the function that a place lies in, as the file has it */
struct patchable_function {
	uint64_t start, size;
	uint8_t *bytes; /* free() */
};
/*
 * The same for any place of a function, whose bytes are given back too: the whole function has to be known, from its symbol or from call frame
 * information. false: it is not, or cannot be read; ret->reason says so, and nothing is to be freed
 */
bool patchable_at(struct objfile *f, uint64_t address, struct patchable *ret,
		  struct patchable_function *function);

#endif
