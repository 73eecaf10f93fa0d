/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Answers that come before what they answer. Calls are seen when they return, and a thread that sends may be put aside just
 * before: another one reads the answer meanwhile, and its record comes first. The decoder tells which answers have no question;
 * they wait here, and what is received behind them, until something more was sent. Bounded in time and in bytes: the question may
 * have been asked before the attach.
 */
#include "stream/private.h"

#include "base/arena.h"
#include "base/clock.h"

#include <stdlib.h>

static bool is_early(const struct stream_conn *c, const struct proto_piece *p)
{
	return p->bytes && p->direction == PROTO_IN && c->ops->is_early &&
	       c->ops->is_early(c->state, &c->conn, p);
}

static void pass_first(struct stream_conn *c)
{
	struct stream_kept *k = c->early.first;

	fifo_pop(&c->early);
	c->early_bytes -= sizeof(*k) + (k->piece.bytes ? k->piece.n : 0);
	stream_decode_now(c, &k->piece);
	free(k);
}

bool stream_early_keep(struct stream_conn *c, const struct proto_piece *p)
{
	size_t n = p->bytes ? p->n : 0;
	struct stream_kept *k;

	if (p->direction != PROTO_IN || c->conn.is_ignored || (!c->early.first && !is_early(c, p)))
		return false;
	k = base_alloc(sizeof(*k) + n);
	k->piece = *p;
	if (n)
		k->piece.bytes = memcpy(k->bytes, p->bytes, n);
	fifo_push(&c->early, k);
	if (c->early.first == k)
		c->early_since = clock_monotonic_ns();
	c->early_bytes += sizeof(*k) + n;
	if (c->early_bytes > JOIN_HELD_BYTES)
		stream_early_flush(c);
	return true;
}

void stream_early_go_on(struct stream_conn *c)
{
	while (c->early.first && !is_early(c, &c->early.first->piece))
		pass_first(c);
}

void stream_early_age(struct stream_conn *c, uint64_t now)
{
	if (!c->early.first || now - c->early_since <= JOIN_PATIENCE_NS)
		return;
	pass_first(c);
	stream_early_go_on(c);
	c->early_since = now;
}

void stream_early_flush(struct stream_conn *c)
{
	while (c->early.first)
		pass_first(c);
}
