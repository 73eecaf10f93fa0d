/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Targets of uprobe and usdt to open files; how names become paths is objfile/resolve.h's. */
#include "probe/targets.h"

#include "base/cleanup.h"
#include "objfile/proc.h"
#include "probe/late.h"

#include <sys/stat.h>

static bool have_path(struct target_files *t, struct str open_path)
{
	struct stat st, other;
	bool is_there = stat(open_path.p, &st) == 0;

	vec_each(f, &t->files)
		if (str_eq(f->open_path, open_path) ||
		    (is_there && stat(f->open_path.p, &other) == 0 && other.st_dev == st.st_dev &&
		     other.st_ino == st.st_ino))
			return true;
	return false;
}

static void add_resolved(struct probe_ctx *c, const struct resolved_file *r, bool is_named,
			 struct target_files *ret)
{
	struct target_file f = { .path = arena_str(c->arena, str_from(r->path)),
				 .open_path = arena_str(c->arena, str_from(r->open_path)) };

	if (have_path(ret, f.open_path))
		return;
	f.error = objfile_cache_get_as(probe_ctx_files(c), r->open_path, r->path, &f.f);
	if (f.error && !is_named)
		err_free(f.error);
	else
		vec_push(&ret->files, f);
}

static struct err *add_spec(struct probe_ctx *c, struct str spec, const pid_t *pids, size_t n_pids,
			    bool is_named, struct target_files *ret)
{
	struct resolved r = { 0 };
	struct err *e = resolve_object(spec, pids, n_pids, &r);

	for (size_t i = 0; !e && i < r.n; i++)
		add_resolved(c, &r.v[i], is_named, ret);
	resolved_free(&r);
	return e;
}

/* with --cgroup: in each root that its processes have. What is in none of them is ours, as the files that a host sees of containers */
static struct err *add_in_roots(struct probe_ctx *c, struct str target, struct target_files *ret)
{
	struct err *first = NULL;
	bool is_named = !str_has_glob(target);

	for (uint32_t i = 0; i < c->n_roots; i++) {
		struct err *e = add_spec(c, target, &c->roots[i], 1, is_named, ret);

		if (e && !first)
			first = e;
		else
			err_free(e);
	}
	if (!ret->files.n || c->has_our_root) {
		struct err *e = add_spec(c, target, NULL, 0, is_named, ret);

		if (e && !first)
			first = e;
		else
			err_free(e);
	}
	if (!ret->files.n)
		return first;
	err_free(first);
	return NULL;
}

/* no target: what the traced processes run */
static struct err *add_executables(struct probe_ctx *c, struct target_files *ret)
{
	for (uint32_t i = 0; i < c->n_pids; i++) {
		FREE_AUTO char *exe = NULL;

		TRY(proc_exe(c->pids[i], &exe));
		TRY(add_spec(c, str_from(exe), &c->pids[i], 1, true, ret));
	}
	return NULL;
}

/* "*" without a process: whatever any process has mapped */
static struct err *add_everything(struct probe_ctx *c, struct target_files *ret)
{
	struct pid_list all = { 0 };
	struct err *e = proc_all(&all);

	for (size_t i = 0; !e && i < all.n; i++)
		/* processes end while we look, kernel threads map nothing: neither is a fault */
		err_free(add_spec(c, STR("*"), &all.v[i], 1, false, ret));
	vec_free(&all);
	return e;
}

struct err *targets_find(struct probe_ctx *c, struct str target, struct target_files *ret)
{
	if (target.n == 0)
		return add_executables(c, ret);
	if (str_is(target, "*") && c->n_pids == 0)
		return add_everything(c, ret);
	if (c->n_roots && !str_is(target, "*"))
		return add_in_roots(c, target, ret);
	return add_spec(c, target, c->pids, c->n_pids, !str_has_glob(target), ret);
}

struct err *targets_of(struct match *m, struct target_files *ret)
{
	if (m->waits || m->c->late)
		return late_find(m, ret);
	return targets_find(m->c, m->spec->target, ret);
}

void targets_report(struct match *m, struct err *e)
{
	struct str hint, text = match_err_text(m, e, &hint);
	struct diag *d;

	/* most errors name the file themselves */
	if (m->spec->target.n && str_find(text, m->spec->target) >= 0)
		d = match_missing(m, D_PROBE_TARGET, "%.*s.", STR_ARG(text));
	else if (m->spec->target.n)
		d = match_missing(m, D_PROBE_TARGET, "Cannot probe '%.*s': %.*s.",
				  STR_ARG(m->spec->target), STR_ARG(text));
	else
		d = match_missing(m, D_PROBE_TARGET, "Cannot probe the process: %.*s.",
				  STR_ARG(text));

	if (d && hint.n)
		diag_hint(m->diags, d, "%.*s", STR_ARG(hint));
}

void targets_free(struct target_files *t)
{
	vec_each(f, &t->files)
		err_free(f->error);
	vec_free(&t->files);
}
