/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Generations of a script. A file that processes map after tracing began may have what attach points name: then the script is
 * compiled again, with those attach points matched in that file alone, and the programs for it are added to the image that
 * runs (image/extend.c). All else is as it was: types, maps, events, output.
 *
 * Every shape that was matched before is shown to the checker again, so that types come out as before or a conflict is
 * found; programs are made for new shapes only.
 */
#ifndef SONDE_SESSION_GENERATION_H
#define SONDE_SESSION_GENERATION_H

#include "probe/late.h"
#include "session/compile.h"

struct generation;

/* between parsing and checking: does the script wait for files? Then what is mapped from now on is recorded */
void generation_watch(struct compilation *c);
/* what the checker asks for an attach point: matched now, or shown again */
struct probe_shape *generation_match(struct compilation *c, const struct attach_point *ap,
				     struct diag_list *diags);

/*
 * Compiles for a file. *ret NULL without an error: it has nothing of what the script names. Else the image has grown, and one of
 * generation_keep and generation_drop must follow. An error says why the script cannot go on in this file; the
 * image is then as before.
 */
struct err *generation_new(struct compilation *main, const struct probe_late *late,
			   struct generation **ret) ERR_MUST;
/* it is loaded: it stays until the end of the run */
void generation_keep(struct generation *g);
/* takes it out of the image again */
void generation_drop(struct generation *g);
/* after the run */
void generation_free_all(struct compilation *main);

#endif
