/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Program files that are replaced while they are traced: a package is upgraded, a program is compiled again. Probes are on files,
 * not on names, so processes of the new file would not be seen. The folders of plainly named targets are watched
 * (inotify(7)); when another file stands under the name, the attach points are matched in that one, too. Processes that still
 * run the old one stay traced. A file that is written to in place keeps its identity: its probes come off before they
 * can stand in the middle of new instructions, and go on again where they belong when it is closed.
 */
#ifndef SONDE_SESSION_REPLACED_H
#define SONDE_SESSION_REPLACED_H

#include "session/late.h"

struct replaced;

/* NULL: no target can be replaced (-p, -c, no user probes; but the user engine with --follow). The others take NULL */
struct replaced *replaced_new(const struct late_opts *o);
void replaced_free(struct replaced *r);
/* once a round: cheap when nothing has happened */
void replaced_round(struct replaced *r);

#endif
