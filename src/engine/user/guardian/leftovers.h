/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Areas that an earlier sonde had to leave in a process, since a thread was in them when it went: taken out by the next one. */
#ifndef SONDE_ENGINE_USER_GUARDIAN_LEFTOVERS_H
#define SONDE_ENGINE_USER_GUARDIAN_LEFTOVERS_H

#include <sys/types.h>

/* what cannot be taken out now stays for the one after. A process without leftovers is not stopped */
void leftovers_take_out(pid_t pid);

#endif
