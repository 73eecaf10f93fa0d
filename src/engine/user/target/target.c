/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A traced process: what it has when it is attached to is probed in one batch, and each library that it loads later in one of its
 * own. See target.h.
 */
#include "engine/user/target/target.h"

#include "base/clock.h"
#include "engine/user/process/filters.h"
#include "engine/user/target/news.h"
#include "engine/user/target/target_private.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	STOP_MS = 3000,
	THREADS_LOOKED_AT = 16, /* for filters, in each round */
	CHECK_ROUNDS = 4, /* of 50 ms, between looks at whether the jumps still are what we wrote */
	GIVE_BACK_MS = 200,
	CALLS_MS = 100, /* the nap from which on calls that are open stay so */
	ATTEMPTS = 20,  /* to attach to a process that becomes another program meanwhile */
	HOLD_MS = 100,
	HOLD_ROUNDS = 3,
	JUMP_REACH = 64, /* between a place and what its jump takes, at most */
	START_MS =
		20000, /* from exec to the first instruction: the dynamic linker, and what libraries do first */
};

uint64_t target_sum_code(const struct proc_maps *maps)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < maps->n; i++)
		if (maps->v[i].exec && maps->v[i].ino)
			sum = (sum ^ maps->v[i].start ^ maps->v[i].ino << 20) * 0x100000001b3ull;
	return sum;
}

/* a process can have a hundred thousand places, and they are looked for again whenever it loads code: all of these are sorted */
static int by_refused(const void *a, const void *b)
{
	const struct site_refused *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

/* elements that begin with an address, in its order: the first that is not below; n: all are */
static size_t first_from(const void *elements, size_t n, size_t size, uint64_t address)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		uint64_t have;

		memcpy(&have, (const char *)elements + mid * size, sizeof(have));
		if (have < address)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static size_t first_site(const struct batch *b, uint64_t address)
{
	_Static_assert(offsetof(struct site, address) == 0, "it is searched for");
	return first_from(b->sites.v.v, b->sites.v.n, sizeof(*b->sites.v.v), address);
}

static size_t first_inherited(const struct target *t, uint64_t address)
{
	_Static_assert(offsetof(struct inherited_site, address) == 0, "it is searched for");
	return first_from(t->inherited.sites.v, t->inherited.sites.n, sizeof(*t->inherited.sites.v),
			  address);
}

static bool has_place(void *arg, uint64_t address, uint32_t place)
{
	const struct site_refused key = { address, place };
	const struct target *t = arg;
	size_t at;

	vec_each(b, &t->batches) {
		const struct sites *s = &b->sites;

		for (at = first_site(b, address); at < s->v.n && s->v.v[at].address == address;
		     at++)
			if (!s->v.v[at].is_gone)
				return true;
	}
	if (t->refused.n && bsearch(&key, t->refused.v, t->refused.n, sizeof(key), by_refused))
		return true;
	at = first_inherited(t, address);
	return at < t->inherited.sites.n && t->inherited.sites.v[at].address == address;
}

static bool has_jump(void *arg, uint64_t from, uint64_t to)
{
	const struct target *t = arg;

	/* a jump begins at its place, or some instructions before it */
	vec_each(b, &t->batches) {
		for (size_t i = first_site(b, from - JUMP_REACH); i < b->sites.v.n; i++) {
			const struct site *s = &b->sites.v.v[i];

			if (s->address >= to + JUMP_REACH)
				break;
			if (!s->is_gone && s->patch.site < to && s->patch.site + s->patch.len > from)
				return true;
		}
	}
	for (size_t i = first_inherited(t, from - JUMP_REACH); i < t->inherited.sites.n; i++) {
		const struct inherited_site *s = &t->inherited.sites.v[i];

		if (s->address >= to + JUMP_REACH)
			break;
		if (s->jump < to && s->jump + s->len > from)
			return true;
	}
	return false;
}

static void drop_known_semaphores(const struct target *t, struct sites *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->semaphores.n; i++) {
		bool is_raised = false;

		vec_each(b, &t->batches)
			vec_each(have, &b->sites.semaphores)
				is_raised |= have->is_raised &&
					     have->address == s->semaphores.v[i].address;
		vec_each(have, &t->inherited.semaphores)
			is_raised |= *have == s->semaphores.v[i].address;
		if (!is_raised)
			s->semaphores.v[n++] = s->semaphores.v[i];
	}
	s->semaphores.n = n;
}

