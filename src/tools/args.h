/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The words behind "sonde NAME", by the tool's manual: its own options, those of every tool (common.def), and the rest.
 * Everything belongs to the struct, texts are views into argv or its arena; tool_args_free gives it back, also after an
 * error. Nothing is opened here but what an option names (a cgroup).
 */
#ifndef SONDE_TOOLS_ARGS_H
#define SONDE_TOOLS_ARGS_H

#include "base/arena.h"
#include "session/session.h"
#include "tools/manual.h"

struct tool_given {
	const struct tool_option *option;
	struct str value; /* empty for flags */
	size_t at;        /* how many words of the rest stood in front of it */
};

struct tool_args {
	struct arena arena;
	const struct tool_manual *manual;
	struct session_opts session;  /* from the common options */
	VEC(struct tool_given) given; /* the tool's own, in order */
	VEC(struct str) rest;         /* what is no option */
	bool is_help, is_script;
	bool says_attached; /* the tool has no heading: how many probes are attached says that it is ready */
	unsigned verbose;
};

/* argv: what stands behind the tool's name */
struct err *tool_args_parse(const struct tool_manual *m, int argc, char **argv,
			    struct tool_args *ret) ERR_MUST;
void tool_args_free(struct tool_args *a);

/* of the tool's own options, by long name; the last one counts */
bool tool_args_has(const struct tool_args *a, const char *name);
struct str tool_args_value(const struct tool_args *a, const char *name); /* empty: not given */
/* a number, 0x and the like included; an error names the option. Not given: *ret stays as it is */
struct err *tool_args_number(const struct tool_args *a, const char *name, int64_t *ret) ERR_MUST;

#endif
