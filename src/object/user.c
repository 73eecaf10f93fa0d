/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sonde run --engine user: an object's user probes in the processes themselves, by the user engine (src/engine/user). The kernel has loaded,
 * and so verified, the programs before; then its programs and maps are not used any more. What is read and shown is what events.c and
 * maps.c show of the kernel's.
 */
#include "object/user.h"

#include <string.h>

enum { LEAST_RING = 256 << 10, LINES_RING = 1 << 20, MOST_RING = 64 << 20 };

static void report(void *arg, struct span at, const char *severity, const char *text)
{
	struct object *o = arg;
	struct str rest = str_from(text);

	while (rest.n) {
		struct str line = str_split(&rest, '\n');

		if (line.n)
			object_remark(o, "%.*s", STR_ARG(line));
	}
}

static void mapped(void *arg, pid_t pid, const struct proc_map *m)
{
	struct object *o = arg;

	if (o->opts.mapped)
		o->opts.mapped(o->opts.arg, pid, m);
}

static uint64_t ring_bytes(const struct object_user *u)
{
	uint64_t wanted = object_says_lines(u->o) ? LINES_RING : 0, n = LEAST_RING;

	vec_each(b, &u->buffers)
		wanted += bpf_map__max_entries((*b)->map);
	while (n < wanted && n < MOST_RING)
		n *= 2;
	return n;
}

struct object_user *object_user_new(struct object *o)
{
	struct object_user *u = base_alloc(sizeof(*u));

	u->o = o;
	arena_init(&u->arena);
	type_table_init(&u->types, &u->arena);
	u->kernel_types = btfsrc_new_kernel(&u->types);
	probe_ctx_init(&u->probes, &u->arena, &u->types, u->kernel_types);
	u->probes.pids = o->opts.pids;
	u->probes.n_pids = o->opts.n_pids;
	u->probes.placement = PROBE_PLACEMENT_OFF;
	u->probes.return_choice = RETURN_CALLED;
	diag_list_init(&u->diags, &u->arena);
	u->image = image_new(&u->arena);
	u->image->is_foreign = true;
	return u;
}

struct err *object_user_unplaced(const struct object *o, bool *is_any_placed)
{
	const struct bpf_program *first = NULL;
	STRBUF_AUTO names = { 0 };
	struct object_place at;
	struct bpf_program *p;
	const char *section;
	uint32_t n = 0;
	struct err *err;

	*is_any_placed = false;
	bpf_object__for_each_program(p, o->bpf)
	{
		if (object_is_unwanted(o, p))
			continue;
		if (object_user_place(o, p, &at)) {
			*is_any_placed = true;
			continue;
		}
		first = first ? first : p;
		strbuf_printf(&names, n++ ? ", %s" : "%s", bpf_program__name(p));
	}
	if (!n)
		return NULL;
	section = bpf_program__section_name(first);
	if (n > 1)
		return err_hint(
			err_new(0,
				"the sections of %u programs name no user probe, they are left out: %s",
				n, strbuf_cstr(&names)),
			"--attach %s=... says where, or --engine kernel runs those of the kernel's events",
			bpf_program__name(first));
	err = err_new(0, "'%s' cannot run in the process: its section \"%s\" names no user probe",
		      strbuf_cstr(&names), section);
	return err_hint(err, "--attach %s=%s says where, or --engine kernel runs it",
			strbuf_cstr(&names),
			str_starts(str_from(section), STR("usdt")) ? "usdt:FILE:PROVIDER:NAME"
								   : "uprobe:FILE:FUNCTION");
}

/* what cannot run is told, and the rest runs */
static ERR_MUST struct err *add_programs(struct object_user *u)
{
	struct err *first = NULL, *rest;
	struct bpf_program *p;
	bool is_any_placed;

	bpf_object__for_each_program(p, u->o->bpf)
	{
		struct probe_shape *shape = NULL;
		struct err *err = object_is_unwanted(u->o, p) ? NULL
							      : object_user_find(u, p, &shape);

		if (!err && !shape)
			continue;
		for (; !err && shape; shape = shape->next)
			err = object_user_add_program(u, p, shape);
		u->n_programs += !err;
		if (err && first)
			object_remark_err(u->o, err);
		else if (err)
			first = err;
	}
	rest = object_user_unplaced(u->o, &is_any_placed);
	if (rest && (first || u->image->n_progs))
		object_remark_err(u->o, rest);
	else if (rest)
		first = rest;
	if (first && u->image->n_progs) {
		object_remark_err(u->o, first);
		return NULL;
	}
	return first || u->image->n_progs ? first
					  : err_new(0, "'%s' has no programs", u->o->opts.path);
}

/* what the fence reports of each program */
static void add_fence(struct object_user *u)
{
	struct image_map m = { .name = STR("fence"),
			       .role = MAP_PRIVATE,
			       .bpf_type = BPF_MAP_TYPE_ARRAY,
			       .key_size = sizeof(uint32_t),
			       .value_size = sizeof(struct image_fence_report),
			       .max_entries = u->image->n_progs,
			       .at = SPAN_NONE };

	u->image->fence_map = image_add_map(u->image, m);
}

