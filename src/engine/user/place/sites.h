/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The image's places as addresses of a process, with all that happens at one address in one place. For batch/, target/, engine/both. */
#ifndef SONDE_ENGINE_USER_SITES_H
#define SONDE_ENGINE_USER_SITES_H

#include "base/vec.h"
#include "engine/user/patch/patch.h"
#include "engine/user/place/job.h"
#include "objfile/proc.h"

struct site_use { /* a program there */
	const struct probe_point *point;
	uint32_t set; /* of target_job.places */
	uint32_t prog;
	uint32_t place; /* index into target_job.is_attached */
	bool is_return; /* when the function returns */
};

struct site {
	uint64_t address; /* in the process */
	uint64_t bias;    /* address in the process - address in the file */
	struct patchable place;
	const struct place_file *file;
	uint64_t offset;                           /* of the address, in the file */
	const struct patchable_function *function; /* the job's */
	bool is_entry, is_go;
	struct go_room room; /* is_go */
	uint64_t allgs;      /* as in struct patch */
	VEC(struct site_use) uses;
	struct patch patch;
	bool is_gone;   /* its mapping is; others may be at its address now */
	bool is_wanted; /* but it is there again: for batch_review.c */
};

struct semaphore {
	uint64_t address; /* of an uint16_t that counts tracers */
	const struct place_file *file;
	uint64_t offset;
	bool is_raised;
};

struct site_refused {
	uint64_t address;
	uint32_t place;
};

struct sites {
	/* by address; places that cannot be probed are left out, and told to the job */
	VEC(struct site) v;
	VEC(struct semaphore) semaphores;
	VEC(struct site_refused) refused; /* those places */
	bool is_partial; /* places were left out for now: a semaphore of theirs is not mapped yet */
};

/* the address that a byte of the file has in the process; 0: it is not mapped */
uint64_t sites_address_of(const struct proc_maps *maps, const struct place_file *f, uint64_t offset,
			  bool is_code);

/* what is in the process already */
struct sites_known {
	void *arg;
	/* this place is probed at that address, or cannot be and that has been told */
	bool (*has)(void *arg, uint64_t address, uint32_t place);
	/* a jump was put over some of these bytes, or of the instructions whose first bytes it took */
	bool (*has_jump)(void *arg, uint64_t from, uint64_t to);
};

/* all that the process has now and is not known yet */
void sites_find(struct target_job *j, const struct proc_maps *maps, const struct sites_known *known,
		struct sites *ret);
/* what a place's file says of it */
struct site_verdict {
	const struct probe_point *point;
	uint32_t prog;
	uint64_t device, inode, function; /* function: address where it begins */
	const char *reason;               /* why it cannot be probed; NULL: it can */
};
typedef void sites_judge_fn(void *arg, const struct site_verdict *v);
/* all places whose files can be read */
void sites_judge(const struct image *im, sites_judge_fn *fn, void *arg);
void sites_free(struct sites *s);
/* one place that is not probed, and why */
void sites_refuse(struct target_job *j, const struct site *s, const char *why);

#endif
