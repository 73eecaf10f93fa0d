/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Front ends: tools whose script depends on the command line so much that it is made for each call. Each takes the parsed
 * words and appends a script, which the framework runs like one of tools/, or prints for --script.
 */
#ifndef SONDE_TOOLS_FRONT_H
#define SONDE_TOOLS_FRONT_H

#include "tools/args.h"

struct tool_front {
	const char *name;
	struct err *(*make)(struct tool_args *a, struct strbuf *script); /* NULL: act */
	/* a tool that runs no script; gives the exit status */
	struct err *(*act)(struct tool_args *a, int *status);
};

/* NULL: the tool is a script */
const struct tool_front *tool_front_find(const char *name);

#endif
