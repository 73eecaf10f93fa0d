/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sonde stat: a table of what runtimes do, a row for each process and interval. The front end looks which processes there are
 * and what each can tell (runtimes.h), and writes a script that knows them from its beginning; others come in with their
 * first event. Rows are sorted in the script: the greatest is looked for as often as rows are wanted.
 */
#include "tools/front_private.h"

#include "tools/runtimes.h"

enum column { METHOD, GC, OBJNEW, CLOAD, EXC, THR, N_COLUMNS };

static const char *const columns[] = { "method", "gc", "objnew", "cload", "exc", "thr" };

/* several rows for one column are added up */
static const struct stat_probe {
	enum runtime_lang lang;
	enum column column;
	const char *probe;
} probes[] = {
	{ RUNTIME_JAVA, METHOD, "usdt:*:hotspot:method__entry" },
	{ RUNTIME_JAVA, GC, NULL }, /* java_gc below */
	{ RUNTIME_JAVA, OBJNEW, "usdt:*:hotspot:object__alloc" },
	{ RUNTIME_JAVA, CLOAD, "usdt:*:hotspot:class__loaded" },
	{ RUNTIME_JAVA, EXC, "uprobe:*:JVM_FillInStackTrace" },
	{ RUNTIME_JAVA, THR, "usdt:*:hotspot:thread__start" },
	/* 3.11 leaves entries out, but no returns */
	{ RUNTIME_PYTHON, METHOD, "usdt:*:python:function__return" },
	{ RUNTIME_PYTHON, GC, "usdt:*:python:gc__start" },
	{ RUNTIME_PYTHON, CLOAD, "usdt:*:python:import__find__load__start" },
	{ RUNTIME_RUBY, METHOD, "usdt:*:ruby:method__entry" },
	/* left out where it harms (objfile/usdt_harm.c) */
	{ RUNTIME_RUBY, METHOD, "usdt:*:ruby:cmethod__entry" },
	{ RUNTIME_RUBY, GC, "usdt:*:ruby:gc__mark__begin" },
	{ RUNTIME_RUBY, OBJNEW, "usdt:*:ruby:object__create" },
	{ RUNTIME_RUBY, OBJNEW, "usdt:*:ruby:array__create" },
	{ RUNTIME_RUBY, OBJNEW, "usdt:*:ruby:hash__create" },
	{ RUNTIME_RUBY, OBJNEW, "usdt:*:ruby:string__create" },
	{ RUNTIME_RUBY, OBJNEW, "usdt:*:ruby:symbol__create" },
	{ RUNTIME_RUBY, CLOAD, "usdt:*:ruby:require__entry" },
	{ RUNTIME_RUBY, CLOAD, "usdt:*:ruby:load__entry" },
	{ RUNTIME_RUBY, EXC, "usdt:*:ruby:raise" },
	{ RUNTIME_PHP, METHOD, "usdt:*:php:function__entry" },
	{ RUNTIME_PHP, GC, "uprobe:*:zend_gc_collect_cycles" },
	{ RUNTIME_PHP, CLOAD, "usdt:*:php:compile__file__entry" },
	{ RUNTIME_PHP, EXC, "usdt:*:php:exception__thrown" },
	{ RUNTIME_PERL, METHOD, "usdt:*:perl:sub__entry" },
	{ RUNTIME_PERL, CLOAD, "usdt:*:perl:loaded__file" },
	{ RUNTIME_TCL, METHOD, "usdt:*:tcl:proc__entry" },
	{ RUNTIME_TCL, OBJNEW, "usdt:*:tcl:obj__create" },
	{ RUNTIME_NODE, GC, "usdt:*:node:gc__start" },
};

/* collections of builds without probes; a build that has both must not count twice */
static const struct stat_probe by_symbol[] = {
	{ RUNTIME_PYTHON, GC, "uprobe:*:gc_collect_main" },
	{ RUNTIME_NODE, GC, "uprobe:*:\"v8::internal::Heap::PerformGarbageCollection\"" },
};

struct stat {
	struct tool_args *a;
	struct strbuf *out;
	int64_t seconds, count, rows;
	int lang; /* the only one that is wanted, or -1 */
	int sort; /* enum column, or -1: by all of them */
	bool has_methods;
};

