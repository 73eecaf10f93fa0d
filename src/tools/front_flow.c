/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sonde flow: entries and returns, indented by depth. With words (PROGRAM:FUNCTION) by uprobes, else by the probes of Java's and
 * Python's runtimes. The script is the same in both but for where names come from and how a return finds its entry: functions
 * may be left without a return (exceptions, panics, longjmp), so there the frames tell which calls are still open.
 */
#include "tools/front_private.h"

#include "base/cleanup.h"
#include "tools/runtimes.h"

struct flow {
	struct tool_args *a;
	struct strbuf *out;
	int64_t depth, min_us;
	struct str class, file, method; /* Java names classes with slashes */
	bool is_json, has_args;
};

/* ---- parts of the script ---- */

static void put_head(struct flow *f)
{
	/* a name that was written is to be there; a runtime need not be */
	strbuf_printf(f->out, "config = { %smax_map_keys = 65536; print_maps_on_exit = false }\n\n",
		      f->a->rest.n ? "" : "missing_probes = \"ignore\"; ");
	if (!f->is_json)
		strbuf_puts(f->out, "begin { printf(\"%12s %-7s %-7s %10s  %s\\n\", \"TIME_us\", "
				    "\"PID\", \"TASK\", \"TOOK_us\", \"CALL\"); }\n\n");
}

/* one line; took: an expression in ns, or NULL at an entry */
static void put_line(struct flow *f, const char *name, const char *task, const char *took)
{
	if (f->is_json) {
		strbuf_printf(
			f->out,
			"\tprint((time_us = elapsed / 1000, pid = pid, task = %s, depth = $depth, "
			"event = \"%s\", ",
			task, took ? "return" : "entry");
		if (took)
			strbuf_printf(f->out, "took_us = %s / 1000, ", took);
		if (!took && f->has_args)
			strbuf_puts(f->out, "args = args, ");
		strbuf_printf(f->out, "call = %s));\n", name);
		return;
	}
	strbuf_printf(
		f->out,
		"\tprintf(\"%%12d %%-7d %%-7d %%10%c  %%*s%s %%s%s\\n\", elapsed / 1000, pid, ",
		took ? 'd' : 's', took ? "<-" : "->", !took && f->has_args ? " %s" : "");
	if (took)
		strbuf_printf(f->out, "%s, %s / 1000, 2 * $depth, \"\", %s);\n", task, took, name);
	else
		strbuf_printf(f->out, "%s, \"\", 2 * $depth, \"\", %s%s);\n", task, name,
			      f->has_args ? ", args" : "");
}

/* entries are shown unless only slow calls are wanted, which nobody knows then */
static void put_entry_line(struct flow *f, const char *name, const char *task)
{
	if (f->min_us)
		return;
	if (f->depth)
		strbuf_printf(f->out, "\tif ($depth < %lld) {\n\t", (long long)f->depth);
	put_line(f, name, task, NULL);
	if (f->depth)
		strbuf_puts(f->out, "\t}\n");
}

static void put_return_line(struct flow *f, const char *name, const char *task)
{
	bool has_test = f->depth || f->min_us;

	if (has_test)
		strbuf_puts(f->out, "\tif (");
	if (f->depth)
		strbuf_printf(f->out, "$depth < %lld%s", (long long)f->depth,
			      f->min_us ? " && " : "");
	if (f->min_us)
		strbuf_printf(f->out, "$took >= %lld", (long long)f->min_us * 1000);
	if (has_test)
		strbuf_puts(f->out, ") {\n\t");
	put_line(f, name, task, "$took");
	if (has_test)
		strbuf_puts(f->out, "\t}\n");
}

/* ---- runtimes with probes of their own ---- */

static void put_prefix_test(struct flow *f, const char *var, struct str prefix)
{
	if (!prefix.n)
		return;
	strbuf_printf(f->out, "\tif (strncmp(%s, ", var);
	front_put_string(prefix, f->out);
	strbuf_printf(f->out, ", %zu) != 0) { return; }\n", prefix.n);
}

/* runtimes that tell of every end of a call, exceptions included, so that counting is enough; and where their names are */
static const struct flow_runtime {
	const char *name, *entry, *end, *class, *method, *between;
} flow_runtimes[] = {
	{ "java", "usdt:*:hotspot:method__entry", "usdt:*:hotspot:method__return",
	  "str(arg1, arg2)", "str(arg3, arg4)", "." },
	{ "ruby", "usdt:*:ruby:method__entry, usdt:*:ruby:cmethod__entry",
	  "usdt:*:ruby:method__return, usdt:*:ruby:cmethod__return", "str(arg0)", "str(arg1)", "#" },
	{ "php", "usdt:*:php:function__entry", "usdt:*:php:function__return", "str(arg3)",
	  "str(arg0)", "::" },
	{ "perl", "usdt:*:perl:sub__entry", "usdt:*:perl:sub__return", "str(arg3)", "str(arg0)",
	  "::" },
	{ "tcl", "usdt:*:tcl:proc__entry", "usdt:*:tcl:proc__return", "\"\"", "str(arg0)", "" },
};

