/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sonde argdist: for each specification a map, counted by values (-C) or a histogram of them (-H), which is shown each
 * second. $entry(x) and $latency make a clause at the function's entry, whose values wait under the call's key, as those of
 * sonde latency do.
 */
#include "tools/front_private.h"

#include "base/cleanup.h"
#include "tools/late_text.h"
#include "tools/pattern.h"

struct dist {
	struct tool_args *a;
	struct strbuf *out;
	struct strbuf report, clear; /* statements for all maps */
	unsigned n;                  /* specifications so far */
	bool has_histogram;
};

struct dist_spec {
	struct dist *d;
	unsigned number;
	bool is_histogram;
	struct tool_spec probe;
	struct str types, exprs, filter, label;
	struct strbuf entry; /* statements of the clause at the entry */
	unsigned n_entries;
	bool wants_latency;
};

/* what tells calls apart; frames of the kernel's functions are not known */
static const char *call_key(const struct dist_spec *s)
{
	return s->probe.is_user ? "gtid, call_frame" : "tid";
}

/* ---- the words of a specification ---- */

/* "t:irq:irq_handler_entry:int:irq": three parts are the probe where no parenthesis ends it */
static struct str cut_parts(struct str *text)
{
	struct str all = *text;
	unsigned n = 0;
	size_t i = 0;

	for (; i < all.n; i++)
		if (all.p[i] == ':' && ++n == 3)
			break;
	*text = str_sub(all, i, all.n);
	return str_sub(all, 0, i);
}

static struct str cut_label(struct str *text)
{
	size_t i = text->n;
	struct str label;

	while (i && text->p[i - 1] != '#')
		i--;
	if (!i || (i > 1 && text->p[i - 2] == ' ' && i < text->n && text->p[i] == ' '))
		return STR_NULL; /* "  # remark" of sonde list */
	label = str_trim(str_sub(*text, i, text->n));
	*text = str_sub(*text, 0, i - 1);
	return label;
}

static bool is_short(struct str s)
{
	return s.n > 1 && s.p[1] == ':' && strchr("prtu", s.p[0]);
}

static ERR_MUST struct err *parse(struct dist_spec *s, struct str text)
{
	struct str label = cut_label(&text), rest = text;

	if (is_short(text) && str_find_char(text, '(', 0) < 0) {
		struct str probe = cut_parts(&rest);

		TRY(spec_parse_all(s->d->a, probe, &s->probe));
	} else {
		TRY(spec_parse(s->d->a, &rest, &s->probe));
	}
	s->label = label.n ? label : str_trim(text);
	rest = str_trim(rest);
	if (rest.n && rest.p[0] == ':')
		rest = str_trim(str_sub(rest, 1, rest.n));
	else if (rest.n && !s->probe.is_own)
		return err_hint(
			err_new(0, "cannot understand '%.*s' behind the probe", STR_ARG(rest)),
			"write PROBE(SIGNATURE):TYPES:VALUES:FILTER#LABEL");
	if (!s->probe.is_own)
		s->types = rewrite_split(&rest, ':');
	s->exprs = rewrite_split(&rest, ':');
	s->filter = str_trim(rest);
	if (s->types.n && !s->exprs.n)
		return err_hint(
			err_new(0, "'%.*s' has a type and no value", STR_ARG(s->label)),
			"write PROBE():TYPE:VALUE, as in p:c:malloc(size_t size):size_t:size");
	return NULL;
}

/* ---- values ---- */

static bool put_special(void *arg, struct str name, struct str argument, struct strbuf *out)
{
	struct dist_spec *s = arg;
	struct rewrite w = { .arena = &s->d->a->arena, .spec = &s->probe };

	if (s->probe.kind != SPEC_RETURN)
		return false;
	if (str_is(name, "latency")) {
		s->wants_latency = true;
		strbuf_puts(out, "$latency");
		return true;
	}
	if (!str_is(name, "entry"))
		return false;
	strbuf_printf(&s->entry, "\t@entry%u_%u[%s] = ", s->number, s->n_entries, call_key(s));
	rewrite_expr(&w, argument, &s->entry);
	strbuf_puts(&s->entry, ";\n");
	strbuf_printf(out, "@entry%u_%u[%s]", s->number, s->n_entries++, call_key(s));
	return true;
}

static bool is_text_type(struct str type)
{
	return str_find(type, STR("char")) >= 0 && str_ends(type, STR("*"));
}

/* the kernel's short names of integers; others are C's */
static struct str spelled_type(struct arena *a, struct str type)
{
	if (type.n >= 2 && type.n <= 3 && strchr("us", type.p[0]) && type.p[1] >= '0' &&
	    type.p[1] <= '9')
		return arena_printf(a, "%sint%.*s", type.p[0] == 'u' ? "u" : "",
				    STR_ARG(str_sub(type, 1, type.n)));
	return type;
}

