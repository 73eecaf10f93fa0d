/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes that begin while the run goes on: what a fork's child has to know of itself, and the programs that processes become. A
 * fork's child has its parent's jumps and our memory; all that it needs is the page that says who it is, which the kernel has emptied.
 * A program that is executed is let run to its first instruction, where its libraries are, and probed there. See target.h, follow.c.
 */
#include "engine/user/target/target_private.h"

#include "base/clock.h"
#include "engine/user/memory/private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STOP_MS = 3000, JUMP = 0xe9 };

static struct target *new_target(pid_t pid)
{
	struct target *t = base_alloc(sizeof(*t));

	*t = (struct target){ .pid = pid,
			      .start_time = proc_start_time(pid),
			      .remote = { .pid = pid, .leader = pid, .mem_fd = -1 },
			      .state = TARGET_LEFT };
	return t;
}

static ERR_MUST struct err *open_memory(struct target *t)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)t->pid);
	t->remote.mem_fd = open(path, O_RDWR | O_CLOEXEC);
	return t->remote.mem_fd < 0 ? err_new(errno, "open the memory of process %d", (int)t->pid)
				    : NULL;
}

void target_drop_inherited(struct target *t)
{
	vec_free(&t->inherited.sites);
	vec_free(&t->inherited.semaphores);
	vec_free(&t->inherited.privates);
	t->inherited = (struct inherited){ 0 };
}

struct err *target_start(struct target_job *j, pid_t pid, struct target **ret)
{
	struct target *t = new_target(pid);
	struct err *e = remote_open(pid, &t->remote);

	if (!e)
		e = remote_stop(&t->remote, STOP_MS);
	remote_go(&t->remote);
	if (!e && write(j->gate, "g", 1) != 1)
		e = err_new(errno, "let process %d begin", (int)pid);
	if (!e) {
		*ret = t;
		return NULL;
	}
	target_forget(t);
	return err_wrap(e, "probe process %d", (int)pid);
}

bool target_is_starting(const struct target *t)
{
	return t->state == TARGET_STARTING;
}

/* ---- children ---- */

