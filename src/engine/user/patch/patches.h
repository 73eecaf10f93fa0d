/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was patched in a process, noted in the process itself: a table at the beginning of the code of each area, which a child that it
 * forks inherits as it inherits the patches. Written before the first byte of a function is, it is all that
 * clean.h needs when nobody of those who patched lives any more.
 */
#ifndef SONDE_ENGINE_USER_PATCHES_H
#define SONDE_ENGINE_USER_PATCHES_H

#include "engine/user/patch/patch.h"

#define PATCHES_MAGIC 0x3173656863746170ull

/* of areas, open calls included (batch/area.h, rt/calls.h): another number when that changes */
enum {
	PATCHES_LAYOUT = 2,
	PATCHES_LEFT = 1 << 30, /* beside it: whoever patched has taken its jumps out, and gone */
};

struct patches_head {
	uint64_t magic;
	uint32_t n, capacity;
	uint64_t code_bytes, private_bytes; /* of the area; its data follow these */
	uint64_t guardian_start; /* clock ticks since boot, so that the number says who */
	int32_t guardian;        /* who patches here */
	uint32_t layout;         /* PATCHES_LAYOUT: whoever finds the area knows what lies in it */
};

/* a jump; or, with len 0, a semaphore of USDT probes that was raised by one, whose address is site. site 0: settled */
struct patches_entry {
	uint64_t site, trampoline;
	uint8_t len, old[PATCH_LONGEST], apart[3];
};

/* bytes at the beginning of the code of an area that belong to the table: no trampoline may lie there */
size_t patches_bytes(uint32_t capacity);
/* an empty table; this process is noted as the one that patches */
struct err *patches_begin(const struct remote *r, const struct remote_area *a,
			  uint32_t capacity) ERR_MUST;
/* no jump leads to the area any more, and this process will not come back to it: leftovers.h may take it out */
void patches_leave(const struct remote *r, const struct remote_area *a);
/* to be called before patch_install, for all patches that it gets, each once; one that was noted before is replaced. ENOSPC: the table is full */
struct err *patches_note(const struct remote *r, const struct remote_area *a, const struct patch *v,
			 size_t n) ERR_MUST;

/* the same for semaphores at these addresses, before they are raised; and before they are lowered again */
struct err *patches_note_semaphores(const struct remote *r, const struct remote_area *a,
				    const uint64_t *v, size_t n) ERR_MUST;
struct err *patches_settle_semaphores(const struct remote *r, const struct remote_area *a,
				      const uint64_t *v, size_t n) ERR_MUST;

/* ---- reading it: the bytes are another process's and may be anything ---- */

/* n_bytes of the area's code; at: its address, data: that of what follows its private pages. False: there is no table */
bool patches_parse(const void *bytes, size_t n_bytes, uint64_t at, uint64_t data,
		   struct patches_head *ret);
/* entry k < n of a table that patches_parse liked, *at bytes from its beginning; false: it is settled, or makes no sense */
bool patches_entry_at(const void *bytes, size_t n_bytes, uint32_t k, struct patches_entry *ret,
		      size_t *at);

#endif
