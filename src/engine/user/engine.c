/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The user engine's operations. Programs of places run in the traced processes; here their events are read, timers run, and
 * maps are shown. Nobody wakes us: the rings are looked at every millisecond while something comes, less often when nothing does.
 */
#include "engine/user/user.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/user/grow.h"
#include "engine/user/news.h"
#include "engine/user/sites.h"
#include "engine/user/user_refusal.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NS_PER_MS = 1000000, MOST_IDLE_MS = 10, IDLE_ROUNDS_PER_MS = 20, BLOCKED_ROUNDS = 16 };

/* ---- beginning and end ---- */

static void add_timers(struct engine *e)
{
	uint64_t now = clock_monotonic_ns();

	for (uint32_t i = 0; i < e->image->n_progs; i++) {
		const struct probe_shape *s = e->image->progs[i]->shape;

		if (!image_runs(e->image, e->image->progs[i]))
			continue;
		for (uint32_t k = 0; s->kind == PROBE_INTERVAL && k < s->n_points; k++) {
			const struct probe_point *p = &s->points[k];
			uint64_t period = p->period      ? p->period
					  : p->frequency ? 1000000000 / p->frequency
							 : 0;

			if (period)
				vec_push(&e->timers,
					 ((struct user_timer){ i, period, now + period }));
		}
	}
}

/* what could not be taken out of a process, or that the guardian was killed, is said whatever else is asked for */
static void stop_guardian(struct engine *e)
{
	struct err *rest = guardian_stop(e->guardian);
	STRBUF_AUTO text = { 0 };

	e->guardian = NULL;
	if (!rest)
		return;
	err_format(rest, &text);
	if (err_get_hint(rest))
		strbuf_printf(&text, "; %s", err_get_hint(rest));
	e->opts.report(e->opts.report_arg, e->image->progs[0]->at, "WARNING", strbuf_cstr(&text));
	err_free(rest);
}

static void user_close(struct engine *e)
{
	stop_guardian(e);
	local_free(e->local);
	handover_free(&e->handover);
	shared_free(&e->shared);
	vec_free(&e->timers);
	vec_free(&e->record);
	free(e->readers);
	free(e);
}

static void open_rings(struct engine *e)
{
	e->readers = base_alloc((e->shared.n_cpus + 1) * sizeof(*e->readers));
	for (uint32_t i = 0; i < e->shared.n_cpus; i++)
		rt_ring_open(&e->readers[i], shared_ring(&e->shared, i), e->shared.ring_bytes);
}

/* -v: what of it is room, and not yet memory, the kernel knows (smaps): pages come as they are written */
static void say_sizes(const struct engine *e)
{
	const struct shared *s = &e->shared;
	uint64_t script = 0, others = 0;

	for (uint32_t i = 0; i < s->n_maps; i++) {
		const struct image_map *m = e->image->maps[i];
		uint64_t kb = (s->maps[i].shape.table_bytes * s->maps[i].shape.n_tables + 1023) /
			      1024;

		if (!image_uses(e->image, m))
			continue;
		if (m->role != MAP_SCRIPT) {
			others += kb;
			continue;
		}
		script += kb;
		log_verbose("user engine: map %.*s: room for %u keys, %llu KB", STR_ARG(m->name),
			    m->max_entries, (unsigned long long)kb);
	}
	log_verbose(
		"user engine: shared with the processes: maps %llu KB, events %u rings of %llu KB, other tables %llu KB",
		(unsigned long long)script, s->n_cpus, (unsigned long long)s->ring_bytes / 1024,
		(unsigned long long)others);
}

