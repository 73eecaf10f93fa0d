/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The scripts and heads of tools/, compiled in, ordered by name. */
#ifndef SONDE_TOOLS_TABLE_H
#define SONDE_TOOLS_TABLE_H

#include "base/str.h"

struct tool_text {
	const char *name;
	struct str text;
	bool is_script; /* false: a head alone, the script is made by a front end */
};

extern const struct tool_text tool_texts[];
extern const unsigned tool_n_texts;

#endif
