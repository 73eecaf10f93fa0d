/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The areas of a traced process: [ table of patches, helpers, code of places ][ private ][ the memory file ]. Places of later batches go into
 * an area that reaches them, as long as it has room: each one more costs the process some 20 KB. For batch/ and target/.
 */
#ifndef SONDE_ENGINE_USER_AREA_H
#define SONDE_ENGINE_USER_AREA_H

#include "base/vec.h"
#include "engine/user/process/remote.h"
#include "engine/user/rt/area.h"

struct shared;

enum {
	AREA_PRIVATE_BYTES =
		4096, /* struct rt_private; the table of open calls follows, then stacks of ours */
	AREA_CALL_BUCKETS =
		2048, /* of that table: room for 8 calls in each; the process adds larger ones */
};

struct area {
	struct remote_area remote;
	uint64_t blob; /* address of the helpers, behind the table of patches; 0: they are not there yet */
	uint64_t next;   /* where the next code goes */
	uint64_t stacks; /* struct rt_private has it */
	uint32_t n_stacks;
	uint32_t n_entries, n_taken; /* of the table: there is room for; batches have asked for */
	uint32_t n_batches;          /* that have jumps to it */
	bool is_trimmed;             /* only what calls may come back to is mapped still */
};

struct areas {
	VEC(struct area *) v; /* of one process */
};

struct area_wish {
	uint64_t low, high; /* what it has to reach: [low, high) */
	uint32_t n_entries; /* of the table of patches */
	size_t code;        /* bytes at most */
	bool is_stopped;    /* a thread of the process is */
};

/* one that is there, or a new one, whose memory describes the process by p. It is the list's; nobody counts as its batch yet */
struct err *area_get(struct areas *l, struct remote *r, const struct area_wish *w,
		     const struct shared *s, const struct rt_private *p,
		     struct area **ret) ERR_MUST;
/*
 * Areas without batches are unmapped, unless a thread is in one, or can come back to it. All threads must be stopped. False: somebody is in
 * one, or has its address, which may be over soon; is_last: it is not waited for that. Of an area that calls may come back to, nobody knows from where, code and the table of these calls stay
 */
bool areas_give_back(struct areas *l, struct remote *r, bool is_last);
/* those that are there still, and that nothing leads to, are left to whoever traces the process next */
void areas_leave(const struct areas *l, const struct remote *r);
/* nobody is in it: calls that will return to its trampolines are made to return where they came from (area_calls.c) */
enum area_calls {
	AREA_CALLS_SETTLED, /* nothing returns to the area any more */
	AREA_CALLS_OPEN, /* something may; perhaps it is only what returned calls left on a stack */
	AREA_CALLS_UNKNOWN
};
enum area_calls area_settle_calls(const struct area *a, const struct remote *r);
/* takes it out of the process, with the tables of open calls that were added to it; a thread must be stopped */
struct err *area_unmap(struct area *a, struct remote *r) ERR_MUST;
/* whether the process may make such tables from here on: a filter that it has may not like how */
void areas_let_grow(const struct areas *l, const struct remote *r, bool may_grow);
/* those without batches that no jump has ever led to; a thread must be stopped */
void areas_drop_unused(struct areas *l, struct remote *r);
void areas_free(struct areas *l); /* the list: what is in the process stays there */

#endif
