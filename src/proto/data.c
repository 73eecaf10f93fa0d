/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "data": no protocol. What one call sent or received is one message, whole; what comes in several pieces is kept until
 * the last of them. A call of which more than max_bytes would have to be kept is given with its first bytes, and says so.
 */
#include "proto/decoders.h"
#include "proto/text.h"

struct data_side {
	struct proto_text kept; /* of a call that is not complete */
	uint64_t total, seen;   /* of it: its length, how many of its bytes have come by */
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
	proto_text_clear(&s->kept);
}

/* false: out of memory. Bytes beyond the bound are counted only */
static bool data_keep(const struct proto_conn *c, struct data_side *s, const uint8_t *bytes,
		      size_t n)
{
	uint64_t most = c->max_bytes / 2; /* the other direction has as much */
	uint64_t want = s->total < most ? s->total : most;
	size_t end = s->kept.n + n < want ? s->kept.n + n : want;

	proto_text_add(&s->kept, bytes, n, want);
	return s->kept.n >= end;
}

/* what there is of the open call */
static void data_say_kept(struct proto_conn *c, enum proto_direction d, struct data_side *s)
{
	data_say(c, d, s, (const uint8_t *)s->kept.p, s->kept.n);
}

static void data_feed(void *state, struct proto_conn *c, const struct proto_piece *p)
{
	struct data_side *s = &((struct data_state *)state)->side[p->direction];

	if (s->is_open && p->call_offset == 0) {
		/* the rest of the one before never came */
		s->is_lost = true;
		data_say_kept(c, p->direction, s);
	}
	if (!s->is_open) {
		s->is_open = true;
		s->at = p->at;
		s->total = p->call_total > p->n ? p->call_total : p->n;
		s->seen = p->call_offset;
		proto_text_clear(&s->kept);
		s->is_lost |= p->call_offset != 0;
	}
	if (s->kept.n == 0 && p->call_offset == 0 &&
	    p->n >= s->total) { /* the frequent case: nothing is copied */
		data_say(c, p->direction, s, p->bytes, p->n);
		return;
	}
	if (!data_keep(c, s, p->bytes, p->n))
		s->is_lost = true;
	s->seen = p->call_offset + p->n;
	if (s->seen >= s->total)
		data_say_kept(c, p->direction, s);
}

static void data_gap(void *state, struct proto_conn *c, enum proto_direction d, uint64_t lost)
{
	struct data_side *s = &((struct data_state *)state)->side[d];

	s->is_lost = true;
	/* the end of the open call is among what is missing, or it is not: the offset of the next piece tells */
	if (s->is_open && lost != PROTO_LOST_UNKNOWN && lost >= s->total - s->seen) {
		data_say_kept(c, d, s);
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
			data_say_kept(c, d, &st->side[d]);
		}
		proto_text_free(&st->side[d].kept);
	}
}

static size_t data_memory(const void *state)
{
	const struct data_state *st = state;

	return st->side[0].kept.room + st->side[1].kept.room;
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
