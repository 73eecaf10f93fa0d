/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Errors that end a command, as the user sees them: "ERROR: what failed" and, where there is one, "HINT: what to do". */
#ifndef SONDE_CLI_REPORT_H
#define SONDE_CLI_REPORT_H

#include "base/err.h"

/* says it, if there is something to say, and frees it; the exit status that goes with it */
int report(struct err *err);

#endif
