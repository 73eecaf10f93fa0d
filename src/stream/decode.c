/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From joined bytes to a decoder: which one it is, when the script said "auto" or tracing began in the middle of a connection.
 * Each call is a chance to find the protocol: its first bytes are shown to the decoders, and kept as long as they may be the
 * beginning of something. After some calls that fit nothing the connection is left alone, and the kernel's side is told.
 */
#include "stream/private.h"

#include "base/arena.h"

#include <stdlib.h>

/* nothing more of this connection is wanted: programs drop its bytes from now on */
static void tell_kernel(struct stream_conn *c)
{
	struct stream *s = c->s;
	uint32_t map = s->o.image->streams_map;
	struct image_stream_state state;
	struct err *err;

	if (c->is_done || map == IMAGE_NONE)
		return;
	c->is_done = true;
	err = s->o.ops->map_lookup(s->o.engine, map, &c->key, &state);
	if (!err && state.epoch == c->epoch) {
		state.flags = IMAGE_STREAM_IGNORED;
		err = s->o.ops->map_update(s->o.engine, map, &c->key, &state);
	}
	err_free(err); /* it is gone already */
}

static void forget_kept(struct stream_conn *c)
{
	while (c->kept) {
		struct stream_kept *k = c->kept;

		c->kept = k->next;
		free(k);
	}
	c->kept_bytes = 0;
}

static void give_up(struct stream_conn *c)
{
	forget_kept(c);
	tell_kernel(c);
}

/* ---- a decoder at work ---- */

void stream_decode_now(struct stream_conn *c, const struct proto_piece *p)
{
	if (c->conn.is_ignored)
		return;
	if (p->bytes)
		c->ops->feed(c->state, &c->conn, p);
	else if (c->ops->skip)
		c->ops->skip(c->state, &c->conn, p);
	else
		c->ops->gap(c->state, &c->conn, p->direction, p->n);
	if (c->conn.is_ignored)
		tell_kernel(c);
}

static void feed(struct stream_conn *c, const struct proto_piece *p)
{
	if (stream_early_keep(c, p))
		return;
	stream_decode_now(c, p);
	if (p->direction == PROTO_OUT)
		stream_early_go_on(c);
}

static void choose(struct stream_conn *c, const struct proto_ops *ops)
{
	struct stream_kept *k = c->kept;

	c->ops = ops;
	c->state = base_alloc(ops->state_size + 1);
	for (; k; k = k->next)
		feed(c, &k->piece);
	forget_kept(c);
}

void stream_decode_end(struct stream_conn *c)
{
	forget_kept(c);
	stream_early_flush(c);
	if (c->ops)
		c->ops->end(c->state, &c->conn);
	c->s->memory -= c->memory;
	free(c->state);
	c->state = NULL;
	c->ops = NULL;
	c->memory = 0;
}

/* ---- which decoder ---- */

/* the first bytes of a call: what was kept of this direction, and this */
static size_t prefix_of(const struct stream_conn *c, const struct proto_piece *p, uint8_t *to)
{
	size_t n = 0, more;

	for (const struct stream_kept *k = c->kept; k; k = k->next) {
		if (k->piece.direction != p->direction)
			continue;
		memcpy(to + n, k->piece.bytes, k->piece.n);
		n += k->piece.n;
	}
	more = p->n < STREAM_PREFIX - n ? p->n : STREAM_PREFIX - n;
	memcpy(to + n, p->bytes, more);
	return n + more;
}

static enum proto_match ask(const struct stream_conn *c, const struct proto_piece *p,
			    const struct proto_ops **found)
{
	uint8_t bytes[STREAM_PREFIX];
	size_t n = prefix_of(c, p, bytes);
	enum proto_match best = PROTO_NO;

	for (uint32_t i = 0; proto_all[i]; i++) {
		enum proto_match m;

		if (c->wanted && c->wanted != proto_all[i])
			continue;
		m = proto_all[i]->recognise(p->direction, bytes, n);
		if (m == PROTO_YES) {
			*found = proto_all[i];
			return m;
		}
		best = m > best ? m : best;
	}
	return n == STREAM_PREFIX ? PROTO_NO : best;
}

static void keep(struct stream_conn *c, const struct proto_piece *p)
{
	struct stream_kept *k = base_alloc(sizeof(*k) + p->n), **at = &c->kept;

	k->piece = *p;
	memcpy(k->bytes, p->bytes, p->n);
	k->piece.bytes = k->bytes;
	while (*at)
		at = &(*at)->next;
	*at = k;
	c->kept_bytes += p->n;
}

/* one direction may be in the middle of something long while the other is silent: its next word will tell */
static bool is_hopeless(const struct stream_conn *c)
{
	return (c->n_tries[0] >= STREAM_TRIES && c->n_tries[1] >= STREAM_TRIES) ||
	       c->n_tries[0] + c->n_tries[1] >= STREAM_MAX_TRIES;
}

static void look(struct stream_conn *c, const struct proto_piece *p)
{
	const struct proto_ops *found = NULL;

	/* in the middle of a call nothing is to be recognised */
	if (!c->kept && p->call_offset)
		return;
	switch (ask(c, p, &found)) {
	case PROTO_YES:
		choose(c, found);
		feed(c, p);
		break;
	case PROTO_MAYBE:
		if (c->kept_bytes + p->n < STREAM_PREFIX) {
			keep(c, p);
			break;
		}
		/* fall through */
	default:
		forget_kept(c);
		c->n_tries[p->direction]++;
		if (is_hopeless(c))
			give_up(c);
	}
}

/* ---- from the joiners ---- */

void stream_decode_feed(void *conn, const struct proto_piece *p)
{
	struct stream_conn *c = conn;

	/* what has no signs to be recognised by is what the script says */
	if (!c->ops && c->wanted && c->wanted->is_by_name)
		choose(c, c->wanted);
	if (c->ops)
		feed(c, p);
	else if (!p->bytes)
		forget_kept(c);
	else if (!c->is_done)
		look(c, p);
}

void stream_decode_gap(void *conn, enum proto_direction d, uint64_t lost)
{
	struct stream_conn *c = conn;
	struct stream_stats *stats = &c->s->stats;

	stream_early_flush(c);
	stats->n_gaps++;
	stats->n_lossy += !c->is_lossy;
	c->is_lossy = true;
	if (lost != PROTO_LOST_UNKNOWN)
		stats->n_lost_bytes += lost;
	if (!c->ops)
		forget_kept(c);
	else if (!c->conn.is_ignored)
		c->ops->gap(c->state, &c->conn, d, lost);
}
