/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watches processes begin, map code and end, so that their addresses have names when they are printed, though the process
 * ended long before. The kernel writes a record of each such event into one small ring per CPU (perf_event_open(2)); they
 * are read before anything is printed and told to the symbolizer.
 *
 * What began before the watch is read from /proc, a few processes each round. Where the kernel lets us not watch, there is
 * no watch, and the session does with what it reads of /proc in time.
 *
 * A watch is destroyed before the symbolizer.
 */
#ifndef SONDE_SESSION_PROCWATCH_H
#define SONDE_SESSION_PROCWATCH_H

#include "base/err.h"
#include "image/image.h"
#include "objfile/symbolize.h"
#include "session/unwind.h"

struct procwatch;

struct procwatch_opts {
	struct symbolizer *symbolizer;
	struct unwinder *unwinder; /* may be NULL */
	const pid_t *only; /* tell of these alone; NULL: of all */
	size_t n_only;
	/* asked before an ended process is forgotten: has it left addresses that will be printed? */
	bool (*is_wanted)(void *arg, pid_t pid);
	void *arg;
};

/* map of the processes whose user addresses the script keeps or prints, IMAGE_NONE: it has none and needs no watch */
uint32_t procwatch_wanted_map(const struct image *im);
struct err *procwatch_new(const struct procwatch_opts *o, struct procwatch **ret) ERR_MUST;
/* the following take NULL, for no watch */
void procwatch_free(struct procwatch *w);
/* tell the symbolizer all that has happened until now; cheap when that is nothing */
void procwatch_catch_up(struct procwatch *w);
/* once for each round in which every event that waited was printed: also forgets and surveys */
void procwatch_round(struct procwatch *w);

#endif