static struct err *user_open(const struct image *im, struct sources *s,
			     const struct engine_opts *opts, struct engine **ret)
{
	struct engine *e;
	struct err *err;

	if (!opts->n_pids)
		return err_hint(
			err_new(0, "the user engine works in processes, and none is named"),
			"-p PID or -c COMMAND names one; --engine kernel traces all of them");
	TRY(user_refusal(im));
	e = base_alloc(sizeof(*e));
	*e = (struct engine){
		.image = im, .sources = s, .opts = *opts, .shared.fd = -1, .wake_fd = -1
	};
	err = shared_make(im, opts->ring_bytes, opts->grows, &e->shared);
	if (!err)
		err = local_make(im, &e->shared, &e->local);
	if (!err)
		err = handover_make(&e->handover);
	if (err) {
		user_close(e);
		return err;
	}
	open_rings(e);
	say_sizes(e);
	*ret = e;
	return NULL;
}

struct err *user_engine_refusal(const struct image *im)
{
	TRY(user_refusal(im));
	return sites_refusal(im);
}

static struct err *user_run_once(struct engine *e, uint32_t prog, uint32_t repeat, uint64_t *retval,
				 uint64_t *ns)
{
	uint64_t start = clock_monotonic_ns();

	for (uint32_t i = 0; i < repeat; i++)
		*retval = local_run(e->local, prog);
	*ns = repeat ? (clock_monotonic_ns() - start) / repeat : 0;
	return NULL;
}

/* ---- in the processes: run by the guardian ---- */

/* all places count: processes that have them may come yet */
static struct err *follow_all(struct engine *e, struct guardian_report *report)
{
	const struct follow_names names = { .pids = e->opts.pids,
					    .n = e->opts.n_pids,
					    .held = e->opts.held_pid };
	struct err *err;

	e->job.gate = e->opts.gate;
	e->follow.job = &e->job;
	err = follow_start(&e->follow, &names);
	report->n_failed = e->job.refusals.n;
	report->n_attached = target_job_all(&e->job, 0);
	report->n_attached -= report->n_failed < report->n_attached ? report->n_failed
								    : report->n_attached;
	refusals_take(&e->job.refusals, &report->text);
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

		job->gate = e->opts.pids[i] == e->opts.held_pid ? e->opts.gate : -1;
		err = target_attach(job, e->opts.pids[i], &t);
		if (t)
			vec_push(&e->targets, t);
	}
	report->n_attached = target_job_attached(job, 0);
	report->n_failed = job->refusals.n;
	refusals_take(&job->refusals, &report->text);
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
	vec_each(t, &e->targets)
		target_detach(*t);
	vec_free(&e->targets);
	target_job_free(&e->job);
}

/* ---- attaching ---- */

static bool has_places(const struct image *im)
{
	for (uint32_t i = 0; i < im->n_progs; i++)
		if (image_runs(im, im->progs[i]) && im->progs[i]->shape->is_user)
			return true;
	return false;
}

void user_warn_refused(struct engine *e, const char *text)
{
	if (!e->opts.ignore_missing)
		e->opts.report(e->opts.report_arg, e->image->progs[0]->at, "WARNING", text);
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
	struct str text = strbuf_str(&report->text);

	if (!report->n_failed)
		return NULL;
	if (!report->n_attached)
		return err_hint(err_new(0, "nothing can be probed by the user engine: %.*s",
					STR_ARG(str_trim(text))),
				"--engine kernel probes it");
	user_warn_refused(e, strbuf_cstr(&report->text));
	return NULL;
}

static struct err *user_attach(struct engine *e, struct engine_attach_result *res)
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

	add_timers(e);
	shared_area(&e->shared)->is_on = 1;
	*res = (struct engine_attach_result){ .n_attached = (uint32_t)e->timers.n };
	if (!has_places(e->image) && !e->opts.grows)
		return NULL;
	err = guardian_start(&ops, e, &files, &report, &e->guardian);
	res->n_attached += report.n_attached;
	res->n_failed += report.n_failed;
	res->has_released = e->opts.held_pid != 0;
	if (!err)
		err = tell_refused(e, &report);
	strbuf_free(&report.text);
	return err;
}

/* no probe runs from here on, whatever becomes of the processes */
static void user_detach(struct engine *e)
{
	shared_area(&e->shared)->is_on = 0;
	vec_free(&e->timers);
	stop_guardian(e);
	/* nobody writes any more: what was never completed would hold up its ring */
	for (uint32_t i = 0; i < e->shared.n_cpus; i++)
		e->n_abandoned += rt_ring_abandon(&e->readers[i], 0);
}

