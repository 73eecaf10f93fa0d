/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The watch on processes; see procwatch.h.
 *
 * Memory: a process that has ended is forgotten after a while if no event of it is known. Two full rounds must have gone
 * by, so that an event that was in the event ring at its end has been printed; is_wanted then tells of those whose
 * addresses are kept in maps.
 *
 * Records that were lost are counted, and everything that lives is read again from /proc.
 */
#include "session/procwatch.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/vec.h"
#include "objfile/proc.h"
#include "session/perf_rings.h"

#include <stdlib.h>

enum {
	KEEP_ROUNDS = 2, /* an ended process is kept at least so long */
	KEEP_NS = 1000000000,
	SURVEY_STEP = 4, /* processes that are read each round */
};

struct ended {
	pid_t pid;
	uint64_t round, time;
};

struct procwatch {
	struct procwatch_opts o;
	VEC(pid_t) only;
	struct perf_rings *rings;
	VEC(struct ended) ended; /* in the order of their end */
	struct pid_list survey;  /* those still to be read; the last first */
	bool survey_again;
	uint64_t round;
	uint64_t n_lost, n_forgotten;
};

uint32_t procwatch_wanted_map(const struct image *im)
{
	/* maps of the script have names that begin with @ */
	for (uint32_t i = 0; i < im->n_maps; i++)
		if (str_is(im->maps[i]->name, "noted"))
			return i;
	return IMAGE_NONE;
}

/* ---- what they tell ---- */

static bool concerns(const struct procwatch *w, pid_t pid)
{
	if (!w->only.n)
		return true;
	vec_each(p, &w->only)
		if (*p == pid)
			return true;
	return false;
}

static void tell(void *arg, const struct perf_record *r)
{
	struct procwatch *w = arg;
	struct symbolizer *s = w->o.symbolizer;

	if (r->kind != PERF_LOST && !concerns(w, r->pid))
		return;
	switch (r->kind) {
	case PERF_MAPPED:
		symbolizer_note_mmap(s, r->pid, r->start, r->len, r->offset, r->dev_major,
				     r->dev_minor, r->ino, r->path);
		unwinder_mapped(w->o.unwinder, r->pid);
		break;
	case PERF_FORKED:
		symbolizer_note_fork(s, r->parent, r->pid);
		unwinder_forked(w->o.unwinder, r->parent, r->pid);
		break;
	case PERF_EXECUTED:
		symbolizer_note_exec(s, r->pid);
		unwinder_executed(w->o.unwinder, r->pid);
		break;
	case PERF_EXITED:
		symbolizer_note_exit(s, r->pid);
		unwinder_exited(w->o.unwinder, r->pid);
		vec_push(&w->ended, ((struct ended){ r->pid, w->round, r->time }));
		break;
	case PERF_LOST:
		w->n_lost += r->n_lost;
		w->survey_again = true;
		break;
	}
}

void procwatch_catch_up(struct procwatch *w)
{
	uint64_t n;

	if (!w)
		return;
	n = perf_rings_n_read(w->rings);
	perf_rings_read(w->rings, tell, w);
	if (perf_rings_n_read(w->rings) != n)
		unwinder_flush(w->o.unwinder);
}

/* ---- once a round ---- */

static void forget(struct procwatch *w)
{
	uint64_t now = clock_monotonic_ns();
	size_t n = 0;

	while (n < w->ended.n && w->ended.v[n].round + KEEP_ROUNDS <= w->round &&
	       now > w->ended.v[n].time && now - w->ended.v[n].time > KEEP_NS) {
		if (!w->o.is_wanted || !w->o.is_wanted(w->o.arg, w->ended.v[n].pid)) {
			symbolizer_forget(w->o.symbolizer, w->ended.v[n].pid);
			w->n_forgotten++;
		}
		n++;
	}
	if (!n)
		return;
	w->ended.n -= n;
	memmove(w->ended.v, w->ended.v + n, w->ended.n * sizeof(*w->ended.v));
}

static void survey(struct procwatch *w)
{
	if (!w->survey.n && w->survey_again) {
		w->survey_again = false;
		vec_free(&w->survey);
		if (w->only.n)
			vec_each(p, &w->only)
				vec_push(&w->survey, *p);
		else
			err_free(proc_all(&w->survey));
	}
	for (int i = 0; i < SURVEY_STEP && w->survey.n; i++)
		symbolizer_survey(w->o.symbolizer, w->survey.v[--w->survey.n]);
}

void procwatch_round(struct procwatch *w)
{
	if (!w)
		return;
	procwatch_catch_up(w);
	w->round++;
	forget(w);
	survey(w);
}

/* ---- begin and end ---- */

struct err *procwatch_new(const struct procwatch_opts *o, struct procwatch **ret)
{
	struct procwatch *w = base_alloc(sizeof(*w));
	struct perf_rings_opts ro = { .has_tasks = true };
	struct err *err;

	*ret = NULL;
	w->o = *o;
	for (size_t i = 0; i < o->n_only; i++)
		vec_push(&w->only, o->only[i]);
	err = perf_rings_new(&ro, &w->rings);
	if (err) {
		procwatch_free(w);
		return err;
	}
	w->survey_again = true;
	*ret = w;
	return NULL;
}

void procwatch_free(struct procwatch *w)
{
	if (!w)
		return;
	if (w->rings && perf_rings_n_read(w->rings))
		log_verbose(
			"the watch on processes: %llu records, %llu lost, %llu ended processes forgotten",
			(unsigned long long)perf_rings_n_read(w->rings), (unsigned long long)w->n_lost,
			(unsigned long long)w->n_forgotten);
	perf_rings_free(w->rings);
	vec_free(&w->only);
	vec_free(&w->ended);
	vec_free(&w->survey);
	free(w);
}
