/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Manuals of tools, the words behind them, probe specifications and expressions of the front ends. */
#include "tools/args.h"
#include "tools/manual.h"
#include "tools/rewrite.h"
#include "tools/spec.h"

#include "tap.h"

static const char script[] = "#!/usr/bin/env sonde\n/* SPDX */\n"
			     "/*\n"
			     " * octi - what it does\n"
			     " *\n"
			     " * USAGE: sonde octi [-x] [-n NAME] FILE\n"
			     " *\n"
			     " * OPTIONS:\n"
			     " *   -x, --failed            only failures\n"
			     " *                           and more of that\n"
			     " *   -n, --name NAME         a name\n"
			     " *       --min-us=N          a number\n"
			     " *   -d, --depth N           goes before the common letter\n"
			     " *   -M, --max-events N      a letter for an option of all\n"
			     " *   -q                      a letter alone\n"
			     " *\n"
			     " * EXAMPLE:\n"
			     " *   $ sonde octi\n"
			     " *     indented\n"
			     " *\n"
			     " * NOTES: short\n"
			     " * UNSAFE: yes\n"
			     " */\n"
			     "begin { }\n";

TEST(sections_and_options_of_a_head)
{
	struct tool_manual m;

	CHECK(!manual_parse(str_from(script), &m));
	CHECK_VIEW(m.name, "octi");
	CHECK_VIEW(m.summary, "what it does");
	CHECK_VIEW(m.usage, "sonde octi [-x] [-n NAME] FILE");
	CHECK_VIEW(m.example, "  $ sonde octi\n    indented");
	CHECK_VIEW(m.notes, " short");
	CHECK(m.is_unsafe);
	CHECK_INT(m.options.n, 6);
	CHECK_VIEW(m.options.v[0].name, "failed");
	CHECK_INT(m.options.v[0].value.n, 0);
	CHECK_VIEW(m.options.v[1].value, "NAME");
	CHECK_INT(m.options.v[2].letter, 0);
	CHECK_VIEW(m.options.v[2].name, "min-us");
	CHECK_VIEW(m.options.v[2].value, "N");
	CHECK_VIEW(m.options.v[5].name, "q");
	manual_free(&m);
}

TEST(a_head_without_stars_or_parts)
{
	static const char *const bad[] = { "", "begin { }", "/* octi - x */",
					   "/*\noctiUSAGE: x\n*/",
					   "/*\nocti - x\nUSAGE: x\nOPTIONS:\n  -abc  y\n*/" };
	struct tool_manual m;

	CHECK(!manual_parse(
		str_from("/*\n\tocti - x\n\n\tUSAGE: sonde octi\n\tOPTIONS:\n\t  -a  y\n*/"), &m));
	CHECK_VIEW(m.summary, "x");
	CHECK_INT(m.options.n, 1);
	manual_free(&m);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct err *err = manual_parse(str_from(bad[i]), &m);

		CHECK(err);
		err_free(err);
	}
}

static struct err *parse_args(struct tool_manual *m, struct tool_args *a, int n, const char **words)
{
	CHECK(!manual_parse(str_from(script), m));
	return tool_args_parse(m, n, (char **)words, a);
}

static void free_args(struct tool_manual *m, struct tool_args *a)
{
	tool_args_free(a);
	manual_free(m);
}

TEST(options_of_the_tool_and_of_all)
{
	const char *words[] = { "-xqn",   "a",   "file",    "--min-us=5", "-d", "7",
				"-p",     "1,2", "--name",  "b",          "-M", "3",
				"--json", "--",  "--other", "--unsafe" };
	struct tool_manual m;
	struct tool_args a;
	int64_t n = 0;

	CHECK(!parse_args(&m, &a, 16, words));
	CHECK(tool_args_has(&a, "failed") && tool_args_has(&a, "q"));
	CHECK_VIEW(tool_args_value(&a, "name"), "b");
	CHECK(!tool_args_number(&a, "min-us", &n) && n == 5);
	CHECK(!tool_args_number(&a, "depth", &n) && n == 7);
	CHECK_INT(a.session.duration_ns, 0);
	CHECK_INT(a.session.max_events, 3);
	CHECK_INT(a.session.pids.n, 2);
	CHECK_INT(a.session.format, OUTPUT_JSON);
	CHECK(!a.session.is_unsafe);
	CHECK_INT(a.rest.n, 3);
	CHECK_VIEW(a.rest.v[1], "--other");
	free_args(&m, &a);
}

