/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps the maps by which the programs unwind user stacks: a table of call frame information for each file, and for each
 * process which file lies where. Processes are added when a program meets them, and followed by what the watch on processes
 * tells. Stacks that came before the tables arrive as registers and memory, and are unwound here.
 *
 * Borrows the symbolizer and the engine; freed before both.
 */
#ifndef SONDE_SESSION_UNWIND_H
#define SONDE_SESSION_UNWIND_H

#include "engine/engine.h"
#include "ir/build.h"
#include "objfile/symbolize.h"
#include "types/btf_source.h"

struct unwinder;

/* what the programs read of the kernel's structures; leaves o->is_on false where that, or the kernel, does not suffice */
void unwind_find_offsets(struct type_source *kernel, struct ir_unwind_opts *o);
/* where sockets and their addresses are, for stream(); o->is_known false: not known */
void unwind_find_sockets(struct type_source *kernel, struct ir_socket_opts *o);

/* where a task_struct has the id of its thread; -1: not known */
int32_t unwind_find_task_pid(struct type_source *kernel);

/* NULL: the image unwinds no stacks. All of the following take NULL */
struct unwinder *unwinder_new(const struct image *im, const struct engine_ops *ops,
			      struct engine *e, struct symbolizer *s);
void unwinder_free(struct unwinder *u); /* -v: says what was done */
/* a process whose stacks are wanted: its tables are there afterwards */
void unwinder_note(struct unwinder *u, pid_t pid);
/* the same before probes are attached: reads what will be needed at once */
void unwinder_prepare(struct unwinder *u, pid_t pid);
/* all processes that map one of these files, by inode */
void unwinder_prepare_files(struct unwinder *u, const uint64_t *inodes, size_t n);
/* what the watch tells */
void unwinder_mapped(struct unwinder *u, pid_t pid);
void unwinder_forked(struct unwinder *u, pid_t parent, pid_t child);
void unwinder_executed(struct unwinder *u, pid_t pid);
void unwinder_exited(struct unwinder *u, pid_t pid);
/* writes what changed; once for many of the above */
void unwinder_flush(struct unwinder *u);

/* see struct output_symbols */
void unwinder_snapshot(struct unwinder *u, const struct image_stack_snapshot *s, const void *bytes,
		       size_t n);
uint32_t unwinder_frames(struct unwinder *u, uint64_t *hash, uint64_t *frames, uint32_t max);

#endif
