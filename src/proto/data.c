/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "data": no protocol. What one call sent or received is one message, whole; what comes in several pieces is kept until
 * the last of them. A call of which more than max_bytes would have to be kept is given with its first bytes, and says so.
 */
#include "proto/decoders.h"

#include <stdlib.h>

struct data_side {
	uint8_t *bytes; /* of a call that is not complete */
	size_t n, room;
	uint64_t total, seen; /* of it: its length, how many of its bytes have come by */
	struct proto_at at;
	bool is_open, is_lost;
};

struct data_state {
	struct data_side side[2];
};

static void data_say(struct proto_conn *c, enum proto_direction d, struct data_side *s,
		     const uint8_t *bytes, size_t n)
{
	struct proto_msg_data fields = { .length = s->total };
	struct proto_message m = { .kind = PROTO_KIND_data,
				   .direction = d,
				   .at = s->at,
				   .lost = s->is_lost,
				   .fields = &fields,
				   .data = bytes,
				   .n_data = n,
				   .data_total = s->total };

	proto_emit(c, &m);
	s->is_open = false;
	s->is_lost = false;
	s->n = 0;
}

/* false: no room, or none left within the bound: the bytes are counted only */
static bool data_keep(const struct proto_conn *c, struct data_side *s, const uint8_t *bytes,
		      size_t n)
{
	uint64_t most = c->max_bytes / 2; /* the other direction has as much */
	uint64_t want = s->total < most ? s->total : most;

	if (s->n + n > want)
		n = want > s->n ? want - s->n : 0;
	if (s->n + n > s->room) {
		/* grown by doubling, not to the length that the call claims: it may never come */
		size_t room = s->room ? s->room : 4096;
		uint8_t *more;

		while (room < s->n + n)
			room *= 2;
		more = realloc(s->bytes, room);
		if (!more)
			return false;
		s->bytes = more;
		s->room = room;
	}
	if (n)
		memcpy(s->bytes + s->n, bytes, n);
	s->n += n;
	return true;
}

static void data_feed(void *state, struct proto_conn *c, const struct proto_piece *p)
{
	struct data_side *s = &((struct data_state *)state)->side[p->direction];

	if (s->is_open && p->call_offset == 0) {
		/* the rest of the one before never came */
		s->is_lost = true;
		data_say(c, p->direction, s, s->bytes, s->n);
	}
	if (!s->is_open) {
		s->is_open = true;
		s->at = p->at;
		s->total = p->call_total > p->n ? p->call_total : p->n;
		s->seen = p->call_offset;
		s->n = 0;
		s->is_lost |= p->call_offset != 0;
	}
	if (s->n == 0 && p->call_offset == 0 &&
	    p->n >= s->total) { /* the frequent case: nothing is copied */
		data_say(c, p->direction, s, p->bytes, p->n);
		return;
	}
	if (!data_keep(c, s, p->bytes, p->n))
		s->is_lost = true;
	s->seen = p->call_offset + p->n;
	if (s->seen >= s->total)
		data_say(c, p->direction, s, s->bytes, s->n);
}

static void data_gap(void *state, struct proto_conn *c, enum proto_direction d, uint64_t lost)
{
	struct data_side *s = &((struct data_state *)state)->side[d];

	s->is_lost = true;
	/* the end of the open call is among what is missing, or it is not: the offset of the next piece tells */
	if (s->is_open && lost != PROTO_LOST_UNKNOWN && lost >= s->total - s->seen) {
		data_say(c, d, s, s->bytes, s->n);
		s->is_lost = lost > s->total - s->seen;
	}
}

/* a call whose bytes are not to be seen: a message without text */
static void data_skip(void *state, struct proto_conn *c, const struct proto_piece *p)
{
	struct data_side *s = &((struct data_state *)state)->side[p->direction];

	if (s->is_open)
		data_gap(state, c, p->direction, s->total - s->seen);
	s->at = p->at;
	s->total = p->n;
	data_say(c, p->direction, s, NULL, 0);
}

static void data_end(void *state, struct proto_conn *c)
{
	struct data_state *st = state;

	for (int d = 0; d < 2; d++) {
		if (st->side[d].is_open) {
			st->side[d].is_lost = true;
			data_say(c, d, &st->side[d], st->side[d].bytes, st->side[d].n);
		}
		free(st->side[d].bytes);
	}
}

static size_t data_memory(const void *state)
{
	const struct data_state *st = state;

	return st->side[0].room + st->side[1].room;
}

static enum proto_match data_recognise(enum proto_direction d, const uint8_t *bytes, size_t n)
{
	return PROTO_NO; /* chosen by name only */
}

const struct proto_ops proto_data = {
	.name = "data",
	.state_size = sizeof(struct data_state),
	.is_by_name = true,
	.recognise = data_recognise,
	.feed = data_feed,
	.gap = data_gap,
	.skip = data_skip,
	.end = data_end,
	.memory = data_memory,
};
