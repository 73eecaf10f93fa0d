/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Has this file debug information, and where? See debuginfo.h. Nothing of it is parsed here: names of sections decide, in
 * the file itself and then in the separate debug file that debugfile.c finds. The reader starts at the first question.
 */
#include "objfile/debuginfo.h"

#include "objfile/debugfile.h"
#include "objfile/dwarf_private.h"
#include "objfile/elf_private.h"

#include <elf.h>

static bool has_dwarf(const struct objfile *f)
{
	static const char *const names[] = { ".debug_info", ".zdebug_info" };

	for (unsigned i = 0; i < 2; i++) {
		const struct objfile_section *s = objfile_find_section(f, str_from(names[i]));

		if (s && s->size && s->type != SHT_NOBITS)
			return true;
	}
	return false;
}

struct err *objfile_debuginfo(struct objfile *f, struct debuginfo **ret)
{
	STRBUF_AUTO notes = { 0 };
	struct objfile *debug = NULL;
	struct debuginfo *d;

	*ret = f->priv->debuginfo;
	if (f->priv->debuginfo || f->priv->has_looked_for_debuginfo)
		return NULL;
	f->priv->has_looked_for_debuginfo = true;
	if (has_dwarf(f)) {
		debug = f;
	} else {
		for (int i = 0; i < 2 && !debug; i++) {
			debug = i ? debugfile_fetch(f, &notes) : debugfile_find(f, &notes);
			if (debug && !has_dwarf(debug)) {
				objfile_unref(debug);
				debug = NULL;
			}
		}
	}
	if (!debug)
		return NULL;
	d = base_alloc(sizeof(*d));
	d->file = f;
	d->debug = debug;
	d->fd = -1;
	*ret = f->priv->debuginfo = d;
	return NULL;
}