static int by_address(const void *a, const void *b)
{
	const struct inherited_site *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static void inherit(const struct target *parent, struct inherited *out)
{
	const struct inherited *old = &parent->inherited;
	struct rt_private p;

	vec_each(at, &old->sites)
		vec_push(&out->sites, *at);
	vec_each(at, &old->semaphores)
		vec_push(&out->semaphores, *at);
	vec_each(at, &old->privates)
		vec_push(&out->privates, *at);
	vec_each(b, &parent->batches) {
		vec_each(s, &b->sites.v)
			if (!s->is_gone && s->patch.trampoline)
				vec_push(&out->sites,
					 ((struct inherited_site){ s->address, s->patch.site,
								   s->patch.len }));
		vec_each(s, &b->sites.semaphores)
			if (s->is_raised)
				vec_push(&out->semaphores, s->address);
	}
	if (out->sites.n)
		qsort(out->sites.v, out->sites.n, sizeof(*out->sites.v), by_address);
	vec_each(a, &parent->areas.v)
		if ((*a)->remote.private)
			vec_push(&out->privates, (*a)->remote.private);
	memcpy(out->sure, old->sure, sizeof(out->sure));
	if (parent->areas.v.n && out->privates.n &&
	    remote_read(&parent->remote, out->privates.v[out->privates.n - 1], &p, sizeof(p)))
		memcpy(out->sure, p.sure, sizeof(out->sure));
}

struct target *target_fork(const struct target *parent, pid_t pid)
{
	struct target *t = new_target(pid);

	if (!parent)
		return t;
	t->code = parent->code;
	t->covered_at = parent->covered_at;
	vec_each(r, &parent->refused)
		vec_push(&t->refused, *r);
	t->filters = parent->filters;
	t->state = parent->state == TARGET_BORROWING ? TARGET_LEFT : parent->state;
	t->entry = parent->entry;
	inherit(parent, &t->inherited);
	return t;
}

static bool shares_memory(pid_t pid, pid_t parent, bool is_vfork)
{
	long order = syscall(SYS_kcmp, pid, parent, KCMP_VM, 0, 0);

	return order < 0 ? is_vfork : order == 0;
}

static bool has_jump(const struct target *t, const struct inherited_site *s)
{
	uint8_t byte;

	return remote_read(&t->remote, s->jump, &byte, sizeof(byte)) && byte == JUMP;
}

/*
 * It may have been made before its parent got the last of what that has now: then it has less. True: it has all of it. What is on the way
 * belongs to nobody: an area without jumps
 */
static bool keep_what_it_has(struct target *t)
{
	struct inherited *in = &t->inherited;
	size_t n_sites = in->sites.n, n = 0;
	uint32_t word;

	for (size_t i = 0; i < in->sites.n; i++)
		if (has_jump(t, &in->sites.v[i]))
			in->sites.v[n++] = in->sites.v[i];
	in->sites.n = n;
	n = 0;
	for (size_t i = 0; i < in->privates.n; i++)
		if (remote_read(&t->remote, in->privates.v[i], &word, sizeof(word)))
			in->privates.v[n++] = in->privates.v[i];
	in->privates.n = n;
	if (in->sites.n == n_sites)
		return true;
	in->semaphores.n = 0; /* they are raised behind the jumps */
	return false;
}

/* in each of its areas: it is traced as its parent is */
static ERR_MUST struct err *introduce(struct target *t, const struct target_job *j)
{
	struct rt_private p;

	if (!t->inherited.privates.n)
		return NULL;
	private_describe(t->pid, NULL, &p);
	TRY(private_refusal(&p, j->image));
	memcpy(p.sure, t->inherited.sure, sizeof(p.sure));
	vec_each(at, &t->inherited.privates)
		if (!remote_write(&t->remote, *at, &p, sizeof(p)))
			return err_new(errno, "write memory of process %d", (int)t->pid);
	return NULL;
}

/* places that its parent got when it was there already; its threads go on */
static ERR_MUST struct err *add_rest(struct target *t, struct target_job *j)
{
	struct proc_maps maps;
	struct err *e;

	TRY(remote_stop(&t->remote, STOP_MS));
	e = proc_maps_read(t->pid, &maps);
	if (e) {
		remote_go(&t->remote);
		return e;
	}
	e = target_add_batch(t, j, &maps, true);
	proc_maps_free(&maps);
	return e;
}

void target_born(struct target *t, struct target_job *j, pid_t parent, bool is_vfork)
{
	struct err *e;
	bool is_whole;

	if (parent && shares_memory(t->pid, parent, is_vfork)) {
		target_drop_inherited(t);
		t->entry.at = 0;
		t->state = TARGET_BORROWING;
		return;
	}
	e = open_memory(t);
	is_whole = e || keep_what_it_has(t);
	if (!e)
		e = introduce(t, j);
	if (!e && !is_whole && t->state == TARGET_TRACED)
		e = add_rest(t, j);
	if (e)
		t->state = TARGET_LEFT;
	target_tell(t, j, e);
}

/* ---- programs ---- */

void target_execed(struct target *t, struct target_job *j)
{
	struct err *e = remote_check_program(t->pid);

	target_clear(t);
	t->state = TARGET_LEFT;
	t->remote.leader = t->pid;
	if (e) { /* a program of 32 bits can have nothing of what is probed */
		err_free(e);
		return;
	}
	e = remote_break_at_entry(&t->remote, &t->entry);
	if (!e)
		t->state = TARGET_STARTING;
	target_tell(t, j, e);
}

/* the threads that came to the breakpoint at the entry stand in front of it */
static ERR_MUST struct err *take_back(struct target *t)
{
	vec_each(i, &t->remote.threads) {
		if (!i->tid || i->signal != SIGTRAP || i->regs.rip != t->entry.at + 1)
			continue;
		remote_kept_swallow(i->tid);
		i->signal = 0;
		TRY(remote_set_ip(&t->remote, i, t->entry.at));
	}
	return NULL;
}

void target_stop_starting(struct target *t)
{
	struct err *e = remote_stop_most(&t->remote, STOP_MS);

	if (!e)
		e = take_back(t);
	err_free(e);
	remote_unbreak(&t->remote, &t->entry);
	remote_go(&t->remote);
}

static ERR_MUST struct err *begin(struct target *t, struct target_job *j)
{
	struct proc_maps maps;
	struct err *e = remote_stop(&t->remote, STOP_MS);

	if (!e)
		e = take_back(t);
	remote_unbreak(&t->remote, &t->entry);
	if (!e)
		e = proc_maps_read(t->pid, &maps);
	if (e) {
		remote_go(&t->remote);
		return e;
	}
	t->code = target_sum_code(&maps);
	t->covered_at = clock_monotonic_ns();
	e = target_add_batch(t, j, &maps, true);
	proc_maps_free(&maps);
	return e;
}

bool target_trapped(struct target *t, struct target_job *j, pid_t tid)
{
	if (t->state != TARGET_STARTING || remote_kept_ip(tid) != t->entry.at + 1)
		return false;
	t->state = TARGET_TRACED;
	target_tell(t, j, begin(t, j));
	return true;
}
