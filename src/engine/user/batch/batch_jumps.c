/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a batch writes into the program's own memory: its jumps, while all threads stand, and the semaphores of USDT probes. Everything
 * is noted in the process before (patches.h). See batch.h.
 */
#include "engine/user/batch/batch.h"

#include "base/cleanup.h"
#include "engine/user/patch/patches.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>

enum { STOP_MS = 3000 };

/* ---- USDT: the program's own word for whether somebody looks ---- */

void batch_raise(const struct batch *b, struct semaphore *s, int by)
{
	uint16_t n;

	s->is_raised = by > 0;
	if (!remote_read(b->remote, s->address, &n, sizeof(n)))
		return;
	n = (uint16_t)(n + by);
	(void)remote_write(b->remote, s->address, &n, sizeof(n));
}

struct err *batch_raise_all(struct batch *b, bool is_up)
{
	const struct remote_area *a = b->clusters.n ? &b->clusters.v->area->remote : NULL;
	FREE_AUTO uint64_t *v = base_alloc((b->sites.semaphores.n + 1) * sizeof(*v));
	size_t n = 0;

	vec_each(s, &b->sites.semaphores)
		if (s->is_raised != is_up)
			v[n++] = s->address;
	if (!n)
		return NULL;
	TRY(is_up ? patches_note_semaphores(b->remote, a, v, n)
		  : patches_settle_semaphores(b->remote, a, v, n));
	vec_each(s, &b->sites.semaphores)
		if (s->is_raised != is_up)
			batch_raise(b, s, is_up ? 1 : -1);
	return NULL;
}

/* ---- jumps ---- */

/* the patches of all sites that have a trampoline, noted in the process before any is made */
static ERR_MUST struct err *gather_patches(struct batch *b)
{
	size_t n = 0;

	b->patches = base_alloc((b->sites.v.n + 1) * sizeof(*b->patches));
	vec_each(c, &b->clusters) {
		size_t first = n;

		for (uint32_t i = c->first; i < c->first + c->n; i++)
			if (b->sites.v.v[i].patch.trampoline)
				b->patches[n++] = b->sites.v.v[i].patch;
		TRY(patches_note(b->remote, &c->area->remote, b->patches + first, n - first));
	}
	b->n_patches = n;
	return NULL;
}

static ERR_MUST struct err *install_claimed(struct batch *b)
{
	struct patch_counts counts;
	size_t n = b->n_patches;
	struct err *err;

	if (!b->is_held)
		TRY(remote_stop(b->remote, STOP_MS));
	err = patch_install(b->remote, b->patches, n, &counts);
	if (!err)
		err = batch_raise_all(b, true);
	if (err)
		err_free(patch_remove(b->remote, b->patches, n, &counts));
	if (b->must_jump && (err || !counts.n_installed))
		kill(b->remote->pid, SIGKILL);
	remote_go(b->remote);
	return err;
}

static ERR_MUST struct err *install(struct batch *b)
{
	struct err *err;

	TRY(batch_claim(b));
	err = install_claimed(b);
	batch_unclaim(b);
	return err;
}

static bool is_waiting(const struct batch *b)
{
	for (size_t i = 0; i < b->n_patches; i++)
		if (b->patches[i].is_parked)
			return true;
	return false;
}

/* goroutines that stand in between are somewhere else a moment later */
struct err *batch_write_jumps(struct batch *b)
{
	static const int naps_ms[] = { 1, 2, 5, 10, 10, 20, 20, 50, 50, 100, 100, 100 };

	TRY(gather_patches(b));
	/* there are no goroutines yet */
	for (size_t i = 0; b->is_held && i < b->n_patches; i++)
		b->patches[i].is_go = false;
	TRY(install(b));
	for (size_t i = 0; b->is_held && i < b->n_patches; i++)
		b->patches[i].is_go = b->patches[i].function;
	for (size_t i = 0; is_waiting(b) && i < sizeof(naps_ms) / sizeof(*naps_ms); i++) {
		poll(NULL, 0, naps_ms[i]);
		TRY(install(b));
	}
	return NULL;
}
