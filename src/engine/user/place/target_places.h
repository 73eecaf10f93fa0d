/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The places that a run probes, as the guardian has them: for each program its points, and the files that these are in. Files are opened once
 * and told by what they are, not by their names: another file may stand under a name later, in which the same offsets are anything.
 * Generations (grow.h) add places, and take theirs off again.
 */
#ifndef SONDE_ENGINE_USER_TARGET_PLACES_H
#define SONDE_ENGINE_USER_TARGET_PLACES_H

#include "base/vec.h"
#include "image/image.h"

#include <sys/stat.h>

struct objfile;
struct proc_map;

struct place_file {
	struct str path;
	struct stat st;      /* when it was opened */
	struct objfile *obj; /* NULL: it cannot be read */
	int claim;           /* that we have probes in it: objfile/claim.h */
	bool is_changed;     /* it was written to since: what is known of it is of no use */
};

/* the points of a shape, for a program */
struct place_set {
	uint32_t prog;
	const struct probe_shape *shape;
	struct place_file **files; /* of each point */
	uint32_t first;            /* the first point's number among all places */
	uint32_t group;            /* 0: from the beginning */
	bool is_off;
};

struct target_places {
	VEC(struct place_set) sets;
	VEC(struct place_file *) files;
	uint32_t n; /* places */
	pid_t home; /* whose /proc/self paths mean */
};

/* all that the image's programs have; home: the process that the paths are for */
void target_places_init(struct target_places *p, const struct image *im, pid_t home);
void target_places_free(struct target_places *p);
/* for a program, at points of a shape; path's files are looked at anew */
void target_places_add(struct target_places *p, uint32_t prog, const struct probe_shape *shape,
		       uint32_t group);
/* -> whether there was any */
bool target_places_drop_group(struct target_places *p, uint32_t group);
bool target_places_drop_file(struct target_places *p, struct str path);
/* files that were written to are not looked at any more */
void target_places_check_files(struct target_places *p);
/* is this mapping of that file? */
bool place_file_is_mapped(const struct place_file *f, const struct proc_map *m);

#endif
