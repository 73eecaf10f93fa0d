/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All functions of a file's debug information by name, with the entries (DIEs) of their code: made by one quick walk
 * (dwarf_walk.c), kept on disk between runs for large files (dwarf_index_file.c). Runs in the worker.
 *
 * An index says where to look, never what is there: whoever uses it reads the entry through libdw and compares its
 * name. A stale or forged index therefore costs misses, not wrong answers; each of its numbers is checked before use.
 */
#ifndef SONDE_OBJFILE_DWARF_INDEX_H
#define SONDE_OBJFILE_DWARF_INDEX_H

#include "objfile/dwarf_private.h"

#define INDEX_NONE UINT32_MAX

/* a function: the entry that the others refer to */
struct index_root {
	uint64_t die; /* ids: see dwfile_id */
	uint64_t name,
		linkage; /* places of strings: enum walk_string << 56 | file number << 40 | offset; 0: none */
	uint64_t scope; /* entry that contains the named one: namespace, type, function, unit */
	uint32_t code;  /* first index_code, or INDEX_NONE */
	uint32_t next_alias; /* not used on disk */
};

/* code of a function: its own or an inlined copy */
struct index_code {
	uint64_t die;
	uint64_t inside; /* innermost entry with code around it, 0: none */
	uint64_t outer;  /* the subprogram around it */
	uint32_t next;   /* of the same function, or INDEX_NONE */
	uint32_t root;
};

struct index_scope {
	uint64_t die, parent; /* ascending by die */
};

/* names by hash, ascending */
struct index_name {
	uint32_t hash, root;
};

struct dwarf_index {
	const struct index_root *roots; /* ascending by die */
	const struct index_code *codes;
	const struct index_scope *scopes;
	const struct index_name *names;
	uint64_t n_roots, n_codes, n_scopes, n_names;
	void *map; /* they are views of a file, or */
	size_t map_size;
	bool is_owned; /* arrays of our own */
};

/* made at the first call, or read from disk */
struct err *index_get(struct dwarf_file *f, const struct dwarf_index **ret) ERR_MUST;
void index_free(struct dwarf_index *x);

/* a name without the arguments of its last part: "show" of "show<u8>", "main.add" of "main.add[...]" */
struct str index_stem(struct str name);
/* hash of a name as the index has it */
uint32_t index_hash(struct str stem);
/* the run of names with this hash: index of the first, their number */
uint64_t index_find(const struct dwarf_index *x, uint32_t hash, uint64_t *n);
/* text at a place of index_root; empty when there is none */
struct str index_string(struct dwarf_file *f, uint64_t place);
/* number of the root with this id in an ascending array, or INDEX_NONE */
uint32_t index_find_root(const struct index_root *v, size_t n, uint64_t die);
const struct index_root *index_root_of(const struct dwarf_index *x, uint64_t die);
const struct index_code *index_code_of(const struct dwarf_index *x, uint64_t die);
const struct index_scope *index_scope_of(const struct dwarf_index *x, uint64_t die);

/* dwarf_index_file.c: false when there is none that fits */
bool index_load(struct dwarf_file *f, struct dwarf_index *x);
/* best effort: an index that cannot be kept is made again */
void index_save(struct dwarf_file *f, const struct dwarf_index *x);

/* dwarf_open.c: gives the files of split units their numbers, in the order of the units */
void dwfile_open_split(struct dwarf_file *f);
/* a section's bytes, unpacked; .debug_info, .debug_info.dwo or .zdebug_info by the name "info" */
struct bytes dwfile_section(struct dwarf_file *f, unsigned file, const char *name);

#endif
