/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The object files that an attach point (or a listing pattern) means: its target resolved and opened. Files of a
 * wildcard that cannot be opened as ELF are left out, a file that was named is an error.
 */
#ifndef SONDE_PROBE_TARGETS_H
#define SONDE_PROBE_TARGETS_H

#include "objfile/elf.h"
#include "objfile/resolve.h"
#include "probe/match_private.h"

struct target_file {
	struct objfile *f;    /* borrowed from the context's cache */
	struct str path;      /* as it is shown: "uprobe:<path>:..." */
	struct str open_path; /* as the tracer opens it */
	struct err *error;    /* why f is NULL; owned by the list */
};

struct target_files {
	VEC(struct target_file) files; /* strings in the context's arena */
};

/*
 * target may be empty when the context has pids: then their executables. *ret is freed by targets_free also after an
 * error. Files that could not be opened are only kept when the target was not a wildcard.
 */
struct err *targets_find(struct probe_ctx *c, struct str target, struct target_files *ret) ERR_MUST;
/* those of the attach point at hand: as above, or for a pattern over what is mapped (late.h) what fits it */
struct err *targets_of(struct match *m, struct target_files *ret) ERR_MUST;
/* says why a target cannot be probed, under the rule of missing_probes; frees e */
void targets_report(struct match *m, struct err *e);
void targets_free(struct target_files *t);

#endif
