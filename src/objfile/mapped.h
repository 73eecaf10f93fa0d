/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files that processes map executable: each once, by device and inode, however many processes map it and under
 * whatever names, in their own mount namespaces, deleted, or in memory only (memfd). For targets that are patterns over what
 * runs (`uprobe:*:SSL_write`), at the start and when something is mapped later.
 *
 * A list belongs to its reader (mapped_files_free). Nothing is opened before mapped_file_open.
 */
#ifndef SONDE_OBJFILE_MAPPED_H
#define SONDE_OBJFILE_MAPPED_H

#include "base/arena.h"
#include "base/err.h"
#include "base/hashmap.h"
#include "base/vec.h"

#include <sys/types.h>

struct mapped_file {
	uint64_t ino;
	uint32_t dev_major,
		dev_minor; /* as the kernel tells them in maps: not always what stat says */
	bool is_deleted;
	pid_t pid; /* a process that maps it, and where */
	uint64_t start, end;
	struct str path; /* as that process sees it: for people, and for patterns */
};

struct mapped_files {
	VEC(struct mapped_file *) files; /* in the order of processes and addresses */
	struct hashmap index;
	struct arena arena;
};

/* of these processes, or of all when n is 0. Processes that end meanwhile are left out: no error */
struct err *mapped_files_read(const pid_t *pids, size_t n, struct mapped_files *ret) ERR_MUST;
void mapped_files_free(struct mapped_files *m);

/*
 * Opens what is mapped there, read-only; -1 when the process and the file's name are gone. It is that file and no other of
 * the same name: by the mapping itself, else by device and inode.
 */
int mapped_file_open(const struct mapped_file *m);
/*
 * A path by which the kernel finds the file that fd is open for, into the arena: its own name if we see the file under it,
 * else that of the descriptor, which must stay open as long as the path is used.
 */
struct str mapped_file_path(const struct mapped_file *m, int fd, struct arena *arena);
/* does a process map it now? */
bool mapped_file_is_used_by(const struct mapped_file *m, pid_t pid);

#endif
