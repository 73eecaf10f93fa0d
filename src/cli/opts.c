/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line: bpftrace's flags, and ours. What follows the script are positional parameters ($1, $2, ...); behind
 * "--" also named ones (--name=value). Nothing is opened here.
 */
#include "cli/opts.h"

#include <getopt.h>
#include <stdio.h>

/* clang-format off */
enum long_only {
	OPT_INFO = 256, OPT_NO_WARNINGS, OPT_INCLUDE, OPT_UNSAFE, OPT_NO_FEATURE, OPT_DRY_RUN, OPT_TEST, OPT_BENCH,
	OPT_MODE, OPT_FMT, OPT_PROBE_FILTER, OPT_TRACEABLE, OPT_DEBUGINFO, OPT_FOLLOW, OPT_CGROUP, OPT_CONTAINER, OPT_JSON,
	OPT_DURATION, OPT_MAX_EVENTS, OPT_FOLDED, OPT_SVG, OPT_SPEEDSCOPE,
	OPT_ROTATE, OPT_PIN, OPT_READ, OPT_UNPIN, OPT_PINS, OPT_EMIT, OPT_ENGINE, OPT_BUDGET, OPT_IGNORED, OPT_IGNORED_ARG,
};
/* clang-format on */

static const struct option long_options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ "info", no_argument, NULL, OPT_INFO },
	{ "list", no_argument, NULL, 'l' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "pid", required_argument, NULL, 'p' },
	{ "cmd", required_argument, NULL, 'c' },
	{ "output", required_argument, NULL, 'o' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "warnings", no_argument, NULL, 'k' },
	{ "no-warnings", no_argument, NULL, OPT_NO_WARNINGS },
	{ "include", required_argument, NULL, OPT_INCLUDE },
	{ "unsafe", no_argument, NULL, OPT_UNSAFE },
	{ "no-feature", required_argument, NULL, OPT_NO_FEATURE },
	{ "engine", required_argument, NULL, OPT_ENGINE },
	{ "budget", required_argument, NULL, OPT_BUDGET },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ "test", no_argument, NULL, OPT_TEST },
	{ "bench", no_argument, NULL, OPT_BENCH },
	{ "mode", required_argument, NULL, OPT_MODE },
	{ "fmt", no_argument, NULL, OPT_FMT },
	{ "probe-filter", required_argument, NULL, OPT_PROBE_FILTER },
	{ "traceable-functions", required_argument, NULL, OPT_TRACEABLE },
	{ "debug", required_argument, NULL, 'd' },
	{ "debuginfo", required_argument, NULL, OPT_DEBUGINFO },
	{ "follow", no_argument, NULL, OPT_FOLLOW },
	{ "cgroup", required_argument, NULL, OPT_CGROUP },
	{ "container", required_argument, NULL, OPT_CONTAINER },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "duration", required_argument, NULL, OPT_DURATION },
	{ "max-events", required_argument, NULL, OPT_MAX_EVENTS },
	{ "folded", no_argument, NULL, OPT_FOLDED },
	{ "svg", required_argument, NULL, OPT_SVG },
	{ "speedscope", required_argument, NULL, OPT_SPEEDSCOPE },
	{ "rotate", required_argument, NULL, OPT_ROTATE },
	{ "pin", required_argument, NULL, OPT_PIN },
	{ "read", required_argument, NULL, OPT_READ },
	{ "unpin", required_argument, NULL, OPT_UNPIN },
	{ "pins", no_argument, NULL, OPT_PINS },
	{ "emit-elf", required_argument, NULL, OPT_EMIT },
	/* accepted for scripts that carry them; they change nothing here */
	{ "usdt-file-activation", no_argument, NULL, OPT_IGNORED },
	{ "verify-llvm-ir", no_argument, NULL, OPT_IGNORED },
	{ "btf", no_argument, NULL, OPT_IGNORED },
	{ "dwarf-pid", required_argument, NULL, OPT_IGNORED_ARG },
	{ NULL, 0, NULL, 0 },
};

