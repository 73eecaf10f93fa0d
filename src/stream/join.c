/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See join.h. */
#include "stream/join.h"

#include "base/arena.h"

#include <stdlib.h>

struct join_held {
	struct join_held *next;
	struct join_record r; /* its bytes stand behind */
	size_t n;             /* how many; 0: they are not to be seen */
	uint8_t bytes[];
};

static void deliver(struct join *j, const struct proto_piece *p, const struct join_sink *sink)
{
	j->pos += p->n;
	sink->feed(sink->arg, p);
}

/* everything up to pos is missing */
static void skip_to(struct join *j, enum proto_direction d, uint64_t pos,
		    const struct join_sink *sink)
{
	uint64_t hole = pos - j->pos;

	j->lost += hole;
	j->pos = pos;
	sink->gap(sink->arg, d, hole);
}

/* did the kernel's side say that as many bytes were lost as are missing in front of this record? */
static bool is_explained(const struct join *j, const struct join_record *r)
{
	return r->lost - j->lost >= r->pos - j->pos && r->lost - j->lost < UINT64_MAX / 2;
}

/* a record whose beginning is here already: what is new of it; false: nothing */
static bool cut_front(struct join_record *r, uint64_t pos)
{
	uint64_t known = pos - r->pos;

	if (known >= r->piece.n)
		return false;
	r->pos += known;
	if (r->piece.bytes)
		r->piece.bytes += known;
	r->piece.n -= known;
	r->piece.call_offset += known;
	return true;
}

/* what is held and fits now; with force, the first of it fits whatever is missing */
static void drain(struct join *j, bool force, const struct join_sink *sink)
{
	while (j->held) {
		struct join_held *h = j->held;
		struct join_record r = h->r;

		if (r.pos > j->pos && !force && !is_explained(j, &r))
			return;
		if (r.pos > j->pos)
			skip_to(j, r.piece.direction, r.pos, sink);
		force = false;
		j->held = h->next;
		j->held_bytes -= sizeof(*h) + h->n;
		if (cut_front(&r, j->pos))
			deliver(j, &r.piece, sink);
		free(h);
	}
}

static void hold(struct join *j, const struct join_record *r, uint64_t now)
{
	size_t n = r->piece.bytes ? r->piece.n : 0;
	struct join_held *h = base_alloc(sizeof(*h) + n), **at = &j->held;

	h->r = *r;
	h->n = n;
	if (n)
		h->r.piece.bytes = memcpy(h->bytes, r->piece.bytes, n);
	while (*at && (*at)->r.pos <= r->pos)
		at = &(*at)->next;
	h->next = *at;
	if (!j->held)
		j->held_since = now;
	*at = h;
	j->held_bytes += sizeof(*h) + n;
}

void join_add(struct join *j, const struct join_record *in, uint64_t now,
	      const struct join_sink *sink)
{
	struct join_record r = *in;

	if (!j->is_begun) {
		j->is_begun = true;
		j->pos = r.pos;
		j->lost = r.lost;
		/* the front of the call in which the connection was met */
		if (r.piece.call_offset)
			sink->gap(sink->arg, r.piece.direction, r.piece.call_offset);
	}
	if (r.pos > j->pos && is_explained(j, &r))
		drain(j, false, sink);
	if (r.pos > j->pos && (j->held || !is_explained(j, &r))) {
		hold(j, &r, now);
		drain(j, j->held_bytes > JOIN_HELD_BYTES, sink);
		return;
	}
	if (r.pos > j->pos)
		skip_to(j, r.piece.direction, r.pos, sink);
	/* what comes behind bytes that were given up is of no use any more */
	if (cut_front(&r, j->pos))
		deliver(j, &r.piece, sink);
	drain(j, false, sink);
}

void join_age(struct join *j, uint64_t now, bool at_end, const struct join_sink *sink)
{
	while (j->held && (at_end || now - j->held_since > JOIN_PATIENCE_NS)) {
		drain(j, true, sink);
		j->held_since = now;
	}
}

void join_finish(struct join *j, enum proto_direction d, uint64_t pos, const struct join_sink *sink)
{
	join_age(j, 0, true, sink);
	if (pos > j->pos)
		skip_to(j, d, pos, sink);
}

void join_reset(struct join *j)
{
	while (j->held) {
		struct join_held *h = j->held;

		j->held = h->next;
		free(h);
	}
	*j = (struct join){ 0 };
}
