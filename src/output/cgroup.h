/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control group ids to paths, by looking for the directory whose inode number is the id. The cache
 * belongs to the process: cgroup_forget frees it.
 */
#ifndef SONDE_OUTPUT_CGROUP_H
#define SONDE_OUTPUT_CGROUP_H

#include "base/strbuf.h"

/*
 * "unified:/path" for the version 2 hierarchy, "name:/path" for each of version 1, joined by ','; only hierarchies
 * whose name matches the filter ('*' is any text; empty filter: all). Nothing when the id is in none. Caches what it
 * found; not thread-safe.
 */
void cgroup_put_path(uint64_t id, struct str filter, struct strbuf *out);
void cgroup_forget(void); /* free the cache */

#endif
