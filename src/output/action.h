/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events that do something beside printing: cat(), system(), join(). They keep nothing; the output
 * is borrowed, a shell that was started has been collected when they return.
 */
#ifndef SONDE_OUTPUT_ACTION_H
#define SONDE_OUTPUT_ACTION_H

#include "output/event.h"

/* at most opts.max_cat_bytes of the file; a file that cannot be read is a message on stderr */
void action_cat(struct output *o, const char *path);
/* run by /bin/sh; what it writes (both streams) becomes output at this place */
void action_system(struct output *o, const char *command);
void action_join(struct output *o, const struct event_layout *l, const char *payload);

#endif