/* sonde: what the flags do, in the order in which people ask */
void cli_print_help(const char *name, FILE *to)
{
	fprintf(to,
		"USAGE:\n"
		"  %s [options] FILE [parameters]\n"
		"  %s [options] -e 'PROGRAM' [parameters]\n"
		"  %s -l [PATTERN|FILE]\n"
		"  %s demangle [NAME...]\n"
		"  %s clean PID...          take probes out that a killed sonde left in a process\n"
		"  %s NAME [options]        a tool; %s help lists them\n"
		"\n"
		"what to trace:\n"
		"  -e PROGRAM             the script itself; FILE may be - for standard input\n"
		"  -p, --pid PID          only this process (may be repeated)\n"
		"  -c, --cmd 'CMD ARGS'   start a command and trace it; tracing ends with it\n"
		"  --follow               children of the traced processes too, until the last one has ended\n"
		"  --cgroup PATH          only processes of this cgroup\n"
		"  --container ID         only processes of this container\n"
		"  --engine ENGINE        kernel (default); user: probes run inside of the processes of -p and -c, with no trap;\n"
		"                         auto: user for those probes that can run there, the kernel for the others;\n"
		"                         so it is for who may not use the kernel's\n"
		"  --budget 2%%            user probes that would take more than 2 %% of one processor in all are sampled or\n"
		"                         switched off, and it says so\n"
		"  --duration S           end after so many seconds (also 500ms, 2m)\n"
		"  --max-events N         end after N printed events\n"
		"\n"
		"output:\n"
		"  -f FORMAT, --json      text (default) or json, one object a line\n"
		"  -o, --output FILE      write there instead of standard output\n"
		"  --rotate SIZE[,KEEP]   set the output file aside as FILE.1, FILE.2, ... when it has grown to SIZE (10M), and\n"
		"                         keep KEEP of them (default 5)\n"
		"  --folded               maps with stacks as lines for flame graph programs\n"
		"  --svg FILE             maps with stacks as a flame graph\n"
		"  --speedscope FILE      the same for speedscope\n"
		"  --pin NAME             go on when the command has ended; then\n"
		"  --read NAME            shows what a run of that name has so far,\n"
		"  --unpin NAME           ends it and shows the rest, --pins lists such runs\n"
		"  -B MODE                buffering: line (default), full, none\n"
		"  -q, --quiet            do not say how many probes are attached\n"
		"  -k, --warnings         report failed memory reads and look-ups (-kk: all)\n"
		"  --no-warnings          no warnings\n"
		"\n"
		"looking around:\n"
		"  -l, --list [PATTERN]   list probes; with -v their arguments; of a FILE those it uses\n"
		"  --info                 what this kernel and this build can do\n"
		"  -v, --verbose          say what is chosen and why\n"
		"  -h, --help             this text\n"
		"  -V, --version          the version\n"
		"  -d, --debug STAGE      print a stage: ast, types, ir, ir-raw, ebpf (or dis), image, verifier, all\n"
		"  --dry-run              attach, then end\n"
		"  --mode codegen         compile, then end (with -d: look at a stage without root)\n"
		"  --fmt FILE             print a script in canonical form\n"
		"  --emit-elf FILE        write the script as an eBPF object that libbpf loads, then end\n"
		"\n"
		"language:\n"
		"  --unsafe               allow system(), signal() and others that act on the traced\n"
		"  -I DIR                 search DIR for #include\n"
		"  --include FILE         as if the script began with #include \"FILE\"\n"
		"  --test, --bench        run the script's test or bench probes\n"
		"  --probe-filter REGEX   keep only probes whose name matches\n"
		"  --no-feature F,...     pretend that the kernel lacks these (see --info)\n"
		"  --traceable-functions FILE\n"
		"                         list of the kernel's functions that can be traced, instead of its own\n"
		"  --debuginfo DIR[:DIR]  look for separate debug files there first (may be repeated)\n"
		"  -- --name=VALUE        named parameters, for getopt()\n"
		"\n"
		"examples:\n"
		"  %s -e 'uprobe:libc:malloc { @[comm] = count(); }'\n"
		"  %s -e 'tracepoint:syscalls:sys_enter_openat { printf(\"%%s %%s\\n\", comm, str(args.filename)); }'\n"
		"  %s -l 'usdt:/usr/bin/python3:*'\n",
		name, name, name, name, name, name, name, name, name, name);
}