static bool is_wanted(const struct stat *s, enum runtime_lang lang, enum column c)
{
	if (s->lang >= 0 && lang != (enum runtime_lang)s->lang)
		return false;
	/* the two that cost with each call */
	return s->has_methods || (c != METHOD && c != OBJNEW);
}

/* which columns a language can fill */
static unsigned mask_of(const struct stat *s, enum runtime_lang lang)
{
	unsigned mask = 0;

	for (size_t i = 0; i < sizeof(probes) / sizeof(*probes); i++)
		if (probes[i].lang == lang && is_wanted(s, lang, probes[i].column))
			mask |= 1u << probes[i].column;
	return mask;
}

/* ---- the script ---- */

static void put_head(struct stat *s)
{
	strbuf_puts(s->out, "enum runtime_language { ");
	for (unsigned l = 0; l < RUNTIME_N; l++)
		strbuf_printf(s->out, "%s, ", runtime_name((enum runtime_lang)l));
	strbuf_puts(s->out,
		    "};\n\nconfig = { missing_probes = \"ignore\"; max_map_keys = 16384; "
		    "print_maps_on_exit = false }\n\nbegin\n{\n"
		    "\tprintf(\"%-8s %-7s %-32s %-7s %9s %6s %9s %8s %7s %6s  %s\\n\", \"TIME\", "
		    "\"PID\", \"CMD\", \"LANG\", \"METHOD/s\", \"GC/s\", \"OBJNEW/s\", \"CLOAD/s\", "
		    "\"EXC/s\", \"THR/s\", \"NOTE\");\n}\n\n");
}

static void put_process(struct stat *s, const struct runtime *r)
{
	unsigned mask = r->n_probes ? mask_of(s, r->lang) : 0;

	if (r->has_no_methods)
		mask &= ~(1u << METHOD);
	/* what PHP is asked for by one switch */
	if (r->has_no_methods && r->lang == RUNTIME_PHP)
		mask &= ~(1u << CLOAD);
	if (r->has_no_objects)
		mask &= ~(1u << OBJNEW);
	if (r->has_gc_symbol)
		mask |= 1u << GC;
	strbuf_printf(
		s->out,
		"begin\n{\n\t@mask[(uint32)%d] = (uint64)%u;\n\t@lang[(uint32)%d] = (enum runtime_language)%d;\n\t@command[(uint32)%d] = (string[64])",
		r->pid, mask, r->pid, r->lang, r->pid);
	front_put_string(str_sub(r->command, 0, 60), s->out);
	strbuf_printf(s->out, ";\n\t@note[(uint32)%d] = (string[128])", r->pid);
	front_put_string(r->has_no_methods || r->has_methods_later || r->has_no_objects ? r->why
											: STR_NULL,
			 s->out);
	strbuf_puts(s->out, ";\n}\n");
}

static void put_probe(struct stat *s, const struct stat_probe *p, const char *map)
{
	/* a collection begins with the first pool of a thread that is in none; operations with gc__begin may be several, or half */
	static const char java_gc[] =
		"usdt:*:hotspot:mem__pool__gc__end { if (@pools[tid] > 0) { @pools[tid]--; } }\n"
		"usdt:*:hotspot:mem__pool__gc__begin\n{\n"
		"\t@pools[tid]++;\n"
		"\tif (@pools[tid] > 1) { return; }\n";

	/* objects of these classes have a probe of their own, too */
	static const char ruby_object[] =
		" /str(arg0) != \"String\" && str(arg0) != \"Array\" && str(arg0) != \"Hash\"/";

	if (!is_wanted(s, p->lang, p->column))
		return;
	strbuf_printf(s->out,
		      "%s%s%s"
		      "\tif (!has_key(@lang, pid)) {\n"
		      "\t\t@lang[pid] = (enum runtime_language)%d;\n"
		      "\t\t@mask[pid] = (uint64)%u;\n"
		      "\t\t@command[pid] = (string[64])leader_comm;\n"
		      "\t\t@note[pid] = (string[128])\"\";\n"
		      "\t}\n"
		      "\t@%s[pid] = count();\n}\n",
		      p->probe ? p->probe : java_gc,
		      p->probe && !strcmp(p->probe, "usdt:*:ruby:object__create") ? ruby_object
										  : "",
		      p->probe ? "\n{\n" : "", p->lang, mask_of(s, p->lang) | 1u << p->column, map);
}

