/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keylog() and pcapng(): secrets of TLS connections in the lines of NSS's key log ("LABEL CLIENT_RANDOM SECRET"), and packet
 * captures that have them inside. A line is written once, however often it is found.
 */
#ifndef SONDE_OUTPUT_SECRETS_H
#define SONDE_OUTPUT_SECRETS_H

#include "image/image.h"
#include "output/event.h"

struct secrets;

/* opens what keylog() and pcapng() of the image name, if it is not open; again when the image has grown. *s is NULL first, and
 * stays so when nothing calls them */
struct err *secrets_extend(struct secrets **s, const struct image *im) ERR_MUST;
/* an event of keylog() */
struct err *secrets_add(struct secrets *s, const struct event_layout *l,
			const char *payload) ERR_MUST;
/* packets to their files; is_end: all of them */
struct err *secrets_round(struct secrets *s, bool is_end) ERR_MUST;
/* packets that are in no file */
uint64_t secrets_lost(const struct secrets *s);
void secrets_free(struct secrets *s);

#endif
