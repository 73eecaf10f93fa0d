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
	uint64_t at; /* the instruction in front of which the probe runs: address, a later one of those displaced, or the one behind them */
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

/*
 * The function that a place lies in, as the file has it, read once for all of its places. Its extent is its symbol's, or that of call frame
 * information
 */
struct patchable_function {
	uint64_t start, size;
	uint8_t *bytes;
	struct code code; /* at the addresses of the file */
	struct placement_edges *edges;
	const char *reason; /* none of its places can be patched, why; bytes is NULL then */
};
void patchable_read(struct objfile *f, uint64_t address, struct patchable_function *ret);
void patchable_free(struct patchable_function *fn);
void patchable_at(const struct patchable_function *fn, uint64_t address, struct patchable *ret);
/*
 * A jump that ends where the place begins: what stands there is executed where it is, behind the probe. false: there is no room for it, or control comes
 * to the place in other ways than from the instructions before it
 */
bool patchable_ahead(const struct patchable_function *fn, uint64_t address, struct patchable *ret);

/* a place of a function of one file */
struct patchable_span {
	const struct patchable_function *function;
	struct patchable *place;
};
/* places into which other functions of the file may jump, as hand-written code does: they lose their length and get a reason */
void patchable_drop_entered(struct objfile *f, const struct patchable_span *v, size_t n);

#endif