/* ---- events ---- */

/* the ring whose oldest record is the oldest of all; NULL: nothing is there */
static struct rt_ring_reader *oldest(struct engine *e, const void **record, uint32_t *length,
				     uint64_t *when)
{
	struct rt_ring_reader *found = NULL;
	uint64_t best = UINT64_MAX;

	for (uint32_t i = 0; i < e->shared.n_cpus; i++) {
		struct rt_ring_reader *r = &e->readers[i];
		uint64_t time;
		uint32_t n;
		const void *p = rt_ring_peek(r, &n, &time);

		if (!p || (found && time >= best))
			continue;
		best = *when = time;
		found = r;
		*record = p;
		*length = n;
	}
	return found;
}

/* one of several processes has ended while it wrote a record: the others' events stand behind it */
static void unblock_rings(struct engine *e)
{
	for (uint32_t i = 0; i < e->shared.n_cpus; i++) {
		struct rt_ring_reader *r = &e->readers[i];
		uint32_t owner = 0;

		if (!rt_ring_is_blocked(r, &owner) || !owner)
			continue;
		if (!proc_is_alive((pid_t)owner))
			e->n_abandoned += rt_ring_abandon(r, owner);
	}
}

/*
 * What is delivered is a copy: a process can write anything into memory that it shares with us, also between two looks at it. Nor do we
 * read for ever what comes as quickly as it is read: as much as all rings hold is enough for what was there when we began.
 */
static uint32_t read_rings(struct engine *e, engine_event_fn *fn, void *arg)
{
	uint64_t most = e->shared.n_cpus * e->shared.ring_bytes, bytes = 0, time;
	struct rt_clock now = { 0 };
	struct rt_ring_reader *r;
	uint32_t n = 0, length;
	const void *record;

	while (bytes < most && (r = oldest(e, &record, &length, &time))) {
		const struct event_head *head;

		/* records come while others are read; but a process can write there what it will, and nothing is of the future */
		if (e->image->has_times && time > now.tsc)
			now = shared_clock_now(&e->shared);
		e->event_time = time < now.tsc ? shared_clock_at(&now, time) : now.ns;
		vec_reserve(&e->record, length / sizeof(*e->record.v) + 1);
		head = (const struct event_head *)(const void *)e->record.v;
		memcpy(e->record.v, record, length);
		bytes += r->record;
		rt_ring_advance(r);
		n++;
		if (e->image->is_foreign)
			fn(arg, NULL, head, length);
		else if (length >= sizeof(*head) && head->layout < e->image->n_events &&
			 head->prog < e->image->n_progs)
			fn(arg, head, head + 1, length - (uint32_t)sizeof(*head));
	}
	return n;
}

/* -> ms until the next one, at most `most` */
static int run_timers(struct engine *e, int most)
{
	uint64_t now = clock_monotonic_ns();

	vec_each(t, &e->timers) {
		if (t->next <= now) {
			local_run(e->local, t->prog);
			/* those that were missed are not made up for */
			t->next += (1 + (now - t->next) / t->period) * t->period;
		}
		if ((t->next - now) / NS_PER_MS < (uint64_t)most)
			most = (int)((t->next - now) / NS_PER_MS);
	}
	return most;
}

static bool is_exiting(const struct engine *e)
{
	const struct image_globals *g = shared_values(&e->shared, e->image->globals_map);

	return g->exiting != 0;
}

static struct err *user_poll(struct engine *e, int timeout_ms, engine_event_fn *fn, void *arg)
{
	struct pollfd wake = { .fd = e->wake_fd, .events = POLLIN };
	uint64_t start = clock_monotonic_ns();