static ERR_MUST struct err *parse_debug(const char *text, unsigned *debug)
{
	static const struct {
		const char *name;
		unsigned stages;
	} names[] = {
		{ "ast", STAGE_AST },
		{ "parse", STAGE_AST },
		{ "types", STAGE_TYPES },
		{ "ir", STAGE_IR },
		{ "ir-raw", STAGE_IR_RAW },
		{ "codegen", STAGE_IR_RAW },
		{ "codegen-opt", STAGE_IR },
		{ "ebpf", STAGE_EBPF },
		{ "dis", STAGE_EBPF },
		{ "image", STAGE_IMAGE },
		{ "libbpf", STAGE_IMAGE },
		{ "verifier", STAGE_VERIFIER },
		{ "all", STAGE_AST | STAGE_TYPES | STAGE_IR | STAGE_IMAGE | STAGE_VERIFIER },
	};
	struct str rest = str_from(text);

	while (rest.n) {
		struct str word = str_split(&rest, ',');
		bool known = false;

		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
			if (str_is(word, names[i].name)) {
				*debug |= names[i].stages;
				known = true;
			}
		if (!known)
			return err_hint(
				err_new(0, "unknown stage '%.*s' behind -d", STR_ARG(word)),
				"stages are ast, types, ir, ir-raw, ebpf, image, verifier, all");
	}
	return NULL;
}

static ERR_MUST struct err *parse_buffering(const char *text, enum sink_mode *mode)
{
	if (!strcmp(text, "line"))
		*mode = SINK_LINE;
	else if (!strcmp(text, "full"))
		*mode = SINK_FULL;
	else if (!strcmp(text, "none"))
		*mode = SINK_NONE;
	else
		return err_hint(err_new(0, "unknown buffering '%s'", text),
				"-B takes line, full or none");
	return NULL;
}

static ERR_MUST struct err *parse_mode(const char *text, struct session_opts *s)
{
	if (!strcmp(text, "test"))
		s->is_test = true;
	else if (!strcmp(text, "bench"))
		s->is_bench = true;
	else if (!strcmp(text, "format"))
		s->is_format = true;
	else if (!strcmp(text, "codegen") || !strcmp(text, "compiler-bench"))
		s->is_compile_only = true;
	else
		return err_hint(err_new(0, "unknown mode '%s'", text),
				"--mode takes test, bench, format, codegen or compiler-bench");
	return NULL;
}

