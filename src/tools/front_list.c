/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sonde list: the words of tplist, nm and readelf -n in front of the listing of -l. A file or a process is asked for its
 * functions and USDT probes; everything with a probe type in front of it is a pattern of -l.
 */
#include "tools/front_private.h"

#include "base/cleanup.h"
#include "tools/runtimes.h"
#include "tools/spec.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

static bool is_file(struct arena *a, struct str word)
{
	struct stat st;

	return !stat(arena_str(a, word).p, &st) && !S_ISDIR(st.st_mode);
}

/* "tracepoint:...", "t:...", "usdt:...": a pattern of -l */
static bool has_provider(struct str word)
{
	static const char *const letters = "tuUkfrsphwi";
	struct str type = str_split(&word, ':');

	if (!word.n || str_find_char(type, '/', 0) >= 0)
		return false;
	return type.n > 2 || (type.n == 1 && strchr(letters, type.p[0])) || type.n == 2;
}

/* without a '*' a word fits whatever contains it, as with grep */
static struct str as_glob(struct arena *a, struct str word)
{
	if (!word.n)
		return STR("*");
	return str_has_glob(word) ? word : arena_printf(a, "*%.*s*", STR_ARG(word));
}

/* nobody looks for the returns of functions in a list, and a probe's own place is enough */
static ERR_MUST struct err *list_target(struct tool_args *a, struct str target, struct str pattern,
					struct strbuf *out)
{
	bool functions = tool_args_has(a, "functions"), usdt = tool_args_has(a, "usdt");
	struct arena *m = &a->arena;
	struct str glob = spec_quote(m, as_glob(m, pattern)), file = spec_quote(m, target);

	if (usdt || !functions)
		strbuf_printf(out, "usdt:%.*s:*:%.*s", STR_ARG(file), STR_ARG(glob));
	if (functions || !usdt)
		strbuf_printf(out, "%suprobe:%.*s:%.*s", out->n ? "," : "", STR_ARG(file),
			      STR_ARG(glob));
	return NULL;
}

static ERR_MUST struct err *put_pattern(struct tool_args *a, struct strbuf *out)
{
	struct str first = a->rest.n ? a->rest.v[0] : STR_NULL,
		   second = a->rest.n > 1 ? a->rest.v[1] : STR_NULL;

	if (a->rest.n > 2)
		return err_hint(err_new(0, "list does not know what to do with '%.*s'",
					STR_ARG(a->rest.v[2])),
				"usage: %.*s", STR_ARG(a->manual->usage));
	if (first.n && has_provider(first)) {
		strbuf_add_str(out, first);
		return NULL;
	}
	if (!first.n && !a->session.pids.n) { /* as tplist: what the kernel has */
		strbuf_puts(out, "tracepoint:*:*");
		return NULL;
	}
	/* with a process a single word is a pattern over all that it maps, unless it is a file */
	if (a->session.pids.n && !second.n && (!first.n || !is_file(&a->arena, first)))
		return list_target(a, STR("*"), first, out);
	return list_target(a, first, second, out);
}

/* a process whose runtime has no probes looks like one that has none to have */
static ERR_MUST struct err *say_what_is_missing(struct tool_args *a)
{
	struct runtime_list list = { 0 };
	const struct session_opts *s = &a->session;

	if (!s->pids.n || tool_args_has(a, "functions"))
		return NULL;
	TRY(runtimes_find(s->pids.v, s->pids.n, &a->arena, &list));
	vec_each(r, &list)
		if (r->why.n)
			fprintf(stderr, "sonde: process %d (%s): %.*s\n", r->pid,
				runtime_name(r->lang), STR_ARG(r->why));
	vec_free(&list);
	return NULL;
}

struct err *front_list(struct tool_args *a, int *status)
{
	STRBUF_AUTO pattern = { 0 };

	TRY(put_pattern(a, &pattern));
	if (a->is_script) {
		printf("sonde -l '%s'\n", strbuf_cstr(&pattern));
		return NULL;
	}
	if (a->session.output_path && !freopen(a->session.output_path, "w", stdout))
		return err_new(errno, "open output file '%s'", a->session.output_path);
	a->session.list_remarks = true;
	TRY(say_what_is_missing(a));
	*status = session_list(&a->session, strbuf_cstr(&pattern), a->verbose > 0);
	return NULL;
}
