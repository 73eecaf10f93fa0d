/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Takes patches out of processes in which those who made them left them: because they were killed, or because a process forked in between.
 * All that is needed stands in the process (patches.h). Only jumps that still are the ones of the table are touched; memory that was
 * added stays, since threads may be in it.
 */
#ifndef SONDE_ENGINE_USER_CLEAN_H
#define SONDE_ENGINE_USER_CLEAN_H

#include "base/err.h"
#include "base/vec.h"
#include "engine/user/patch/patches.h"

#include <sys/types.h>

struct clean_file {
	uint64_t ino; /* of the memory file; 0: any that has our name */
	uint32_t dev_major, dev_minor;
};

struct clean_counts {
	unsigned n_areas;     /* with a table */
	unsigned n_restored;  /* functions that have their own bytes again */
	unsigned n_foreign;   /* whose bytes are neither ours nor their own: left alone */
	unsigned n_processes; /* clean_mappers: in which something was restored */
	pid_t guardian;       /* of an area that is in use: left alone unless forced; 0: none */
};

/* the file, by a descriptor of it */
struct err *clean_file_of(int fd, struct clean_file *ret) ERR_MUST;
/* is_forced: also where a guardian lives. ret is added to, so it must begin zeroed */
struct err *clean_process(pid_t pid, const struct clean_file *file, bool is_forced,
			  struct clean_counts *ret) ERR_MUST;
/* every process that maps the file, until there is none with a jump of ours; those that cannot be stopped are tried thrice */
struct err *clean_mappers(const struct clean_file *file, bool is_forced,
			  struct clean_counts *ret) ERR_MUST;

/* ---- for leftovers.c ---- */

struct clean_area {
	uint64_t code;
	struct patches_head head;
	uint8_t *bytes; /* its code, which begins with the table */
	size_t n_bytes;
	uint64_t data_end; /* of what lies behind its private pages */
	bool is_ours;      /* of the file that is asked for, and nobody uses it */
};

struct clean_areas {
	VEC(struct clean_area) v; /* of a process */
};

struct err *clean_find_areas(const struct remote *r, const struct clean_file *file, bool is_forced,
			     struct clean_areas *out, struct clean_counts *ret) ERR_MUST;
void clean_areas_free(struct clean_areas *a);
/* does a jump lead to one of those that nobody uses, or is a semaphore raised? */
bool clean_has_jumps(const struct remote *r, const struct clean_areas *areas);

#endif
