/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of code that a JIT compiler made: /tmp/perf-PID.map, lines of "START SIZE NAME" in hexadecimal, as perf reads
 * them (tools/perf/Documentation/jit-interface.txt). The file grows while the process runs; what was read is kept when
 * the process is gone. The caller frees it; names live as long as it does.
 */
#ifndef SONDE_OBJFILE_PERFMAP_H
#define SONDE_OBJFILE_PERFMAP_H

#include "base/arena.h"
#include "base/str.h"

#include <sys/types.h>
#include <time.h>

struct perfmap_entry {
	uint64_t start, size;
	struct str name;
	uint32_t seq; /* later lines replace earlier ones: code is compiled again at the same place */
};

struct perfmap {
	pid_t pid;
	struct arena names;
	struct perfmap_entry *v; /* by start, then seq */
	size_t n, cap;
	uint64_t read_to; /* bytes of the file that were read */
	uint64_t dev, ino;
	uint64_t longest; /* largest size, where looking back may stop */
	bool refused;     /* the file belongs to somebody else */
	/* what is known of the process, for the time after its end */
	pid_t ns_pid; /* its number in its own namespace */
	bool uid_known;
	uid_t uid;
	time_t since; /* when the process was met: an older file is another's */
};

struct perfmap *perfmap_new(pid_t pid, time_t since);
void perfmap_free(struct perfmap *m);
/* reads what was added to the file since, also when the process has ended; true when there is something new */
bool perfmap_update(struct perfmap *m);
/* lines of a map file; a last line without its newline is left for later. Returns the bytes used. */
size_t perfmap_parse(struct perfmap *m, struct str text);
const struct perfmap_entry *perfmap_at(const struct perfmap *m, uint64_t addr);

#endif
