/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls that are still open when an area is given up: the functions that were called through return to trampolines. Where the stack slot of such
 * a call still holds the trampoline's address, the program's own is put back, and the area can go. All threads stand, none of them in the area.
 *
 * Where the slot holds something else, the call was left by longjmp, or its stack was copied to somewhere (greenlets do), from where it can come
 * back. Then the address that it returns to stands elsewhere in the process's memory: where it does not, nothing comes back. Where it does, or the
 * memory is too much to be looked through, the area has to stay. So it has to where the processor checks returns against a shadow stack, which
 * has our address, too.
 *
 * The tables are read from the process, which may have written anything there: sizes are known here, addresses are the process's own.
 */
#include "engine/user/batch/area.h"

#include "engine/user/rt/calls.h"
#include "objfile/proc.h"

#include <stdlib.h>
#include <string.h>

enum { CLOSED = 1, FEATURES = 256, PAGE = 4096, AT_ONCE = 1024 };

/* entries that were ever used, by slot; those of a slot that are open come first, the earliest at the beginning */
struct calls {
	const struct remote *r;
	const struct remote_area *area;
	VEC(struct rt_call) v;
	struct remote_range tables[RT_CALLS_TABLES];
	size_t n_tables; /* that stand outside of the area */
};

static uint64_t slot_of(const struct rt_call *c)
{
	return c->slot & ~(uint64_t)CLOSED;
}

static bool is_open(const struct rt_call *c)
{
	return !(c->slot & CLOSED);
}

static int in_order(const void *a, const void *b)
{
	const struct rt_call *l = a, *r = b;

	if (slot_of(l) != slot_of(r))
		return slot_of(l) < slot_of(r) ? -1 : 1;
	if (is_open(l) != is_open(r))
		return is_open(l) ? -1 : 1;
	return (l->order > r->order) - (l->order < r->order);
}

/* ---- reading them ---- */

static bool read_table(struct calls *o, uint64_t at, uint32_t n_buckets)
{
	struct rt_call v[AT_ONCE];
	size_t left = (size_t)n_buckets * RT_CALLS_OF_BUCKET;

	at += sizeof(struct rt_calls);
	for (size_t n; left; left -= n, at += n * sizeof(*v)) {
		n = left < AT_ONCE ? left : AT_ONCE;
		if (!remote_read(o->r, at, v, n * sizeof(*v)))
			return false;
		for (size_t i = 0; i < n; i++)
			if (v[i].slot)
				vec_push(&o->v, v[i]);
	}
	return true;
}

/* the tables that the process has added to its first one; false: they cannot be read */
static bool find_tables(struct calls *o)
{
	uint64_t at = o->area->private + AREA_PRIVATE_BYTES;
	uint32_t n_buckets = AREA_CALL_BUCKETS;
	struct rt_calls head;

	while (remote_read(o->r, at, &head, sizeof(head))) {
		if (!head.more)
			return true;
		if (o->n_tables == RT_CALLS_TABLES || head.more % PAGE)
			return false;
		n_buckets *= RT_CALLS_GROWTH;
		at = head.more;
		o->tables[o->n_tables++] = (struct remote_range){ at,
								  at + rt_calls_bytes(n_buckets) };
	}
	return false;
}

static bool read_all(struct calls *o)
{
	uint32_t n_buckets = AREA_CALL_BUCKETS;

	if (!find_tables(o) ||
	    !read_table(o, o->area->private + AREA_PRIVATE_BYTES, AREA_CALL_BUCKETS))
		return false;
	for (size_t i = 0; i < o->n_tables; i++)
		if (!read_table(o, o->tables[i].start, n_buckets *= RT_CALLS_GROWTH))
			return false;
	if (o->v.n)
		qsort(o->v.v, o->v.n, sizeof(*o->v.v), in_order);
	return true;
}

/* ---- what they return to ---- */

static bool holds_trampoline(const struct calls *o, uint64_t word)
{
	return word - o->area->code < o->area->code_bytes &&
	       word % RT_BACK_ALIGN == RT_BACK_REST % RT_BACK_ALIGN;
}

/* first: of the open calls of its slot; they return in the end to where it does. False: it may come back from elsewhere */
static bool settle(const struct calls *o, const struct rt_call *first)
{
	uint64_t word, own = first->address;

	if (!remote_read(o->r, first->slot, &word, sizeof(word)))
		return true; /* its stack is gone, with its thread */
	if (word == own)
		return true; /* the slot was used again */
	return holds_trampoline(o, word) && !holds_trampoline(o, own) &&
	       remote_write(o->r, first->slot, &own, sizeof(own));
}

static bool settle_all(const struct calls *o)
{
	bool is_all = true;

	for (size_t i = 0; i < o->v.n; i++)
		if (is_open(&o->v.v[i]) && (!i || slot_of(&o->v.v[i - 1]) != slot_of(&o->v.v[i])))
			is_all &= settle(o, &o->v.v[i]);
	return is_all;
}

/* the first entry of a slot, or where it would stand */
static size_t first_of(const struct calls *o, uint64_t slot)
{
	size_t from = 0, to = o->v.n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (slot_of(&o->v.v[mid]) < slot)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

/* one that calls return to, other than where it stood: there it is what is left of a call that has returned */
static bool is_copy(void *arg, uint64_t at, uint64_t word)
{
	const struct calls *o = arg;

	if (!holds_trampoline(o, word))
		return false;
	for (size_t i = first_of(o, at); at && i < o->v.n && slot_of(&o->v.v[i]) == at; i++)
		if (o->v.v[i].back == (uint32_t)word)
			return false;
	return true;
}

static enum area_calls settle_calls(struct calls *o)
{
	char features[FEATURES];

	if (proc_status(o->r->pid, "x86_Thread_features", features, sizeof(features)) &&
	    strstr(features, "shstk"))
		return AREA_CALLS_UNKNOWN;
	if (!read_all(o))
		return AREA_CALLS_UNKNOWN;
	if (settle_all(o))
		return AREA_CALLS_SETTLED;
	switch (remote_search(o->r, o->area, o->tables, o->n_tables, is_copy, o)) {
	case REMOTE_FOUND_NONE: return AREA_CALLS_SETTLED;
	case REMOTE_FOUND_ONE: return AREA_CALLS_OPEN;
	default: return AREA_CALLS_UNKNOWN;
	}
}

enum area_calls area_settle_calls(const struct area *a, const struct remote *r)
{
	struct calls o = { .r = r, .area = &a->remote };
	enum area_calls ret = settle_calls(&o);

	vec_free(&o.v);
	return ret;
}

struct err *area_unmap(struct area *a, struct remote *r)
{
	struct calls o = { .r = r, .area = &a->remote };
	struct err *err = NULL;

	(void)find_tables(&o);
	for (size_t i = 0; i < o.n_tables && !err; i++) {
		struct remote_area table = { .code = o.tables[i].start,
					     .code_bytes = o.tables[i].end - o.tables[i].start };

		err = remote_area_unmap(r, &table);
	}
	return err ? err : remote_area_unmap(r, &a->remote);
}
