/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making areas, finding one with room, giving them back; see area.h. What they are made of in the process: remote_area.c. */
#include "engine/user/batch/area.h"

#include "base/cleanup.h"
#include "engine/user/code/blob.h"
#include "engine/user/memory/shared.h"
#include "engine/user/patch/patches.h"
#include "engine/user/rt/calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	STOP_MS = 3000,
	PAGE = 4096,
	LEAST_STACKS = 32, /* both powers of two */
	MOST_STACKS = 1024,
	CODE_ALIGN = 16,
	/* for later batches: addresses only, memory when they come */
	SPARE_ENTRIES = 2048,
	SPARE_CODE = 512 << 10,
};

static uint64_t aligned(uint64_t n)
{
	return (n + CODE_ALIGN - 1) & ~(uint64_t)(CODE_ALIGN - 1);
}

/* stacks of ours: one for each processor, and as many again. Memory is used of those that were in use */
static uint32_t stacks_wanted(const struct shared *s)
{
	uint32_t n = LEAST_STACKS / 2;

	while (n < s->n_cpus && n < MOST_STACKS / 2)
		n *= 2;
	return 2 * n;
}

/* behind the open calls, at a multiple of their size: there is room for one more because of that */
static void place_stacks(struct area *a, uint32_t n)
{
	uint64_t from = a->remote.private + AREA_PRIVATE_BYTES + rt_calls_bytes(AREA_CALL_BUCKETS);

	from = (from + RT_STACK_BYTES - 1) & ~(uint64_t)(RT_STACK_BYTES - 1);
	a->stacks = from + RT_STACK_BYTES - sizeof(struct rt_stack);
	a->n_stacks = n;
}

static bool fits(const struct area *a, const struct area_wish *w)
{
	const struct remote_area *m = &a->remote;
	uint64_t end = m->data + m->data_bytes, far;

	if (!m->code || a->is_trimmed || a->n_taken + w->n_entries > a->n_entries ||
	    a->next + w->code > m->code + m->code_bytes)
		return false;
	far = m->code < w->low ? w->high - m->code : end - w->low;
	return far < REMOTE_REACH;
}

/* its memory, but for the table of patches, is zero till here; a thread must not run in it yet */
static ERR_MUST struct err *fill(struct area *a, struct remote *r, const struct rt_private *p)
{
	const struct rt_calls calls = rt_calls_head(AREA_CALL_BUCKETS);
	struct rt_private own = *p;
	FREE_AUTO char *blob = base_alloc(blob_bytes());

	blob_copy(blob, a->remote.data, a->remote.private);
	own.stacks = a->stacks;
	own.stacks_end = a->stacks + sizeof(struct rt_stack) +
			 (a->n_stacks - 1ull) * RT_STACK_BYTES;
	if (!remote_write(r, a->remote.private, &own, sizeof(own)) ||
	    !remote_write(r, a->remote.private + AREA_PRIVATE_BYTES, &calls, sizeof(calls)) ||
	    !remote_write(r, a->blob, blob, blob_bytes()))
		return err_new(errno, "write memory of process %d", (int)r->pid);
	return NULL;
}

static ERR_MUST struct err *make(struct area *a, struct remote *r, const struct area_wish *w,
				 const struct shared *s)
{
	uint32_t n = w->n_entries + SPARE_ENTRIES, n_stacks = stacks_wanted(s);
	struct remote_area_sizes sizes = { .private = AREA_PRIVATE_BYTES +
						      rt_calls_bytes(AREA_CALL_BUCKETS) +
						      (n_stacks + (size_t)1) * RT_STACK_BYTES,
					   .data = s->bytes };
	struct err *err;

	sizes.code = aligned(patches_bytes(n)) + aligned(blob_bytes()) + w->code + SPARE_CODE;
	if (!w->is_stopped)
		TRY(remote_stop_one(r, STOP_MS));
	err = remote_area_make(r, w->low, w->high, &sizes, s->fd, &a->remote);
	if (!w->is_stopped)
		remote_go(r);
	if (err)
		return err;
	place_stacks(a, n_stacks);
	a->n_entries = n;
	a->blob = a->remote.code + aligned(patches_bytes(n));
	a->next = a->blob + aligned(blob_bytes());
	return NULL;
}

