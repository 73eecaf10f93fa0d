/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a jump of five bytes can be written over the first instructions of a function, so that they are executed elsewhere: for the
 * user engine. What has to hold: nothing enters what is overwritten but by its first byte, and every instruction that is displaced does the
 * same in another place. The file is asked, not a process: that its bytes are those in memory is for the engine to see.
 */
#ifndef SONDE_PROBE_PATCHABLE_H
#define SONDE_PROBE_PATCHABLE_H

#include "probe/placement.h"

enum { PATCH_BYTES = 5 }; /* jmp rel32 */

struct patchable {
	uint64_t address; /* where the jump would stand: the entry, or behind its endbr64 */
	uint8_t len; /* bytes that are displaced, whole instructions; 0: it cannot be patched */
	uint8_t n_insns;
	const struct code_insn *blocker; /* why not, or NULL; of the code that was asked */
	const char *reason;
};

/* from: the entry c->start, or a place behind Go's stack check. bytes: those that c was decoded from */
void patchable_choose(const struct code *c, const uint8_t *bytes, uint64_t from,
		      const struct placement_edges *e, struct patchable *ret);
/* for one function of a file; false: its code cannot be read */
bool patchable_find(struct objfile *f, uint64_t entry, uint64_t size, struct patchable *ret);

#endif
