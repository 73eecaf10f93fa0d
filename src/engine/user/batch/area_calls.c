/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls that are still open when an area is given up: the functions that were called through return to trampolines. Where the stack slot of such
 * a call still holds the trampoline's address, the program's own is put back, and the area can go. All threads stand, none of them in the area.
 *
 * Where the slot holds something else, the call was left by longjmp, or its stack was copied to somewhere (greenlets do), from where it can come
 * back. Then the address that it returns to stands elsewhere in the process's memory: where it does not, nothing comes back. Where it does, or the
 * memory is too much to be looked through, the area has to stay. So it has to where the processor checks returns against a shadow stack, which
 * has our address, too.
 */
#include "engine/user/batch/area.h"

#include "base/cleanup.h"
#include "engine/user/rt/calls.h"
#include "objfile/proc.h"

#include <stdlib.h>
#include <string.h>

enum { CLOSED = 1, FEATURES = 256 };

struct open_calls {
	const struct remote *r;
	const struct remote_area *area;
	struct rt_call *v;
	size_t n;
};

static bool is_open(const struct rt_call *c)
{
	return c->slot && !(c->slot & CLOSED);
}

/* where the calls of a slot return to in the end: the first of a chain of tail calls has it */
static uint64_t own_address(const struct open_calls *o, uint64_t slot)
{
	const struct rt_call *first = NULL;

	for (size_t i = 0; i < o->n; i++)
		if (o->v[i].slot == slot && (!first || o->v[i].order < first->order))
			first = &o->v[i];
	return first ? first->address : 0;
}

static bool holds_trampoline(const struct open_calls *o, uint64_t word)
{
	return word - o->area->code < o->area->code_bytes &&
	       word % RT_BACK_ALIGN == RT_BACK_REST % RT_BACK_ALIGN;
}

/* false: it may come back from elsewhere */
static bool settle(const struct open_calls *o, const struct rt_call *c)
{
	uint64_t word, own = own_address(o, c->slot);

	if (!remote_read(o->r, c->slot, &word, sizeof(word)))
		return true; /* its stack is gone, with its thread */
	if (word == own)
		return true; /* another one of the chain was settled before */
	return holds_trampoline(o, word) && !holds_trampoline(o, own) &&
	       remote_write(o->r, c->slot, &own, sizeof(own));
}

/* one that calls return to, other than where it stood: there it is what is left of a call that has returned */
static bool is_copy(void *arg, uint64_t at, uint64_t word)
{
	const struct open_calls *o = arg;

	if (!holds_trampoline(o, word))
		return false;
	for (size_t i = 0; at && i < o->n; i++)
		if ((o->v[i].slot & ~(uint64_t)CLOSED) == at && o->v[i].back == (uint32_t)word)
			return false;
	return true;
}

enum area_calls area_settle_calls(const struct area *a, const struct remote *r)
{
	size_t n = rt_calls_bytes(AREA_CALL_BUCKETS) - sizeof(struct rt_calls);
	FREE_AUTO struct rt_call *v = base_alloc(n);
	struct open_calls o = {
		.r = r, .area = &a->remote, .v = v, .n = n / sizeof(struct rt_call)
	};
	char features[FEATURES];
	bool is_all = true;

	if (proc_status(r->pid, "x86_Thread_features", features, sizeof(features)) &&
	    strstr(features, "shstk"))
		return AREA_CALLS_UNKNOWN;
	if (!remote_read(r, a->remote.private + AREA_PRIVATE_BYTES + sizeof(struct rt_calls), v, n))
		return AREA_CALLS_UNKNOWN;
	for (size_t i = 0; i < o.n; i++)
		if (is_open(&v[i]))
			is_all &= settle(&o, &v[i]);
	if (is_all)
		return AREA_CALLS_SETTLED;
	switch (remote_search(r, &a->remote, is_copy, &o)) {
	case REMOTE_FOUND_NONE: return AREA_CALLS_SETTLED;
	case REMOTE_FOUND_ONE: return AREA_CALLS_OPEN;
	default: return AREA_CALLS_UNKNOWN;
	}
}