/* "(int32)fd, text(name)" */
static ERR_MUST struct err *put_values(struct dist_spec *s, const struct rewrite *w,
				       struct strbuf *out)
{
	struct str exprs = s->exprs, types = s->types;

	while (exprs.n) {
		struct str expr = rewrite_split(&exprs, ','),
			   type = str_trim(rewrite_split(&types, ','));

		strbuf_puts(out, out->n ? ", " : "");
		if (is_text_type(type)) {
			rewrite_text(w, expr, out);
		} else if (type.n && type.p[type.n - 1] != '*') {
			strbuf_printf(out, "(%.*s)(", STR_ARG(spelled_type(w->arena, type)));
			rewrite_expr(w, expr, out);
			strbuf_putc(out, ')');
		} else {
			rewrite_expr(w, expr, out);
		}
	}
	if (!out->n && s->probe.kind == SPEC_RETURN)
		strbuf_puts(out, s->probe.is_syscall ? "args.ret" : "(int32)retval");
	if (s->is_histogram && !out->n)
		return err_hint(err_new(0, "-H wants a value: %.*s", STR_ARG(s->label)),
				"write PROBE():TYPE:VALUE; -C counts calls");
	return NULL;
}

static void put_entry_clause(struct dist_spec *s)
{
	struct strbuf *out = s->d->out;

	if (s->wants_latency)
		strbuf_printf(&s->entry, "\t@start%u[%s] = nsecs;\n", s->number, call_key(s));
	if (!s->entry.n)
		return;
	strbuf_printf(out, "\n%.*s\n{\n%s}\n",
		      STR_ARG(spec_attach_as(s->d->a, &s->probe, SPEC_ENTRY)),
		      strbuf_cstr(&s->entry));
}

/* if the filter says so: the values into the map */
static void put_count(struct dist_spec *s, const char *values, const char *filter)
{
	struct strbuf *out = s->d->out;

	strbuf_printf(out, "\tif (%s) { ", *filter ? filter : "true");
	if (s->is_histogram)
		strbuf_printf(out, "@h%u = hist(%s);", s->number, values);
	else if (*values)
		strbuf_printf(out, "@c%u[%s] = count();", s->number, values);
	else
		strbuf_printf(out, "@c%u = count();", s->number);
	strbuf_puts(out, " }\n");
}

/* the call began under our eyes, and what waits for it is taken away whatever the filter says */
static void put_value_clause(struct dist_spec *s, const char *before, const char *values,
			     const char *filter)
{
	struct strbuf *out = s->d->out;
	const char *waits = s->wants_latency ? "start" : "entry";

	strbuf_printf(out, "\n%.*s\n", STR_ARG(s->probe.attach));
	if (s->wants_latency || s->n_entries)
		strbuf_printf(out, "/has_key(@%s%u%s, (%s))/\n", waits, s->number,
			      s->wants_latency ? "" : "_0", call_key(s));
	strbuf_printf(out, "{\n%s", before);
	if (s->wants_latency)
		strbuf_printf(out, "\t$latency = nsecs - @start%u[%s];\n", s->number, call_key(s));
	put_count(s, values, filter);
	if (s->wants_latency)
		strbuf_printf(out, "\tdelete(@start%u, (%s));\n", s->number, call_key(s));
	for (unsigned i = 0; i < s->n_entries; i++)
		strbuf_printf(out, "\tdelete(@entry%u_%u, (%s));\n", s->number, i, call_key(s));
	strbuf_puts(out, "}\n");
}

static void put_report(struct dist_spec *s, int64_t top)
{
	char kind = s->is_histogram ? 'h' : 'c';
	struct dist *d = s->d;

	strbuf_puts(&d->report, "\tprintf(\"%s\\n\", ");
	front_put_string(s->label, &d->report);
	strbuf_printf(&d->report, "); print(@%c%u", kind, s->number);
	if (top > 0 && !s->is_histogram)
		strbuf_printf(&d->report, ", %lld", (long long)top);
	strbuf_puts(&d->report, ");\n");
	strbuf_printf(&d->clear, " clear(@%c%u);", kind, s->number);
}

static ERR_MUST struct err *put_thread(const struct dist_spec *s, struct strbuf *filter)
{
	STRBUF_AUTO inner = { 0 };
	int64_t tid = 0;

	if (!tool_args_has(s->d->a, "tid"))
		return NULL;
	TRY(tool_args_number(s->d->a, "tid", &tid));
	strbuf_add_str(&inner, strbuf_str(filter));
	strbuf_clear(filter);
	strbuf_printf(filter, "tid == %lld", (long long)tid);
	if (inner.n)
		strbuf_printf(filter, " && (%s)", strbuf_cstr(&inner));
	return NULL;
}

/* values and filter in one reading */
static ERR_MUST struct err *read_values(struct dist_spec *s, const struct rewrite *w,
					struct strbuf *values, struct strbuf *filter)
{
	TRY(put_values(s, w, values));
	rewrite_expr(w, s->filter, filter);
	TRY(put_thread(s, filter));
	/* as C texts */
	strbuf_cstr(values);
	strbuf_cstr(filter);
	return NULL;
}

