/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which processes run Java, Python, Ruby, ..., which probes their runtimes have, and why some say nothing. Everything is a
 * snapshot of /proc and of files; nothing is attached. Texts of a struct runtime live in the arena that was given.
 */
#ifndef SONDE_TOOLS_RUNTIMES_H
#define SONDE_TOOLS_RUNTIMES_H

#include "base/arena.h"
#include "objfile/elf.h"

enum runtime_lang {
#define RUNTIME(id, ...) RUNTIME_##id,
#include "tools/runtimes.def"
#undef RUNTIME
	RUNTIME_N
};

struct runtime {
	pid_t pid;
	enum runtime_lang lang;
	struct str command; /* its words, blanks between; without arguments of kernel threads' kind it is the comm */
	struct str file;   /* the file with the runtime, as the process calls it */
	uint32_t n_probes; /* USDT places of the runtime's provider */
	/* why probes are missing or say less than one thinks; empty: nothing to say */
	struct str why;
	bool has_no_methods; /* no probe tells of calls of functions */
	bool has_methods_later; /* probes may tell of calls later */
	bool has_no_objects; /* nor of objects that are made */
	bool has_gc_symbol;  /* without probes: the function that collects garbage has a symbol */
};

struct runtime_list {
	struct runtime *v;
	size_t n, cap;
};

const char *runtime_name(enum runtime_lang lang);
/* all of pids, or with n == 0 all there are; vec_free(ret) */
struct err *runtimes_find(const pid_t *pids, size_t n, struct arena *a,
			  struct runtime_list *ret) ERR_MUST;

#endif
