/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which engine each program of a script is for (--engine auto, where a process is named). Programs that have something to do with one another
 * run in one engine: those of one attach point, those that keep state in one map or read it, those in one function. What only adds to a
 * map that nobody reads is merged when it is shown, so that is no reason. A group runs in the process if all of it can.
 */
#ifndef SONDE_ENGINE_BOTH_GROUPS_H
#define SONDE_ENGINE_BOTH_GROUPS_H

#include "base/err.h"
#include "image/image.h"

struct group {
	uint32_t first;     /* program: that of this group which stands before all others */
	bool is_in_process; /* it is for the user engine */
	bool has_events;    /* else begin, end, interval alone, which go where the others are */
	struct err *why;    /* that it cannot run in the process; NULL: it can */
};

struct groups {
	struct group *v;
	uint32_t n, n_progs;
	uint32_t *of;                       /* by program: the number of its group */
	uint32_t n_in_process, n_in_kernel; /* groups */
};

/* im: made for the user engine, as a whole */
void groups_find(const struct image *im, struct groups *ret);
void groups_free(struct groups *g);
static inline bool groups_is_in_process(const struct groups *g, uint32_t prog)
{
	return g->v[g->of[prog]].is_in_process;
}
/* the attach points of a group, as the script has them: "uprobe:./a:f, uretprobe:./a:f" */
void groups_put_probes(const struct groups *g, uint32_t group, const struct image *im,
		       const struct sources *s, struct strbuf *out);

#endif