/* texts of a system call that are not in memory when it begins are counted when it ends */
static ERR_MUST struct err *put_values_clauses(struct dist_spec *s, struct rewrite *w,
					       struct late_text *l)
{
	STRBUF_AUTO values = { 0 }, filter = { 0 }, late_values = { 0 }, late_filter = { 0 };

	TRY(read_values(s, w, &values, &filter));
	w->late = &l->words;
	if (late_text_is_possible(&s->probe))
		TRY(read_values(s, w, &late_values, &late_filter));
	put_entry_clause(s);
	if (!late_text_make(s->d->a, &s->probe, l)) {
		put_value_clause(s, "", strbuf_cstr(&values), strbuf_cstr(&filter));
		return NULL;
	}
	put_value_clause(s, strbuf_cstr(&l->before), strbuf_cstr(&values), strbuf_cstr(&filter));
	strbuf_printf(s->d->out, "\n%s\n/%s/\n{\n", strbuf_cstr(&l->attach),
		      strbuf_cstr(&l->waits) + 4);
	put_count(s, strbuf_cstr(&late_values), strbuf_cstr(&late_filter));
	strbuf_printf(s->d->out, "%s}\n", strbuf_cstr(&l->behind));
	return NULL;
}

static ERR_MUST struct err *make_spec(struct dist_spec *s, struct str text)
{
	struct rewrite w = { .arena = &s->d->a->arena,
			     .spec = &s->probe,
			     .special = put_special,
			     .arg = s,
			     .bare_fields = true };
	struct late_text l = { .words.number = s->number };
	struct err *err;
	int64_t top = 0;

	TRY(parse(s, text));
	TRY(tool_args_number(s->d->a, "top", &top));
	err = put_values_clauses(s, &w, &l);
	late_text_free(&l);
	if (!err)
		put_report(s, top);
	return err;
}

static ERR_MUST struct err *add_spec(struct dist *d, struct str text, bool is_histogram)
{
	struct dist_spec s = { .d = d, .number = ++d->n, .is_histogram = is_histogram };
	struct err *err = make_spec(&s, text);

	spec_free(&s.probe);
	strbuf_free(&s.entry);
	return err;
}

/* ---- the whole ---- */

/* -C and -H take all words up to the next option */
static ERR_MUST struct err *add_all(struct dist *d)
{
	struct tool_args *a = d->a;
	const struct tool_given *now = NULL;
	size_t taken = 0;

	vec_each(g, &a->given) {
		bool is_count = str_is(g->option->name, "count-values"),
		     is_hist = str_is(g->option->name, "histogram");

		if (!is_count && !is_hist)
			continue;
		for (; now && taken < g->at; taken++)
			TRY(add_spec(d, a->rest.v[taken], str_is(now->option->name, "histogram")));
		TRY(add_spec(d, g->value, is_hist));
		now = g;
	}
	for (; now && taken < a->rest.n; taken++)
		TRY(add_spec(d, a->rest.v[taken], str_is(now->option->name, "histogram")));
	if (!now)
		return err_hint(
			err_new(0, "argdist needs -C or -H and a specification"),
			"for instance: sonde argdist -C 'p:c:malloc(size_t size):size_t:size'");
	return NULL;
}

static ERR_MUST struct err *put_intervals(struct dist *d)
{
	bool is_cumulative = tool_args_has(d->a, "cumulative");
	uint64_t ms;

	TRY(front_get_interval(d->a, &ms));
	front_put_interval(d->a, ms ? ms : 1000,
			   arena_printf(&d->a->arena, "time(\"[%%H:%%M:%%S]\\n\");\n%s",
					strbuf_cstr(&d->report))
				   .p,
			   is_cumulative ? "" : strbuf_cstr(&d->clear), d->out);
	/* what came behind the last interval */
	if (!tool_args_has(d->a, "number"))
		strbuf_printf(d->out, "\nend\n{\n%s}\n", strbuf_cstr(&d->report));
	return NULL;
}

struct err *front_argdist(struct tool_args *a, struct strbuf *out)
{
	struct dist d = { .a = a, .out = out };
	struct err *err;
	int64_t size = 0;

	err = tool_args_number(a, "string-size", &size);
	strbuf_puts(
		out,
		"config = { max_map_keys = 65536; print_maps_on_exit = false; map_table = \"VALUE COUNT\"; ");
	if (size > 0)
		strbuf_printf(out, "max_strlen = %lld; ", (long long)size);
	strbuf_puts(out, "}\n" REWRITE_TEXT_MACRO);
	if (!err)
		err = add_all(&d);
	if (!err)
		err = put_intervals(&d);
	strbuf_free(&d.report);
	strbuf_free(&d.clear);
	a->says_attached = true;
	a->session.is_one_line = true;
	return err;
}
