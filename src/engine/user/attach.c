/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How probes get into processes and out again: what the guardian is told to do, and what it tells. The first half runs in the guardian, the second in
 * the front end.
 */
#include "engine/user/user.h"

#include "engine/user/grow.h"
#include "engine/user/guardian/leftovers.h"
#include "engine/user/target/news.h"

#include <unistd.h>

/* ---- in the processes: run by the guardian ---- */

static void report_refused(struct engine *e, struct guardian_report *report)
{
	struct refusals *r = &e->job.refusals;

	report->n_failed = r->n;
	report->has_foreign = r->has_foreign;
	refusals_take(r, &report->text);
}

/* all places count that can be probed: processes that have them may come yet */
static struct err *follow_all(struct engine *e, struct guardian_report *report)
{
	const struct follow_names names = { .pids = e->opts.pids,
					    .n = e->opts.n_pids,
					    .held = e->opts.held_pid };
	struct err *err;

	e->job.gate = e->opts.gate;
	e->follow.job = &e->job;
	err = follow_start(&e->follow, &names);
	report->n_attached = target_job_possible(&e->job, 0);
	report_refused(e, report);
	return err;
}

static struct err *attach_all(void *arg, struct guardian_report *report)
{
	struct engine *e = arg;
	struct target_job *job = &e->job;
	struct err *err = NULL;

	target_job_init(job, e->image, &e->shared, getppid());
	if (e->opts.follow)
		return follow_all(e, report);
	for (uint32_t i = 0; !err && i < e->opts.n_pids; i++) {
		struct target *t = NULL;

		/* the last of them: whether anything else is probed is known then */
		job->held = e->opts.pids[i] == e->opts.held_pid ? e->opts.held_pid : 0;
		job->gate = job->held ? e->opts.gate : -1;
		err = target_attach(job, e->opts.pids[i], &t);
		job->held = 0;
		if (t)
			vec_push(&e->targets, t);
	}
	report->n_attached = target_job_attached(job, 0);
	report->released_at = job->released_at;
	report_refused(e, report);
	return err;
}

static struct err *answer_growth(void *arg, struct str question, struct guardian_report *out)
{
	return grow_answer(arg, question, out);
}

static bool round_all(void *arg, struct strbuf *note)
{
	struct engine *e = arg;
	bool is_any = e->opts.follow && follow_round(&e->follow);

	vec_each(t, &e->targets)
		is_any |= target_round(*t, &e->job);
	refusals_take(&e->job.refusals, note);
	return is_any;
}

static void take_news(void *arg, struct strbuf *news)
{
	struct engine *e = arg;

	strbuf_add_str(news, strbuf_str(&e->job.maps));
	strbuf_clear(&e->job.maps);
}

static void look_at_all(void *arg)
{
	struct engine *e = arg;

	if (e->opts.follow)
		follow_events(&e->follow);
}

static void detach_all(void *arg)
{
	struct engine *e = arg;

	if (e->opts.follow)
		follow_stop(&e->follow);
	vec_each(t, &e->targets) {
		pid_t pid = target_pid(*t);

		target_detach(*t);
		leftovers_take_out(pid);
	}
	vec_free(&e->targets);
	target_job_free(&e->job);
}

/* ---- in the front end ---- */

/* where the script begins, as far as it has programs: those of files that come later may be all */
static struct span first_place(const struct image *im)
{
	return im->n_progs ? im->progs[0]->at : SPAN_NONE;
}

/* what could not be taken out of a process, or that the guardian was killed, is said whatever --no-warnings says: somebody has to mend it */
void user_stop_guardian(struct engine *e)
{
	struct err *rest = guardian_stop(e->guardian);
	STRBUF_AUTO text = { 0 };

	e->guardian = NULL;
	if (!rest)
		return;
	err_format(rest, &text);
	if (err_get_hint(rest))
		strbuf_printf(&text, "; %s", err_get_hint(rest));
	e->opts.report(e->opts.report_arg, first_place(e->image), "WARNING", strbuf_cstr(&text));
	err_free(rest);
}

static bool has_places(const struct image *im)
{
	for (uint32_t i = 0; i < im->n_progs; i++)
		if (image_runs(im, im->progs[i]) && im->progs[i]->shape->is_user)
			return true;
	return false;
}

void user_warn_refused(struct engine *e, const char *text)
{
	struct str trimmed = str_trim(str_from(text));
	STRBUF_AUTO lines = { 0 };

	strbuf_add_str(&lines, trimmed);
	if (!e->opts.ignore_missing && !e->opts.no_warnings)
		e->opts.report(e->opts.report_arg, first_place(e->image), "WARNING",
			       strbuf_cstr(&lines));
}

/* in libraries that were opened since, and after exec */
static void tell_later(void *arg, struct str text)
{
	STRBUF_AUTO copy = { 0 };

	strbuf_add_str(&copy, text);
	user_warn_refused(arg, strbuf_cstr(&copy));
}

static void tell_maps(void *arg, struct str news)
{
	const struct engine *e = arg;

	if (e->opts.mapped)
		news_each(news, e->opts.mapped, e->opts.report_arg);
}

/* places that cannot be probed here are said; none at all is an error */
static struct err *tell_refused(struct engine *e, struct guardian_report *report)
{
	if (!report->n_failed)
		return NULL;
	if (!report->n_attached) {
		struct err *err = err_new(0, "nothing can be probed by the user engine: %.*s",
					  STR_ARG(str_trim(strbuf_str(&report->text))));

		/* where a jump of another run stands a kernel's probe would destroy the process */
		return report->has_foreign
			       ? err_hint(err,
					  "wait for the end of the other tracer; sonde clean PID takes out what a "
					  "killed run has left")
			       : err_hint(err, "--engine kernel probes it");
	}
	user_warn_refused(e, strbuf_cstr(&report->text));
	return NULL;
}

struct err *user_attach(struct engine *e, struct engine_attach_result *res)
{
	static const struct guardian_ops ops = {
		.attach = attach_all,
		.round = round_all,
		.look = look_at_all,
		.ask = answer_growth,
		.note = tell_later,
		.take_news = take_news,
		.news = tell_maps,
		.detach = detach_all,
	};
	const struct guardian_files files = { .memory = e->shared.fd,
					      .keep = &e->opts.gate,
					      .n_keep = e->opts.held_pid ? 1 : 0 };
	struct guardian_report report = { 0 };
	struct err *err;

	user_add_timers(e);
	shared_area(&e->shared)->is_on = 1;
	*res = (struct engine_attach_result){ .n_attached = (uint32_t)e->timers.n };
	if (!has_places(e->image) && !e->opts.grows)
		return NULL;
	err = guardian_start(&ops, e, &files, &report, &e->guardian);
	res->n_attached += report.n_attached;
	res->n_failed += report.n_failed;
	res->has_released = e->opts.held_pid != 0;
	res->released_at = report.released_at;
	if (!err)
		err = tell_refused(e, &report);
	strbuf_free(&report.text);
	return err;
}

/* no probe runs from here on, whatever becomes of the processes */
void user_detach(struct engine *e)
{
	shared_area(&e->shared)->is_on = 0;
	vec_free(&e->timers);
	user_stop_guardian(e);
	/* nobody writes any more: what was never completed would hold up its ring */
	for (uint32_t i = 0; i < e->shared.n_cpus; i++)
		e->n_abandoned += rt_ring_abandon(&e->readers[i], 0);
}