static void put_names(struct flow *f, const struct flow_runtime *r)
{
	strbuf_printf(f->out, "\t$class = %s;\n\t$method = %s;\n", r->class, r->method);
	/* Java names classes with slashes */
	put_prefix_test(f, "$class", *r->between == '.' ? f->class : f->file);
	put_prefix_test(f, "$method", f->method);
}

static void put_runtime(struct flow *f, const struct flow_runtime *r)
{
	char name[96];

	snprintf(name, sizeof(name), "str_concat($class, str_concat(\"%s\", $method))", r->between);
	strbuf_printf(f->out, "%s\n{\n", r->entry);
	put_names(f, r);
	strbuf_printf(f->out, "\tlet $depth : uint64 = @depth_%s[tid];\n", r->name);
	put_entry_line(f, name, "tid");
	strbuf_printf(f->out,
		      "\t@start_%s[tid, $depth] = nsecs;\n"
		      "\t@depth_%s[tid] = (uint64)($depth + 1);\n}\n\n%s\n{\n",
		      r->name, r->name, r->end);
	put_names(f, r);
	strbuf_printf(f->out,
		      "\tlet $depth : uint64 = @depth_%s[tid];\n"
		      "\t// it began before we did\n"
		      "\tif ($depth == 0) { return; }\n"
		      "\t$depth--;\n"
		      "\t@depth_%s[tid] = (uint64)$depth;\n"
		      "\t$took = nsecs - @start_%s[tid, $depth];\n",
		      r->name, r->name, r->name);
	put_return_line(f, name, "tid");
	strbuf_puts(f->out, "}\n\n");
}

static void put_python_names(struct flow *f)
{
	strbuf_puts(f->out, "\t$file = str(arg0);\n\t$function = str(arg1);\n");
	if (f->file.n) {
		strbuf_puts(f->out, "\tif (!strcontains($file, ");
		front_put_string(f->file, f->out);
		strbuf_puts(f->out, ")) { return; }\n");
	}
	put_prefix_test(f, "$function", f->method);
}

/* 3.11 leaves entries out: a return is that of the innermost open call of its name, or of one whose entry nobody saw */
static void put_python(struct flow *f)
{
	const char *name = "str_concat($function, str_concat(\"  \", $file))";

	strbuf_puts(f->out, "usdt:*:python:function__entry\n{\n");
	put_python_names(f);
	strbuf_puts(f->out, "\tlet $depth : uint64 = @py_depth[tid];\n");
	put_entry_line(f, name, "tid");
	strbuf_puts(f->out, "\t@py_start[tid, $depth] = nsecs;\n"
			    "\t@py_name[tid, $depth] = (string[64])$function;\n"
			    "\t@py_depth[tid] = (uint64)($depth + 1);\n}\n\n"
			    "usdt:*:python:function__return\n{\n");
	put_python_names(f);
	strbuf_puts(f->out,
		    "\tlet $depth : uint64 = @py_depth[tid];\n"
		    "\tlet $top : uint64 = (uint64)($depth - 1);\n"
		    "\tif ($depth == 0 || @py_name[tid, $top] != (string[64])$function) {\n");
	if (!f->min_us) {
		strbuf_puts(f->out, "\t");
		if (f->is_json)
			strbuf_printf(
				f->out,
				"\tprint((time_us = elapsed / 1000, pid = pid, task = tid, depth = "
				"$depth, event = \"return\", call = %s));\n",
				name);
		else
			strbuf_printf(
				f->out,
				"\tprintf(\"%%12d %%-7d %%-7d %%10s  %%*s<- %%s\\n\", elapsed / "
				"1000, pid, tid, \"?\", 2 * $depth, \"\", %s);\n",
				name);
	}
	strbuf_puts(f->out, "\t\treturn;\n\t}\n\t$depth--;\n\t@py_depth[tid] = (uint64)$depth;\n"
			    "\t$took = nsecs - @py_start[tid, $depth];\n");
	put_return_line(f, name, "tid");
	strbuf_puts(f->out, "}\n");
}

/* what the user will miss and cannot know */
static ERR_MUST struct err *say_what_is_missing(struct flow *f)
{
	struct runtime_list list = { 0 };
	const struct session_opts *s = &f->a->session;

	if (s->command && !s->pids.n)
		return NULL; /* it is not there yet */
	TRY(runtimes_find(s->pids.v, s->pids.n, &f->a->arena, &list));
	vec_each(r, &list)
		if ((r->lang == RUNTIME_JAVA || r->lang == RUNTIME_PYTHON || s->pids.n) && r->why.n)
			fprintf(stderr, "sonde: process %d (%s): %.*s\n", r->pid,
				runtime_name(r->lang), STR_ARG(r->why));
	if (s->pids.n && !list.n)
		fprintf(stderr, "sonde: no process of -p runs Java or Python; for others name "
				"functions: sonde flow -p PID 'PROGRAM:FUNCTION*'\n");
	vec_free(&list);
	return NULL;
}

/* ---- functions by uprobes ---- */

