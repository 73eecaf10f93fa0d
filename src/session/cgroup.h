/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files that processes of a cgroup see: where names of programs and libraries are looked up with --cgroup and --container. */
#ifndef SONDE_SESSION_CGROUP_H
#define SONDE_SESSION_CGROUP_H

#include "objfile/proc.h"

/*
 * A process for each root (folder and mounts) that processes of the cgroup at path, and of those below it, have and we have not; the
 * oldest of each, at most 16. has_ours: one of them has our own. vec_free(ret)
 */
void cgroup_find_roots(const char *path, struct pid_list *ret, bool *has_ours);

#endif
