/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Places that cannot be probed, and why, as lines for the user. When a run begins the first few are said, and how many more there are; of what comes later (libraries
 * that are opened, programs that a process becomes) the first place for each reason, with -v each place. A place that is looked at again
 * and refused for the same reason is not said again. Owned by a struct target_job.
 */
#ifndef SONDE_ENGINE_USER_REFUSALS_H
#define SONDE_ENGINE_USER_REFUSALS_H

#include "base/arena.h"
#include "base/hashmap.h"
#include "base/strbuf.h"

struct refusals {
	uint32_t n;         /* all of them */
	struct strbuf text; /* lines that nobody has taken yet */
	uint32_t n_lines;   /* that were ever made */
	uint32_t n_untold;  /* when the run begins */
	bool is_later;
	bool has_foreign; /* one of them because the bytes in memory are not the file's: somebody else's jump or breakpoint */
	struct arena names; /* what the table's keys are: place and reason, and reasons alone */
	struct hashmap said;
};

void refusals_free(struct refusals *r);
void refusals_add(struct refusals *r, struct str place, const char *why);
/* the lines go to the end of `out`; what is refused from here on came later */
void refusals_take(struct refusals *r, struct strbuf *out);

#endif
