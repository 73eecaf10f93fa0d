/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guardian tells of the processes' memory, for the names of addresses: the front end cannot always look itself before a process
 * ends, and without root nobody else tells it. Code alone, as lines of /proc/PID/maps behind "process PID".
 */
#ifndef SONDE_ENGINE_USER_NEWS_H
#define SONDE_ENGINE_USER_NEWS_H

#include "base/str.h"
#include "objfile/proc.h"

/* is_new: a process, or a program, of which nothing was told yet */
void news_add_maps(struct strbuf *out, pid_t pid, bool is_new, const struct proc_maps *maps);
/* m NULL: the process begins a program; what it had before is gone */
void news_each(struct str news, void (*fn)(void *arg, pid_t pid, const struct proc_map *m),
	       void *arg);

#endif
