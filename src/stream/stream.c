/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records of the ring to connections; see stream.h. What the record says is our own program's word, yet its sizes are checked.
 * A connection is another one than before when its state in the kernel was made anew (epoch) or its descriptor leads to
 * another socket.
 */
#include "stream/private.h"

#include "base/arena.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

enum { CHECK_NS = 500000000 };

struct stream *stream_new(const struct stream_opts *o)
{
	struct stream *s;

	if (o->image->streams_map == IMAGE_NONE || !o->ops->message || !o->ops->run_message)
		return NULL;
	s = base_alloc(sizeof(*s));
	s->o = *o;
	stream_messages_init(s);
	return s;
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	/* what is left here was not asked for any more: no clauses are run */
	for (int i = 0; i < PROTO_N_KINDS; i++)
		s->kinds[i].n_progs = 0;
	while (s->oldest)
		stream_conn_end(s, s->oldest);
	stream_messages_free(s);
	err_free(s->err);
	free(s);
}

static struct err *take_error(struct stream *s)
{
	struct err *err = s->err;

	s->err = NULL;
	return err;
}

/* ---- a record ---- */

static void set_address(struct stored_inet *to, uint16_t family, const uint8_t *bytes)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	*to = (struct stored_inet){ .family = family };
	memcpy(to->addr, bytes, family == AF_INET6 ? 16 : family == AF_INET ? 4 : 0);
	/* IPv4 on a socket of IPv6 */
	if (family == AF_INET6 && !memcmp(bytes, mapped, sizeof(mapped))) {
		*to = (struct stored_inet){ .family = AF_INET };
		memcpy(to->addr, bytes + 12, 4);
	}
}

static void take_addresses(struct stream_conn *c, const struct image_stream_piece *p)
{
	if (p->fd >= 0)
		c->conn.fd = p->fd;
	if (!p->socket)
		return;
	c->socket = p->socket;
	set_address(&c->local, p->family, p->local);
	set_address(&c->remote, p->family, p->remote);
	c->local_port = p->family == AF_INET || p->family == AF_INET6 ? p->local_port : 0;
	c->remote_port = p->family == AF_INET || p->family == AF_INET6 ? ntohs(p->remote_port) : 0;
}

static struct stream_conn *find_conn(struct stream *s, const struct image_stream_piece *p)
{
	struct stream_conn *c = stream_conn_find(s, &p->key);

	if (c && p->socket && c->socket && p->socket != c->socket) {
		stream_conn_end(s, c);
		c = NULL;
	}
	if (!c) {
		c = stream_conn_new(s, &p->key);
		c->epoch = p->epoch;
		c->blind = p->blind;
	}
	stream_conn_touch(s, c);
	/* bytes passed of which nothing is known: the state was thrown out, or a hit could not do its work */
	if (c->epoch != p->epoch || c->blind != p->blind)
		stream_conn_torn(c);
	c->epoch = p->epoch;
	c->blind = p->blind;
	return c;
}

static void join(struct stream_conn *c, const struct image_stream_piece *p, const uint8_t *bytes,
		 size_t n)
{
	struct join_sink sink = { stream_decode_feed, stream_decode_gap, c };
	enum proto_direction d = p->flags & STREAM_OUT ? PROTO_OUT : PROTO_IN;
	struct join_record r = {
		.pos = p->pos,
		.lost = p->lost,
		.piece = { .direction = d,
			   .bytes = bytes,
			   .n = n,
			   .call_offset = p->call_offset,
			   .call_total = p->call_total,
			   .at = { .nsecs = p->nsecs,
				   .cgroup = p->cgroup,
				   .pid = p->pid,
				   .tid = p->tid,
				   .uid = p->uid,
				   .gid = p->gid } },
	};

	memcpy(r.piece.at.comm, p->comm, sizeof(p->comm));
	join_add(&c->join[d], &r, clock_monotonic_ns(), &sink);
}

static const struct proto_ops *wanted_by(const struct event_layout *l)
{
	return str_is(l->format, "auto") ? NULL : proto_find(l->format);
}

struct err *stream_event(struct stream *s, const struct event_layout *l, const void *payload,
			 uint32_t size)
{
	struct image_stream_piece p;
	struct stream_conn *c;

	if (!s || size < sizeof(p))
		return NULL;
	memcpy(&p, payload, sizeof(p));
	if (p.flags & STREAM_END) {
		c = stream_conn_find(s, &p.key);
		if (c && c->epoch == p.epoch)
			stream_conn_finish(c, (uint64_t[2]){ p.pos, p.lost });
		if (c)
			stream_conn_end(s, c);
		return take_error(s);
	}
	if (size == sizeof(p) ? !(p.flags & STREAM_SKIP) || !p.call_total : p.flags & STREAM_SKIP)
		return NULL;
	c = find_conn(s, &p);
	c->wanted = wanted_by(l);
	c->conn.pid = p.pid;
	c->conn.is_tls |= (p.flags & STREAM_TLS) != 0;
	c->is_dying = false;
	take_addresses(c, &p);
	if (p.flags & STREAM_SKIP)
		join(c, &p, NULL, p.call_total);
	else
		join(c, &p, (const uint8_t *)payload + sizeof(p), size - sizeof(p));
	stream_conn_account(s, c);
	return take_error(s);
}

/* ---- now and then ---- */

static bool is_gone(const struct stream_conn *c)
{
	return kill((pid_t)c->conn.pid, 0) && errno == ESRCH;
}

/*
 * Processes that end close what they have without a call. Seen to be gone once, a connection ends at the next look: by then what
 * the ring still had of it has come.
 */
static void end_of_processes(struct stream *s)
{
	struct stream_conn *c = s->oldest, *next;

	for (; c; c = next) {
		next = c->newer;
		if (c->is_dying)
			stream_conn_end_now(s, c);
		else
			c->is_dying = is_gone(c);
	}
}

struct err *stream_round(struct stream *s)
{
	uint64_t now;

	if (!s)
		return NULL;
	now = clock_monotonic_ns();
	for (struct stream_conn *c = s->oldest; c; c = c->newer) {
		if (c->join[0].held || c->join[1].held)
			stream_conn_flush(c, now, false);
		if (c->early.first)
			stream_early_age(c, now);
	}
	if (now - s->checked > CHECK_NS) {
		s->checked = now;
		end_of_processes(s);
	}
	return take_error(s);
}

struct err *stream_finish(struct stream *s)
{
	if (!s)
		return NULL;
	while (s->oldest)
		stream_conn_end_now(s, s->oldest);
	return take_error(s);
}

const struct stream_stats *stream_get_stats(const struct stream *s)
{
	return s ? &s->stats : NULL;
}
