/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the processes of --follow do, one event after the other; see follow.h. A child's birth is told twice, by its parent and by itself, in
 * any order: it stands until both have come.
 */
#include "engine/user/target/follow.h"

#include "engine/user/process/remote.h"

#include <poll.h>
#include <stdio.h>

enum { STOP_MS = 3000, PATIENCE_ROUNDS = 4 };

struct followed *follow_find(struct follow *f, pid_t pid)
{
	vec_each(p, &f->v)
		if (p->pid == pid)
			return p;
	return NULL;
}

static struct followed *find_or_add(struct follow *f, pid_t pid)
{
	struct followed *p = follow_find(f, pid);

	if (p)
		return p;
	vec_push(&f->v, ((struct followed){ .pid = pid }));
	return &vec_last(&f->v);
}

static void drop(struct follow *f, struct followed *p)
{
	if (p->target)
		target_forget(p->target);
	*p = vec_last(&f->v);
	f->v.n--;
}

static void begin_life(struct follow *f, struct followed *p)
{
	target_born(p->target, f->job, p->parent, p->is_vfork);
	remote_kept_go(p->pid);
}

static void on_fork(struct follow *f, const struct kept_event *ev)
{
	struct followed *child = find_or_add(f, ev->child), *parent = follow_find(f, ev->pid);

	if (child->target)
		return;
	child->parent = ev->pid;
	child->is_vfork = ev->is_vfork;
	child->target = target_fork(parent ? parent->target : NULL, ev->child);
	if (child->is_born)
		begin_life(f, child);
}

static void on_birth(struct follow *f, pid_t pid)
{
	struct followed *p = find_or_add(f, pid);

	p->is_born = true;
	if (p->target)
		begin_life(f, p);
}

static void on_event(struct follow *f, const struct kept_event *ev)
{
	struct followed *p;

	if (ev->what == KEPT_FORKED) {
		on_fork(f, ev);
		return;
	}
	if (ev->what == KEPT_BORN) {
		on_birth(f, ev->pid);
		return;
	}
	p = follow_find(f, ev->pid);
	switch (ev->what) {
	case KEPT_ENDED:
		if (p)
			drop(f, p);
		break;
	case KEPT_TRAPPED:
		if (!p || !p->target || !target_trapped(p->target, f->job, ev->tid))
			remote_kept_go(ev->tid);
		else
			f->has_begun |= ev->pid == f->first;
		break;
	case KEPT_EXECED:
		if (p && p->target)
			target_execed(p->target, f->job);
		/* one that is left alone is not waited for */
		f->has_begun |= ev->pid == f->first && p && p->target &&
				!target_is_starting(p->target);
		remote_kept_go(ev->tid);
		break;
	case KEPT_FORKED:
	case KEPT_BORN: break;
	}
}

void follow_events(struct follow *f)
{
	struct kept_event ev;

	while (remote_kept_next(&ev))
		on_event(f, &ev);
}

static bool is_any_starting(const struct follow *f)
{
	vec_each(p, &f->v)
		if (p->target && target_is_starting(p->target))
			return true;
	return false;
}

void follow_settle(struct follow *f, unsigned timeout_ms)
{
	follow_events(f);
	for (unsigned ms = 0; ms < timeout_ms && is_any_starting(f); ms++) {
		poll(NULL, 0, 1);
		follow_events(f);
	}
}

/* its parent was killed before it could say whose child this is. It goes on as a process that nobody traces */
static void give_up(struct follow *f, struct followed *p)
{
	char place[32];

	snprintf(place, sizeof(place), "process %d", (int)p->pid);
	refusals_add(&f->job->refusals, str_from(place),
		     "its parent was killed while it made it, and it is not traced");
	p->target = target_fork(NULL, p->pid);
	remote_kept_go(p->pid);
}

bool follow_round(struct follow *f)
{
	follow_events(f);
	for (size_t i = f->v.n; i--;) {
		struct followed *p = &f->v.v[i];

		/* the end of one that was killed at its birth may have come before its parent told of it */
		if (p->target ? !target_round(p->target, f->job) : !proc_is_alive(p->pid))
			drop(f, p);
		else if (!p->target && ++p->n_rounds > PATIENCE_ROUNDS)
			give_up(f, p);
	}
	return f->v.n;
}

void follow_stop(struct follow *f)
{
	vec_each(p, &f->v)
		if (p->target)
			target_detach(p->target);
	vec_free(&f->v);
	remote_keep_no_more(STOP_MS);
}