TEST(options_that_are_wrong)
{
	static const char *const bad[][2] = { { "--nam", "x" },      { "-z", "x" },
					      { "--failed=1", "x" }, { "x", "-n" },
					      { "-p", "zero" },      { "--duration", "soon" } };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *words[] = { bad[i][0], bad[i][1] };
		struct tool_manual m;
		struct tool_args a;
		struct err *err = parse_args(&m, &a, 2, words);

		CHECK(err);
		err_free(err);
		free_args(&m, &a);
	}
}

TEST(durations)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = { { "5", 5000000000 },
		     { "0.5", 500000000 },
		     { "20ms", 20000000 },
		     { "2m", 120000000000 },
		     { "7us", 7000 } };
	static const char *const bad[] = { "", "s", "0", "-1", "5 s", "5x", "nan", "inf", "1e30" };
	struct session_opts s = { 0 };

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		CHECK(!session_opts_set_duration(&s, good[i].text));
		CHECK_INT(s.duration_ns, good[i].ns);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct err *err = session_opts_set_duration(&s, bad[i]);

		CHECK(err);
		err_free(err);
	}
}

/* ---- probes ---- */

static void check_spec(const char *text, const char *attach, const char *rest)
{
	struct tool_manual m = { 0 };
	struct tool_args a = { .manual = &m };
	struct str left = str_from(text);
	struct tool_spec s;
	struct err *err;

	arena_init(&a.arena);
	vec_push(&a.session.pids, 1); /* a function without library is the process's */
	err = spec_parse(&a, &left, &s);
	CHECK(!err);
	err_free(err);
	CHECK_VIEW(s.attach, attach);
	CHECK_VIEW(str_trim(left), rest);
	spec_free(&s);
	vec_free(&a.session.pids);
	arena_free(&a.arena);
}

TEST(probes_in_words_of_bcc)
{
	check_spec("/bin/x:f \"%d\", arg1", "uprobe:/bin/x:f", "\"%d\", arg1");
	check_spec("/bin/x:f\"%d\", arg1", "uprobe:/bin/x:f", "\"%d\", arg1");
	check_spec("r:/bin/x:f (retval > 0)", "uretprobe:/bin/x:f", "(retval > 0)");
	check_spec("p:libc:open(const char *p, int f) (f & 1)", "uprobe:libc:open", "(f & 1)");
	check_spec("libc:f+16", "uprobe:libc:f+16", "");
	check_spec("r::malloc", "uretprobe:*:malloc", "");
	check_spec("r::f(int a) (retval)", "uretprobe:*:f", "(retval)");
	check_spec("malloc", "uprobe:*:malloc", "");
	check_spec("u:/x/libjvm.so:gc__begin", "usdt:/x/libjvm.so:gc__begin", "");
	check_spec("u:/x/libjvm.so:hotspot:gc__*", "usdt:/x/libjvm.so:hotspot:gc__*", "");
	check_spec("t:syscalls:sys_enter_* \"x\"", "tracepoint:syscalls:sys_enter_*", "\"x\"");
	check_spec("\"/my app/x\":f", "uprobe:\"/my app/x\":f", "");
}

TEST(names_of_other_languages)
{
	check_spec("./g:main.(*T).f (x)", "uprobe:./g:\"main.(*T).f\"", "(x)");
	check_spec("./g:main.add[int]", "uprobe:./g:\"main.add[int]\"", "");
	check_spec("./c:ns::f(int, char) \"x\"", "uprobe:./c:\"ns::f(int, char)\"", "\"x\"");
	check_spec("./r:<a::B as c::D>::e \"x\"", "uprobe:./r:\"<a::B as c::D>::e\"", "\"x\"");
	check_spec("./c:ns::S::operator()", "uprobe:./c:\"ns::S::operator()\"", "");
}

TEST(lines_of_sonde_list)
{
	check_spec("uprobe:/bin/x:f  # inlined only, at 3 places", "uprobe:/bin/x:f", "");
	check_spec("usdt:/x:p:n  # arg0 int32 in %eax \"%d\"", "usdt:/x:p:n", "");
	check_spec("uprobe:/x:cpp:\"ns::f(int)\" (arg0) \"y\"", "uprobe:/x:cpp:\"ns::f(int)\"",
		   "(arg0) \"y\"");
	check_spec("uprobe:\"/a b\":\"<x as y>::z\"", "uprobe:\"/a b\":\"<x as y>::z\"", "");
	check_spec("tracepoint:a:b \"x\"", "tracepoint:a:b", "\"x\"");
}

