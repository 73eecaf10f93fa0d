/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the user engine: where a probe's code can run at a place in Go code, how much room the goroutine's stack has there, and what it takes
 * to do without. Pure.
 */
#ifndef SONDE_PROBE_GO_ROOM_H
#define SONDE_PROBE_GO_ROOM_H

#include "objfile/elf.h"
#include "probe/patchable.h"

struct go_room {
	uint32_t bytes; /* of the goroutine's stack that are there for certain below rsp; 0: none */
	uint32_t free;  /* registers, as code_free_at has them */
	bool has_flags; /* the function needs them */
	const char *reason; /* nothing can be probed there: why. Else NULL */
};

/*
 * Go makes a panic of a fault, and looks for the function in which the instruction stands. An instruction that is executed elsewhere is in none: at an
 * entry Go takes its caller instead, and anywhere else ends the program. NULL: nothing of what a patch displaces can fault there; else why not
 */
const char *go_fault_at(const struct patchable_function *fn, const struct patchable *place);
void go_room_at(struct objfile *f, const struct patchable_function *fn, uint64_t address,
		struct go_room *ret);

#endif
