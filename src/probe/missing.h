/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What to say when a function or a source line has no place in a file: why, and what comes near. */
#ifndef SONDE_PROBE_MISSING_H
#define SONDE_PROBE_MISSING_H

#include "probe/match_private.h"
#include "probe/places.h"

struct target_files;

/* one file has been looked through, and there is nothing: why is kept for the report when it is known */
void missing_note(struct match *m, struct places *p);
/* "No matches for ...", with a hint: the only file's reason, or names that come near */
void missing_report(struct match *m, struct target_files *files);
/* no code of the source line; nearest: the next line that has some, or 0 */
void missing_report_line(struct match *m, struct places *p, uint32_t nearest);

#endif