/* ---- expressions ---- */

static void check_expr(const char *probe, const char *expr, const char *want)
{
	struct tool_manual m = { 0 };
	struct tool_args a = { .manual = &m };
	struct str left = str_from(probe);
	STRBUF_AUTO out = { 0 };
	struct tool_spec s;

	arena_init(&a.arena);
	vec_push(&a.session.pids, 1);
	CHECK(!spec_parse(&a, &left, &s));
	rewrite_expr(&(struct rewrite){ .arena = &a.arena, .spec = &s }, str_from(expr), &out);
	CHECK_STR(strbuf_cstr(&out), want);
	spec_free(&s);
	vec_free(&a.session.pids);
	arena_free(&a.arena);
}

TEST(expressions_of_bcc)
{
	check_expr("/x:f", "arg1 + arg6 > $pid", "arg0 + arg5 > tid");
	check_expr("/x:f", "arg2@user", "uptr(arg1)");
	check_expr("/x:f", "STRCMP(\"a,b\", arg1) && $tgid == 5",
		   "(text(arg0) == \"a,b\") && pid == 5");
	check_expr("/x:f(int n, struct t *p)", "n * p->n + 0x10",
		   "((int)arg0) * ((struct t *)arg1)->n + 0x10");
	check_expr("/x:f", "\"arg1 $pid\"[arg1] != NULL", "\"arg1 $pid\"[arg0] != 0");
	check_expr("t:a:b", "args->arg1 + args.arg2", "args->arg1 + args.arg2");
	check_expr("/x:f", "$unknown", "$unknown");
	check_expr("sys_read", "arg3 > 5", "syscall_arg(2) > 5");
	check_expr("r::sys_read", "retval + $retval", "args.ret + args.ret");
	check_expr("sys_open(char *p, int f)", "f", "((int)uptr(syscall_arg(1)))");
	check_expr("uprobe:/x:f", "arg1 + args.arg1", "arg1 + args.arg1");
}

static void check_action(const char *probe, const char *action, const char *format,
			 const char *args)
{
	struct tool_manual m = { 0 };
	struct tool_args a = { .manual = &m };
	struct str left = str_from(probe);
	STRBUF_AUTO f = { 0 }, v = { 0 };
	struct tool_spec s;
	struct err *err;

	arena_init(&a.arena);
	vec_push(&a.session.pids, 1);
	CHECK(!spec_parse(&a, &left, &s));
	err = rewrite_action(&(struct rewrite){ .arena = &a.arena, .spec = &s }, str_from(action),
			     &f, &v);
	CHECK(!err == !!format);
	err_free(err);
	if (format) {
		CHECK_STR(strbuf_cstr(&f), format);
		CHECK_STR(v.n ? strbuf_cstr(&v) : "", args);
	}
	spec_free(&s);
	vec_free(&a.session.pids);
	arena_free(&a.arena);
}

TEST(formats)
{
	check_action("/x:f", "\"%s %5d%%\", arg1, arg2", "%s %5d%%", ", text(arg0), arg1");
	check_action("/x:f", "\"%s\" arg1", "%s", ", text(arg0)");
	check_action("/x:f", "\"%.*s|\", arg2, arg1", "%s|", ", str(arg0, arg1)");
	check_action("/x:f", "\"%-20.*s\", arg2, arg1", "%-20s", ", str(arg0, arg1)");
	check_action("/x:f", "\"%*d\", 5, arg1", "%*d", ", 5, arg0");
	check_action("/x:f", "\"%K %U\", arg1, f(arg2, 3)", "%s %s",
		     ", ksym(arg0), usym(f(arg1, 3))");
	check_action("/x:f", "\"plain\"", "plain", "");
	check_action("u:/x/libjvm.so:class__loaded", "\"%s\", arg1", "%s", ", str(arg0, arg1)");
	check_action("usdt:/x/y:hotspot:method__entry", "\"%s\", arg3", "%s", ", str(arg3, arg4)");
	check_action("u:/x/other.so:class__loaded", "\"%s\", arg1", "%s", ", text(arg0)");
	check_action("/x:f", "\"%s\"", NULL, NULL);
	check_action("/x:f", "\"%d\", arg1, arg2", NULL, NULL);
	check_action("/x:f", "\"%\", arg1", NULL, NULL);
	check_action("/x:f", "arg1", NULL, NULL);
}
