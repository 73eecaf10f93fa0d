/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sonde trace: a clause for each probe, which prints the columns that are asked for and the message. With -A it
 * counts instead, with the same columns as key.
 */
#include "tools/front_private.h"

#include "base/cleanup.h"
#include "tools/late_text.h"
#include "tools/spec.h"

struct trace {
	struct tool_args *a;
	struct strbuf *out;
	struct strbuf format, values; /* of the columns, the same for all probes but for FUNC */
	bool has_messages;
	unsigned n; /* probes so far */
};

static void add_column(struct trace *t, struct strbuf *heading, const char *name,
		       const char *format, const char *value)
{
	/* "%-7d" */
	unsigned width = format[1] == '-' ? (unsigned)strtoul(format + 2, NULL, 10) : 11;

	strbuf_printf(heading, "%-*s ", (int)width, name);
	strbuf_printf(&t->format, "%s ", format);
	strbuf_printf(&t->values, ", %s", value);
}

static void put_heading(struct trace *t)
{
	const struct tool_args *a = t->a;
	STRBUF_AUTO heading = { 0 };

	if (tool_args_has(a, "unix-timestamp"))
		add_column(t, &heading, "TIME", "%-17s", "strftime(\"%s.%f\", nsecs)");
	else if (tool_args_has(a, "timestamp"))
		add_column(t, &heading, "TIME", "%4d.%06d",
			   "elapsed / 1000000000, elapsed % 1000000000 / 1000");
	else if (tool_args_has(a, "time"))
		add_column(t, &heading, "TIME", "%-8s", "strftime(\"%H:%M:%S\", nsecs)");
	if (tool_args_has(a, "print_cpu"))
		add_column(t, &heading, "CPU", "%-3d", "cpu");
	add_column(t, &heading, "PID", "%-7d", "pid");
	add_column(t, &heading, "TID", "%-7d", "tid");
	add_column(t, &heading, "COMM", "%-15s", "comm");
	strbuf_printf(&heading, "%-16s", "FUNC");
	if (t->has_messages)
		strbuf_puts(&heading, " MESSAGE");
	if (!tool_args_has(a, "aggregate"))
		strbuf_printf(t->out, "begin { printf(\"%s\\n\"); }\n", strbuf_cstr(&heading));
}

/* filters that hold for every probe */
static ERR_MUST struct err *put_common_filter(struct trace *t, const struct tool_spec *s,
					      struct strbuf *out)
{
	const struct tool_args *a = t->a;
	int64_t number = 0;

	if (tool_args_has(a, "tid")) {
		TRY(tool_args_number(a, "tid", &number));
		strbuf_printf(out, " && tid == %lld", (long long)number);
	}
	if (tool_args_has(a, "uid")) {
		TRY(tool_args_number(a, "uid", &number));
		strbuf_printf(out, " && uid == %lld", (long long)number);
	}
	if (tool_args_has(a, "name")) {
		strbuf_puts(out, " && strcontains(comm, ");
		front_put_string(tool_args_value(a, "name"), out);
		strbuf_putc(out, ')');
	}
	/* a trace of write() must not trace its own output */
	if (!s->is_user && s->kind != SPEC_USDT && !tool_args_has(a, "include-self"))
		strbuf_printf(out, " && pid != %d", (int)getpid());
	return NULL;
}

static const char *stack_mode(const struct trace *t)
{
	return tool_args_has(t->a, "address") ? "(perf)" : "";
}

static void put_line(struct trace *t, const struct tool_spec *s, struct str format,
		     struct str values)
{
	bool has_kstack = tool_args_has(t->a, "kernel-stack"),
	     has_ustack = tool_args_has(t->a, "user-stack");
	STRBUF_AUTO func = { 0 };

	if (s->has_glob)
		strbuf_puts(&func, s->is_user && s->kind != SPEC_USDT ? "func" : "probe");
	else
		front_put_string(s->shown, &func);
	if (tool_args_has(t->a, "aggregate")) {
		strbuf_printf(t->out, "\t@[%s, %s%.*s] = count();\n", strbuf_cstr(&t->values) + 2,
			      strbuf_cstr(&func), STR_ARG(values));
		return;
	}
	strbuf_printf(t->out, "\tprintf(\"%s%%%ss%s%.*s%s%s\\n\"%s, %s%.*s",
		      strbuf_cstr(&t->format), t->has_messages ? "-16" : "", format.n ? " " : "",
		      STR_ARG(format), has_kstack ? "%s" : "", has_ustack ? "%s" : "",
		      strbuf_cstr(&t->values), strbuf_cstr(&func), STR_ARG(values));
	if (has_kstack)
		strbuf_printf(t->out, ", kstack%s", stack_mode(t));
	if (has_ustack)
		strbuf_printf(t->out, ", ustack%s", stack_mode(t));
	strbuf_puts(t->out, ");\n");
}

