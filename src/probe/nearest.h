/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "Did you mean": of all names offered, the few that are closest to one that was not found. Names are compared by edit
 * distance, and a name that contains the wanted one (or the other way round) counts as close. Case does not count.
 */
#ifndef SONDE_PROBE_NEAREST_H
#define SONDE_PROBE_NEAREST_H

#include "base/arena.h"
#include "base/strbuf.h"

enum { NEAREST_MAX = 3 };

struct nearest {
	struct str want;
	struct {
		char name[128];
		unsigned distance;
	} best[NEAREST_MAX];
	unsigned n;
};

void nearest_init(struct nearest *x, struct str want);
/* the name is copied when it is among the best; names longer than 127 bytes are not offered */
void nearest_offer(struct nearest *x, struct str name);
/* "Did you mean a, b or c?"; empty when nothing came close */
struct str nearest_hint(const struct nearest *x, struct arena *a);

#endif
