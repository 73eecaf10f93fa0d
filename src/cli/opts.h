/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line as data. Texts are views into argv; the lists in .session are freed with
 * session_opts_free, also after an error.
 */
#ifndef SONDE_CLI_OPTS_H
#define SONDE_CLI_OPTS_H

#include "session/session.h"

#include <stdio.h>

enum cli_action {
	ACTION_RUN,
	ACTION_LIST,
	ACTION_INFO,
	ACTION_VERSION,
	ACTION_HELP,
	ACTION_READ,
	ACTION_UNPIN,
	ACTION_PINS
};

struct cli_opts {
	enum cli_action action;
	struct session_opts session;
	const char *script;       /* file, "-" for standard input, or NULL */
	const char *program;      /* -e */
	const char *list_pattern; /* -l; may be NULL: all */
	const char *pin;          /* --read, --unpin */
	unsigned verbose;
};

/* on an error: a sentence for the user, with a hint */
struct err *cli_opts_parse(int argc, char **argv, struct cli_opts *ret) ERR_MUST;
void cli_print_help(const char *name, FILE *to);

#endif
