/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Areas without jumps whose guardian has gone; see leftovers.h. It left them because a thread was in one, or could come back to it: on a busy machine a
 * thread may wait for a processor longer than anybody wants to wait for it. Later it is out, and what nobody is in can go. So a process that is traced
 * a thousand times has not a thousand of them. It has said so in the area; what a killed one left says nothing.
 *
 * Whether an area can go is judged as at the end of an attachment (area.c), with all threads stopped. One that jumps lead to still is left
 * to `sonde clean`; so is one that was trimmed, whose pages are no longer in one piece: what is between may be the program's.
 */
#include "engine/user/guardian/leftovers.h"

#include "engine/user/batch/area.h"
#include "engine/user/guardian/clean.h"

#include <unistd.h>

enum { STOP_MS = 200 };

static bool is_left(const struct clean_area *a)
{
	return a->is_ours && a->head.guardian != getpid() &&
	       a->head.layout == (PATCHES_LAYOUT | PATCHES_LEFT);
}

static bool is_any_left(const struct remote *r, struct clean_areas *areas)
{
	const struct clean_file any = { 0 };
	struct clean_counts counts = { 0 };
	struct err *e = clean_find_areas(r, &any, false, areas, &counts);
	bool is_any = false;

	err_free(e);
	if (e)
		return false;
	vec_each(a, &areas->v) {
		a->is_ours = is_left(a);
		is_any |= a->is_ours;
	}
	return is_any && !clean_has_jumps(r, areas);
}

static void take_out(struct remote *r, const struct clean_area *found)
{
	struct area a = { .remote = { .code = found->code,
				      .code_bytes = found->head.code_bytes,
				      .private_bytes = found->head.private_bytes } };

	a.remote.private = a.remote.code + a.remote.code_bytes;
	a.remote.data = a.remote.private + a.remote.private_bytes;
	a.remote.data_bytes = found->data_end - a.remote.data;
	if (remote_area_is_idle(r, &a.remote) && area_settle_calls(&a, r) == AREA_CALLS_SETTLED)
		err_free(area_unmap(&a, r));
}

void leftovers_take_out(pid_t pid)
{
	struct clean_areas areas = { 0 };
	struct remote r;
	struct err *e = remote_open(pid, &r);

	if (!e && is_any_left(&r, &areas))
		e = remote_stop(&r, STOP_MS);
	/* again, now that nothing moves */
	if (!e && r.threads.n && is_any_left(&r, &areas))
		vec_each(a, &areas.v)
			if (a->is_ours)
				take_out(&r, a);
	err_free(e);
	remote_close(&r);
	clean_areas_free(&areas);
}
