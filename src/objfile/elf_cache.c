/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One struct objfile per file: processes map the same libraries by many names. See elf.h.
 * A file that was replaced or written to since is another one (size, mtime), so answers are never stale.
 */
#include "objfile/elf.h"

#include "base/arena.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "objfile/elf_private.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

struct objfile_cache {
	VEC(struct objfile *) files;
	struct strbuf debug_path;
};

static bool is_on_overlay(const struct objfile *f)
{
	struct statfs fs;

	return fstatfs(f->priv->fd, &fs) == 0 && fs.f_type == OVERLAYFS_SUPER_MAGIC;
}

bool objfile_is_same(const struct objfile *a, const struct objfile *b)
{
	/* where layers are on several file systems, the upper half tells which one, in an order that differs between mounts */
	if ((uint32_t)a->ino != (uint32_t)b->ino || a->size != b->size ||
	    a->mtime.tv_sec != b->mtime.tv_sec || a->mtime.tv_nsec != b->mtime.tv_nsec)
		return false;
	if (a->dev == b->dev)
		return a->ino == b->ino;
	return is_on_overlay(a) || is_on_overlay(b);
}

struct objfile_cache *objfile_cache_new(void)
{
	return base_alloc(sizeof(struct objfile_cache));
}

void objfile_cache_free(struct objfile_cache *c)
{
	if (!c)
		return;
	vec_each(f, &c->files)
		objfile_unref(*f);
	vec_free(&c->files);
	strbuf_free(&c->debug_path);
	free(c);
}

void objfile_cache_add_debug_path(struct objfile_cache *c, struct str dirs)
{
	if (c->debug_path.n)
		strbuf_putc(&c->debug_path, ':');
	strbuf_add_str(&c->debug_path, dirs);
}

struct err *objfile_cache_get_as(struct objfile_cache *c, const char *path, const char *name,
				 struct objfile **ret)
{
	struct objfile *opened;
	struct stat st;

	if (stat(path, &st))
		return err_new(errno, "open '%s'", name);
	vec_each(f, &c->files) {
		if (objfile_same(*f, st.st_dev, st.st_ino, (uint64_t)st.st_size, st.st_mtim)) {
			*ret = *f;
			return NULL;
		}
	}
	TRY(objfile_open_as(path, name, &opened));
	opened->priv->debug_path = arena_str(&opened->priv->strings, strbuf_str(&c->debug_path));
	vec_push(&c->files, opened);
	*ret = opened;
	return NULL;
}

struct err *objfile_cache_get(struct objfile_cache *c, const char *path, struct objfile **ret)
{
	return objfile_cache_get_as(c, path, path, ret);
}

void objfile_cache_adopt(struct objfile_cache *c, struct objfile *f)
{
	f->priv->refs++;
	f->priv->debug_path = arena_str(&f->priv->strings, strbuf_str(&c->debug_path));
	vec_push(&c->files, f);
}

void objfile_cache_drop(struct objfile_cache *c, struct objfile *f)
{
	size_t n = 0;
	bool is_there = false;

	vec_each(k, &c->files) {
		if (*k == f)
			is_there = true;
		else
			c->files.v[n++] = *k;
	}
	c->files.n = n;
	if (is_there)
		objfile_unref(f);
}
