/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Places of a batch whose clauses have all been switched off by --budget, or whose generation or file was dropped: their jumps are taken out while the rest stays. The session
 * writes what is off into a map of the memory file; the guardian, which runs this, reads it there. The code that the jumps led to
 * stays until the batch goes: threads may be in it. So the jumps can be put back when they are wanted again.
 */
#include "engine/user/batch/batch.h"

#include "engine/user/memory/shared.h"

enum { STOP_MS = 1000 };

static bool is_clause_off(const struct target_job *j, uint32_t prog)
{
	uint32_t clause = j->image->progs[prog]->budget;
	const uint64_t *rates;

	if (j->image->budget_rates_map == IMAGE_NONE || clause >= IMAGE_BUDGET_CLAUSES)
		return false;
	rates = shared_values(j->shared, j->image->budget_rates_map);
	return __atomic_load_n(&rates[clause], __ATOMIC_RELAXED) == IMAGE_BUDGET_OFF;
}

static bool is_off(const struct target_job *j, const struct site *s)
{
	vec_each(u, &s->uses)
		if (!j->places.sets.v[u->set].is_off && !s->file->is_changed &&
		    !is_clause_off(j, u->prog))
			return false;
	return true;
}

/* one that went for another reason (a breakpoint of somebody else) stays out */
static bool is_to_change(const struct patch *p, bool is_off)
{
	return is_off ? p->is_installed : p->is_off;
}

static ERR_MUST struct err *change(struct batch *b, struct patch *p)
{
	struct patch_counts counts;
	struct err *err;

	if (!p->is_off) {
		TRY(patch_remove(b->remote, p, 1, &counts));
		/* not if the bytes were not ours */
		p->is_off = counts.n_installed;
		return NULL;
	}
	err = patch_install(b->remote, p, 1, &counts);
	/* a goroutine stood there: next time */
	p->is_off = !err && p->is_parked;
	return err;
}

void batch_take_off(struct batch *b, const struct target_job *j)
{
	struct err *err = NULL;
	bool is_stopped = false;
	size_t at = 0;

	vec_each(s, &b->sites.v) {
		struct patch *p = batch_patch_of(b, s, &at);

		if (err || !p || p->site != s->patch.site || !is_to_change(p, is_off(j, s)))
			continue;
		if (!is_stopped)
			err = remote_stop(b->remote, STOP_MS);
		is_stopped = true;
		if (!err)
			err = change(b, p);
	}
	err_free(err); /* the next round tries again */
	if (is_stopped)
		remote_go(b->remote);
}