static ERR_MUST struct err *parse_one(int opt, const char *arg, struct cli_opts *c)
{
	struct session_opts *s = &c->session;

	switch (opt) {
	case 'e': c->program = arg; break;
	case 'l': c->action = ACTION_LIST; break;
	case 'v': c->verbose++; break;
	case 'h': c->action = ACTION_HELP; break;
	case 'V': c->action = ACTION_VERSION; break;
	case OPT_INFO: c->action = ACTION_INFO; break;
	case 'p': return session_opts_add_pids(s, arg);
	case 'c': s->command = arg; break;
	case 'o': s->output_path = arg; break;
	case 'f': return session_opts_set_format(s, arg);
	case 'B': return parse_buffering(arg, &s->buffering);
	case 'q': s->is_quiet = true; break;
	case 'k': s->warn_level++; break;
	case 'd': return parse_debug(arg, &s->debug);
	case 'I': vec_push(&s->include_dirs, str_from(arg)); break;
	case OPT_INCLUDE: vec_push(&s->include_files, str_from(arg)); break;
	case OPT_NO_WARNINGS: s->no_warnings = true; break;
	case OPT_UNSAFE: s->is_unsafe = true; break;
	case OPT_NO_FEATURE: s->no_feature = arg; break;
	case OPT_ENGINE: return session_opts_set_engine(s, arg);
	case OPT_BUDGET: return session_opts_set_budget(s, arg);
	case OPT_DRY_RUN: s->is_dry_run = true; break;
	case OPT_TEST: s->is_test = true; break;
	case OPT_BENCH: s->is_bench = true; break;
	case OPT_MODE: return parse_mode(arg, s);
	case OPT_FMT: s->is_format = true; break;
	case OPT_PROBE_FILTER: s->probe_filter = arg; break;
	case OPT_TRACEABLE: s->traceable = arg; break;
	case OPT_DEBUGINFO: vec_push(&s->debuginfo, str_from(arg)); break;
	case OPT_FOLDED: s->pictures.is_folded = true; break;
	case OPT_SVG: s->pictures.svg = arg; break;
	case OPT_SPEEDSCOPE: s->pictures.speedscope = arg; break;
	case OPT_FOLLOW: s->follow = true; break;
	case OPT_CGROUP: return session_opts_set_cgroup(s, arg);
	case OPT_ROTATE: return session_opts_set_rotation(s, arg);
	case OPT_JSON: s->format = OUTPUT_JSON; break;
	case OPT_DURATION: return session_opts_set_duration(s, arg);
	case OPT_MAX_EVENTS: return session_opts_set_max_events(s, arg);
	case OPT_PIN: s->pin_name = arg; break;
	case OPT_READ: c->action = ACTION_READ, c->pin = arg; break;
	case OPT_UNPIN: c->action = ACTION_UNPIN, c->pin = arg; break;
	case OPT_PINS: c->action = ACTION_PINS; break;
	case OPT_EMIT: s->emit_path = arg; break;
	case OPT_CONTAINER: return session_opts_set_container(s, arg);
	default: break; /* accepted and ignored */
	}
	return NULL;
}

static ERR_MUST struct err *bad_option(char **argv, int opt)
{
	const char *word = argv[optind - 1];

	if (opt == ':')
		return err_hint(err_new(0, "option '%s' needs an argument", word), "see --help");
	return err_hint(err_new(0, "unknown option '%s'", word), "see --help");
}

/* behind the options: the script (unless -e or -l took its place), then parameters */
static void parse_rest(int argc, char **argv, int dashes, struct cli_opts *c)
{
	struct session_opts *s = &c->session;

	for (int i = optind; i < argc; i++) {
		const char *word = argv[i];

		if (i < dashes || dashes < 0) {
			if (c->action == ACTION_LIST && !c->list_pattern && !c->program)
				c->list_pattern = word;
			else if (!c->program && !c->script && c->action != ACTION_LIST)
				c->script = word;
			else
				vec_push(&s->positional, str_from(word));
		} else if (!strncmp(word, "--", 2) && word[2]) {
			vec_push(&s->named, str_from(word + 2));
		} else if (strcmp(word, "--") != 0) {
			vec_push(&s->positional, str_from(word));
		}
	}
}

struct err *cli_opts_parse(int argc, char **argv, struct cli_opts *ret)
{
	int opt, dashes = -1, n = argc;

	*ret = (struct cli_opts){ .action = ACTION_RUN };
	/* what follows "--" is not for us: named parameters look like options */
	for (int i = 1; i < argc && dashes < 0; i++)
		if (!strcmp(argv[i], "--"))
			dashes = n = i;
	opterr = 0;
	/* '+': stop at the script, whose parameters may look like options, too */
	while ((opt = getopt_long(n, argv, ":e:lvhVp:c:o:f:B:qkd:I:b", long_options, NULL)) != -1) {
		if (opt == '?' || opt == ':')
			return bad_option(argv, opt);
		TRY(parse_one(opt, optarg, ret));
	}
	parse_rest(argc, argv, dashes, ret);
	if (ret->session.follow && !ret->session.pids.n && !ret->session.command)
		return err_hint(err_new(0, "--follow needs a process to start from"),
				"add -p PID or -c COMMAND");
	if (ret->session.rotate_bytes && !ret->session.output_path)
		return err_hint(err_new(0, "--rotate needs a file"), "add -o FILE");
	if (ret->action == ACTION_RUN && !ret->program && !ret->script)
		return err_hint(err_new(0, "no script given"),
				"pass a file, or a program with -e; see --help");
	return NULL;
}
