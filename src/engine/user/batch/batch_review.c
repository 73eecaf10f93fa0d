/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Libraries that a process unloads take our jumps with them. What was there is forgotten, so that what comes to the same address is looked at like
 * anything new; when the same file comes back to where it was, the code that its jumps led to is still there and serves again.
 * See batch.h.
 */
#include "engine/user/batch/batch.h"

#include <string.h>

enum { STOP_MS = 1000 };

/* does the process have the file there, as it had it when the place was found? */
static bool is_mapped(const struct proc_maps *maps, const struct site *s)
{
	const struct proc_map *m = proc_maps_find(maps, s->address);

	return m && m->exec && place_file_is_mapped(s->file, m) &&
	       s->address - m->start + m->offset == s->offset;
}

/* the file's bytes stand where a jump was, or was until the mapping went */
static bool is_lost(const struct batch *b, const struct site *s, const struct patch *p)
{
	uint8_t now[PATCH_JUMP];

	return (p->is_installed || s->is_gone) && !s->file->is_changed &&
	       remote_read(b->remote, p->site, now, sizeof(now)) &&
	       !memcmp(now, p->old, sizeof(now));
}

/* -> jumps that are missing; none of them counts as there from here on */
static unsigned note_gone(struct batch *b, const struct proc_maps *maps)
{
	unsigned n = 0;
	size_t at = 0;

	vec_each(s, &b->sites.v) {
		struct patch *p = batch_patch_of(b, s, &at);

		if (!p)
			continue;
		s->is_wanted = false;
		if (!is_mapped(maps, s)) {
			s->is_gone |= p->is_installed;
			p->is_installed = false;
		} else if (is_lost(b, s, p)) {
			p->is_installed = false;
			s->is_gone = s->is_wanted = true;
			n++;
		}
	}
	return n;
}

static void write_again(struct batch *b, bool is_stopped)
{
	struct err *err = is_stopped ? NULL : remote_stop(b->remote, STOP_MS);
	size_t at = 0;

	vec_each(s, &b->sites.v) {
		struct patch *p = batch_patch_of(b, s, &at);
		struct patch_counts counts;

		if (err || !p || !s->is_wanted)
			continue;
		err = patch_install(b->remote, p, 1, &counts);
		s->is_gone = !p->is_installed;
	}
	err_free(err); /* the next review tries again */
	if (!is_stopped)
		remote_go(b->remote);
}

/* the library's own data, too, are new when it is mapped again */
static void review_semaphores(struct batch *b, const struct proc_maps *maps)
{
	vec_each(s, &b->sites.semaphores) {
		uint16_t n;

		if (sites_address_of(maps, s->file, s->offset, false) != s->address) {
			s->is_raised = false;
			continue;
		}
		if (remote_read(b->remote, s->address, &n, sizeof(n)) && (!n || !s->is_raised))
			batch_raise(b, s, 1);
	}
}

void batch_review(struct batch *b, const struct proc_maps *maps, bool is_stopped)
{
	if (note_gone(b, maps))
		write_again(b, is_stopped);
	review_semaphores(b, maps);
}

void batch_forget(struct batch *b, const struct proc_maps *maps)
{
	note_gone(b, maps);
	vec_each(s, &b->sites.semaphores)
		if (sites_address_of(maps, s->file, s->offset, false) != s->address)
			s->is_raised = false;
}
