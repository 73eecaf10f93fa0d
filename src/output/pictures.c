/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See pictures.h. Files are written beside their place and then renamed, so that a reader never sees half of one and an
 * older one survives a failure; what is no regular file (a pipe, /dev/stdout) is written directly.
 */
#include "output/pictures.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct state {
	struct flame_tree *before,
		*now; /* what was cleared since; the last printing. NULL: nothing yet */
};

struct pictures {
	struct picture_opts opts;
	const struct image *image;
	struct state *maps;
	uint32_t n_fit;
};

/* a fault in the path is told before tracing, not after an hour of it */
static ERR_MUST struct err *check_path(const char *path, const char *option)
{
	char *dir = base_strdup(path), *slash = strrchr(dir, '/');
	struct err *err = NULL;
	struct stat st;

	if (!*path)
		err = err_new(0, "%s needs the name of a file", option);
	else if (!stat(path, &st) && S_ISDIR(st.st_mode))
		err = err_hint(err_new(0, "%s: '%s' is a folder", option, path),
			       "pass the name of a file in it");
	if (slash)
		slash[slash == dir ? 1 : 0] = '\0';
	if (!err && access(slash ? dir : ".", W_OK))
		err = err_new(errno, "%s: write to the folder '%s'", option, slash ? dir : ".");
	free(dir);
	return err;
}

struct err *pictures_new(const struct picture_opts *opts, const struct image *im,
			 struct pictures **ret)
{
	struct pictures *p;
	uint32_t n_fit = 0;

	*ret = NULL;
	if (!opts->is_folded && !opts->svg && !opts->speedscope)
		return NULL;
	for (uint32_t i = 0; i < im->n_maps; i++)
		n_fit += flame_fits(im->maps[i]);
	if (!n_fit)
		return err_hint(
			err_new(0,
				"%s needs a map with a stack in its key and a number as its value",
				opts->is_folded ? "--folded"
				: opts->svg     ? "--svg"
						: "--speedscope"),
			"for instance @[comm, kstack, ustack] = count()");
	if (opts->svg)
		TRY(check_path(opts->svg, "--svg"));
	if (opts->speedscope)
		TRY(check_path(opts->speedscope, "--speedscope"));
	p = base_alloc(sizeof(*p));
	p->opts = *opts;
	p->image = im;
	p->n_fit = n_fit;
	p->maps = base_alloc((im->n_maps + 1) * sizeof(*p->maps));
	*ret = p;
	return NULL;
}

void pictures_free(struct pictures *p)
{
	if (!p)
		return;
	for (uint32_t i = 0; i < p->image->n_maps; i++) {
		flame_tree_free(p->maps[i].before);
		flame_tree_free(p->maps[i].now);
	}
	free(p->maps);
	free(p);
}

bool pictures_take(const struct pictures *p, uint32_t map)
{
	return p && flame_fits(p->image->maps[map]);
}

void pictures_begin(struct pictures *p, uint32_t map)
{
	flame_tree_free(p->maps[map].now);
	p->maps[map].now = flame_tree_new();
}

void pictures_add(struct pictures *p, uint32_t map, const struct value_env *env, const void *key,
		  int64_t value)
{
	flame_tree_add(p->maps[map].now, env, p->image->maps[map]->key_type, key, value);
}

/* with several such maps each is below its name */
static struct str label(const struct pictures *p, uint32_t map)
{
	return p->n_fit > 1 ? p->image->maps[map]->name : STR_NULL;
}

void pictures_end(struct pictures *p, uint32_t map, struct strbuf *out)
{
	struct flame_tree *shown;

	if (!p->opts.is_folded)
		return;
	shown = flame_tree_new();
	flame_tree_merge(shown, label(p, map), p->maps[map].now);
	flame_tree_sort(shown);
	flame_put_folded(shown, out);
	flame_tree_free(shown);
}

void pictures_commit(struct pictures *p, uint32_t map)
{
	struct state *s = &p->maps[map];

	if (!s->now)
		return;
	if (!s->before)
		s->before = flame_tree_new();
	flame_tree_merge(s->before, STR_NULL, s->now);
	flame_tree_free(s->now);
	s->now = NULL;
}

static ERR_MUST struct err *write_all(int fd, struct str text, const char *path)
{
	while (text.n) {
		ssize_t n = write(fd, text.p, text.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_new(errno, "write '%s'", path);
		text = str_sub(text, (size_t)n, text.n);
	}
	return NULL;
}

static ERR_MUST struct err *write_file(const char *path, struct str text)
{
	STRBUF_AUTO name = { 0 };
	mode_t mask = umask(0);
	struct err *err;
	struct stat st;
	FD_AUTO fd = -1;

	umask(mask);
	if (!stat(path, &st) && !S_ISREG(st.st_mode)) {
		fd = open(path, O_WRONLY | O_CLOEXEC);
		return fd < 0 ? err_new(errno, "open '%s'", path) : write_all(fd, text, path);
	}
	strbuf_printf(&name, "%s.XXXXXX", path);
	strbuf_cstr(&name);
	fd = mkostemp(name.p, O_CLOEXEC);
	if (fd < 0)
		return err_new(errno, "make a file beside '%s'", path);
	err = write_all(fd, text, path);
	if (!err && fchmod(fd, 0666 & ~mask))
		err = err_new(errno, "set the mode of '%s'", name.p);
	if (!err && rename(name.p, path))
		err = err_new(errno, "rename '%s' to '%s'", name.p, path);
	if (err)
		unlink(name.p);
	return err;
}

struct err *pictures_write(struct pictures *p, uint64_t *n_negative)
{
	struct flame_tree *all = flame_tree_new();
	STRBUF_AUTO text = { 0 };
	struct err *err = NULL;

	for (uint32_t i = 0; i < p->image->n_maps; i++) {
		pictures_commit(p, i);
		if (p->maps[i].before)
			flame_tree_merge(all, label(p, i), p->maps[i].before);
	}
	flame_tree_sort(all);
	*n_negative = all->n_negative;
	if (p->opts.svg) {
		flame_put_svg(all, p->opts.title, &text);
		err = write_file(p->opts.svg, strbuf_str(&text));
	}
	strbuf_clear(&text);
	if (!err && p->opts.speedscope) {
		flame_put_speedscope(all, p->opts.title, &text);
		err = write_file(p->opts.speedscope, strbuf_str(&text));
	}
	flame_tree_free(all);
	return err;
}
