/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -l: probes by pattern, or those that a script's attach points stand for. */
#include "session/compile.h"

#include "base/cleanup.h"
#include "output/json.h"
#include "probe/list.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* {"type": "probe", "data": "...", "remark": "..."}; with -v the lines below a probe are "argument"s */
static void put_json(struct str text, struct strbuf *out)
{
	while (text.n) {
		struct str line = str_split(&text, '\n');
		ptrdiff_t at = str_find(line, STR("  # "));

		if (!line.n)
			continue;
		strbuf_printf(out, "{\"type\": \"%s\", \"data\": ",
			      line.p[0] == ' ' ? "argument" : "probe");
		json_put_string(out, str_trim(at < 0 ? line : str_sub(line, 0, (size_t)at)));
		if (at >= 0) {
			strbuf_puts(out, ", \"remark\": ");
			json_put_string(out, str_sub(line, (size_t)at + 4, line.n));
		}
		strbuf_puts(out, "}\n");
	}
}

static bool write_text(void *arg, struct str text)
{
	const struct session_opts *o = arg;
	STRBUF_AUTO shown = { 0 };

	if (o->format == OUTPUT_JSON) {
		put_json(text, &shown);
		return fwrite(shown.p, 1, shown.n, stdout) == shown.n;
	}

	if (isatty(STDOUT_FILENO)) { /* a symbol's name may hold anything */
		diag_add_text(&shown, text);
		text = strbuf_str(&shown);
	}
	return fwrite(text.p, 1, text.n, stdout) == text.n;
}

static void warn(void *arg, const char *text)
{
	fflush(stdout);
	fprintf(stderr, "WARNING: %s\n", text);
}

/* a script that is not there is no pattern that fits nothing */
static void warn_of_file_name(const char *pattern)
{
	struct str s = str_from(pattern);

	if (str_ends(s, STR(".bt")) && str_find_char(s, ':', 0) < 0 && !str_has_glob(s))
		fprintf(stderr,
			"WARNING: It appears that '%s' is a filename but the file does not exist. Treating '%s' as a search "
			"pattern.\n",
			pattern, pattern);
}

static ERR_MUST struct err *list_script(struct compilation *c, struct probe_list_opts *lo)
{
	if (!compile_parse(c))
		return err_new(0, "the script has errors");
	for (struct clause *k = c->script->clauses; k; k = k->next)
		TRY(probe_list_points(&c->probes, k->points, lo));
	return NULL;
}

int session_list(struct session_opts *o, const char *pattern, bool verbose)
{
	struct probe_list_opts lo = { .verbose = verbose,
				      .write = write_text,
				      .warn = warn,
				      .arg = o,
				      .with_remarks = o->list_remarks,
				      .with_lacking = o->is_bpftrace };
	struct compilation c;
	struct err *err;
	int status = 0;

	compilation_init(&c, o);
	if (pattern && !o->text.n)
		warn_of_file_name(pattern);
	if (o->text.n)
		err = list_script(&c, &lo);
	else
		err = probe_list(&c.probes, str_from(pattern), &lo);
	if (fflush(stdout) && errno != EPIPE && !err)
		err = err_new(errno, "write the list");
	if (err) {
		report_error(&c, err);
		err_free(err);
		status = 1;
	}
	compilation_free(&c);
	return status;
}
