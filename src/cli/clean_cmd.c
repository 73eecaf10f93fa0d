/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "sonde clean PID...": gives processes their own code back, in which probes of the user engine were left because sonde and its guardian
 * were killed. Says what it found for each; what is in use by a living sonde it leaves alone.
 */
#include "cli/clean_cmd.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/report.h"
#include "engine/user/guardian/clean.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static void print_help(void)
{
	printf("USAGE:\n"
	       "  sonde clean [--force] PID...\n"
	       "  sonde clean [--force] --all\n"
	       "\n"
	       "Restores the code of processes in which probes of the user engine were left, because sonde and the process\n"
	       "that works for it were killed. Otherwise they do so themselves. Memory that was added stays, unused.\n"
	       "\n"
	       "  --all      every process in which there are such probes\n"
	       "  --force    also probes of a sonde that still runs\n"
	       "  -h, --help this text\n");
}

static const char *functions(unsigned n)
{
	return n == 1 ? "function" : "functions";
}

/* what is left as it is, and is not as it should be */
static int print_rest(const struct clean_counts *c, const char *where)
{
	if (c->n_foreign)
		printf("%s%u %s changed by somebody else since: left alone\n", where, c->n_foreign,
		       functions(c->n_foreign));
	if (!c->guardian)
		return c->n_foreign > 0;
	return report(err_hint(
		err_new(0, "%sa running sonde has probes there (its guardian is process %d)", where,
			(int)c->guardian),
		"end that sonde, which takes them out; --force if it cannot"));
}

static int clean_one(pid_t pid, bool is_forced)
{
	const struct clean_file any = { 0 };
	struct clean_counts c = { 0 };
	struct err *e = clean_process(pid, &any, is_forced, &c);
	char where[32];

	if (e)
		return report(e);
	snprintf(where, sizeof(where), "process %d: ", (int)pid);
	if (c.n_restored)
		printf("%s%u %s restored\n", where, c.n_restored, functions(c.n_restored));
	else if (!c.guardian && !c.n_foreign)
		printf("%sno probe is left there\n", where);
	return print_rest(&c, where);
}

static int clean_everywhere(bool is_forced)
{
	const struct clean_file any = { 0 };
	struct clean_counts c = { 0 };
	struct err *e = clean_mappers(&any, is_forced, &c);
	int status = e ? report(e) : 0;

	printf("%u %s restored in %u %s\n", c.n_restored, functions(c.n_restored), c.n_processes,
	       c.n_processes == 1 ? "process" : "processes");
	return print_rest(&c, "") || status;
}

static int clean_all_of(int argc, char **argv, bool is_forced)
{
	int status = 0;

	for (int i = 0; i < argc; i++) {
		uint64_t pid;

		if (argv[i][0] == '-')
			continue;
		if (!str_to_u64(str_from(argv[i]), &pid) || !pid || pid > INT_MAX)
			status |= report(err_hint(err_new(0, "'%s' is no process id", argv[i]),
						"see sonde clean --help"));
		else
			status |= clean_one((pid_t)pid, is_forced);
	}
	return status;
}

int clean_cmd(int argc, char **argv)
{
	bool is_forced = false, is_everywhere = false;
	int n_pids = 0, status;

	for (int i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help")) {
			print_help();
			return 0;
		}
		if (!strcmp(argv[i], "--force"))
			is_forced = true;
		else if (!strcmp(argv[i], "--all"))
			is_everywhere = true;
		else if (argv[i][0] == '-')
			return report(err_hint(err_new(0, "unknown option '%s'", argv[i]),
					     "see sonde clean --help"));
		else
			n_pids++;
	}
	if (!n_pids == !is_everywhere)
		return report(err_hint(err_new(0, "clean takes process ids, or --all"),
				     "see sonde clean --help"));
	status = is_everywhere ? clean_everywhere(is_forced) : clean_all_of(argc, argv, is_forced);
	return status || fflush(stdout) || ferror(stdout);
}
