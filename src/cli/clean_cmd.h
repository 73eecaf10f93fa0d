/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "sonde clean PID...": takes probes out of processes in which they were left, because all that could have done so was killed. */
#ifndef SONDE_CLI_CLEAN_CMD_H
#define SONDE_CLI_CLEAN_CMD_H

/* argv: what stands behind the word; exit status */
int clean_cmd(int argc, char **argv);

#endif
