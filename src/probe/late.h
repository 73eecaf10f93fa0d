/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Targets that are patterns over what processes map: `uprobe:*:SSL_write`, `usdt:*:hotspot:gc__begin`, and paths with wildcards
 * that begin with one. They mean the files that are mapped when tracing begins, and those that are mapped later: then the same
 * attach points are matched again, in one file (struct probe_late, made by the session).
 */
#ifndef SONDE_PROBE_LATE_H
#define SONDE_PROBE_LATE_H

#include "objfile/mapped.h"
#include "probe/match.h"
#include "probe/spec.h"

struct match;
struct target_files;

/* what is mapped, and the files of it that were opened: once for all attach points of a script */
struct probe_survey {
	struct mapped_files mapped;
	struct survey_file *files; /* one for each of mapped.files */
};

/* a file that has come: attach points are matched in it alone */
struct probe_late {
	const struct mapped_file *mapped; /* path: for patterns and people */
	struct objfile *file;
	struct str open_path;
	bool is_replacement;              /* of a file that an attach point names plainly */
	const struct late_specs *waiting; /* and what late_look said of each of them */
	const bool *has;
};

/* attach points that wait, taken apart */
struct late_specs {
	struct probe_spec *v;
	size_t n, cap;
};
void late_add_specs(const struct probe_ctx *c, const struct attach_point *ap, struct arena *arena,
		    struct late_specs *out);

/* is it such a target? */
bool late_is_pattern(const struct probe_ctx *c, const struct probe_spec *spec);
/* does the target mean a file of this path, as a process sees it? */
bool late_path_fits(const struct probe_spec *spec, struct str path);
/* has[i]: can the file have what this attach point names? Cheap, never wrong when it says no */
void late_look(const struct late_specs *specs, struct objfile *f, bool *has);
/* the files of a pattern; see targets_find */
struct err *late_find(struct match *m, struct target_files *ret) ERR_MUST;
/* all has been matched: what has nothing is closed */
void late_survey_trim(struct probe_survey *s);
void late_survey_free(struct probe_survey *s);
/* did the survey find what attach points name in this file? */
bool late_was_surveyed(const struct probe_ctx *c, const struct objfile *f);

#endif
