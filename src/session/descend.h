/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --follow from a process that has children already: these are meant, too. */
#ifndef SONDE_SESSION_DESCEND_H
#define SONDE_SESSION_DESCEND_H

#include "objfile/proc.h"

/* adds all processes that descend from those in the list, as they are now; one that begins meanwhile is found by its fork */
void descend_add(struct pid_list *pids);

#endif
