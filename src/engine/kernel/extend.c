/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs that come while others run: for files that were mapped after tracing began. The image has grown (image/extend.c);
 * what is new of it is made, loaded and attached here. Programs that are equal to one that is loaded are not loaded again:
 * then the new places get links to that one, which takes well under a millisecond. Whatever goes wrong, what was there before
 * stays as it was.
 */
#include "engine/kernel/kernel.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>

/* room for the new maps and programs; those that are there keep their places */
static void grow(struct engine *e)
{
	const struct image *im = e->image;

	e->map_fds = base_realloc(e->map_fds, (im->n_maps + 1) * sizeof(*e->map_fds));
	for (uint32_t i = im->n_base_maps; i < im->n_maps; i++)
		e->map_fds[i] = -1;
	e->progs = base_realloc(e->progs, (im->n_progs + 1) * sizeof(*e->progs));
	for (uint32_t i = im->n_base_progs; i < im->n_progs; i++)
		e->progs[i] = (struct kernel_prog){ .fd = -1, .twin = IMAGE_NONE, .sites_fd = -1 };
}

/* maps of another type than they had; those of before are kept in case of a failure */
static struct err *remake_maps(struct engine *e, int *before)
{
	const struct image *im = e->image;

	for (uint32_t i = 0; i < im->n_base_maps; i++) {
		if (!im->maps[i]->is_retyped)
			continue;
		before[i] = e->map_fds[i];
		e->map_fds[i] = -1;
		TRY(kernel_map_create(e, i));
	}
	return NULL;
}

static void settle_maps(struct engine *e, int *before, bool is_fine)
{
	for (uint32_t i = 0; i < e->image->n_base_maps; i++) {
		int gone = before[i];

		if (gone < 0)
			continue;
		if (!is_fine) {
			gone = e->map_fds[i];
			e->map_fds[i] = before[i];
		}
		if (gone >= 0)
			close(gone);
	}
}

/* takes off and gives back what extend made of the programs from here on */
static void undo(struct engine *e, size_t n_links, size_t n_events)
{
	const struct image *im = e->image;

	kernel_links_close(e, n_links);
	kernel_uprobe_events_remove(e, n_events);
	for (uint32_t i = im->n_base_progs; i < im->n_progs; i++)
		kernel_prog_unload(&e->progs[i]);
	for (uint32_t i = im->n_base_maps; i < im->n_maps; i++)
		if (e->map_fds[i] >= 0)
			close(e->map_fds[i]);
}

static struct err *load(struct engine *e, int *before, uint32_t *n_new)
{
	const struct image *im = e->image;

	*n_new = 0;
	TRY(remake_maps(e, before));
	for (uint32_t i = im->n_base_maps; i < im->n_maps; i++)
		if (!im->maps[i]->is_unused)
			TRY(kernel_map_create(e, i));
	return kernel_progs_load_from(e, im->n_base_progs, n_new);
}

/* the new places are those of the programs that were there; the others go, and the image's owner forgets them */
static void hand_over(struct engine *e, size_t n_links)
{
	const struct image *im = e->image;

	for (size_t i = n_links; i < e->links.n; i++)
		e->links.v[i].prog = e->progs[e->links.v[i].prog].twin;
	for (uint32_t i = im->n_base_progs; i < im->n_progs; i++)
		kernel_prog_unload(&e->progs[i]);
	for (uint32_t i = im->n_base_maps; i < im->n_maps; i++)
		if (e->map_fds[i] >= 0)
			close(e->map_fds[i]);
}

struct err *kernel_extend(struct engine *e, uint32_t group, struct engine_attach_result *res)
{
	const struct image *im = e->image;
	int *before = base_alloc((im->n_base_maps + 1) * sizeof(*before));
	size_t n_links = e->links.n, n_events = e->trace_events.n;
	bool warned = e->opts.warn_missing;
	struct err *err;

	*res = (struct engine_attach_result){ 0 };
	for (uint32_t i = 0; i < im->n_base_maps; i++)
		before[i] = -1;
	grow(e);
	e->group = group;
	/* one place that cannot be had is no reason to do without the others */
	e->opts.warn_missing = !e->opts.ignore_missing;
	err = load(e, before, &res->n_loaded);
	if (!err)
		err = kernel_attach_from(e, im->n_base_progs, res);
	if (err)
		undo(e, n_links, n_events);
	else if (!res->n_loaded)
		hand_over(e, n_links);
	settle_maps(e, before, !err && res->n_loaded);
	free(before);
	e->opts.warn_missing = warned;
	e->group = 0;
	return err;
}

/* those that are to go to the end of the list, and off */
static void drop(struct engine *e, bool (*goes)(const struct kernel_link *l, const void *arg),
		 const void *arg)
{
	size_t n = 0;

	for (size_t i = 0; i < e->links.n; i++) {
		struct kernel_link l = e->links.v[i];

		if (goes(&l, arg))
			continue;
		e->links.v[i] = e->links.v[n];
		e->links.v[n++] = l;
	}
	kernel_links_close(e, n);
}

static bool is_of_group(const struct kernel_link *l, const void *arg)
{
	return l->group == *(const uint32_t *)arg;
}

static bool is_of_file(const struct kernel_link *l, const void *arg)
{
	return l->path.n && str_eq(l->path, *(const struct str *)arg);
}

void kernel_drop_group(struct engine *e, uint32_t group)
{
	if (!group)
		return;
	drop(e, is_of_group, &group);
	kernel_uprobe_group_remove(e, group);
}

void kernel_drop_file(struct engine *e, struct str path)
{
	drop(e, is_of_file, &path);
}

struct clause {
	const struct image *im;
	uint32_t budget;
};

static bool is_of_clause(const struct kernel_link *l, const void *arg)
{
	const struct clause *c = arg;

	return l->prog < c->im->n_progs && c->im->progs[l->prog]->budget == c->budget;
}

void kernel_drop_clause(struct engine *e, uint32_t budget)
{
	const struct clause c = { e->image, budget };

	vec_each(l, &e->links)
		if (l->group && is_of_clause(l, &c))
			e->has_dropped_late[budget] = true;
	drop(e, is_of_clause, &c);
}

/* those that the programs had from the beginning. What came later was often joined to other programs, and is forgotten */
struct err *kernel_resume_clause(struct engine *e, uint32_t budget)
{
	struct engine_attach_result res = { 0 };
	bool ignored = e->opts.ignore_missing;
	struct err *err = NULL;

	if (e->has_dropped_late[budget])
		return err_new(0, "it had places in files that programs mapped later");
	e->opts.ignore_missing = true;
	for (uint32_t i = e->image->n_progs; i > 0 && !err; i--)
		if (e->image->progs[i - 1]->budget == budget)
			err = kernel_attach_one(e, i - 1, &res);
	e->opts.ignore_missing = ignored;
	if (!err && res.n_failed)
		err = err_new(0, "%u of its places could not be probed again", res.n_failed);
	return err;
}
