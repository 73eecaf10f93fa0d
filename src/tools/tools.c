/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds a tool, reads its manual, parses the words behind it, and hands a script with its parameters to the session. Of all
 * the tools only the one that is called is read, so that calling one costs what its script costs.
 */
#include "tools/tools.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "probe/nearest.h"
#include "tools/args.h"
#include "tools/front.h"
#include "tools/help.h"
#include "tools/table.h"

/* ---- which tool ---- */

static const struct tool_text *find(const char *name)
{
	for (unsigned i = 0; i < tool_n_texts; i++)
		if (!strcmp(tool_texts[i].name, name))
			return &tool_texts[i];
	return NULL;
}

bool tools_has(const char *name)
{
	return find(name);
}

void tools_put_nearest(const char *word, struct strbuf *out)
{
	struct nearest near;
	struct arena arena;

	arena_init(&arena);
	nearest_init(&near, str_from(word));
	for (unsigned i = 0; i < tool_n_texts; i++)
		nearest_offer(&near, str_from(tool_texts[i].name));
	strbuf_add_str(out, nearest_hint(&near, &arena));
	arena_free(&arena);
}

void tools_print_list(FILE *to)
{
	fputs("sonde NAME [options]; sonde NAME --help says more of each:\n\n", to);
	for (unsigned i = 0; i < tool_n_texts; i++) {
		struct str name, summary;

		if (manual_summary(tool_texts[i].text, &name, &summary))
			fprintf(to, "  %-14s %.*s\n", tool_texts[i].name, STR_ARG(summary));
	}
	fputs("\nOther words are scripts: sonde FILE, sonde -e 'PROGRAM'; see sonde --help.\n", to);
}

/* ---- running a script ---- */

/* how many of $1, $2, ... a script looks at; all of them if it asks how many there are */
static unsigned wanted_parameters(struct str script)
{
	unsigned most = 0;

	for (size_t i = 0; i + 1 < script.n; i++) {
		unsigned n = 0;

		if (script.p[i] != '$')
			continue;
		if (script.p[i + 1] == '#')
			return UINT32_MAX;
		for (size_t k = i + 1;
		     k < script.n && script.p[k] >= '0' && script.p[k] <= '9' && n < 1000; k++)
			n = n * 10 + (unsigned)(script.p[k] - '0');
		if (n > most)
			most = n;
	}
	return most;
}

/* words of the usage that stand outside of brackets, behind "sonde NAME" */
static unsigned required_parameters(struct str usage)
{
	struct str line = str_split(&usage, '\n');
	unsigned n = 0, depth = 0;

	while (line.n) {
		struct str word = str_split(&line, ' ');

		n += word.n && !depth && word.p[0] != '[' && word.p[0] != '-';
		for (size_t i = 0; i < word.n; i++) {
			if (word.p[i] == '[')
				depth++;
			else if (word.p[i] == ']' && depth)
				depth--;
		}
	}
	return n > 2 ? n - 2 : 0;
}

static ERR_MUST struct err *check_parameters(const struct tool_args *a, unsigned most)
{
	const struct tool_manual *m = a->manual;
	unsigned least = required_parameters(m->usage);

	if (a->rest.n > most)
		return err_hint(err_new(0, "%.*s does not know what to do with '%.*s'",
					STR_ARG(m->name), STR_ARG(a->rest.v[most])),
				"usage: %.*s", STR_ARG(m->usage));
	if (a->rest.n < least)
		return err_hint(err_new(0, "%.*s needs %s", STR_ARG(m->name),
					a->rest.n ? "more words" : "to be told what to look at"),
				"usage: %.*s", STR_ARG(m->usage));
	return NULL;
}

/* the tool's options as the script's named parameters; of repeated ones the last */
static void pass_parameters(struct tool_args *a, struct str script)
{
	struct session_opts *s = &a->session;

	for (size_t i = 0; i < a->given.n; i++) {
		const struct tool_given *g = &a->given.v[i];
		bool again = false;

		for (size_t k = i + 1; k < a->given.n; k++)
			again |= a->given.v[k].option == g->option;
		if (again)
			continue;
		vec_push(&s->named, g->option->value.n ? arena_printf(&a->arena, "%.*s=%.*s",
								      STR_ARG(g->option->name),
								      STR_ARG(g->value))
						       : g->option->name);
	}
	if (s->format == OUTPUT_JSON && str_find(script, STR("getopt(\"json\"")) >= 0)
		vec_push(&s->named, STR("json"));
	if ((s->pictures.is_folded || s->pictures.svg || s->pictures.speedscope) &&
	    str_find(script, STR("getopt(\"picture\"")) >= 0)
		vec_push(&s->named, STR("picture"));
	vec_each(word, &a->rest)
		vec_push(&s->positional, *word);
}

static int print_script(struct str script)
{
	fwrite(script.p, 1, script.n, stdout);
	return 0;
}

static ERR_MUST struct err *run_text(struct tool_args *a, struct str script, int *status)
{
	struct session_opts *s = &a->session;

	if (a->is_script) {
		*status = print_script(script);
		return NULL;
	}
	s->name = arena_printf(&a->arena, "%.*s.bt", STR_ARG(a->manual->name));
	s->text = script;
	s->is_tool = true;
	s->is_quiet = !a->verbose && !a->says_attached;
	log_level = (int)a->verbose;
	*status = session_run(s);
	return NULL;
}

static ERR_MUST struct err *run_script(struct tool_args *a, struct str script, int *status)
{
	if (!a->is_script)
		TRY(check_parameters(a, wanted_parameters(script)));
	pass_parameters(a, script);
	return run_text(a, script, status);
}

static ERR_MUST struct err *run_front(const struct tool_front *f, struct tool_args *a, int *status)
{
	STRBUF_AUTO script = { 0 };

	TRY(check_parameters(a, UINT32_MAX));
	if (!f->make)
		return f->act(a, status);
	TRY(f->make(a, &script));
	return run_text(a, strbuf_str(&script), status);
}

struct err *tools_run(const char *name, int argc, char **argv, int *status)
{
	const struct tool_text *t = find(name);
	const struct tool_front *front = tool_front_find(name);
	struct tool_manual m;
	struct tool_args a;
	struct err *err;

	*status = 0;
	err = manual_parse(t->text, &m);
	if (err)
		return err_wrap(err, "the manual of the tool '%s'", name);
	err = tool_args_parse(&m, argc, argv, &a);
	if (!err && a.is_help)
		tool_help_print(&m, stdout);
	else if (!err && front)
		err = run_front(front, &a, status);
	else if (!err)
		err = run_script(&a, t->text, status);
	tool_args_free(&a);
	manual_free(&m);
	return err;
}

struct err *tools_print_help(const char *name, FILE *to)
{
	const struct tool_text *t = find(name);
	STRBUF_AUTO near = { 0 };
	struct tool_manual m;

	if (!t) {
		tools_put_nearest(name, &near);
		return err_hint(err_new(0, "there is no tool '%s'", name),
				"%s%ssonde help lists all of them", strbuf_cstr(&near),
				near.n ? " " : "");
	}
	TRY(manual_parse(t->text, &m));
	tool_help_print(&m, to);
	manual_free(&m);
	return NULL;
}
