/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sonde latency and sonde slower: how long calls take. A call is known by what runs it and by its frame (gtid, call_frame),
 * so that recursion and goroutines that change threads are measured right; where one frame can hold several functions (an
 * inlined one in its caller), by its name, too.
 */
#include "tools/front_private.h"

#include "base/cleanup.h"
#include "tools/pattern.h"
#include "tools/rewrite.h"

/* calls under way at once, over all threads */
#define CONFIG_CALLS "max_probes = 200000; max_map_keys = 65536; "

struct calls {
	struct tool_args *a;
	struct patterns p;
	const char *key;  /* of a call */
	const char *name; /* of the function, for columns */
	struct strbuf name_text;
	const char *unit, *div; /* of durations */
};

static ERR_MUST struct err *begin_calls(struct calls *c, struct tool_args *a)
{
	*c = (struct calls){ .a = a, .unit = "nsecs", .div = "" };
	TRY(patterns_parse(a, &c->p));
	TRY(patterns_check_calls(a, &c->p));
	patterns_put_name(&c->p, &c->name_text);
	c->name = strbuf_cstr(&c->name_text);
	/* func is the same word at entry and return, probe is not */
	c->key = c->p.is_many ? "gtid, call_frame, func" : "gtid, call_frame";
	/* frames of the kernel's functions are not known; one function at a time on a thread is what it mostly is */
	if (!c->p.is_user)
		c->key = c->p.is_many ? "tid, func" : "tid";
	if (c->p.has_kinds && c->p.is_many)
		c->name = "func";
	return NULL;
}

static void end_calls(struct calls *c)
{
	patterns_free(&c->p);
	strbuf_free(&c->name_text);
	c->a->says_attached = true;
}

static void put_entry(struct calls *c, const char *more, struct strbuf *out)
{
	patterns_put_points(c->a, &c->p, SPEC_ENTRY, out);
	strbuf_printf(out, "\n{\n%s\t@start[%s] = nsecs;\n}\n\n", more, c->key);
}

static void put_return(struct calls *c, struct strbuf *out)
{
	patterns_put_points(c->a, &c->p, SPEC_RETURN, out);
	strbuf_printf(
		out,
		"\n/has_key(@start, (%s))/\n{\n\t$ns = nsecs - @start[%s];\n\tdelete(@start, (%s));\n",
		c->key, c->key, c->key);
}

/* ---- latency ---- */

static ERR_MUST struct err *put_latency(struct calls *c, struct strbuf *out)
{
	struct tool_args *a = c->a;
	bool has_sums = a->session.format == OUTPUT_JSON || tool_args_has(a, "interval"),
	     by_name = tool_args_has(a, "function");
	const char *key = by_name ? arena_printf(&a->arena, "[%s]", c->name).p : "";
	const char *print, *sums;
	uint64_t ms;

	if (tool_args_has(a, "milliseconds"))
		c->unit = "msecs", c->div = " / 1000000";
	else if (tool_args_has(a, "microseconds"))
		c->unit = "usecs", c->div = " / 1000";
	TRY(front_get_interval(a, &ms));
	strbuf_printf(out,
		      "config = { " CONFIG_CALLS
		      "print_maps_on_exit = false; print_differences = true%s%s%s }\n\n",
		      by_name ? "; map_table = \"FUNC COUNT AVG_" : "", by_name ? c->unit : "",
		      by_name ? arena_printf(&a->arena, " TOTAL_%s\"", c->unit).p : "");
	put_entry(c, "", out);
	put_return(c, out);
	strbuf_printf(out, "\t@%s%s = hist($ns%s);\n\t@calls%s = stats($ns%s);\n", c->unit, key,
		      c->div, key, c->div);
	if (!by_name && !has_sums)
		strbuf_printf(out, "\t@total = sum($ns%s);\n\t@n = count();\n", c->div);
	strbuf_puts(out, "}\n");
	/* the line at the end is for people; in JSON, and of intervals, the sums are a value of their own */
	sums = by_name || has_sums
		       ? "print(@calls);"
		       : arena_printf(
				 &a->arena,
				 "if ((int64)@n > 0) { printf(\"avg = %%ld %s, total: %%ld %s, count: %%ld\\n\", "
				 "(int64)@total / (int64)@n, (int64)@total, (int64)@n); }",
				 c->unit, c->unit)
				 .p;
	print = arena_printf(&a->arena, "print(@%s); %s", c->unit, sums).p;
	if (ms)
		front_put_interval(a, ms, print, "", out);
	strbuf_printf(out, "\nend { %s }\n", print);
	return NULL;
}

struct err *front_latency(struct tool_args *a, struct strbuf *out)
{
	struct calls c;
	struct err *err = begin_calls(&c, a);

	if (!err)
		err = put_latency(&c, out);
	end_calls(&c);
	return err;
}

/* ---- slower ---- */

struct slower {
	struct calls c;
	struct strbuf keep;          /* at the entry: arguments into maps */
	struct strbuf format, shown; /* at the return: out of them */
	struct strbuf forget;
};

