/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What --attach says, before anything is loaded: that there are such programs, that it names places, and which programs are to be left out
 * (PROGRAM=none, where PROGRAM can be a pattern). Where they go then is attach.c's.
 */
#include "object/object_private.h"

#include <fnmatch.h>
#include <string.h>

bool object_is_unwanted(const struct object *o, const struct bpf_program *p)
{
	for (uint32_t i = 0; i < o->opts.n_attach; i++)
		if (!strcmp(o->opts.attach[i].place, "none") &&
		    !fnmatch(o->opts.attach[i].program, bpf_program__name(p), 0))
			return true;
	return false;
}

struct err *object_check_given(const struct object *o)
{
	STRBUF_AUTO names = { 0 };
	struct bpf_program *p;

	bpf_object__for_each_program(p, o->bpf)
		strbuf_printf(&names, names.n ? ", %s" : "%s", bpf_program__name(p));
	for (uint32_t i = 0; i < o->opts.n_attach; i++) {
		const struct object_attach *a = &o->opts.attach[i];
		struct str rest = str_from(a->place), kind = str_split(&rest, ':');
		struct object_place at;

		bool is_there = bpf_object__find_program_by_name(o->bpf, a->program);

		if (!strcmp(a->place, "none"))
			bpf_object__for_each_program(p, o->bpf)
				is_there |= !fnmatch(a->program, bpf_program__name(p), 0);
		if (!is_there)
			return err_hint(err_new(0, "the object has no program '%s'", a->program),
					"it has %s", strbuf_cstr(&names));
		if (strcmp(a->place, "none") && !object_place_parse(kind, rest, &at))
			return err_hint(
				err_new(0, "--attach %s=%s names no place", a->program, a->place),
				"uprobe:FILE:FUNCTION, usdt:FILE:PROVIDER:NAME, tracepoint:CATEGORY:NAME, kprobe:FUNCTION");
	}
	return NULL;
}
