/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records of perf_event_open(2) that tell of processes, decoded. Strings are views into the record.
 * The layouts are those of <linux/perf_event.h>, with sample_type = PERF_SAMPLE_TIME and sample_id_all.
 * Nothing is allocated.
 */
#ifndef SONDE_SESSION_PERF_RECORD_H
#define SONDE_SESSION_PERF_RECORD_H

#include "base/str.h"

#include <sys/types.h>

enum perf_record_kind { PERF_MAPPED, PERF_FORKED, PERF_EXECUTED, PERF_EXITED, PERF_LOST };

struct perf_record {
	enum perf_record_kind kind;
	uint64_t time; /* of the event's clock */
	pid_t pid;     /* process, never a thread */
	pid_t parent;  /* PERF_FORKED */
	/* PERF_MAPPED */
	uint64_t start, len, offset, ino;
	uint64_t generation; /* of the inode: its number may be given to another file, this not */
	uint32_t dev_major, dev_minor;
	struct str path;
	uint64_t n_lost; /* PERF_LOST */
};

/* p: a whole record of n bytes, header included. False: one that says nothing of interest, or a malformed one */
bool perf_record_parse(const void *p, size_t n, struct perf_record *ret);

#endif