/* by what is known so far: with --follow a run fails when no file has a place that can be probed, else when no process has a probe */
static bool is_in_vain(const struct target_job *j)
{
	return remote_is_keeping() ? !target_job_possible(j, 0) : !target_job_attached(j, 0);
}

struct err *target_add_batch(struct target *t, struct target_job *j, const struct proc_maps *maps,
			     bool is_held)
{
	struct batch b = { .remote = &t->remote, .areas = &t->areas, .is_held = is_held };
	const struct sites_known known = { t, has_place, has_jump };
	struct err *err;
	size_t n;

	news_add_maps(&j->maps, t->pid, !t->batches.n, maps);
	sites_find(j, maps, &known, &b.sites);
	vec_each(r, &b.sites.refused)
		vec_push(&t->refused, *r);
	if (b.sites.refused.n)
		qsort(t->refused.v, t->refused.n, sizeof(*t->refused.v), by_refused);
	n = b.sites.v.n;
	t->is_partial = b.sites.is_partial;
	drop_known_semaphores(t, &b.sites);
	b.must_jump = j->held == t->pid && !remote_is_keeping() && is_in_vain(j);
	err = n ? batch_install(&b, j) : NULL;
	if (!n && j->held == t->pid && j->refusals.n && is_in_vain(j))
		kill(t->pid,
		     SIGKILL); /* what a command does it does not begin when the run fails */
	if (!n && is_held)
		remote_go(&t->remote);
	if (err || !n)
		batch_free(&b);
	else
		vec_push(&t->batches, b);
	return err;
}

static ERR_MUST struct err *attach(struct target *t, struct target_job *j)
{
	bool is_held = j->gate >= 0;
	struct proc_maps maps;
	struct err *err;

	TRY(remote_open(t->pid, &t->remote));
	if (remote_is_keeping()) { /* all threads are ours from here on */
		TRY(remote_stop(&t->remote, STOP_MS));
		remote_go(&t->remote);
	}
	if (is_held) {
		TRY(remote_run_to_entry(&t->remote, j->gate, START_MS));
		t->covered_at = clock_monotonic_ns();
		j->released_at = t->covered_at;
	}
	TRY(proc_maps_read(t->pid, &maps));
	t->code = target_sum_code(&maps);
	err = target_add_batch(t, j, &maps, is_held);
	proc_maps_free(&maps);
	return err;
}

void target_clear(struct target *t)
{
	vec_each(b, &t->batches)
		batch_free(b);
	vec_free(&t->batches);
	areas_free(&t->areas);
	t->areas = (struct areas){ 0 };
	vec_free(&t->refused);
	target_drop_inherited(t);
	t->is_partial = false;
	t->code = 0;
	t->covered_at = 0;
	t->entry.at = 0;
}

void target_forget(struct target *t)
{
	target_clear(t);
	remote_close(&t->remote);
	free(t);
}

/* the jumps went with the memory; the new program's places are looked for like those of a library that comes later */
static void follow_exec(struct target *t)
{
	struct err *err;

	target_clear(t);
	remote_close(&t->remote);
	err = remote_open(t->pid, &t->remote);
	if (err) /* the next round tries again */
		t->remote.mem_fd = -1;
	err_free(err);
}

/* other than single places, with its number */
void target_tell(const struct target *t, struct target_job *j, struct err *err)
{
	char place[32];
	STRBUF_AUTO why = { 0 };

	if (!err)
		return;
	snprintf(place, sizeof(place), "process %d", (int)t->pid);
	err_format(err, &why);
	/* one that has ended meanwhile has nothing to be probed */
	if (proc_is_alive(t->pid) && proc_start_time(t->pid) == t->start_time)
		refusals_add(&j->refusals, str_from(place), strbuf_cstr(&why));
	err_free(err);
}