/* one reading of the words behind a probe */
struct words {
	struct strbuf filter, format, values;
};

static ERR_MUST struct err *read_words(const struct rewrite *w, struct str rest, struct words *ret)
{
	rest = str_trim(rest);
	if (rest.n && rest.p[0] == '(')
		rewrite_expr(w, rewrite_bracketed(&rest), &ret->filter);
	return rewrite_action(w, rest, &ret->format, &ret->values);
}

static void free_words(struct words *w)
{
	strbuf_free(&w->filter);
	strbuf_free(&w->format);
	strbuf_free(&w->values);
}

/* attach { if all of that: a line } */
static void put_clause(struct trace *t, const struct tool_spec *s, struct str attach,
		       struct str common, const struct words *w, const char *before,
		       const char *behind)
{
	STRBUF_AUTO condition = { 0 };

	strbuf_add_str(&condition, common);
	if (w->filter.n && !*before && !*behind)
		strbuf_printf(&condition, " && (%.*s)", STR_ARG(strbuf_str(&w->filter)));
	front_put_clause_head(attach, &condition, t->out);
	strbuf_puts(t->out, before);
	if (w->filter.n && (*before || *behind))
		strbuf_printf(t->out, "\tif (%.*s) {\n", STR_ARG(strbuf_str(&w->filter)));
	put_line(t, s, strbuf_str(&w->format), strbuf_str(&w->values));
	if (w->filter.n && (*before || *behind))
		strbuf_puts(t->out, "\t}\n");
	strbuf_printf(t->out, "%s}\n", behind);
}

static ERR_MUST struct err *put_clauses(struct trace *t, struct tool_spec *s, struct str rest)
{
	struct rewrite w = { .arena = &t->a->arena, .spec = s };
	struct late_text l = { .words.number = ++t->n };
	struct words now = { 0 }, late = { 0 };
	STRBUF_AUTO common = { 0 };
	struct err *err = read_words(&w, rest, &now);

	w.late = &l.words;
	if (!err && late_text_is_possible(s))
		err = read_words(&w, rest, &late);
	if (!err)
		err = put_common_filter(t, s, &common);
	if (!err && late_text_make(t->a, s, &l)) {
		put_clause(t, s, s->attach, strbuf_str(&common), &now, strbuf_cstr(&l.before), "");
		put_clause(t, s, strbuf_str(&l.attach), strbuf_str(&l.waits), &late, "",
			   strbuf_cstr(&l.behind));
	} else if (!err) {
		put_clause(t, s, s->attach, strbuf_str(&common), &now, "", "");
	}
	free_words(&now);
	free_words(&late);
	late_text_free(&l);
	return err;
}

static ERR_MUST struct err *put_probe(struct trace *t, struct str text)
{
	struct tool_spec s;
	struct err *err = spec_parse(t->a, &text, &s);

	if (!err)
		err = put_clauses(t, &s, text);
	spec_free(&s);
	return err;
}

static bool has_format(struct str word)
{
	return str_find(word, STR("%")) >= 0 || str_ends(str_trim(word), STR("\""));
}

static ERR_MUST struct err *put_config(struct trace *t)
{
	int64_t size = 0;

	TRY(tool_args_number(t->a, "string-size", &size));
	strbuf_puts(t->out, "config = { print_maps_on_exit = false; ");
	if (size > 0)
		strbuf_printf(t->out, "max_strlen = %lld; ", (long long)size);
	if (tool_args_has(t->a, "aggregate"))
		strbuf_printf(t->out, "map_table = \"%sPID TID COMM FUNC%s COUNT\"; ",
			      tool_args_has(t->a, "print_cpu") ? "CPU " : "",
			      t->has_messages ? " MESSAGE" : "");
	strbuf_puts(t->out, "}\n");
	strbuf_puts(t->out, REWRITE_TEXT_MACRO);
	return NULL;
}

struct err *front_trace(struct tool_args *a, struct strbuf *out)
{
	struct trace t = { .a = a, .out = out };
	struct err *err;

	vec_each(word, &a->rest)
		t.has_messages |= has_format(*word);
	err = put_config(&t);
	if (!err)
		put_heading(&t);
	for (size_t i = 0; !err && i < a->rest.n; i++)
		err = put_probe(&t, a->rest.v[i]);
	if (tool_args_has(a, "aggregate"))
		strbuf_puts(out, "\nend { print(@); }\n");
	strbuf_free(&t.format);
	strbuf_free(&t.values);
	a->session.is_one_line = true;
	a->session.message_filter = tool_args_value(a, "msg-filter");
	return err;
}
