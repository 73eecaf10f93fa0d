/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "sonde NAME ...": the tools. Each is a script NAME.bt of tools/ that is compiled in, with its manual as its first comment, or
 * a head NAME.head whose script is made by a front end (front.c) from the command line.
 */
#ifndef SONDE_TOOLS_TOOLS_H
#define SONDE_TOOLS_TOOLS_H

#include "base/err.h"
#include "base/str.h"

#include <stdio.h>

bool tools_has(const char *name);
/* argv: what stands behind the name. *status: what the process ends with, when there is no error */
struct err *tools_run(const char *name, int argc, char **argv, int *status) ERR_MUST;
/* one line for each tool */
void tools_print_list(FILE *to);
/* "sonde help NAME" */
struct err *tools_print_help(const char *name, FILE *to) ERR_MUST;
/* a sentence that names the tools whose names are near to a word, or nothing */
void tools_put_nearest(const char *word, struct strbuf *out);

#endif
