/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "sonde demangle [NAME...]": mangled names as the programmer wrote them, as arguments or as a filter. */
#ifndef SONDE_CLI_DEMANGLE_CMD_H
#define SONDE_CLI_DEMANGLE_CMD_H

/* argv: what stands behind the word; exit status */
int demangle_cmd(int argc, char **argv);

#endif