static void put_probes(struct stat *s)
{
	for (size_t i = 0; i < sizeof(probes) / sizeof(*probes); i++)
		put_probe(s, &probes[i], columns[probes[i].column]);
	for (size_t i = 0; i < sizeof(by_symbol) / sizeof(*by_symbol); i++)
		put_probe(s, &by_symbol[i], "gc_symbol");
	strbuf_puts(s->out,
		    "\n// it has its row in one table more\n"
		    "rawtracepoint:sched_process_exit /pid == tid && has_key(@lang, pid)/ { "
		    "@gone[pid] = true; }\n\n");
}

/* a row whose columns are those of mask; the others say that nobody knows */
static void put_row(struct stat *s, unsigned mask)
{
	static const int widths[] = { 9, 6, 9, 8, 7, 6 };

	strbuf_printf(s->out, "\t\tif ($mask == %u) {\n\t\t\tprintf(\"%%s %%-7d %%-32.32s %%-7s",
		      mask);
	for (unsigned c = 0; c < N_COLUMNS; c++)
		strbuf_printf(s->out, " %%%d%c", widths[c], mask & 1u << c ? 'd' : 's');
	strbuf_puts(s->out,
		    "  %s\\n\", strftime(\"%H:%M:%S\", nsecs), $who, @command[$who], @lang[$who]");
	for (unsigned c = 0; c < N_COLUMNS; c++) {
		if (mask & 1u << c)
			/* rounded up: what happened does not become nothing */
			strbuf_printf(s->out, ", (@delta[$who, %u] + %lld) / %lld", c,
				      (long long)s->seconds - 1, (long long)s->seconds);
		else
			strbuf_puts(s->out, ", \"-\"");
	}
	strbuf_puts(s->out, ", @note[$who]);\n\t\t}\n");
}

static void put_rows(struct stat *s)
{
	bool seen[1 << N_COLUMNS] = { false };

	for (unsigned l = 0; l < RUNTIME_N; l++) {
		unsigned all = mask_of(s, (enum runtime_lang)l);

		seen[all] = seen[all & ~(1u << METHOD)] = seen[all & ~(1u << OBJNEW)] = true;
		seen[all & ~((1u << METHOD) | (1u << OBJNEW))] = true;
	}
	seen[0] = seen[1u << GC] = seen[1u << GC | 1u << EXC] = true;
	for (unsigned mask = 0; mask < 1u << N_COLUMNS; mask++)
		if (seen[mask])
			put_row(s, mask);
}

static bool has_column(const struct stat *s, enum column c)
{
	for (size_t i = 0; i < sizeof(probes) / sizeof(*probes); i++)
		if (probes[i].column == c && is_wanted(s, probes[i].lang, c))
			return true;
	return false;
}

/* what happened since the last table. The last of all covers less than an interval: only who did something is in it */
static void put_table(struct stat *s, bool is_last)
{
	strbuf_puts(s->out, "\tfor ($kv : @lang) {\n\t\t$pid = $kv.0;\n"
			    "\t\t@order[$pid] = (int64)0;\n\t\t$all = (int64)0;\n");
	for (unsigned c = 0; c < N_COLUMNS; c++) {
		if (!has_column(s, (enum column)c))
			continue;
		strbuf_printf(s->out, "\t\t$n%u = (int64)@%s[$pid];\n", c, columns[c]);
		if (c == GC && (s->lang < 0 || s->lang == RUNTIME_PYTHON || s->lang == RUNTIME_NODE))
			strbuf_puts(
				s->out,
				"\t\tif ((int64)@gc_symbol[$pid] > $n1) { $n1 = (int64)@gc_symbol[$pid]; }\n");
		strbuf_printf(s->out,
			      "\t\t@delta[$pid, %u] = $n%u - @last[$pid, %u];\n"
			      "\t\t@last[$pid, %u] = $n%u;\n"
			      "\t\t$all += @delta[$pid, %u];\n",
			      c, c, c, c, c, c);
		if (s->sort < 0 || (unsigned)s->sort == c)
			strbuf_printf(s->out, "\t\t@order[$pid] += @delta[$pid, %u];\n", c);
	}
	if (is_last)
		strbuf_puts(s->out, "\t\tif ($all == 0) { delete(@order, $pid); }\n");
	strbuf_printf(s->out,
		      "\t}\n"
		      "\tfor ($row : 0..%lld) {\n"
		      "\t\tlet $best : int64 = -1;\n"
		      "\t\tlet $who : uint32 = 0;\n"
		      "\t\tfor ($kv : @order) {\n"
		      "\t\t\tif ($kv.1 > $best || ($kv.1 == $best && $kv.0 < $who)) {\n"
		      "\t\t\t\t$best = $kv.1;\n\t\t\t\t$who = $kv.0;\n\t\t\t}\n\t\t}\n"
		      "\t\tif ($best < 0) { break; }\n"
		      "\t\tdelete(@order, $who);\n"
		      "\t\t$mask = @mask[$who];\n",
		      (long long)s->rows);
	put_rows(s);
	strbuf_puts(s->out, "\t}\n\tfor ($kv : @order) { delete(@order, $kv.0); }\n");
}

