/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines for -v on standard error: what was chosen and why. Never for errors (err.h) or diagnostics (diag.h). */
#ifndef SONDE_BASE_LOG_H
#define SONDE_BASE_LOG_H

#include <stdbool.h>

extern int log_level; /* 0 silent (default), 1 -v */

/* "sonde: " + text + newline on stderr when log_level >= 1 */
void log_verbose(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
