/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --help of a tool: its manual as written, with the options of every tool behind its own. */
#ifndef SONDE_TOOLS_HELP_H
#define SONDE_TOOLS_HELP_H

#include "tools/manual.h"

#include <stdio.h>

void tool_help_print(const struct tool_manual *m, FILE *to);

#endif
