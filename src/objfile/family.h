/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes and what descends from them, as /proc has it at the moment. For --follow. */
#ifndef SONDE_OBJFILE_FAMILY_H
#define SONDE_OBJFILE_FAMILY_H

#include "objfile/proc.h"

/* adds all processes that descend from those in the list, as they are now; one that begins meanwhile is found by its fork */
void family_add_descendants(struct pid_list *pids);

#endif
