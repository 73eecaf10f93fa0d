/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Probes that harm the program that has them, whoever attaches; see usdt.h. Only what was seen to do so, with the versions in
 * which it was: this is no place for guesses.
 */
#include "objfile/symtab.h"
#include "objfile/usdt.h"

#include <stdio.h>

/* "3.1.2" in the file's ruby_version; 0: not known */
static unsigned ruby_version(struct objfile *f)
{
	const struct symbol *s = symtab_find(objfile_symtab(f), STR("ruby_version"));
	unsigned major, minor;
	char text[8] = "";

	if (!s || !objfile_read_vaddr(f, s->addr, text, sizeof(text) - 1) ||
	    sscanf(text, "%2u.%2u", &major, &minor) != 2)
		return 0;
	return major * 100 + minor;
}

const char *usdt_harm(struct objfile *f, const struct usdt_note *n)
{
	/* 3.1.2 crashes, 3.3.8 did not in 5 runs; of what lies between nobody knows */
	enum { FIRST_GOOD_RUBY = 303 };

	if (str_is(n->provider, "ruby") && str_starts(n->name, STR("cmethod__")) &&
	    ruby_version(f) < FIRST_GOOD_RUBY)
		return "Ruby before 3.3 then reads a name that its collector has freed (its bug 18257), so "
		       "that programs crash";
	return NULL;
}
