/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the symbolizer remembers of processes: which file lies where. Private to symbolize.c and process.c.
 * A process table owns its processes and modules; modules are shared by all processes that map the same file.
 */
#ifndef SONDE_OBJFILE_PROCESS_H
#define SONDE_OBJFILE_PROCESS_H

#include "base/arena.h"
#include "base/hashmap.h"
#include "base/vec.h"
#include "objfile/elf.h"
#include "objfile/perfmap.h"

struct module { /* a file as processes have mapped it */
	struct str path;
	uint32_t dev_major, dev_minor;
	uint64_t ino;
	bool deleted, is_vdso;
	struct objfile *file; /* borrowed from the cache; NULL: not opened (yet) */
	pid_t tried;          /* the last process through which opening it failed */
};

struct mapping {
	uint64_t start, end, offset;
	struct module *module; /* NULL: anonymous memory */
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
	int root;                /* O_PATH of a root of its own, kept for the time after its end; -1: ours */
	bool gone;
	uint64_t checked;      /* ms of the coarse clock: when `now` was read */
	struct perfmap *perfmap; /* NULL: not looked for */
	uint64_t perfmap_checked;
};

struct process_table {
	struct hashmap by_pid;
	size_t n;
	struct hashmap modules; /* key: device, inode, path */
	struct arena strings;
	struct objfile_cache *files;
	struct objfile *vdso; /* reference; made at first use */
	bool vdso_tried;
};

void process_table_init(struct process_table *t);
void process_table_free(struct process_table *t);
/* never NULL; a new one has its mappings read */
struct process *process_get(struct process_table *t, pid_t pid);
struct process *process_find(struct process_table *t, pid_t pid); /* NULL: not seen yet */
/* reads the mappings again if the last time is at least age_ms ago; true when that was done */
bool process_refresh(struct process_table *t, struct process *p, uint64_t age_ms);
/* the mapping of addr, the present ones first */
const struct mapping *process_mapping(const struct process *p, uint64_t addr);
void process_add_mapping(struct process *p, struct mapping m); /* replaces what it overlaps */
void process_forget(struct process *p); /* exec: present mappings become old ones */
struct module *process_module(struct process_table *t, struct str path, uint32_t dev_major, uint32_t dev_minor,
			      uint64_t ino, bool deleted);
/* opens the module's file if that has not been done; NULL when it cannot be */
struct objfile *process_open_module(struct process_table *t, struct process *p, const struct mapping *m);
uint64_t process_clock_ms(void);

#endif
