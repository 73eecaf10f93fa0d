/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The user engine's operations. Programs of places run in the traced processes (attach.c); here their events are read, timers run (events.c), and
 * maps are shown (mapio.c).
 */
#include "engine/user/user.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/user/grow.h"
#include "engine/user/place/sites.h"
#include "engine/user/user_refusal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- beginning and end ---- */

static void user_close(struct engine *e)
{
	user_stop_guardian(e);
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

static struct err *user_run_once(struct engine *e, uint32_t prog, uint32_t repeat, uint64_t *retval,
				 uint64_t *ns)
{
	uint64_t start = clock_monotonic_ns();

	for (uint32_t i = 0; i < repeat; i++)
		*retval = local_run(e->local, prog);
	*ns = repeat ? (clock_monotonic_ns() - start) / repeat : 0;
	return NULL;
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

static bool user_misses_returns(struct engine *e, uint32_t prog)
{
	(void)e;
	(void)prog;
	return true;
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
	.misses_returns = user_misses_returns,
	.without_stack = user_without_stack,
	.lost = user_lost,
	.way_ns = user_way_ns,
	.drop_clause = user_drop_clause,
	.resume_clause = user_resume_clause,
	.is_finished = user_is_finished,
	.detach = user_detach,
	.close = user_close,
};