	for (;;) {
		uint64_t spent = (clock_monotonic_ns() - start) / NS_PER_MS;
		int wait, left = timeout_ms < 0                 ? MOST_IDLE_MS
				 : spent < (uint64_t)timeout_ms ? timeout_ms - (int)spent
								: 0;

		shared_clock_round(&e->shared);
		left = run_timers(e, left);
		if (++e->n_rounds % BLOCKED_ROUNDS == 0)
			unblock_rings(e);
		if (read_rings(e, fn, arg)) {
			e->idle = 0;
			return NULL;
		}
		if (!left || is_exiting(e))
			return NULL;
		wait = 1 + (int)(e->idle++ / IDLE_ROUNDS_PER_MS);
		wait = wait > MOST_IDLE_MS ? MOST_IDLE_MS : wait;
		/* woken, or by a signal */
		if (poll(&wake, 1, wait < left ? wait : left))
			return NULL;
	}
}

/* ---- what the session looks at ---- */

static struct image_globals *user_globals(struct engine *e)
{
	return shared_values(&e->shared, e->image->globals_map);
}

static const struct image_fault_count *user_faults(struct engine *e)
{
	return shared_values(&e->shared, e->image->faults_map);
}

/* two rows for each processor: see mapio.c */
static uint32_t user_n_cpus(struct engine *e)
{
	return 2 * e->shared.n_cpus;
}

/* calls that were let through because too many were open: whose they were is not known, so the first returns' program has them */
static uint64_t user_missed(struct engine *e, uint32_t prog)
{
	for (uint32_t i = 0; i < e->image->n_progs; i++)
		if (image_runs(e->image, e->image->progs[i]) &&
		    probe_is_kernel_return(e->image->progs[i]->shape))
			return i == prog ? shared_area(&e->shared)->n_missed_calls : 0;
	return 0;
}

static uint64_t user_without_stack(struct engine *e)
{
	return shared_area(&e->shared)->n_missed_hits;
}

static uint64_t user_lost(struct engine *e)
{
	uint64_t n = e->n_abandoned;

	for (uint32_t i = 0; i < e->shared.n_cpus; i++)
		n += shared_ring(&e->shared, i)->n_refused;
	return n;
}

/* the guardian goes when no process is left */
static bool user_is_finished(struct engine *e)
{
	return e->guardian && guardian_has_ended(e->guardian);
}

static uint64_t user_event_time(struct engine *e)
{
	return e->event_time;
}

static int user_poll_fd(struct engine *e)
{
	(void)e;
	return -1;
}

static void user_wake_by(struct engine *e, int fd)
{
	e->wake_fd = fd;
}

/* the guardian sees in the map of rates what is off, and takes it out within a round */
static void user_drop_clause(struct engine *e, uint32_t budget)
{
	(void)e;
	(void)budget;
}

static struct err *user_resume_clause(struct engine *e, uint32_t budget)
{
	(void)e;
	(void)budget;
	return NULL; /* in the same way */
}

static struct err *user_set_table(struct engine *e, uint32_t map, uint32_t index,
				  const uint64_t *words, uint32_t n)
{
	return shared_set_table(&e->shared, map, index, words, n);
}

const struct engine_ops engine_user = {
	.name = "user",
	.open = user_open,
	.run_once = user_run_once,
	.attach = user_attach,
	.extend = user_extend,
	.drop_group = user_drop_group,
	.drop_file = user_drop_file,
	.hold = user_hold,
	.look = user_look,
	.wake_by = user_wake_by,
	.poll = user_poll,
	.poll_fd = user_poll_fd,
	.event_time = user_event_time,
	.map_each = user_map_each,
	.map_lookup = user_map_lookup,
	.map_update = user_map_update,
	.map_delete = user_map_delete,
	.set_table = user_set_table,
	.map_clear = user_map_clear,
	.map_zero = user_map_zero,
	.globals = user_globals,
	.faults = user_faults,
	.n_cpus = user_n_cpus,
	.missed = user_missed,
	.without_stack = user_without_stack,
	.lost = user_lost,
	.way_ns = user_way_ns,
	.drop_clause = user_drop_clause,
	.resume_clause = user_resume_clause,
	.is_finished = user_is_finished,
	.detach = user_detach,
	.close = user_close,
};
