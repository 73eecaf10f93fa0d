/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a user names an object file in an attach point, turned into files that can be opened:
 *
 *   /abs/path, ./rel/path, dir/file     as it is; with pids, within the process's root
 *   redis-server                        through PATH (the target's root when a pid is given)
 *   libc, libssl, libc.so.6, libssl.so  a library: the target's mappings first, then /etc/ld.so.cache, then the
 *                                       loader's default folders
 *   /usr/lib/x86_64-linux-gnu/lib*      wildcards in any component; only ELF files are taken
 *   *                                   with pids: everything that is mapped executable
 *
 * The result belongs to the caller (resolved_free).
 */
#ifndef SONDE_OBJFILE_RESOLVE_H
#define SONDE_OBJFILE_RESOLVE_H

#include "base/err.h"
#include "base/str.h"
#include "base/vec.h"

#include <sys/types.h>

struct resolved_file {
	char *path;      /* to print: as the user or the target spells it */
	char *open_path; /* to open and to attach to, in the tracer's own mount namespace */
	pid_t pid;       /* whose root it was found in, 0: ours */
};

struct resolved {
	struct resolved_file *v; /* no file (device, inode) twice; at least one */
	size_t n, cap;
};

/*
 * pids may be NULL. Errors: nothing found ("no file matches", "cannot find library 'libfoo' ..."), an unreadable
 * folder, a zip entry (app.apk!/lib/x.so: refused).
 */
struct err *resolve_object(struct str spec, const pid_t *pids, size_t n_pids,
			   struct resolved *ret) ERR_MUST;
void resolved_free(struct resolved *r);

/* the pieces, for tests and completion */
/* path of a library by soname or short name from the bytes of an ld.so.cache (old, new and mixed format); malloc'ed */
char *resolve_ld_cache(struct str cache, struct str name);
/* does a file name (last component) answer to a library's short name? libc: libc.so.6, libc.so, libc-2.31.so */
bool resolve_lib_name_matches(struct str file, struct str name);

#endif
