/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Areas that a guardian could not take out are taken out by the next one that works on the process, and those that somebody still needs are
 * not. The makers here are children that do a guardian's first steps, and are killed.
 */
#include "engine/user/batch/area.h"
#include "engine/user/guardian/leftovers.h"
#include "engine/user/patch/patches.h"
#include "engine/user/rt/calls.h"

#include "tap.h"
#include "err_help.h"
#include "patch_target.h"

/* an area in the target that another guardian makes, which then waits to be killed */
static pid_t start_maker(const struct target *t, struct remote_area *area, bool is_left)
{
	const struct remote_area_sizes sizes = { .code = CODE_BYTES,
						 .private = AREA_PRIVATE_BYTES +
							    rt_calls_bytes(AREA_CALL_BUCKETS),
						 .data = DATA_BYTES };
	uint64_t text = (uint64_t)(uintptr_t)be_a_target;
	struct remote r;
	int made[2];
	pid_t pid;

	CHECK(!pipe(made));
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		struct err *e = remote_open(t->pid, &r);

		if (!e)
			e = remote_stop_one(&r, TIMEOUT_MS);
		if (!e)
			e = remote_area_make(&r, text, text + 65536, &sizes, t->memory, area);
		if (!e)
			e = patches_begin(&r, area, 8);
		if (!e && is_left)
			patches_leave(&r, area);
		remote_close(&r);
		if (!e)
			(void)!write(made[1], area, sizeof(*area));
		for (;;)
			pause();
	}
	close(made[1]);
	CHECK_INT(read(made[0], area, sizeof(*area)), sizeof(*area));
	close(made[0]);
	return pid;
}

static bool has_area(const struct remote *r, const struct remote_area *a)
{
	uint64_t word;

	return remote_read(r, a->code, &word, sizeof(word)) && remote_read(r, a->data, &word, 8);
}

/* what a guardian could not take out is taken out by the next one, and what one that lives still needs is not */
TEST(areas_that_were_left_are_taken_out_later)
{
	struct remote_area left = { 0 }, jumped = { 0 }, used = { 0 }, killed = { 0 };
	struct target t;
	struct remote r;

	if (target_start(&t) && check_err(remote_open(t.pid, &r), "target")) {
		pid_t leaves = start_maker(&t, &left, true), jumps = start_maker(&t, &jumped, true),
		      lives = start_maker(&t, &used, true);
		uint64_t raised = jumped.data + 8;
		uint16_t n = 1;

		check_err(patches_note_semaphores(&r, &jumped, &raised, 1), "note");
		remote_write(&r, raised, &n, sizeof(n));
		leftovers_take_out(t.pid);
		CHECK(has_area(&r, &left) && has_area(&r, &jumped) && has_area(&r, &used));
		kill(jumps, SIGKILL);
		kill(leaves, SIGKILL);
		waitpid(jumps, NULL, 0);
		waitpid(leaves, NULL, 0);
		/* probes of somebody who was killed are in: that is for sonde clean */
		leftovers_take_out(t.pid);
		CHECK(has_area(&r, &left) && has_area(&r, &jumped) && has_area(&r, &used));
		n = 0;
		remote_write(&r, raised, &n, sizeof(n));
		leftovers_take_out(t.pid);
		CHECK(!has_area(&r, &left) && !has_area(&r, &jumped) && has_area(&r, &used));
		kill(lives, SIGKILL);
		waitpid(lives, NULL, 0);
		leftovers_take_out(t.pid);
		CHECK(!has_area(&r, &used));
		/* its guardian did not say that it has done with it */
		lives = start_maker(&t, &killed, false);
		kill(lives, SIGKILL);
		waitpid(lives, NULL, 0);
		leftovers_take_out(t.pid);
		CHECK(has_area(&r, &killed));
		remote_close(&r);
		check_goes_on();
	}
	target_finish(&t);
}