/* it has become another program while it was worked on, and what there was is gone with the old one */
static bool was_replaced(const struct target *t, const struct err *err)
{
	if (!proc_is_alive(t->pid) || proc_start_time(t->pid) != t->start_time)
		return false;
	return err_code(err) == ESRCH || !remote_is_current(&t->remote);
}

struct err *target_attach(struct target_job *j, pid_t pid, struct target **ret)
{
	struct target *t = base_alloc(sizeof(*t));
	struct err *err;

	*t = (struct target){ .pid = pid, .start_time = proc_start_time(pid), .remote.mem_fd = -1 };
	err = attach(t, j);
	for (unsigned i = 0;
	     err && j->gate < 0 && !remote_is_keeping() && i < ATTEMPTS && was_replaced(t, err);
	     i++) {
		err_free(err);
		target_clear(t);
		remote_close(&t->remote);
		err = attach(t, j);
	}
	if (err && remote_is_keeping() && was_replaced(t, err)) {
		/* that it is another program now is told next */
		err_free(err);
		err = NULL;
		target_clear(t);
		remote_close(&t->remote);
		t->state = TARGET_LEFT;
	}
	if (!err) {
		*ret = t;
		return NULL;
	}
	/* whatever failed: there was nothing any more that it could be done to */
	if (!proc_is_alive(pid) || proc_start_time(pid) != t->start_time) {
		err_free(err);
		err = err_new(ESRCH, "it has ended meanwhile");
	}
	target_forget(t);
	return err_wrap(err, "probe process %d", (int)pid);
}

/* what has come, what has gone, what has come back. is_held: its threads are stopped, and go on */
static void look_again(struct target *t, struct target_job *j, const struct proc_maps *maps,
		       bool is_held)
{
	struct err *err;

	vec_each(b, &t->batches)
		batch_review(b, maps, is_held);
	err = target_add_batch(t, j, maps, is_held);
	if (err && was_replaced(t, err)) { /* the next round sees what it has become */
		err_free(err);
		err = NULL;
		t->code = 0;
	}
	target_tell(t, j, err);
}

static void let_go(struct target *t)
{
	if (t->held_rounds)
		remote_go(&t->remote);
	t->held_rounds = 0;
}

/* programs pass by from here on; those that are running are not stopped */
static void switch_off(struct target *t)
{
	const uint32_t no = 0;

	vec_each(a, &t->areas.v)
		(void)remote_write(&t->remote,
				   (*a)->remote.private + offsetof(struct rt_private, is_mine), &no,
				   sizeof(no));
	vec_each(at, &t->inherited.privates)
		(void)remote_write(&t->remote, *at + offsetof(struct rt_private, is_mine), &no,
				   sizeof(no));
}

/* a filter that the process has got since, which may kill it for calls of our programs: they are switched off, and that is said */
static void check_filters(struct target *t, struct target_job *j)
{
	uint64_t sum = filters_sum(t->pid, j->image, THREADS_LOOKED_AT);
	struct err *err;

	if (sum == t->filters)
		return;
	t->filters = sum;
	if (!sum || !(t->batches.n || t->inherited.sites.n))
		return;
	err = remote_stop(&t->remote, STOP_MS);
	if (!err)
		err = filters_check(&t->remote, j->image);
	if (err)
		switch_off(t);
	areas_let_grow(&t->areas, &t->remote, !err && filters_allow_growth(&t->remote));
	remote_go(&t->remote);
	target_tell(t, j, err ? err_wrap(err, "its probes are off from here on") : NULL);
}

bool target_round(struct target *t, struct target_job *j)
{
	struct proc_maps maps;
	struct err *err;
	uint64_t code;
	bool is_lost = false;

	if (proc_start_time(t->pid) != t->start_time || !proc_is_alive(t->pid))
		return false;
	if (t->state != TARGET_TRACED)
		return true;
	/* the front end is still busy with what was mapped */
	if (t->held_rounds && --t->held_rounds)
		return true;
	remote_go(&t->remote);
	if (t->n_rounds++ % CHECK_ROUNDS == 0)
		vec_each(b, &t->batches)
			is_lost |= batch_check(b);
	target_take_off(t, j);
	check_filters(t, j);
	err = proc_maps_read(t->pid, &maps);
	if (err) {
		err_free(err);
		return true;
	}
	/* one that stays attached tells of that itself */
	if (!remote_is_keeping() && !remote_is_current(&t->remote))
		follow_exec(t);
	code = target_sum_code(&maps);
	if ((is_lost || t->is_partial || code != t->code) && t->remote.mem_fd >= 0) {
		t->code = code;
		look_again(t, j, &maps, false);
	}
	proc_maps_free(&maps);
	return true;
}

