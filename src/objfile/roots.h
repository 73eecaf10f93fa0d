/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Root folders of processes that do not share ours (containers, chroot, unshare -m), one handle for all processes of one
 * namespace and root. A handle leads to the files of a process that has ended, and, as its relatives have the same root,
 * to those of one that ended before anybody looked. The table owns a reference to each; holders take their own.
 */
#ifndef SONDE_OBJFILE_ROOTS_H
#define SONDE_OBJFILE_ROOTS_H

#include "base/vec.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct root {
	int fd; /* O_PATH */
	unsigned refs;
	uint64_t ns; /* inode of the mount namespace */
	dev_t dev;
	ino_t ino;
};

struct root_table {
	VEC(struct root *) v;
	uint64_t scanned; /* ms of the coarse clock; 0: never */
};

void roots_free(struct root_table *t);
/* a reference to pid's root; NULL: it has ours, or has ended, or there are too many in use (is_foreign tells) */
struct root *roots_get(struct root_table *t, pid_t pid, bool *is_foreign);
struct root *root_ref(struct root *r); /* NULL stays NULL */
void root_unref(struct root *r);
/* learn the roots of all processes that live now */
void roots_scan(struct root_table *t);

#endif
