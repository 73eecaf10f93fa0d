/* SPDX-License-Identifier: GPL-2.0-or-later */
/* That no kernel probe comes into the files of a batch while its jumps are written; see objfile/claim.h and batch.h. */
#include "engine/user/batch/batch.h"

#include "base/clock.h"
#include "objfile/claim.h"

#include <errno.h>

enum { WAIT_MS = 3000 };

/* of a place's file; places of one file come one after the other. -1: as the one before */
static int claim_of(const struct batch *b, const struct site *s)
{
	return s > b->sites.v.v && s[-1].file == s->file ? -1 : s->file->claim;
}

void batch_unclaim(const struct batch *b)
{
	vec_each(s, &b->sites.v)
		claim_drop(claim_of(b, s), CLAIM_PATCHING);
}

/* no kernel probe of another run comes into these files until the claims are dropped; one that was there before is seen by its bytes */
struct err *batch_claim(const struct batch *b)
{
	uint64_t deadline = clock_monotonic_ns() + WAIT_MS * 1000000ull;

	for (;;) {
		int other = -1;

		vec_each(s, &b->sites.v)
			claim_take(claim_of(b, s), CLAIM_PATCHING);
		vec_each(s, &b->sites.v)
			if (other < 0 && claim_is_held(claim_of(b, s), CLAIM_KERNEL))
				other = s->file->claim;
		if (other < 0)
			return NULL;
		batch_unclaim(b);
		if (clock_monotonic_ns() > deadline)
			return err_new(EBUSY,
				       "wait for another sonde that puts probes into a file");
		claim_wait(other, CLAIM_KERNEL, WAIT_MS);
	}
}
