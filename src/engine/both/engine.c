/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One script in two engines; see both.h. The kernel's probes are attached first: a child that is held is let go by the user engine, to its
 * first instruction and on.
 */
#include "engine/both/both.h"

#include <stdlib.h>
#include <string.h>

/* ---- beginning and end ---- */

static enum image_part part_of(const struct image_prog *p)
{
	return p->is_in_process ? IMAGE_IN_PROCESS : IMAGE_IN_KERNEL;
}

/* who has which map: those whose programs use it; the kernel what only the consumer looks at */
static void deal_maps(const struct image *im)
{
	for (uint32_t i = 0; i < im->n_maps; i++)
		im->maps[i]->used_by = 0;
	for (uint32_t i = 0; i < im->n_progs; i++) {
		const struct image_prog *p = im->progs[i];

		for (uint32_t k = 0; k < p->n_relocs; k++)
			im->maps[p->relocs[k].index]->used_by |= part_of(p);
	}
	im->maps[im->ring_map]->used_by = im->maps[im->globals_map]->used_by =
		im->maps[im->faults_map]->used_by = IMAGE_IN_KERNEL | IMAGE_IN_PROCESS;
	for (uint32_t i = 0; i < im->n_maps; i++)
		if (!im->maps[i]->used_by)
			im->maps[i]->used_by = IMAGE_IN_KERNEL;
}

/* the child is the user engine's to hold; the kernel's probes are on files, as without the other engine */
static void kernel_opts(const struct engine_opts *all, int32_t *pids, struct engine_opts *ret)
{
	*ret = *all;
	ret->pids = pids;
	ret->n_pids = 0;
	ret->held_pid = 0;
	for (uint32_t i = 0; i < all->n_pids; i++)
		if (all->pids[i] != all->held_pid)
			pids[ret->n_pids++] = all->pids[i];
}

static const struct image_prog *first_in_kernel(const struct image *im)
{
	for (uint32_t i = 0; i < im->n_progs; i++)
		if (!im->progs[i]->is_in_process)
			return im->progs[i];
	return im->progs[0];
}

static ERR_MUST struct err *open_kernel(struct engine *e, struct sources *s)
{
	const struct image_prog *p = first_in_kernel(e->image);
	int32_t *pids = base_alloc((e->opts.n_pids + 1) * sizeof(*pids));
	struct engine_opts opts;
	struct err *err;

	kernel_opts(&e->opts, pids, &opts);
	e->kernel_pids = pids;
	err = engine_kernel.open(&e->kernel_view, s, &opts, &e->kernel);
	if (err && !engine_kernel_is_permitted())
		err = err_wrap(err, "'%.*s' needs the kernel, the rest of the script does not",
			       STR_ARG(span_text(s, p->shape->at)));
	return err;
}

static void both_close(struct engine *e)
{
	if (e->user)
		engine_user.close(e->user);
	if (e->kernel)
		engine_kernel.close(e->kernel);
	both_events_free(e);
	free(e->kernel_pids);
	free(e->faults);
	free(e);
}

static struct err *both_open(const struct image *im, struct sources *s,
			     const struct engine_opts *opts, struct engine **ret)
{
	struct engine *e = base_alloc(sizeof(*e));
	struct err *err;

	*e = (struct engine){ .image = im, .kernel_view = *im, .user_view = *im, .opts = *opts };
	deal_maps(im);
	e->kernel_view.part = IMAGE_IN_KERNEL;
	e->user_view.part = IMAGE_IN_PROCESS;
	e->faults = base_alloc((im->n_faults + 1) * sizeof(*e->faults));
	err = open_kernel(e, s);
	if (!err)
		err = engine_user.open(&e->user_view, s, opts, &e->user);
	if (err) {
		both_close(e);
		return err;
	}
	*ret = e;
	return NULL;
}

/* ---- running ---- */

/* one engine's programs have called exit(), which ends those of the other, too; the first code counts */
void both_sync(struct engine *e)
{
	struct image_globals *own = &e->globals, *k = engine_kernel.globals(e->kernel),
			     *u = engine_user.globals(e->user);
	const struct image_globals *ending = own->exiting ? own : k->exiting ? k : u;

	if (ending->exiting && (!own->exiting || !k->exiting || !u->exiting)) {
		own->exit_code = k->exit_code = u->exit_code = ending->exit_code;
		own->exiting = k->exiting = u->exiting = ending->exiting;
	}
	k->start_ns = u->start_ns = own->start_ns;
	k->cpid = u->cpid = own->cpid;
	own->blind = k->blind + u->blind;
}

static struct image_globals *both_globals(struct engine *e)
{
	both_sync(e);
	return &e->globals;
}

static bool is_user(const struct engine *e, uint32_t prog)
{
	return e->image->progs[prog]->is_in_process;
}