static bool put_report(void *arg, const void *key, const void *value, uint32_t n_cpus)
{
	static const char *const whys[] = {
		[IMAGE_FENCE_READ] = "would read what is not its own",
		[IMAGE_FENCE_WRITE] = "would write what is not its own",
		[IMAGE_FENCE_CALL] = "calls a helper with an argument that it may not have",
		[IMAGE_FENCE_SPENT] = "has run for too long",
		[IMAGE_FENCE_LEFT] = "gives a record neither to the ring nor back",
	};
	const struct object_user *u = arg;
	struct image_fence_report f;
	uint32_t prog, why;
	struct str name;

	memcpy(&prog, key, sizeof(prog));
	memcpy(&f, value, sizeof(f));
	why = (uint32_t)(f.first >> 32);
	if (!f.n_ended || prog >= u->image->n_progs)
		return true;
	name = u->image->progs[prog]->name;
	if (why >= sizeof(whys) / sizeof(*whys) || !whys[why])
		why = IMAGE_FENCE_READ;
	object_remark(u->o, "'%.*s' was ended at %llu hits: it %s%s (first at instruction %u)%s",
		      STR_ARG(name), (unsigned long long)f.n_ended, whys[why],
		      why == IMAGE_FENCE_SPENT || why == IMAGE_FENCE_LEFT ? "" : ", and ends there",
		      (uint32_t)f.first,
		      f.is_off ? "; since it did so again and again it was not run any more" : "");
	return true;
}

static void report_fence(const struct object_user *u)
{
	struct err *err;

	if (u->image->fence_map == IMAGE_NONE)
		return;
	err = engine_user.map_each(u->engine, u->image->fence_map, put_report, (void *)u);
	if (err)
		object_remark_err(u->o, err);
}

static ERR_MUST struct err *open_engine(struct object_user *u)
{
	const struct object_opts *opts = &u->o->opts;
	struct engine_opts eo = { .pids = opts->pids,
				  .n_pids = opts->n_pids,
				  .held_pid = opts->held_pid,
				  .gate = opts->gate,
				  .ring_bytes = ring_bytes(u),
				  .report = report,
				  .mapped = mapped,
				  .report_arg = u->o };

	TRY(engine_user.open(u->image, &u->sources, &eo, &u->engine));
	vec_each(s, &u->specs)
		vec_each(m, &u->maps)
			if (!strcmp(bpf_map__name(m->map), OBJECT_USDT_SPECS))
				TRY(engine_user.map_update(u->engine, m->index, &s->index,
							   s->bytes));
	return NULL;
}

struct err *object_user_attach(struct object *o, uint32_t *n)
{
	struct engine_attach_result res = { 0 };
	struct object_user *u = object_user_new(o);

	o->user = u;
	TRY(object_user_add_maps(u));
	TRY(add_programs(u));
	if (o->is_unverified)
		add_fence(u);
	TRY(open_engine(u));
	TRY(engine_user.attach(u->engine, &res));
	u->has_released = res.has_released;
	*n = u->n_programs;
	/* of one, all places may have been refused; others wait for files */
	if (res.n_failed && res.n_attached && res.n_attached < *n)
		*n = res.n_attached;
	return NULL;
}

bool object_has_released(const struct object *o)
{
	return o->user && o->user->has_released;
}

static void on_record(void *arg, const struct event_head *head, const void *data, uint32_t n)
{
	struct object_user *u = arg;

	if (head->layout == EVENT_LINE)
		object_put_printk(u->o, data, n);
	else if (head->layout < u->buffers.n)
		object_put_event(u->buffers.v[head->layout], data, n);
}

struct err *object_user_poll(struct object *o, int timeout_ms)
{
	struct err *err = engine_user.poll(o->user->engine, timeout_ms, on_record, o->user);

	o->n_lost = engine_user.lost(o->user->engine);
	return err;
}

void object_user_detach(struct object *o)
{
	if (o->user && o->user->engine && !o->user->is_detached) {
		engine_user.detach(o->user->engine);
		report_fence(o->user);
	}
	if (o->user)
		o->user->is_detached = true;
}

void object_user_free(struct object_user *u)
{
	if (!u)
		return;
	if (u->engine)
		engine_user.close(u->engine);
	vec_free(&u->maps);
	vec_free(&u->buffers);
	vec_free(&u->specs);
	probe_ctx_free(&u->probes);
	btfsrc_free(u->kernel_types);
	type_table_free(&u->types);
	arena_free(&u->arena);
	free(u);
}

struct err *object_user_each(struct object *o, const struct bpf_map *m,
			     bool (*fn)(void *arg, const void *key, const void *value,
					uint32_t n_cpus),
			     void *arg)
{
	vec_each(known, &o->user->maps)
		if (known->map == m)
			return engine_user.map_each(o->user->engine, known->index, fn, arg);
	return NULL;
}