enum engine_hold target_hold(struct target *t, pid_t pid, uint64_t mapped_at)
{
	struct err *err;

	if (t->pid != pid)
		return ENGINE_HOLD_NONE;
	if (mapped_at <= t->covered_at || t->state == TARGET_STARTING)
		return ENGINE_HOLD_READY;
	/* a program that it has become: it stands before its first instruction, if this is quick enough */
	if (!remote_is_keeping() && !t->held_rounds && !remote_is_current(&t->remote))
		follow_exec(t);
	if (t->remote.mem_fd < 0 || !proc_is_alive(pid))
		return ENGINE_HOLD_NONE;
	if (t->held_rounds || t->state != TARGET_TRACED)
		return ENGINE_HOLD_STANDS;
	err = remote_stop(&t->remote, HOLD_MS);
	if (!err)
		t->held_rounds = HOLD_ROUNDS;
	err_free(err);
	return ENGINE_HOLD_STANDS;
}

void target_extend(struct target *t, struct target_job *j)
{
	struct proc_maps maps;
	struct err *err;

	if (t->state != TARGET_TRACED || t->remote.mem_fd < 0 || !proc_is_alive(t->pid))
		return;
	err = proc_maps_read(t->pid, &maps);
	if (err) {
		err_free(err);
		let_go(t);
		return;
	}
	/* a program that was replaced by exec is the next round's */
	if (remote_is_current(&t->remote)) {
		t->code = target_sum_code(&maps);
		look_again(t, j, &maps, t->held_rounds > 0);
		t->held_rounds = 0;
	}
	let_go(t);
	proc_maps_free(&maps);
}

bool target_is_partial(const struct target *t)
{
	return t->is_partial && proc_is_alive(t->pid);
}

void target_take_off(struct target *t, struct target_job *j)
{
	vec_each(b, &t->batches)
		batch_take_off(b, j);
}

/* false: threads were still in the code of the probes, or did not stop in time */
static bool give_back(struct target *t, bool is_last)
{
	struct err *err = remote_stop(&t->remote, GIVE_BACK_MS);
	bool is_all = err ? !proc_is_alive(t->pid)
			  : areas_give_back(&t->areas, &t->remote, is_last);

	remote_go(&t->remote);
	err_free(err);
	return is_all;
}

/* all threads are stopped: what is mapped now stays so */
static void remove_all(struct target *t)
{
	struct proc_maps maps;
	struct err *err = proc_maps_read(t->pid, &maps);

	vec_each(b, &t->batches) {
		if (!err)
			batch_forget(b, &maps);
		batch_remove(b);
	}
	if (!err)
		proc_maps_free(&maps);
	err_free(err);
}

pid_t target_pid(const struct target *t)
{
	return t->pid;
}

void target_detach(struct target *t)
{
	/* threads come out of the code as soon as they get a processor */
	static const int naps_ms[] = { 0, 3, 10, 30, 100, 300, 1000, 2000 };
	struct err *err = NULL;

	let_go(t);
	if (t->state == TARGET_STARTING)
		target_stop_starting(t);
	if (t->batches.n)
		err = remote_stop_most(&t->remote, STOP_MS);
	if (t->batches.n && !err)
		remove_all(t);
	remote_go(&t->remote);
	for (size_t i = 0; t->batches.n && !err && i < sizeof(naps_ms) / sizeof(*naps_ms); i++) {
		poll(NULL, 0, naps_ms[i]);
		if (give_back(t, naps_ms[i] >= CALLS_MS))
			break;
	}
	if (!err)
		areas_leave(&t->areas, &t->remote);
	err_free(err);
	target_forget(t);
}
