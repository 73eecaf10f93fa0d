/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See pattern.h. Patterns become attach points here; what fits them is found when the script is compiled. */
#include "tools/pattern.h"

#include "base/cleanup.h"
#include "tools/front_private.h"

/*
 * -r: "c:^mem(cpy|set)$": what stands behind the library is a regular expression. All functions are asked for, and the
 * expression goes to --probe-filter, which looks at full names: uprobe:FILE:NAME.
 */
static ERR_MUST struct err *parse_regex(struct tool_args *a, struct str text, struct tool_spec *ret)
{
	struct arena *m = &a->arena;
	size_t colon = text.n;
	struct str regex;
	const char *old = a->session.probe_filter;
	const char *any = ".*";

	while (colon && text.p[colon - 1] != ':')
		colon--;
	regex = str_sub(text, colon, text.n);
	if (str_starts(regex, STR("^"))) {
		regex = str_sub(regex, 1, regex.n);
		any = "";
	}
	a->session.probe_filter = arena_printf(m, "%s%s^[a-z]+:[^:]*:([^:]*:)?%s%.*s",
					       old ? old : "", old ? "|" : "", any, STR_ARG(regex))
					  .p;
	return spec_parse_all(a, arena_printf(m, "%.*s*", (int)colon, text.p), ret);
}

static bool is_function(const struct tool_spec *s)
{
	return s->is_user && (s->kind == SPEC_ENTRY || s->kind == SPEC_RETURN);
}

struct err *patterns_parse(struct tool_args *a, struct patterns *ret)
{
	bool is_regex = tool_args_has(a, "regexp"), has_files = false;
	size_t n_functions = 0;

	*ret = (struct patterns){ 0 };
	for (size_t i = 0; i < a->rest.n; i++) {
		struct tool_spec s = { 0 };
		struct err *err = is_regex ? parse_regex(a, a->rest.v[i], &s)
					   : spec_parse_all(a, a->rest.v[i], &s);

		if (err) {
			spec_free(&s);
			return err;
		}
		ret->is_many |= i > 0 || s.has_glob;
		has_files |= str_has_glob(s.target) ||
			     (i && !str_eq(s.target, ret->specs.v[0].target));
		n_functions += is_function(&s);
		vec_push(&ret->specs, s);
	}
	ret->is_user = n_functions == ret->specs.n;
	ret->has_kinds = !ret->is_user || (has_files && ret->is_many);
	return NULL;
}

void patterns_free(struct patterns *p)
{
	vec_each(s, &p->specs)
		spec_free(s);
	vec_free(&p->specs);
}

void patterns_put_name(const struct patterns *p, struct strbuf *out)
{
	if (!p->is_many)
		front_put_string(p->specs.v[0].shown, out);
	else
		strbuf_puts(out, p->has_kinds ? "probe" : "func");
}

void patterns_put_points(struct tool_args *a, const struct patterns *p, enum spec_kind kind,
			 struct strbuf *out)
{
	for (size_t i = 0; i < p->specs.n; i++) {
		const struct tool_spec *s = &p->specs.v[i];
		bool is_call = s->kind == SPEC_ENTRY || s->kind == SPEC_RETURN;
		struct str point = kind != SPEC_OTHER && is_call ? spec_attach_as(a, s, kind)
								 : s->attach;

		strbuf_printf(out, "%s%.*s", i ? ",\n" : "", STR_ARG(point));
	}
}

struct err *patterns_check_calls(const struct tool_args *a, const struct patterns *p)
{
	vec_each(s, &p->specs) {
		if (s->kind != SPEC_ENTRY || s->offset.n)
			return err_hint(
				err_new(0, "%.*s measures calls of functions, and '%.*s' is none",
					STR_ARG(a->manual->name), STR_ARG(s->text)),
				"write library:function, or uprobe:FILE:FUNCTION");
	}
	vec_each(s, &p->specs)
		if (s->is_user != p->specs.v[0].is_user)
			return err_hint(
				err_new(0,
					"functions of programs and of the kernel are not measured together"),
				"run %.*s twice", STR_ARG(a->manual->name));
	return NULL;
}

struct err *front_get_interval(const struct tool_args *a, uint64_t *ms)
{
	struct session_opts s = { 0 };

	*ms = 0;
	if (!tool_args_has(a, "interval"))
		return NULL;
	TRY(session_opts_set_duration(
		&s, arena_str((struct arena *)&a->arena, tool_args_value(a, "interval")).p));
	*ms = s.duration_ns / 1000000;
	return *ms ? NULL : err_new(0, "the shortest interval is 1ms");
}

void front_put_interval(const struct tool_args *a, uint64_t ms, const char *print,
			const char *clear, struct strbuf *out)
{
	int64_t count = 0;

	strbuf_printf(out, "\ninterval:ms:%llu\n{\n", (unsigned long long)ms);
	if (tool_args_has(a, "timestamp"))
		strbuf_puts(out, "\ttime(\"%H:%M:%S\\n\");\n");
	strbuf_printf(out, "\t%s\n\t%s\n", print, clear);
	if (tool_args_has(a, "number") && !tool_args_number(a, "number", &count))
		strbuf_printf(out, "\tif (++@intervals >= %lld) { exit(); }\n", (long long)count);
	strbuf_puts(out, "}\n");
}
