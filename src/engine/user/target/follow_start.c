/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processes that are there when a run with --follow begins: those that are named, the command of -c, and their descendants. One that
 * is attached has no more children that we do not hear of, so all are found by looking until nothing new is there. See follow.h.
 */
#include "engine/user/target/follow.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "engine/user/process/remote.h"
#include "objfile/family.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { START_MS = 20000, NAP_MS = 1 };

static ERR_MUST struct err *add(struct follow *f, pid_t pid)
{
	struct target *t = NULL;

	f->job->gate = -1;
	TRY(target_attach(f->job, pid, &t));
	vec_push(&f->v, ((struct followed){ .pid = pid, .target = t, .is_born = true }));
	return NULL;
}

/* until it has come to its first instruction, and is probed there */
static ERR_MUST struct err *start(struct follow *f, pid_t pid, int gate)
{
	uint64_t deadline = clock_monotonic_ns() + START_MS * 1000000ull;
	struct target *t = NULL;

	f->job->gate = gate;
	f->job->held = pid;
	f->first = pid;
	TRY(target_start(f->job, pid, &t));
	vec_push(&f->v, ((struct followed){ .pid = pid, .target = t, .is_born = true }));
	for (;;) {
		follow_events(f);
		if (f->has_begun)
			return NULL;
		if (!follow_find(f, pid))
			return err_new(ESRCH, "process %d ended before its first instruction",
				       (int)pid);
		if (clock_monotonic_ns() > deadline)
			return err_new(0, "process %d does not come to its first instruction",
				       (int)pid);
		poll(NULL, 0, NAP_MS);
	}
}

/* what a process of ours has made stands or will, and says so itself */
static bool is_ours(pid_t pid)
{
	char tracer[32];

	return proc_status(pid, "TracerPid", tracer, sizeof(tracer)) && atoi(tracer) == getpid();
}

static void refuse(struct follow *f, pid_t pid, struct err *err)
{
	STRBUF_AUTO why = { 0 };
	char place[32];

	snprintf(place, sizeof(place), "process %d", (int)pid);
	err_format(err, &why);
	if (proc_is_alive(pid))
		refusals_add(&f->job->refusals, str_from(place), strbuf_cstr(&why));
	err_free(err);
}

static void add_descendants(struct follow *f)
{
	struct pid_list known = { 0 };
	size_t before;

	vec_each(p, &f->v)
		vec_push(&known, p->pid);
	do {
		before = known.n;
		family_add_descendants(&known);
		for (size_t i = before; i < known.n; i++) {
			struct err *err;

			if (is_ours(known.v[i]) || follow_find(f, known.v[i]))
				continue;
			err = add(f, known.v[i]);
			if (err)
				refuse(f, known.v[i], err);
		}
		follow_events(f);
	} while (known.n > before);
	vec_free(&known);
}

struct err *follow_start(struct follow *f, const struct follow_names *names)
{
	int gate = f->job->gate;
	struct err *err = NULL;

	remote_keep();
	for (uint32_t i = 0; !err && i < names->n; i++)
		err = names->pids[i] == names->held ? start(f, names->pids[i], gate)
						    : add(f, names->pids[i]);
	f->job->held = 0;
	if (!err)
		add_descendants(f);
	return err;
}
