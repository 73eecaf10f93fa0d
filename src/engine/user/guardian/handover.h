/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory that the front end and its guardian share at one address in both, mapped before the guardian is forked: what the front end
 * writes there the guardian finds behind the same pointers. No traced process has it. Only the front end takes from it, and it
 * changes nothing that the guardian was told of.
 */
#ifndef SONDE_ENGINE_USER_HANDOVER_H
#define SONDE_ENGINE_USER_HANDOVER_H

#include "base/err.h"
#include "base/str.h"

struct handover {
	char *base; /* NULL: there is none */
	size_t size, used;
};

struct err *handover_make(struct handover *h) ERR_MUST;
void handover_free(struct handover *h);
/* zeroed; NULL: there is no room. Setting used back gives back all that was taken since */
void *handover_take(struct handover *h, size_t n);
void *handover_copy(struct handover *h, const void *p, size_t n);
/* empty where there is no room */
struct str handover_str(struct handover *h, struct str s);
/* does it hold n bytes at p? */
bool handover_has(const struct handover *h, const void *p, size_t n);

#endif
