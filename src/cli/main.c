/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command: reads the script, hands over to the session, prints what could not be done. The only place that exits. */
#include "base/cleanup.h"
#include "base/log.h"
#include "cli/clean_cmd.h"
#include "cli/demangle_cmd.h"
#include "cli/opts.h"
#include "cli/report.h"
#include "engine/kernel/features.h"
#include "session/keeper.h"
#include "tools/tools.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/stat.h>

static ERR_MUST struct err *read_all(int fd, const char *name, struct strbuf *out)
{
	char piece[16384];
	ssize_t n;

	while ((n = read(fd, piece, sizeof(piece))) > 0)
		strbuf_add(out, piece, (size_t)n);
	return n < 0 ? err_new(errno, "read script '%s'", name) : NULL;
}

/* a word that is no file may be a tool that was misspelt, or stands behind options */
static ERR_MUST struct err *no_script(const char *path, int code)
{
	struct err *err = err_new(code, "failed to open file '%s'", path);
	STRBUF_AUTO near = { 0 };

	tools_put_nearest(path, &near);
	if (tools_has(path))
		return err_hint(err, "the tool's name stands first: sonde %s [options]", path);
	if (near.n)
		return err_hint(err, "%s These are tools; sonde help lists all",
				strbuf_cstr(&near));
	return err_hint(
		err,
		"to run a program given as text, put -e in front of it; sonde help lists the tools");
}

static ERR_MUST struct err *read_script(const char *path, struct strbuf *out)
{
	FD_AUTO fd = -1;

	if (!strcmp(path, "-"))
		return read_all(STDIN_FILENO, "standard input", out);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return no_script(path, errno);
	return read_all(fd, path, out);
}

static int print_info(void)
{
	STRBUF_AUTO text = { 0 };

	features_print_system(&text);
	strbuf_printf(
		&text,
		"\nBuild\n  version: sonde %s\n  LLVM: none\n  blazesym (advanced symbolization): no\n"
		"  uprobe DWARF support (dwarf support): yes\n  dwunwind (dwarf stack unwinding): yes\n"
		"  library path resolution: yes\n",
		SONDE_VERSION);
	features_print(&text);
	fwrite(text.p, 1, text.n, stdout);
	return 0;
}

static bool is_file(const char *path)
{
	struct stat st;

	return path && !stat(path, &st) && S_ISREG(st.st_mode);
}

static int run(struct cli_opts *c)
{
	struct strbuf text = { 0 };
	char *dir = NULL;
	struct err *err = NULL;
	int status;

	if (c->program) {
		strbuf_puts(&text, c->program);
		c->session.name = STR("stdin");
	} else if (c->script) {
		err = read_script(c->script, &text);
		c->session.name = !strcmp(c->script, "-") ? STR("stdin") : str_from(c->script);
		dir = base_strdup(c->script);
		c->session.dir = dirname(dir);
	}
	if (err) {
		status = report(err);
	} else {
		c->session.text = strbuf_str(&text);
		if (c->action == ACTION_LIST)
			status = session_list(&c->session, c->list_pattern, c->verbose > 0);
		else
			status = c->session.is_format ? session_format(&c->session)
						      : session_run(&c->session);
	}
	strbuf_free(&text);
	free(dir);
	return status;
}

static int act(struct cli_opts *c, const char *name)
{
	switch (c->action) {
	case ACTION_HELP: cli_print_help(name, stdout); return 0;
	case ACTION_VERSION:
		printf("%s v%s\n", c->session.is_bpftrace ? "bpftrace" : "sonde", SONDE_VERSION);
		return 0;
	case ACTION_INFO: return print_info();
	case ACTION_READ: return report(keeper_read(c->pin, false));
	case ACTION_UNPIN: return report(keeper_read(c->pin, true));
	case ACTION_PINS: return report(keeper_list());
	case ACTION_LIST:
		if (is_file(c->list_pattern)) { /* the probes of a script */
			c->script = c->list_pattern;
			c->list_pattern = NULL;
		} else if (c->list_pattern && str_ends(str_from(c->list_pattern), STR(".bt"))) {
			fprintf(stderr,
				"WARNING: It appears that '%s' is a filename but the file does not exist. Treating '%s' "
				"as a search pattern.\n",
				c->list_pattern, c->list_pattern);
		}
		return run(c);
	default: return run(c);
	}
}

/* a tool's name where a script could stand; a script of that name is run as ./NAME */
static int tool(const char *name, int argc, char **argv)
{
	int status = 0, failed = report(tools_run(name, argc, argv, &status));

	return failed ? failed : status;
}

static int help(const char *about)
{
	if (about)
		return report(tools_print_help(about, stdout));
	tools_print_list(stdout);
	return 0;
}

/*
 * Who closed one of the three (`>&-`) would have memory files and sockets of ours take its place, and be written to. What is
 * put there fails when it is used, as a closed one does.
 */
static void fill_standard_files(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
	struct cli_opts c;
	struct err *err;
	const char *name = argc ? basename(argv[0]) : "sonde";
	bool is_sonde = strcmp(name, "bpftrace") != 0;
	int status;

	fill_standard_files();
	if (argc > 1 && is_sonde && !strcmp(argv[1], "demangle"))
		return demangle_cmd(argc - 2, argv + 2);
	if (argc > 1 && is_sonde && !strcmp(argv[1], "clean"))
		return clean_cmd(argc - 2, argv + 2);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && is_sonde && !strcmp(argv[1], "help"))
		return help(argv[2]);
	if (argc > 1 && is_sonde && tools_has(argv[1]))
		return tool(argv[1], argc - 2, argv + 2);
	err = cli_opts_parse(argc, argv, &c);
	c.session.is_bpftrace = !strcmp(name, "bpftrace");
	if (err) {
		report(err);
		fputc('\n', stderr);
		cli_print_help(name, stderr);
		session_opts_free(&c.session);
		return 1;
	}
	log_level = (int)c.verbose;
	status = act(&c, name);
	session_opts_free(&c.session);
	return status;
}