struct err *area_get(struct areas *l, struct remote *r, const struct area_wish *w,
		     const struct shared *s, const struct rt_private *p, struct area **ret)
{
	struct area *a = NULL;
	struct err *err;

	vec_each(have, &l->v)
		if (!a && fits(*have, w))
			a = *have;
	if (!a) {
		a = base_alloc(sizeof(*a));
		err = make(a, r, w, s);
		if (err) {
			free(a);
			return err;
		}
		/* from here on areas_drop_unused takes it out */
		vec_push(&l->v, a);
		TRY(patches_begin(r, &a->remote, a->n_entries));
		TRY(fill(a, r, p));
	}
	a->n_taken += w->n_entries;
	*ret = a;
	return NULL;
}

static uint64_t page_from(uint64_t address)
{
	return (address + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

static ERR_MUST struct err *unmap(struct remote *r, uint64_t from, uint64_t to)
{
	struct remote_area part = { .code = from, .code_bytes = to - from };

	return from < to ? remote_area_unmap(r, &part) : NULL;
}

/*
 * What comes back looks in the private page and in the first one of the memory file whether programs are to run: those stay, the table of
 * open calls, and the code that there is
 */
static ERR_MUST struct err *trim(struct area *a, struct remote *r)
{
	const struct remote_area *m = &a->remote;
	const uint32_t is_mine = 0;

	if (!remote_write(r, m->private + offsetof(struct rt_private, is_mine), &is_mine,
			  sizeof(is_mine)))
		return NULL;
	/* once: what was ours may be the program's soon */
	a->is_trimmed = true;
	TRY(unmap(r, m->data + PAGE, m->data + m->data_bytes));
	/* stacks of ours are of Go code, which is never called through */
	TRY(unmap(r, page_from(m->private + AREA_PRIVATE_BYTES + rt_calls_bytes(AREA_CALL_BUCKETS)),
		  m->private + m->private_bytes));
	return unmap(r, page_from(a->next), m->code + m->code_bytes);
}

static bool give_back(struct area *a, struct remote *r, bool is_last)
{
	enum area_calls calls;

	if (!remote_area_is_idle(r, &a->remote))
		return false;
	calls = area_settle_calls(a, r);
	if (calls == AREA_CALLS_OPEN && !is_last)
		return false;
	if (calls == AREA_CALLS_SETTLED)
		err_free(area_unmap(a, r));
	else
		err_free(trim(a, r));
	return true;
}

bool areas_give_back(struct areas *l, struct remote *r, bool is_last)
{
	bool is_all = true;

	vec_each(p, &l->v) {
		struct area *a = *p;

		if (a->remote.code && !a->n_batches && !a->is_trimmed)
			is_all &= give_back(a, r, is_last);
	}
	return is_all;
}

void areas_leave(const struct areas *l, const struct remote *r)
{
	vec_each(a, &l->v)
		if ((*a)->remote.code && !(*a)->n_batches && !(*a)->is_trimmed)
			patches_leave(r, &(*a)->remote);
}

void areas_let_grow(const struct areas *l, const struct remote *r, bool may_grow)
{
	const uint32_t can_grow = may_grow;

	vec_each(a, &l->v)
		if ((*a)->remote.code)
			(void)remote_write(r,
					   (*a)->remote.private + AREA_PRIVATE_BYTES +
						   offsetof(struct rt_calls, can_grow),
					   &can_grow, sizeof(can_grow));
}

void areas_drop_unused(struct areas *l, struct remote *r)
{
	size_t n = 0;

	for (size_t i = 0; i < l->v.n; i++) {
		struct area *a = l->v.v[i];

		if (a->n_batches) {
			l->v.v[n++] = a;
			continue;
		}
		if (a->remote.code)
			err_free(area_unmap(a, r));
		free(a);
	}
	l->v.n = n;
}

void areas_free(struct areas *l)
{
	vec_each(a, &l->v)
		free(*a);
	vec_free(&l->v);
}
