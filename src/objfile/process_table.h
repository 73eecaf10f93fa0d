/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the symbolizer remembers of processes: which file lies where. Private to symbolize.c, process_table.c
 * (processes, mappings) and module.c (files).
 * A process table owns its processes and modules; modules are shared by all processes that map the same file.
 */
#ifndef SONDE_OBJFILE_PROCESS_TABLE_H
#define SONDE_OBJFILE_PROCESS_TABLE_H

#include "base/arena.h"
#include "base/hashmap.h"
#include "base/vec.h"
#include "objfile/elf.h"
#include "objfile/perfmap.h"
#include "objfile/roots.h"

struct module { /* a file as processes have mapped it */
	struct str path;
	uint32_t dev_major, dev_minor;
	uint64_t ino;
	bool deleted, is_vdso;
	bool is_marked;       /* by the sweep: somebody refers to it */
	bool is_used;         /* its path is in results: it stays */
	struct objfile *file; /* borrowed from the cache; NULL: not opened (yet) */
	pid_t tried;          /* the last process through which opening it failed */
	struct str key;
	char text[]; /* of key, which ends with the path */
};

struct mapping {
	uint64_t start, end, offset;
	struct module *module; /* NULL: anonymous memory */
	bool is_exec;
};

struct mapping_list {
	struct mapping *v;
	size_t n, cap;
};

struct process {
	uint64_t pid;
	uint64_t start_time;
	struct mapping_list now; /* by start, disjoint */
	struct mapping_list old; /* mappings that were there before, oldest first */
	struct root *
		root; /* a root of its own, kept for the time after its end; NULL: ours, or not known */
	bool is_foreign; /* it has not our root */
	bool root_known; /* is_foreign is what the process itself showed, not what its parent had */
	bool gone;
	bool ended;  /* its end was told by an event */
	bool wanted; /* an event of it came: it is not forgotten */
	uint64_t checked; /* ms of the coarse clock: when `now` was read; 0: what it holds came from events alone */
	uint64_t seen;           /* the same: when anything was last told about it */
	time_t met;              /* by the wall clock */
	struct perfmap *perfmap; /* NULL: not looked for */
	uint64_t perfmap_checked;
};

struct process_table {
	struct hashmap by_pid;
	size_t n;
	struct arena pid_keys;
	struct hashmap modules;        /* key: device, inode, path */
	VEC(struct module *) replaced; /* whose place in the map went to a newer file */
	size_t swept;                  /* modules that the last sweep left */
	struct root_table roots;
	struct objfile_cache *files;
	bool owns_files;
	struct objfile *vdso; /* reference; made at first use */
	bool vdso_tried;
};

/* files: NULL: a cache of its own */
void process_table_init(struct process_table *t, struct objfile_cache *files);
void process_table_free(struct process_table *t);
/* never NULL; a new one has its mappings read */
struct process *process_get(struct process_table *t, pid_t pid);
struct process *process_find(struct process_table *t, pid_t pid); /* NULL: not seen yet */
/* never NULL; nothing is read of a new one: events tell all about it, from its fork on */
struct process *process_make(struct process_table *t, pid_t pid);
/* the number belongs to a new process; what was known of the former one answers for late events */
void process_restart(struct process *p);
void process_drop(struct process_table *t, struct process *p);
/* reads the mappings again if the last time is at least age_ms ago; true when that was done */
bool process_refresh(struct process_table *t, struct process *p, uint64_t age_ms);
/* the mapping of addr, the present ones first */
const struct mapping *process_mapping(const struct process *p, uint64_t addr);
bool process_has_mapping_in(const struct process *p, uint64_t start, uint64_t end);
void process_add_mapping(struct process *p, struct mapping m); /* replaces what it overlaps */
void process_forget(struct process *p); /* exec: present mappings become old ones */
struct module *process_module(struct process_table *t, struct str path, uint32_t dev_major,
			      uint32_t dev_minor, uint64_t ino, bool deleted);
/* modules that no process refers to, and that no result shows, go: every program that anybody starts makes some */
void process_sweep_modules(struct process_table *t);
/* opens the module's file if that has not been done; NULL when it cannot be */
struct objfile *process_open_module(struct process_table *t, struct process *p,
				    const struct mapping *m);
uint64_t process_clock_ms(void);

#endif
