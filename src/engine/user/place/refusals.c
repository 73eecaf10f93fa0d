/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which refusals are said, and how often; see refusals.h. */
#include "engine/user/place/refusals.h"

#include "base/log.h"

/* a reason can have numbers in it: there may be as many of them as places */
enum { SHOWN_FIRST = 8, SHOWN_LATER = 40, SHOWN_VERBOSE = 400 };

void refusals_free(struct refusals *r)
{
	hashmap_free(&r->said);
	arena_free(&r->names);
	strbuf_free(&r->text);
}

/* the first time that this is asked for */
static bool is_new(struct refusals *r, struct str text)
{
	struct str kept;

	if (hashmap_get(&r->said, text))
		return false;
	kept = arena_str(&r->names, text);
	hashmap_put(&r->said, kept, (void *)kept.p);
	return true;
}

static bool is_shown(struct refusals *r, const char *why)
{
	if (!r->is_later)
		return r->n_lines < (log_level < 1 ? SHOWN_FIRST : SHOWN_VERBOSE);
	/* in any case: a reason that -v has shown is known */
	if (!is_new(r, str_from(why)) && log_level < 1)
		return false;
	return r->n_lines < (log_level < 1 ? SHOWN_LATER : SHOWN_VERBOSE);
}

void refusals_add(struct refusals *r, struct str place, const char *why)
{
	STRBUF_AUTO line = { 0 };

	strbuf_printf(&line, "%.*s: %s\n", STR_ARG(place), why);
	r->n++;
	if (!is_new(r, strbuf_str(&line)))
		return;
	if (!is_shown(r, why)) {
		r->n_untold += !r->is_later;
		return;
	}
	r->n_lines++;
	strbuf_add_str(&r->text, strbuf_str(&line));
}

void refusals_take(struct refusals *r, struct strbuf *out)
{
	strbuf_add_str(out, strbuf_str(&r->text));
	if (r->n_untold)
		strbuf_printf(out, "and %u more%s\n", r->n_untold,
			      log_level < 1 ? " (-v names them)" : "");
	r->n_untold = 0;
	strbuf_clear(&r->text);
	if (!r->is_later)
		r->n_lines = 0;
	r->is_later = true;
}