static void put_interval(struct stat *s)
{
	strbuf_printf(s->out, "interval:s:%lld\n{\n", (long long)s->seconds);
	put_table(s, false);
	strbuf_puts(s->out,
		    "\tfor ($kv : @gone) { delete(@lang, $kv.0); delete(@gone, $kv.0); }\n");
	if (s->count)
		strbuf_printf(s->out, "\t@rounds++;\n\tif (@rounds == %lld) { exit(); }\n",
			      (long long)s->count);
	strbuf_puts(s->out, "}\n\nend\n{\n");
	if (s->count)
		strbuf_printf(s->out, "\tif (@rounds == %lld) { return; }\n", (long long)s->count);
	put_table(s, true);
	strbuf_puts(s->out, "}\n");
}

/* ---- the command line ---- */

static ERR_MUST struct err *parse_word(const struct tool_args *a, size_t i, const char *what,
				       int64_t *ret)
{
	uint64_t n;

	if (a->rest.n <= i)
		return NULL;
	if (!str_to_u64(a->rest.v[i], &n) || n < 1 || n > 86400 * 365)
		return err_new(0, "'%.*s' is no %s", STR_ARG(a->rest.v[i]), what);
	*ret = (int64_t)n;
	return NULL;
}

static ERR_MUST struct err *parse(struct stat *s)
{
	struct str lang = tool_args_value(s->a, "lang"), sort = tool_args_value(s->a, "sort");

	TRY(tool_args_number(s->a, "rows", &s->rows));
	TRY(parse_word(s->a, 0, "number of seconds", &s->seconds));
	TRY(parse_word(s->a, 1, "count", &s->count));
	if (s->a->rest.n > 2)
		return err_new(0, "stat takes an interval and a count, no more");
	if (s->rows < 1 || s->rows > 1000)
		return err_new(0, "--rows takes a number from 1 to 1000");
	for (int l = 0; lang.n && l < RUNTIME_N; l++)
		if (str_is(lang, runtime_name((enum runtime_lang)l)))
			s->lang = l;
	if (lang.n && s->lang < 0)
		return err_hint(err_new(0, "'%.*s' is no language that stat knows", STR_ARG(lang)),
				"java, python, ruby, node, php, perl, tcl");
	for (int c = 0; sort.n && c < N_COLUMNS; c++)
		if (str_is(sort, columns[c]))
			s->sort = c;
	if (sort.n && s->sort < 0)
		return err_hint(err_new(0, "'%.*s' is no column to sort by", STR_ARG(sort)),
				"method, gc, objnew, cload, exc, thr");
	return NULL;
}

struct err *front_stat(struct tool_args *a, struct strbuf *out)
{
	struct stat s = { .a = a, .out = out, .seconds = 1, .rows = 20, .lang = -1, .sort = -1 };
	struct runtime_list list = { 0 };

	s.has_methods = !tool_args_has(a, "no-methods");
	TRY(parse(&s));
	if (a->session.pids.n || !a->session.command)
		TRY(runtimes_find(a->session.pids.v, a->session.pids.n, &a->arena, &list));
	put_head(&s);
	vec_each(r, &list)
		if (s.lang < 0 || r->lang == (enum runtime_lang)s.lang)
			put_process(&s, r);
	vec_free(&list);
	put_probes(&s);
	put_interval(&s);
	return NULL;
}
