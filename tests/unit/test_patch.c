/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A child whose threads call functions all the time, patched and restored over and over: it must not notice, what is counted must be
 * what it counted itself while the patches were in, and its code must be the file's again.
 */
#include "tap.h"
#include "err_help.h"
#include "patch_target.h"

enum { ROUNDS = 60, CALLS = 1000 };

static bool start(struct target *t)
{
	return target_start(t) && check_err(target_prepare(t), "target");
}

static bool change(struct target *t, bool is_in, unsigned *n_moved)
{
	struct patch_counts counts;
	bool is_good =
		check_err(remote_stop(&t->r, TIMEOUT_MS), "target") &&
		check_err((is_in ? patch_install : patch_remove)(&t->r, t->v, N_FUNCTIONS, &counts),
			  "target");

	remote_go(&t->r);
	if (!is_good)
		return false;
	*n_moved += counts.n_moved;
	return CHECK_INT(counts.n_installed, N_FUNCTIONS) && CHECK_INT(counts.n_refused, 0);
}

TEST(counts_are_exact)
{
	unsigned long before, more, n;
	unsigned n_moved = 0;
	struct target t;

	if (start(&t)) {
		pause_all(true);
		before = calls();
		if (change(&t, true, &n_moved)) {
			pause_all(false);
			more = before + CALLS;
			comes(has_called, &more);
			pause_all(true);
			n = calls() - before;
			CHECK_INT(*(volatile uint64_t *)t.view, n);
			CHECK(n > CALLS);
			printf("# %lu calls counted\n", n);
			change(&t, false, &n_moved);
			CHECK_INT(changed_in(&t, t.pid), 0);
		}
		pause_all(false);
	}
	target_finish(&t);
}

TEST(in_and_out_while_it_runs)
{
	unsigned n_moved = 0;
	struct target t;

	if (start(&t))
		for (unsigned i = 0;
		     i < ROUNDS && change(&t, true, &n_moved) && change(&t, false, &n_moved); i++)
			CHECK_INT(changed_in(&t, t.pid), 0);
	printf("# %u threads stood between displaced instructions\n", n_moved);
	CHECK(*(volatile uint64_t *)t.view > 0);
	target_finish(&t);
}

/* a kernel's uprobe on an instruction that our jump covers: we go, it stays, and what it will write back fits */
TEST(breakpoints_in_a_jump_survive_it)
{
	uint8_t breakpoint = 0xcc, now[PATCH_JUMP];
	struct patch_counts counts;
	struct target t;

	if (start(&t)) {
		pause_all(true);
		if (check_err(remote_stop(&t.r, TIMEOUT_MS), "target") &&
		    check_err(patch_install(&t.r, t.v, N_FUNCTIONS, &counts), "target")) {
			struct patch *p = &t.v[0];

			CHECK(!patch_is_overwritten(&t.r, p));
			CHECK(remote_write(&t.r, p->site + 4, &breakpoint, 1));
			CHECK(patch_is_overwritten(&t.r, p));
			check_err(patch_remove(&t.r, t.v, N_FUNCTIONS, &counts), "target");
			CHECK_INT(counts.n_refused, 0);
			CHECK(remote_read(&t.r, p->site, now, sizeof(now)) &&
			      !memcmp(now, p->old, 4) && now[4] == breakpoint);
			remote_write(&t.r, p->site + 4, p->old + 4, 1);
		}
		remote_go(&t.r);
		CHECK_INT(changed_in(&t, t.pid), 0);
		pause_all(false);
	}
	target_finish(&t);
}

TEST(what_others_wrote_stays)
{
	struct patch_counts counts;
	struct target t;
	uint8_t breakpoint = 0xcc, there;

	if (start(&t)) {
		pause_all(true);
		CHECK(remote_write(&t.r, t.v[1].site, &breakpoint, 1));
		if (check_err(remote_stop(&t.r, TIMEOUT_MS), "target") &&
		    check_err(patch_install(&t.r, t.v, N_FUNCTIONS, &counts), "target")) {
			CHECK_INT(counts.n_refused, 1);
			CHECK(!t.v[1].is_installed && t.v[0].is_installed);
			check_err(patch_remove(&t.r, t.v, N_FUNCTIONS, &counts), "target");
		}
		remote_go(&t.r);
		CHECK(remote_read(&t.r, t.v[1].site, &there, 1) && there == breakpoint);
		remote_write(&t.r, t.v[1].site, t.v[1].old, 1);
		CHECK_INT(changed_in(&t, t.pid), 0);
		pause_all(false);
	}
	target_finish(&t);
}