/* names in the notation of C++, Rust and Go hold what attach points are made of */
static void put_function(struct strbuf *out, struct str name)
{
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '"')
			break;
		if (strchr(":(){}<>,&/ ", name.p[i])) {
			front_put_string(name, out);
			return;
		}
	}
	strbuf_add_str(out, name);
}

/* "PROGRAM:FUNCTION", or FUNCTION alone: of the process of -p, of the command of -c */
static void put_target(struct flow *f, struct str word)
{
	struct str file = word,
		   command = str_from(f->a->session.command ? f->a->session.command : "");
	ptrdiff_t colon = str_find_char(word, ':', 0);
	bool is_name = colon < 0 || str_starts(str_sub(word, (size_t)colon, word.n), STR("::"));

	if (is_name && command.n)
		file = str_split(&command, ' ');
	else if (!is_name)
		file = str_split(&word, ':');
	if (!is_name || command.n || f->a->session.command)
		strbuf_printf(f->out, "%.*s:", STR_ARG(file));
	/* a place in the source: FILE@main.c:42 */
	if (str_find_char(file, '@', 0) >= 0)
		strbuf_add_str(f->out, word);
	else
		put_function(f->out, word);
}

static void put_targets(struct flow *f, const char *probe)
{
	for (size_t i = 0; i < f->a->rest.n; i++) {
		strbuf_printf(f->out, "%s%s:", i ? ",\n" : "", probe);
		put_target(f, f->a->rest.v[i]);
	}
	strbuf_putc(f->out, '\n');
}

/*
 * Open calls whose frames lie further in than the one at hand have been left without a return. In the same frame there may be
 * a function and those that were inlined into it; there the name decides.
 */
static void put_unwinding(struct flow *f, const char *same_name)
{
	strbuf_printf(
		f->out,
		"{\n"
		"\t$task = gtid;\n"
		"\t$key = ((uint64)pid << 32) ^ $task;\n"
		"\t$frame = call_frame;\n"
		"\t$name = func;\n"
		"\tlet $depth : uint64 = @depth[$key];\n"
		"\tfor ($i : 0..256) {\n"
		"\t\tif ($depth == 0 || @frame[$key, $depth] < $frame) { break; }\n"
		"\t\tif (@frame[$key, $depth] == $frame && @name[$key, $depth] %s $name) { break; }\n"
		"\t\t$depth--;\n"
		"\t}\n",
		same_name);
}

static void put_functions(struct flow *f)
{
	put_targets(f, "uprobe");
	put_unwinding(f, "!=");
	put_entry_line(f, "func", "$task");
	strbuf_puts(f->out, "\t$depth++;\n"
			    "\t@depth[$key] = (uint64)$depth;\n"
			    "\t@frame[$key, $depth] = $frame;\n"
			    "\t@name[$key, $depth] = $name;\n"
			    "\t@start[$key, $depth] = nsecs;\n}\n\n");
	put_targets(f, "uretprobe");
	put_unwinding(f, "==");
	strbuf_puts(f->out, "\tif ($depth == 0 || @frame[$key, $depth] != $frame) {\n"
			    "\t\t// it began before we did\n"
			    "\t\t@depth[$key] = (uint64)$depth;\n"
			    "\t\treturn;\n"
			    "\t}\n"
			    "\t$took = nsecs - @start[$key, $depth];\n"
			    "\t$depth--;\n"
			    "\t@depth[$key] = (uint64)$depth;\n");
	put_return_line(f, "func", "$task");
	strbuf_puts(f->out, "}\n");
}

/* ---- the command line ---- */

static struct str slashes(struct arena *a, struct str class)
{
	char *p = arena_array(a, char, class.n + 1);

	if (class.n)
		memcpy(p, class.p, class.n);
	for (size_t i = 0; i < class.n; i++)
		if (p[i] == '.')
			p[i] = '/';
	return (struct str){ p, class.n };
}

struct err *front_flow(struct tool_args *a, struct strbuf *script)
{
	struct flow f = { .a = a, .out = script, .is_json = a->session.format == OUTPUT_JSON };

	TRY(tool_args_number(a, "depth", &f.depth));
	TRY(tool_args_number(a, "min-us", &f.min_us));
	if (f.depth < 0 || f.min_us < 0)
		return err_new(0, "--depth and --min-us take numbers that are not negative");
	f.file = tool_args_value(a, "class");
	f.class = slashes(&a->arena, f.file);
	f.method = tool_args_value(a, "method");
	f.has_args = tool_args_has(a, "args");
	if (f.has_args && !a->rest.n)
		return err_hint(err_new(0, "--args shows arguments of functions that are named"),
				"sonde flow --args 'PROGRAM:FUNCTION*'");
	if (a->rest.n && (f.class.n || f.method.n))
		return err_hint(
			err_new(0, "-C and -M choose methods of Java and Python"),
			"name the functions themselves: PROGRAM:FUNCTION, with * where they differ");
	put_head(&f);
	if (a->rest.n) {
		put_functions(&f);
		return NULL;
	}
	for (size_t i = 0; i < sizeof(flow_runtimes) / sizeof(*flow_runtimes); i++)
		put_runtime(&f, &flow_runtimes[i]);
	put_python(&f);
	return a->is_script ? NULL : say_what_is_missing(&f);
}