static ERR_MUST struct err *get_threshold(const struct tool_args *a, uint64_t *ns)
{
	int64_t n = 1;

	if (tool_args_has(a, "min-us")) {
		TRY(tool_args_number(a, "min-us", &n));
		*ns = (uint64_t)n * 1000;
	} else {
		TRY(tool_args_number(a, "min-ms", &n));
		*ns = (uint64_t)n * 1000000;
	}
	return n < 0 ? err_new(0, "a duration is not negative") : NULL;
}

/* one value that is known at the entry and shown at the return */
static void keep_value(struct slower *s, unsigned i, const char *format, const char *expr)
{
	strbuf_printf(&s->keep, "\t@arg%u[%s] = %s;\n", i, s->c.key, expr);
	strbuf_printf(&s->format, " %s", format);
	strbuf_printf(&s->shown, ", @arg%u[%s]", i, s->c.key);
	strbuf_printf(&s->forget, "\tdelete(@arg%u, (%s));\n", i, s->c.key);
}

/* -a 2: words by the calling convention; -x EXPR: anything that a probe at the entry can read */
static ERR_MUST struct err *keep_arguments(struct slower *s)
{
	struct tool_args *a = s->c.a;
	struct rewrite w = { .arena = &a->arena, .spec = &s->c.p.specs.v[0] };
	int64_t n = 0;
	unsigned i = 0;

	TRY(tool_args_number(a, "arguments", &n));
	if (n < 0 || n > 6)
		return err_new(0, "-a takes a number of arguments from 0 to 6");
	for (; i < n; i++)
		keep_value(s, i, "0x%lx",
			   arena_printf(&a->arena,
					s->c.p.specs.v[0].is_syscall ? "syscall_arg(%u)"
								     : "(uint64)arg%u",
					i)
				   .p);
	vec_each(g, &a->given) {
		struct str rest = g->value;

		if (!str_is(g->option->name, "expr"))
			continue;
		while (rest.n) {
			STRBUF_AUTO expr = { 0 };

			rewrite_expr(&w, rewrite_split(&rest, ','), &expr);
			keep_value(s, i++, "%s", strbuf_cstr(&expr));
		}
	}
	return NULL;
}

static void put_slower_line(struct slower *s, struct strbuf *out)
{
	struct calls *c = &s->c;
	bool user = tool_args_has(c->a, "user-stack"), kernel = tool_args_has(c->a, "kernel-stack");
	const char *us = "$ns / 1000, $ns % 1000";

	strbuf_printf(out,
		      "\tprintf(\"%%-8s %%-14s %%-7d %%6lld.%%03lld %%16lx %%s%s%s%s\\n\", "
		      "strftime(\"%%H:%%M:%%S\", nsecs), comm, pid, %s, (uint64)%s, %s",
		      s->format.n ? strbuf_cstr(&s->format) : "", kernel ? "%s" : "",
		      user ? "%s" : "", us, c->p.specs.v[0].is_syscall ? "args.ret" : "retval",
		      c->name);
	strbuf_add_str(out, strbuf_str(&s->shown));
	strbuf_printf(out, "%s%s);\n", kernel ? ", kstack" : "", user ? ", ustack" : "");
}

static ERR_MUST struct err *put_slower(struct slower *s, struct strbuf *out)
{
	struct calls *c = &s->c;
	uint64_t ns = 0;

	TRY(get_threshold(c->a, &ns));
	TRY(keep_arguments(s));
	strbuf_puts(out, "config = { " CONFIG_CALLS "print_maps_on_exit = false }\n");
	strbuf_printf(
		out,
		"begin { printf(\"%%-8s %%-14s %%-7s %%10s %%16s %%s%s\\n\", \"TIME\", \"COMM\", \"PID\", "
		"\"LAT_us\", \"RVAL\", \"FUNC\"%s); }\n\n",
		s->shown.n ? " %s" : "", s->shown.n ? ", \"MESSAGE\"" : "");
	put_entry(c, s->keep.n ? strbuf_cstr(&s->keep) : "", out);
	put_return(c, out);
	strbuf_printf(out, "\tif ($ns >= %llu) {\n\t", (unsigned long long)ns);
	put_slower_line(s, out);
	strbuf_puts(out, "\t}\n");
	strbuf_add_str(out, strbuf_str(&s->forget));
	strbuf_puts(out, "}\n");
	return NULL;
}

struct err *front_slower(struct tool_args *a, struct strbuf *out)
{
	struct slower s = { 0 };
	struct err *err = begin_calls(&s.c, a);

	if (!err)
		err = put_slower(&s, out);
	end_calls(&s.c);
	strbuf_free(&s.keep);
	strbuf_free(&s.format);
	strbuf_free(&s.shown);
	strbuf_free(&s.forget);
	a->says_attached = false; /* the heading does */
	a->session.is_one_line = true;
	return err;
}
