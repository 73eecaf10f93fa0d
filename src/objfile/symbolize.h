/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses to names, for stacks, usym(), ksym(), func. Nothing is read before it is needed; what was learnt of a
 * process is kept when it exits, so that late events still resolve. Names and paths in results live as long as the
 * symbolizer. Not thread-safe.
 *
 * To know processes that live shorter than the reader's delay, feed it: symbolizer_note_process at attach time, fork,
 * exec, mmap and exit events through the other note functions. A process that was met by its fork is not looked at in
 * /proc until an address of it is asked for.
 */
#ifndef SONDE_OBJFILE_SYMBOLIZE_H
#define SONDE_OBJFILE_SYMBOLIZE_H

#include "base/err.h"
#include "base/str.h"
#include "objfile/elf.h"

#include <sys/types.h>

struct symbolizer_opts {
	bool demangle;     /* C++ and Rust names as written */
	bool no_perf_maps; /* do not look for /tmp/perf-PID.map */
	struct objfile_cache *
		files; /* to open files through; NULL: one of its own. It outlives the symbolizer */
};

struct symbol_info {
	bool found;      /* name, offset are valid */
	struct str name; /* demangled when wanted */
	struct str raw;  /* as in the symbol table */
	uint64_t offset; /* addr - start of the symbol */
	struct str module; /* user: path of the object; kernel: module name or empty; "[vdso]", "perf map" for JIT code */
	bool in_file;       /* module, file_addr are valid (also when the name was not found) */
	uint64_t file_addr; /* the address in the file's own address space (vaddr) */
	struct objfile *
		file; /* in_file: that file (build-id, offsets), borrowed from the symbolizer; else NULL */
};

struct symbolizer;
struct symbolizer *symbolizer_new(const struct symbolizer_opts *opts);
void symbolizer_free(struct symbolizer *s);
/* of names from now on: the script says so after the symbolizer is made */
void symbolizer_set_demangle(struct symbolizer *s, bool demangle);

/* an address of a process. False: nothing known (out->found and in_file are false then) */
bool symbolizer_user(struct symbolizer *s, pid_t pid, uint64_t addr, struct symbol_info *out);

/* remember pid's mappings now (again after each exec); quietly does nothing when it is gone */
void symbolizer_note_process(struct symbolizer *s, pid_t pid);
/* a new mapping that an mmap event reported; path as the process sees it */
void symbolizer_note_mmap(struct symbolizer *s, pid_t pid, uint64_t start, uint64_t len,
			  uint64_t offset, uint32_t dev_major, uint32_t dev_minor, uint64_t ino,
			  struct str path);
void symbolizer_note_fork(struct symbolizer *s, pid_t parent,
			  pid_t child); /* child begins with parent's mappings */
void symbolizer_note_exec(struct symbolizer *s, pid_t pid); /* forget the old image's mappings */
void symbolizer_note_exit(struct symbolizer *s, pid_t pid);
/* no address of this ended process will be asked for; does nothing if one was, or if the number is in use again */
void symbolizer_forget(struct symbolizer *s, pid_t pid);
/* read the mappings of a process that events have told nothing of; nothing is opened */
void symbolizer_survey(struct symbolizer *s, pid_t pid);

struct symbolizer_mapping { /* executable memory of a process */
	uint64_t start, end, offset;
	struct objfile *file; /* NULL: none, or it cannot be opened; borrowed */
	bool is_file;
};
/* those that are known of now, by address; fresh: looked at just now if the process lives */
void symbolizer_mappings(struct symbolizer *s, pid_t pid, bool fresh,
			 void (*visit)(void *arg, const struct symbolizer_mapping *m), void *arg);
/* the one at an address, former ones included; false: none */
bool symbolizer_locate(struct symbolizer *s, pid_t pid, uint64_t addr,
		       struct symbolizer_mapping *out);

/* a kernel address; module is empty for the kernel proper */
bool symbolizer_kernel(struct symbolizer *s, uint64_t addr, struct symbol_info *out);
/* address of a kernel symbol; "mod:name" picks a module. 0: not found, *why says so (may be NULL) */
uint64_t symbolizer_kernel_addr(struct symbolizer *s, struct str name, const char **why);

#endif