static struct err *both_run_once(struct engine *e, uint32_t prog, uint32_t repeat, uint64_t *retval,
				 uint64_t *ns)
{
	both_sync(e);
	return is_user(e, prog) ? engine_user.run_once(e->user, prog, repeat, retval, ns)
				: engine_kernel.run_once(e->kernel, prog, repeat, retval, ns);
}

/* streams are the kernel's */
static void *both_message(struct engine *e)
{
	return engine_kernel.message(e->kernel);
}

static struct err *both_run_message(struct engine *e, uint32_t prog, engine_event_fn *fn, void *arg)
{
	both_sync(e);
	return engine_kernel.run_message(e->kernel, prog, fn, arg);
}

static struct err *both_attach(struct engine *e, struct engine_attach_result *res)
{
	struct engine_attach_result more = { 0 };

	both_sync(e);
	TRY(engine_kernel.attach(e->kernel, res));
	TRY(engine_user.attach(e->user, &more));
	res->n_attached += more.n_attached;
	res->n_failed += more.n_failed;
	res->has_released |= more.has_released;
	res->released_at = more.released_at;
	return NULL;
}

/* no process is left, or what the kernel walks through has ended and nothing else is there */
static bool both_is_finished(struct engine *e)
{
	return engine_user.is_finished(e->user);
}

static void both_detach(struct engine *e)
{
	engine_kernel.detach(e->kernel);
	engine_user.detach(e->user);
	e->is_detached = true;
}

/* ---- what the session looks at ---- */

static const struct image_fault_count *both_faults(struct engine *e)
{
	const struct image_fault_count *k = engine_kernel.faults(e->kernel),
				       *u = engine_user.faults(e->user);

	for (uint32_t i = 0; i < e->image->n_faults; i++) {
		uint64_t in_kernel = __atomic_load_n(&k[i].count, __ATOMIC_RELAXED),
			 in_process = __atomic_load_n(&u[i].count, __ATOMIC_RELAXED);

		e->faults[i].count = in_kernel + in_process;
		e->faults[i].last_retcode = in_kernel ? k[i].last_retcode : u[i].last_retcode;
	}
	return e->faults;
}

static struct err *both_unwatch(struct engine *e, uint64_t address)
{
	return engine_kernel.unwatch(e->kernel, address);
}

static bool both_misses_returns(struct engine *e, uint32_t prog)
{
	return is_user(e, prog);
}

static uint64_t both_missed(struct engine *e, uint32_t prog)
{
	return is_user(e, prog) ? engine_user.missed(e->user, prog)
				: engine_kernel.missed(e->kernel, prog);
}

static uint64_t both_lost(struct engine *e)
{
	return engine_user.lost(e->user);
}

static uint64_t both_way_ns(struct engine *e, uint32_t prog)
{
	return is_user(e, prog) ? engine_user.way_ns(e->user, prog)
				: engine_kernel.way_ns(e->kernel, prog);
}

static void both_drop_clause(struct engine *e, uint32_t budget)
{
	engine_kernel.drop_clause(e->kernel, budget);
	engine_user.drop_clause(e->user, budget);
}

static struct err *both_resume_clause(struct engine *e, uint32_t budget)
{
	TRY(engine_kernel.resume_clause(e->kernel, budget));
	return engine_user.resume_clause(e->user, budget);
}

static uint64_t both_without_stack(struct engine *e)
{
	return engine_user.without_stack(e->user);
}

static uint64_t both_event_time(struct engine *e)
{
	return e->event_time;
}

/* one of them has to be looked at from time to time */
static int both_poll_fd(struct engine *e)
{
	(void)e;
	return -1;
}

const struct engine_ops engine_both = {
	.name = "kernel and user",
	.open = both_open,
	.run_once = both_run_once,
	.message = both_message,
	.run_message = both_run_message,
	.attach = both_attach,
	.poll = both_poll,
	.event_time = both_event_time,
	.poll_fd = both_poll_fd,
	.map_each = both_map_each,
	.map_lookup = both_map_lookup,
	.map_update = both_map_update,
	.map_delete = both_map_delete,
	.set_table = both_set_table,
	.map_clear = both_map_clear,
	.map_zero = both_map_zero,
	.globals = both_globals,
	.faults = both_faults,
	.n_cpus = both_n_cpus,
	.unwatch = both_unwatch,
	.missed = both_missed,
	.misses_returns = both_misses_returns,
	.lost = both_lost,
	.way_ns = both_way_ns,
	.drop_clause = both_drop_clause,
	.resume_clause = both_resume_clause,
	.without_stack = both_without_stack,
	.is_finished = both_is_finished,
	.detach = both_detach,
	.close = both_close,
};
